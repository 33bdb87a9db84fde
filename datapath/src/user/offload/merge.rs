//! From consecutive frames of a flow to the one super-frame that stands for them.

use super::flow::{Layout, Transport, flag};
use super::virtio::{ChecksumState, Kind, Segments, VirtioHeader};
use std::borrow::Cow;
use std::io::IoSlice;

/// Flows that are joined at a time; one more ends the oldest.
const MAX_RUNS: usize = 8;

/// Frames in one super-frame: the kernel's bound for UDP, and far more than latency wants.
const MAX_FRAMES: usize = 64;

/// The longest IP packet.
const MAX_PACKET: usize = 65_535;

/// Joins what comes in one batch. Frames of a flow stay in their order, and no frame overtakes
/// one that cannot be joined.
#[derive(Debug, Default)]
pub(crate) struct Merger<'a> {
    runs: Vec<Run<'a>>,
}

/// One frame or several as one, for a single write to a device.
pub(crate) struct Bundle<'b> {
    /// The virtio header, then the frame in pieces.
    pub(crate) pieces: &'b [IoSlice<'b>],
    /// The frames that it stands for, as they came.
    pub(crate) frames: &'b [Cow<'b, [u8]>],
}

/// Consecutive frames of one flow; all but the last have payloads of one size.
#[derive(Debug)]
struct Run<'a> {
    /// Of the first frame.
    layout: Layout,
    frames: Vec<Cow<'a, [u8]>>,
    /// Octets of payload in each frame but the last.
    size: usize,
    /// Octets of payload in all.
    payload: usize,
    next: Next,
    /// Nothing may follow: the last frame is short or pushes.
    closed: bool,
}

/// What the next frame of a run must say.
#[derive(Debug, Clone, Copy)]
struct Next {
    sequence: u32,
    ipv4_id: u16,
}

impl<'a> Merger<'a> {
    /// Takes a frame. `out` gets what became complete by it.
    pub(crate) fn push(&mut self, frame: Cow<'a, [u8]>, out: &mut impl FnMut(Bundle<'_>)) {
        let Some(layout) = mergeable(&frame) else {
            self.flush(out);
            return write_plain(VirtioHeader::PLAIN, frame, out);
        };
        let same_flow = |run: &Run<'_>| run.is_of_flow(&layout, &frame);
        if let Some(at) = self.runs.iter().position(same_flow) {
            match self.runs[at].join(&layout, frame) {
                Ok(()) => return,
                Err(frame) => {
                    self.runs.remove(at).finish(out);
                    self.runs.push(Run::start(layout, frame));
                    return;
                }
            }
        }
        if self.runs.len() == MAX_RUNS {
            self.runs.remove(0).finish(out);
        }
        self.runs.push(Run::start(layout, frame));
    }

    /// Ends every run.
    pub(crate) fn flush(&mut self, out: &mut impl FnMut(Bundle<'_>)) {
        for run in self.runs.drain(..) {
            run.finish(out);
        }
    }
}

/// The layout of a frame that may stand in a super-frame: TCP with data and no flags but ACK and
/// PSH, or UDP with a checksum; its checksums right, without IPv6 extension headers, and with
/// nothing behind the packet.
fn mergeable(frame: &[u8]) -> Option<Layout> {
    let layout = Layout::of(frame)?;
    let plain_flags = match layout.transport {
        Transport::Tcp => frame[layout.segment + 13] & !flag::PSH == flag::ACK,
        Transport::Udp => udp_len(frame, &layout) == layout.end - layout.segment,
    };
    let plain_ip = layout.v4 || layout.segment - layout.network == 40;
    let whole = layout.end == frame.len() && layout.payload < layout.end;
    (plain_flags && plain_ip && whole && layout.checksums_are_right(frame)).then_some(layout)
}

fn udp_len(frame: &[u8], layout: &Layout) -> usize {
    let at = layout.segment + 4;
    usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]))
}

