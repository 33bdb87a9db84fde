//! How an outbox's packets leave.

use super::{MAX_SEGMENTS, Outbox};
use crate::counters::DropReason;
use crate::sys::batch::{BATCH, Message};
use crate::user::carrier::Carrier;
use crate::user::line::Line;
use crate::user::port::Port;
use crate::user::session::Session;
use adit_wire::netlink::Stat;
use std::io::{self, IoSlice};
use std::ops::Range;

/// Most octets of a message with several datagrams, which are UDP's.
const MAX_MESSAGE: usize = 65_507;

impl Outbox {
    /// Sends the packets of a line; every one is counted, as sent or with the reason why not. They
    /// came from the port's device, if they came from one.
    pub(crate) fn send(&self, line: &Line, port: Option<&Port>) {
        if !line.has_peer() {
            return line.drop_unsent(DropReason::NoPeer, self.packets.len());
        }
        let peer = line.remote.as_ref().map(|remote| remote.peer());
        let to = match &peer {
            Some(peer) => Some(&peer.target),
            None => line.carrier.target(),
        };
        let mut sent = 0;
        while sent < self.packets.len() {
            let mut ends = [0; BATCH];
            let mut pieces = [IoSlice::new(&[]); BATCH];
            let mut segments = [None; BATCH];
            let mut classes = [0; BATCH];
            let mut count = 0;
            let mut end = sent;
            while end < self.packets.len() && count < BATCH {
                let start = end;
                let classed = &self.classes[start..];
                end += run(&self.packets[start..], classed, line);
                classes[count] = classed[0];
                segments[count] = (end - start > 1).then_some(self.packets[start].len() as u16);
                let octets = self.packets[start].start..self.packets[end - 1].end;
                pieces[count] = IoSlice::new(&self.octets[octets]);
                ends[count] = end;
                count += 1;
            }
            let message = |at: usize| Message {
                pieces: &pieces[at..=at],
                segment: segments[at],
                to,
                class: line.carrier.class(classes[at]),
                hops: line.carrier.hops(line.session.tuning.marks.ttl()),
            };
            let messages: [Message<'_>; BATCH] = std::array::from_fn(message);
            sent = self.send_messages(line, port, &messages[..count], &ends[..count], sent);
        }
    }

    /// Sends prepared messages, of which each ends before the packet of that number in `ends`.
    /// Gives the number of the first packet that is neither sent nor given up.
    fn send_messages(
        &self,
        line: &Line,
        port: Option<&Port>,
        messages: &[Message<'_>],
        ends: &[usize],
        first: usize,
    ) -> usize {
        match send_all(&line.carrier, messages) {
            Ok(count) => {
                let end = ends[count.clamp(1, ends.len()) - 1];
                let octets: usize = self.packets[first..end].iter().map(Range::len).sum();
                count_sent(&line.session, end - first, octets);
                end
            }
            Err(error)
                if messages[0].segment.is_some()
                    && line.carrier.refuse_segments(
                        self.packets[first].len(),
                        line.outer.path.look(),
                        &error,
                    ) =>
            {
                first
            }
            Err(error) => {
                let reason = reason_of(&error);
                // A full buffer does not empty within a batch.
                let full = reason == DropReason::SocketFull;
                let end = if full { self.packets.len() } else { ends[0] };
                if reason == DropReason::TooBig {
                    self.refuse(line, port, first);
                } else {
                    line.drop_unsent(reason, end - first);
                }
                end
            }
        }
    }

    /// Drops a packet that the socket has found too long for the path.
    fn refuse(&self, line: &Line, port: Option<&Port>, packet: usize) {
        let admitted = line.outer.path.look() as usize;
        line.outer.path.suspect();
        let Some(port) = port else {
            return line.drop_unsent(DropReason::TooBig, 1);
        };
        let octets = &self.octets[self.packets[packet].clone()];
        let before = line.session.header_len() + port.prefix_len();
        let frame = octets.get(before..).unwrap_or_default();
        // The kernel knows of a bound beyond the path: the longest packet of IP, or the link's.
        let longest = admitted.saturating_sub(line.overhead() + port.prefix_len());
        port.refuse(frame, longest.min(frame.len().saturating_sub(1)), 1);
    }
}

/// How many packets from the first on go into one message: equal ones, and one shorter, all of one
/// class.
fn run(packets: &[Range<usize>], classes: &[u8], line: &Line) -> usize {
    let size = packets[0].len();
    // A checksum would tell a peer's fast path that all packets come this way.
    if line.session.fast.is_active() || !line.carrier.takes_segments(size) {
        return 1;
    }
    let most = MAX_SEGMENTS.min(MAX_MESSAGE / size.max(1));
    let same = classes.iter().take_while(|class| **class == classes[0]);
    let packets = &packets[..same.take(most + 1).count().min(packets.len())];
    let candidates = packets.iter().take(most);
    let equal = candidates.take_while(|packet| packet.len() == size).count();
    let shorter = packets.get(equal).is_some_and(|packet| packet.len() < size);
    (equal + usize::from(shorter && equal < most)).max(1)
}

/// Sends as [`Carrier::send`] does. An error may be about an earlier packet, which asking clears,
/// and there may be several.
fn send_all(carrier: &Carrier, messages: &[Message<'_>]) -> io::Result<usize> {
    const ATTEMPTS: usize = 3;
    let mut outcome = carrier.send(messages);
    for _ in 1..ATTEMPTS {
        match &outcome {
            Err(error) if reason_of(error) != DropReason::SocketFull => {
                outcome = carrier.send(messages);
            }
            Ok(_) | Err(_) => break,
        }
    }
    outcome
}

fn count_sent(session: &Session, packets: usize, octets: usize) {
    session.tx.add(Stat::TxPackets, packets as u64);
    session.tx.add(Stat::TxBytes, octets as u64);
}

fn reason_of(error: &io::Error) -> DropReason {
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => DropReason::SocketFull,
        Some(libc::EMSGSIZE) => DropReason::TooBig,
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN) => DropReason::NoRoute,
        _ => DropReason::SocketError,
    }
}
