use crate::counters::DropReason;
use crate::sys::batch::{BATCH, Message};
use crate::user::carrier::Carrier;
use crate::user::offload::split::{MAX_HEADERS, Malformed, complete, first, split};
use crate::user::offload::{HEADER_LEN, VirtioHeader};
use crate::user::port::Port;
use crate::user::recursion::OwnOuter;
use crate::user::session::{MAX_HEADER, Session};
use adit_wire::netlink::Stat;
use std::io::{self, IoSlice};
use std::ops::Range;

/// Room for the longest frame of a device, with its tags.
const MAX_FRAME: usize = (1 << 16) + 22;

/// A batch with so many octets is full: it stays in a processor's cache until it is sent.
const FULL: usize = 128 << 10;

/// Packets of one batch; a super-frame may take it beyond by its segments.
const MAX_PACKETS: usize = 256;

/// Bounds of one message with several datagrams: the kernel's since it has them, and UDP's.
pub(crate) const MAX_SEGMENTS: usize = 64;
const MAX_MESSAGE: usize = 65_507;

/// Packets of one session on their way from its device to its socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// The frame that was read last.
    frame: Box<[u8]>,
    /// Packets one behind the other. They are copied here, since the kernel takes one long piece
    /// in much less time than the same octets in many short ones.
    octets: Vec<u8>,
    /// Where each packet stands in `octets`.
    packets: Vec<Range<usize>>,
}

/// What a device has after a batch was taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Supply {
    More,
    Dry,
    /// The device was deleted.
    Gone,
}

impl Outbox {
    pub(crate) fn new() -> Outbox {
        let longest = FULL + MAX_FRAME + MAX_SEGMENTS * (MAX_HEADER + MAX_HEADERS);
        Outbox {
            frame: vec![0; MAX_FRAME].into(),
            octets: Vec::with_capacity(longest),
            packets: Vec::with_capacity(MAX_PACKETS + MAX_SEGMENTS),
        }
    }

    /// Reads frames from the device and makes packets of them.
    pub(crate) fn fill(&mut self, port: &Port) -> Supply {
        self.packets.clear();
        self.octets.clear();
        let loops = OwnOuter::of(&port.line);
        while self.octets.len() < FULL && self.packets.len() < MAX_PACKETS {
            let mut virtio = [0; HEADER_LEN];
            let len = match port.device.tap.read(&mut virtio, &mut self.frame) {
                Ok(len) => len.saturating_sub(HEADER_LEN),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Supply::Dry,
                Err(e) if e.raw_os_error() == Some(libc::EBADFD) => return Supply::Gone,
                Err(_) => return Supply::Dry,
            };
            if loops.matches(&self.frame[..len]) {
                port.line.drop_unsent(DropReason::Recursion, 1);
            } else if self.wrap(port, &virtio, len).is_err() {
                port.line.drop_unsent(DropReason::Malformed, 1);
            }
        }
        Supply::More
    }

    /// Makes packets of the frame that was read, of `len` octets. Fails when its virtio header is
    /// wrong about it.
    fn wrap(
        &mut self,
        port: &Port,
        virtio: &[u8; HEADER_LEN],
        len: usize,
    ) -> Result<(), Malformed> {
        let virtio = VirtioHeader::read(virtio).ok_or(Malformed)?;
        let (frame, octets, packets) =
            (&mut self.frame[..len], &mut self.octets, &mut self.packets);
        if let Some(longest) = port.line.longest_payload()
            && frame.len() > longest
            && refuse(port, &virtio, frame, longest)?
        {
            return Ok(());
        }
        let mut append = |pieces: [&[u8]; 2]| {
            let start = octets.len();
            port.line.session.append_header(octets);
            pieces
                .iter()
                .for_each(|piece| octets.extend_from_slice(piece));
            packets.push(start..octets.len());
        };
        match virtio.segments {
            Some(segments) => split(&segments, frame, &mut |headers, payload| {
                append([headers, &frame[payload]]);
            }),
            None => {
                complete(&virtio, frame)?;
                append([frame, &[]]);
                Ok(())
            }
        }
    }

    /// Sends the packets; every one is counted, as sent or with the reason why not.
    pub(crate) fn send(&self, port: &Port) {
        if !port.line.has_peer() {
            return port
                .line
                .drop_unsent(DropReason::NoPeer, self.packets.len());
        }
        let peer = port.line.remote.as_ref().map(|remote| remote.peer());
        let to = match &peer {
            Some(peer) => Some(&peer.target),
            None => port.line.carrier.target(),
        };
        let mut sent = 0;
        while sent < self.packets.len() {
            let mut ends = [0; BATCH];
            let mut pieces = [IoSlice::new(&[]); BATCH];
            let mut segments = [None; BATCH];
            let mut count = 0;
            let mut end = sent;
            while end < self.packets.len() && count < BATCH {
                let start = end;
                end += run(&self.packets[start..], &port.line.carrier);
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
            };
            let messages: [Message<'_>; BATCH] = std::array::from_fn(message);
            sent = self.send_messages(port, &messages[..count], &ends[..count], sent);
        }
    }

    /// Sends prepared messages, of which each ends before the packet of that number in `ends`.
    /// Gives the number of the first packet that is neither sent nor given up.
    fn send_messages(
        &self,
        port: &Port,
        messages: &[Message<'_>],
        ends: &[usize],
        first: usize,
    ) -> usize {
        let line = &port.line;
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
                    self.refuse(port, first);
                } else {
                    line.drop_unsent(reason, end - first);
                }
                end
            }
        }
    }

    /// Drops a packet that the socket has found too long for the path.
    fn refuse(&self, port: &Port, packet: usize) {
        let line = &port.line;
        let admitted = line.outer.path.look() as usize;
        line.outer.path.suspect();
        let octets = &self.octets[self.packets[packet].clone()];
        let frame = octets.get(line.session.header_len()..).unwrap_or_default();
        // The kernel knows of a bound beyond the path: the longest packet of IP, or the link's.
        let longest = admitted.saturating_sub(line.overhead());
        port.refuse(frame, longest.min(frame.len().saturating_sub(1)), 1);
    }
}

/// Drops a frame, of whose kind none longer than `longest` octets goes out, unless it stands for
/// several that are short enough. Tells whether it did.
fn refuse(
    port: &Port,
    virtio: &VirtioHeader,
    frame: &mut [u8],
    longest: usize,
) -> Result<bool, Malformed> {
    let Some(segments) = virtio.segments else {
        port.refuse(frame, longest, 1);
        return Ok(true);
    };
    let (first, count) = first(&segments, frame)?;
    let too_long = first.len() > longest;
    if too_long {
        port.refuse(&first, longest, count);
    }
    Ok(too_long)
}

/// How many packets from the first on go into one message: equal ones, and one shorter.
fn run(packets: &[Range<usize>], carrier: &Carrier) -> usize {
    let size = packets[0].len();
    if !carrier.takes_segments(size) {
        return 1;
    }
    let most = MAX_SEGMENTS.min(MAX_MESSAGE / size.max(1));
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