impl<'a> Run<'a> {
    fn start(layout: Layout, frame: Cow<'a, [u8]>) -> Run<'a> {
        let size = layout.end - layout.payload;
        let next = Next {
            sequence: 0,
            ipv4_id: 0,
        };
        let mut run = Run {
            layout,
            frames: Vec::new(),
            size,
            payload: 0,
            next,
            closed: false,
        };
        run.append(&layout, frame);
        run
    }

    /// Whether addresses and ports, and all before them, are the same.
    fn is_of_flow(&self, layout: &Layout, frame: &[u8]) -> bool {
        let first = &self.frames[0];
        let network = layout.network;
        let addresses = if layout.v4 {
            network + 12..network + 20
        } else {
            network + 8..network + 40
        };
        let ports = layout.segment..layout.segment + 4;
        let same_shape = Layout {
            end: layout.end,
            ..self.layout
        } == *layout;
        same_shape
            && first[addresses.clone()] == frame[addresses]
            && first[ports.clone()] == frame[ports]
            && first[..network] == frame[..network]
    }

    /// Appends the frame, or gives it back when it does not continue the run.
    fn join(&mut self, layout: &Layout, frame: Cow<'a, [u8]>) -> Result<(), Cow<'a, [u8]>> {
        let payload = layout.end - layout.payload;
        let packet = self.layout.payload - self.layout.network + self.payload + payload;
        let room = self.frames.len() < MAX_FRAMES && packet <= MAX_PACKET;
        if self.closed || !room || payload > self.size || !self.continues(layout, &frame) {
            return Err(frame);
        }
        self.append(layout, frame);
        Ok(())
    }

    fn append(&mut self, layout: &Layout, frame: Cow<'a, [u8]>) {
        let payload = layout.end - layout.payload;
        let pushes =
            layout.transport == Transport::Tcp && frame[layout.segment + 13] & flag::PSH != 0;
        self.closed = pushes || payload < self.size;
        self.payload += payload;
        self.next = Next {
            sequence: sequence(layout, &frame).wrapping_add(payload as u32),
            ipv4_id: ipv4_id(layout, &frame).wrapping_add(1),
        };
        self.frames.push(frame);
    }

    /// Whether the headers are the first frame's but for lengths, checksums, the IPv4 id and the
    /// sequence number, and these two are the ones that cutting would give.
    fn continues(&self, layout: &Layout, frame: &[u8]) -> bool {
        let first = &self.frames[0];
        let same = |from: usize, to: usize| first[from..to] == frame[from..to];
        let (network, segment) = (layout.network, layout.segment);
        let same_ip = if layout.v4 {
            // Type of service; flags, TTL and protocol; options.
            same(network, network + 2)
                && same(network + 6, network + 10)
                && same(network + 20, segment)
                && ipv4_id(layout, frame) == self.next.ipv4_id
        } else {
            // Version, class and label; next header and hop limit.
            same(network, network + 4) && same(network + 6, network + 8)
        };
        let same_transport = match layout.transport {
            // Acknowledgement and data offset; flags were looked at; window; urgent and options.
            Transport::Tcp => {
                same(segment + 8, segment + 13)
                    && same(segment + 14, segment + 16)
                    && same(segment + 18, layout.payload)
                    && sequence(layout, frame) == self.next.sequence
            }
            Transport::Udp => true,
        };
        same_ip && same_transport
    }

    /// Gives out the run: as it is when it is one frame, else as a super-frame.
    fn finish(mut self, out: &mut impl FnMut(Bundle<'_>)) {
        if self.frames.len() == 1 {
            if let Some(frame) = self.frames.pop() {
                write_plain(VirtioHeader::VERIFIED, frame, out);
            }
            return;
        }
        let headers = self.headers();
        let virtio = self.virtio().write();
        let mut pieces = Vec::with_capacity(self.frames.len() + 2);
        pieces.extend([IoSlice::new(&virtio), IoSlice::new(&headers)]);
        pieces.extend(
            self.frames
                .iter()
                .map(|frame| IoSlice::new(&frame[self.layout.payload..])),
        );
        out(Bundle {
            pieces: &pieces,
            frames: &self.frames,
        });
    }

    /// The first frame's headers, changed to speak for all: lengths, PSH, pseudo-header sum.
    fn headers(&self) -> Vec<u8> {
        let layout = &self.layout;
        let mut headers = self.frames[0][..layout.payload].to_vec();
        let segment_len = layout.payload - layout.segment + self.payload;
        layout.set_total_len(&mut headers, layout.segment - layout.network + segment_len);
        let sum = !layout.pseudo_header(&headers, segment_len).finish();
        let segment = &mut headers[layout.segment..];
        match layout.transport {
            Transport::Tcp => {
                let last = self
                    .frames
                    .last()
                    .map_or(0, |frame| frame[layout.segment + 13]);
                segment[13] |= last & flag::PSH;
            }
            Transport::Udp => segment[4..6].copy_from_slice(&(segment_len as u16).to_be_bytes()),
        }
        let at = layout.transport.checksum_at();
        segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        headers
    }

    fn virtio(&self) -> VirtioHeader {
        let layout = &self.layout;
        let kind = match (layout.transport, layout.v4) {
            (Transport::Tcp, true) => Kind::TcpV4,
            (Transport::Tcp, false) => Kind::TcpV6,
            (Transport::Udp, _) => Kind::Udp,
        };
        let checksum = ChecksumState::Partial {
            start: layout.segment as u16,
            offset: layout.transport.checksum_at() as u16,
        };
        let (size, header_len) = (self.size as u16, layout.payload as u16);
        VirtioHeader {
            checksum,
            segments: Some(Segments {
                kind,
                size,
                header_len,
            }),
        }
    }
}

fn write_plain(virtio: VirtioHeader, frame: Cow<'_, [u8]>, out: &mut impl FnMut(Bundle<'_>)) {
    let virtio = virtio.write();
    let pieces = [IoSlice::new(&virtio), IoSlice::new(&frame)];
    out(Bundle {
        pieces: &pieces,
        frames: std::slice::from_ref(&frame),
    });
}

fn sequence(layout: &Layout, frame: &[u8]) -> u32 {
    match layout.transport {
        Transport::Tcp => {
            let at = layout.segment + 4;
            u32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]])
        }
        Transport::Udp => 0,
    }
}

fn ipv4_id(layout: &Layout, frame: &[u8]) -> u16 {
    let at = layout.network + 4;
    if layout.v4 {
        u16::from_be_bytes([frame[at], frame[at + 1]])
    } else {
        0
    }
}
