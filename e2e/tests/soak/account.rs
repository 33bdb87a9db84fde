//! What went in, what came out, and what became of the rest.

use super::way::{Link, Sequence, Way};
use adit_e2e::Passage;
use adit_e2e::superframe::{checksum, network, transport_checksum};
use std::collections::BTreeMap;

pub(super) type Frames = Vec<Vec<u8>>;

/// Some frames that were sent together.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) sent: Frames,
    pub(super) arrived: Frames,
    pub(super) passage: Passage,
    /// How many packets were dropped and counted meanwhile.
    pub(super) drops: u64,
    /// Whether more may be missing.
    pub(super) excused: bool,
    /// Whether frames may arrive in a state that says nothing.
    pub(super) unread: bool,
    /// Whether the order may have changed.
    pub(super) disordered: bool,
}

impl Account {
    /// Holds what came out against what went in. Gives how many frames are missing that nobody has
    /// counted, where that is excused, or what is wrong.
    pub(super) fn settle(&self, way: &Way, link: Link) -> Result<usize, String> {
        if self.unread {
            return Ok(self.sent.len().saturating_sub(self.arrived.len()));
        }
        let Passage {
            entered,
            left,
            lost,
        } = &self.passage;
        let mut rest = numbers(&self.sent);
        take(&mut rest, &self.arrived).map_err(|fault| format!("arrived: {fault}"))?;
        take(&mut rest, lost).map_err(|fault| format!("entered the wire: {fault}"))?;
        let missing: i64 = rest.values().sum();
        let uncounted = missing.saturating_sub_unsigned(self.drops).max(0);
        if uncounted > 0 && !self.excused {
            let counts = [&self.sent, entered, left, &self.arrived].map(Vec::len);
            let first = rest.iter().find(|(_, count)| **count > 0);
            let first = first.map_or(&[][..], |(frame, _)| begin(frame));
            return Err(format!(
                "of {counts:?} sent, entered, left, arrived {missing} are missing, {} counted: {first:02x?}",
                self.drops
            ));
        }
        if link == Link::Wire && !self.disordered {
            in_order(way, &self.sent, entered).map_err(|fault| format!("sender: {fault}"))?;
        }
        let before = match (link, way.sequence) {
            (Link::Wire, Sequence::No) => left,
            (Link::Wire | Link::Cable, _) => &self.sent,
        };
        if !self.disordered && way.receives_in_order() {
            in_order(way, before, &self.arrived).map_err(|fault| format!("receiver: {fault}"))?;
        }
        Ok(usize::try_from(uncounted).unwrap_or(0))
    }
}

/// As much of a frame as tells which it is.
fn begin(frame: &[u8]) -> &[u8] {
    &frame[..frame.len().min(80)]
}

/// How often each frame is there.
fn numbers(frames: &[Vec<u8>]) -> BTreeMap<&[u8], i64> {
    let mut out = BTreeMap::new();
    for frame in frames {
        *out.entry(&frame[..]).or_insert(0) += 1;
    }
    out
}

/// Takes frames out, all of which are to be there.
fn take<'a>(rest: &mut BTreeMap<&'a [u8], i64>, frames: &'a [Vec<u8>]) -> Result<(), String> {
    for frame in frames {
        match rest.get_mut(&frame[..]) {
            Some(left) if *left > 0 => *left -= 1,
            Some(_) | None => return Err(stranger(rest, frame)),
        }
    }
    Ok(())
}

/// What is known of a frame that nobody has sent, or not so often.
fn stranger(sent: &BTreeMap<&[u8], i64>, frame: &[u8]) -> String {
    let end = |frame: &[u8]| frame[frame.len().saturating_sub(4)..].to_vec();
    let like = |other: &[u8]| other.len() == frame.len() && end(other) == end(frame);
    let mut others = sent.keys().filter(|other| **other != frame);
    match others.find(|other| like(other)) {
        Some(other) => {
            let at = other.iter().zip(frame).position(|(a, b)| a != b);
            let (frame, other) = (begin(frame), begin(other));
            format!("altered from octet {at:?} on: {frame:02x?} was {other:02x?}")
        }
        None => format!("nobody's, or once too often: {:02x?}", begin(frame)),
    }
}

/// Sees that what came of each flow was sent in this order.
fn in_order(way: &Way, before: &[Vec<u8>], after: &[Vec<u8>]) -> Result<(), String> {
    let [before, after] = [before, after].map(|frames| flows(way, frames));
    for (flow, after) in &after {
        let before = before.get(flow).map_or(&[][..], Vec::as_slice);
        let mut rest = before.iter();
        if let Some(stray) = after.iter().find(|frame| !rest.any(|one| one == *frame)) {
            let place = |frame: &&[u8]| before.iter().position(|one| one == frame);
            let places: Vec<_> = after.iter().filter_map(place).collect();
            let count = before.len();
            return Err(format!(
                "of {count} of flow {flow} came {places:?}: {:02x?}",
                begin(stray)
            ));
        }
    }
    Ok(())
}

fn flows<'a>(way: &Way, frames: &'a [Vec<u8>]) -> BTreeMap<u8, Vec<&'a [u8]>> {
    let mut out: BTreeMap<u8, Vec<_>> = BTreeMap::new();
    for frame in frames {
        // Where several paths lead to the far end, odd frames have others than their source's flow,
        // and the kernel lets broken ones overtake those that it merges.
        if way.keeps_sources_in_order() || is_whole(frame) {
            out.entry(frame[11]).or_default().push(&frame[..]);
        }
    }
    out
}

/// Whether a frame is TCP or UDP without a fault, and nothing behind it.
fn is_whole(frame: &[u8]) -> bool {
    let at = network(frame);
    let Some(ip) = frame.get(at..) else {
        return false;
    };
    let half = |at: usize| usize::from(u16::from_be_bytes([ip[at], ip[at + 1]]));
    let (header, protocol, len) = match frame[at - 2..at] {
        [0x08, 0x00] if ip.len() >= 28 && ip[0] == 0x45 => (20, ip[9], half(2)),
        [0x86, 0xdd] if ip.len() >= 48 => (40, ip[6], 40 + half(4)),
        _ => return false,
    };
    let summed = header == 40 || checksum(&ip[..20]) == 0 && half(6) & 0x3fff == 0;
    let field = match protocol {
        6 if len >= header + 20 => header + 16,
        17 => header + 6,
        _ => return false,
    };
    len == ip.len()
        && summed
        && ip[field..field + 2] != [0, 0]
        && transport_checksum(frame, at + header) == 0
}
