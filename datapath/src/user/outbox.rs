use crate::counters::DropReason;
use crate::spec::DebugMask;
use crate::sys::batch::{BATCH, Message};
use crate::user::carrier::Carrier;
use crate::user::offload::split::{MAX_HEADERS, complete, split};
use crate::user::offload::{HEADER_LEN, VirtioHeader};
use crate::user::recursion::OwnOuter;
use crate::user::session::{MAX_HEADER, Port, Session};
use adit_wire::netlink::Stat;
use std::io::{self, IoSlice};
use std::ops::Range;

/// Room for the longest frame of a device, with its tags.
const MAX_FRAME: usize = (1 << 16) + 22;

/// Frames start here, so that any L2TP header fits in front.
const HEADROOM: usize = MAX_HEADER;

/// Frames of one batch: small enough to stay in a processor's cache until they are sent.
const ARENA: usize = 3 * (HEADROOM + MAX_FRAME);

/// Packets of one batch; a super-frame may take it beyond by its segments.
const MAX_PACKETS: usize = 256;

/// Bounds of one message with several datagrams: the kernel's since it has them, and UDP's.
const MAX_SEGMENTS: usize = 64;
const MAX_MESSAGE: usize = 65_507;

/// Packets of one session on their way from its device to its socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Frames as they were read, one behind the other, with headroom.
    arena: Box<[u8]>,
    /// L2TP and inner headers of segments, whose payloads stay where they were read.
    headers: Vec<u8>,
    packets: Vec<Packet>,
}

/// An L2TP packet: octets of `headers`, then of `arena`.
#[derive(Debug, Clone)]
struct Packet {
    header: Range<usize>,
    body: Range<usize>,
}

/// What a device has after a batch was taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Supply {
    More,
    Dry,
    /// The device was deleted.
    Gone,
}

impl Packet {
    fn len(&self) -> usize {
        self.header.len() + self.body.len()
    }
}

impl Outbox {
    pub(crate) fn new() -> Outbox {
        let headers = Vec::with_capacity(MAX_PACKETS * (MAX_HEADER + MAX_HEADERS));
        Outbox {
            arena: vec![0; ARENA].into(),
            headers,
            packets: Vec::with_capacity(MAX_PACKETS),
        }
    }

    /// Reads frames from the device and makes packets of them.
    pub(crate) fn fill(&mut self, port: &Port) -> Supply {
        self.packets.clear();
        self.headers.clear();
        let loops = OwnOuter::of(&port.carrier);
        let mut at = 0;
        while at + HEADROOM + MAX_FRAME <= ARENA && self.packets.len() < MAX_PACKETS {
            let start = at + HEADROOM;
            let mut virtio = [0; HEADER_LEN];
            let len = match port
                .tap
                .read(&mut virtio, &mut self.arena[start..start + MAX_FRAME])
            {
                Ok(len) => len.saturating_sub(HEADER_LEN),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Supply::Dry,
                Err(e) if e.raw_os_error() == Some(libc::EBADFD) => return Supply::Gone,
                Err(_) => return Supply::Dry,
            };
            if loops.matches(&self.arena[start..start + len]) {
                drop_unsent(port, DropReason::Recursion, 1);
            } else if !self.wrap(port, &virtio, start..start + len) {
                drop_unsent(port, DropReason::Malformed, 1);
            }
            at = (start + len).next_multiple_of(64);
        }
        Supply::More
    }

    /// Makes packets of one frame in the arena; false when its virtio header is wrong about it.
    fn wrap(&mut self, port: &Port, virtio: &[u8; HEADER_LEN], frame: Range<usize>) -> bool {
        let Some(virtio) = VirtioHeader::read(virtio) else {
            return false;
        };
        let udp = port.carrier.is_udp();
        let header_len = port.session.header_len(udp);
        let Some(segments) = virtio.segments else {
            let start = frame.start - header_len;
            port.session
                .write_header(&mut self.arena[start..frame.start], udp);
            self.packets.push(Packet {
                header: 0..0,
                body: start..frame.end,
            });
            return complete(&virtio, &mut self.arena[frame]).is_ok();
        };
        let (headers, packets) = (&mut self.headers, &mut self.packets);
        let mut emit = |inner: &[u8], payload: Range<usize>| {
            let start = headers.len();
            headers.resize(start + header_len, 0);
            port.session.write_header(&mut headers[start..], udp);
            headers.extend_from_slice(inner);
            let body = frame.start + payload.start..frame.start + payload.end;
            packets.push(Packet {
                header: start..headers.len(),
                body,
            });
        };
        split(&segments, &self.arena[frame.clone()], &mut emit).is_ok()
    }

    /// Sends the packets; every one is counted, as sent or with the reason why not.
    pub(crate) fn send(&self, port: &Port) {
        if !port.carrier.has_peer() {
            return drop_unsent(port, DropReason::NoPeer, self.packets.len());
        }
        let pieces: Vec<[IoSlice<'_>; 2]> = self.packets.iter().map(|p| self.pieces(p)).collect();
        let mut sent = 0;
        while sent < self.packets.len() {
            let mut ends = [0; BATCH];
            let mut messages = [Message {
                pieces: &[],
                segment: None,
            }; BATCH];
            let mut count = 0;
            let mut end = sent;
            while end < self.packets.len() && count < BATCH {
                let start = end;
                end += run(&self.packets[start..], &port.carrier);
                let segment = (end - start > 1).then_some(self.packets[start].len() as u16);
                messages[count] = Message {
                    pieces: pieces[start..end].as_flattened(),
                    segment,
                };
                ends[count] = end;
                count += 1;
            }
            sent = self.send_messages(port, &messages[..count], &ends[..count], sent);
        }
    }

    fn pieces(&self, packet: &Packet) -> [IoSlice<'_>; 2] {
        [
            IoSlice::new(&self.headers[packet.header.clone()]),
            IoSlice::new(&self.arena[packet.body.clone()]),
        ]
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
        let send = || port.carrier.send(messages);
        // An error may be an ICMP answer to an earlier packet, which asking clears.
        match send().or_else(|_| send()) {
            Ok(count) => {
                let end = ends[count.clamp(1, ends.len()) - 1];
                let octets: usize = self.packets[first..end].iter().map(Packet::len).sum();
                count_sent(&port.session, end - first, octets);
                end
            }
            Err(error)
                if messages[0].segment.is_some()
                    && port
                        .carrier
                        .refuse_segments(self.packets[first].len(), &error) =>
            {
                first
            }
            Err(error) => {
                let reason = reason_of(&error);
                // A full buffer does not empty within a batch.
                let full = reason == DropReason::SocketFull;
                let end = if full { self.packets.len() } else { ends[0] };
                drop_unsent(port, reason, end - first);
                end
            }
        }
    }
}

/// How many packets from the first on go into one message: equal ones, and one shorter.
fn run(packets: &[Packet], carrier: &Carrier) -> usize {
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

fn drop_unsent(port: &Port, reason: DropReason, count: usize) {
    port.session.tx.drop(reason, count as u64);
    if count > 0 && port.session.logs(DebugMask::DATA, &port.carrier) {
        let key = &port.session.key;
        let reason = reason.name();
        tracing::debug!(tunnel = %key.tunnel, session = %key.session, count, reason, "dropped");
    }
}
