//! From consecutive frames of a flow to the one super-frame that stands for them.

use super::flow::{Layout, Transport, flag};
use super::key::{Key, MAX_HEADERS};
use super::virtio::{ChecksumState, Kind, Segments, VirtioHeader};
use crate::sys::tap::{Joins, Layer};
use crate::user::order::Payload;
use adit_wire::ip::Checksum;
use std::io::IoSlice;

/// Flows that are joined at a time; one more ends the oldest.
const MAX_RUNS: usize = 8;

/// Frames in one super-frame: the kernel's bound for UDP, and far more than latency wants.
const MAX_FRAMES: usize = 64;

/// The longest IP packet.
const MAX_PACKET: usize = 65_535;

/// Joins what comes in one batch. Frames of a flow stay in their order, and no frame overtakes
/// one that cannot be joined.
#[derive(Debug)]
pub(crate) struct Merger<'a> {
    layer: Layer,
    joins: Joins,
    runs: Vec<Run<'a>>,
    /// The run that was continued or started last.
    latest: usize,
}

/// One frame or several as one, for a single write to a device.
pub(crate) struct Bundle<'b> {
    /// The virtio header, then the frame in pieces.
    pub(crate) pieces: &'b [IoSlice<'b>],
    /// The frames that it stands for, as they came.
    pub(crate) frames: &'b [Payload<'b>],
}

/// Consecutive frames of one flow; all but the last have payloads of one size.
#[derive(Debug)]
struct Run<'a> {
    /// What every frame's headers have in common.
    key: Key,
    /// Of the first frame.
    layout: Layout,
    /// What every frame's pseudo header has in common.
    pseudo_header: Checksum,
    frames: Vec<Payload<'a>>,
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
    /// TCP's.
    sequence: Option<u32>,
    ipv4_id: Option<u16>,
}

impl<'a> Merger<'a> {
    /// For a device of this layer that takes these frames joined.
    pub(crate) fn new(layer: Layer, joins: Joins) -> Merger<'a> {
        Merger {
            layer,
            joins,
            runs: Vec::new(),
            latest: 0,
        }
    }

    /// Takes a frame. `out` gets what became complete by it.
    pub(crate) fn push(&mut self, frame: Payload<'a>, out: &mut impl FnMut(Bundle<'_>)) {
        // Most frames follow the one before them, and need no closer look.
        if let Some(run) = self.runs.get_mut(self.latest)
            && let Some(layout) = run.layout_of_next(&frame)
        {
            return run.append(&layout, frame);
        }
        let layout = mergeable(self.layer, &frame);
        let wanted = |layout: &Layout| match layout.transport {
            Transport::Tcp => self.joins >= Joins::Tcp,
            Transport::Udp => self.joins >= Joins::TcpAndUdp,
        };
        let Some(layout) = layout.filter(wanted) else {
            self.flush(out);
            return write_plain(VirtioHeader::PLAIN, frame, out);
        };
        let mut runs = self.runs.iter();
        let at = match runs.position(|run| run.is_of_flow(&layout, &frame)) {
            None if self.runs.len() == MAX_RUNS => Some(0),
            None => None,
            Some(at) if self.runs[at].admits(&layout, &frame) => {
                self.latest = at;
                return self.runs[at].append(&layout, frame);
            }
            Some(at) => Some(at),
        };
        if let Some(at) = at {
            self.runs.remove(at).finish(out);
        }
        self.latest = self.runs.len();
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
/// PSH, or UDP with a checksum; its checksums right, without IPv6 extension headers, headers no
/// longer than those of any usual flow, and with nothing behind the packet.
fn mergeable(layer: Layer, frame: &[u8]) -> Option<Layout> {
    let layout = Layout::of(layer, frame)?;
    let plain_flags = match layout.transport {
        Transport::Tcp => frame[layout.segment + 13] & !flag::PSH == flag::ACK,
        Transport::Udp => udp_len(frame, &layout) == layout.end - layout.segment,
    };
    let plain_ip = layout.v4 || layout.segment - layout.network == 40;
    let usual = layout.payload <= MAX_HEADERS;
    let whole = layout.end == frame.len() && layout.payload < layout.end;
    let fit = plain_flags && plain_ip && usual && whole;
    (fit && layout.checksums_are_right(frame, layout.pseudo_header(frame))).then_some(layout)
}

fn udp_len(frame: &[u8], layout: &Layout) -> usize {
    let at = layout.segment + 4;
    usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]))
}

impl<'a> Run<'a> {
    fn start(layout: Layout, frame: Payload<'a>) -> Run<'a> {
        let size = layout.end - layout.payload;
        let next = Next {
            sequence: None,
            ipv4_id: None,
        };
        let frames = Vec::with_capacity(MAX_FRAMES);
        let mut run = Run {
            key: Key::of(&layout, &frame),
            pseudo_header: layout.pseudo_header(&frame),
            layout,
            frames,
            size,
            payload: 0,
            next,
            closed: false,
        };
        run.append(&layout, frame);
        run
    }

    /// Whether addresses and ports are the same, which no frame of the flow may overtake.
    fn is_of_flow(&self, layout: &Layout, frame: &[u8]) -> bool {
        let ends = |layout: &Layout, frame: &[u8]| {
            let ports = layout.segment..layout.segment + 4;
            let addresses = layout.network + if layout.v4 { 12 } else { 8 };
            let word = |at: usize| {
                u32::from_ne_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]])
            };
            // The last four octets of each address: enough to tell most flows apart, and to take
            // two that share them for one only ends runs early.
            let far = if layout.v4 { 4 } else { 16 };
            (
                word(addresses + far - 4),
                word(addresses + 2 * far - 4),
                word(ports.start),
            )
        };
        layout.transport == self.layout.transport
            && layout.v4 == self.layout.v4
            && ends(layout, frame) == ends(&self.layout, &self.frames[0])
    }

    /// The layout of a frame that continues the run and may be appended to it. `None` for one that
    /// does not, or that needs a closer look.
    fn layout_of_next(&self, frame: &[u8]) -> Option<Layout> {
        if !self.key.matches(frame) {
            return None;
        }
        let end = self.layout.network + self.layout.total_len(frame);
        let layout = Layout { end, ..self.layout };
        let udp = layout.transport == Transport::Udp;
        let whole = end == frame.len()
            && layout.payload < end
            && !(udp && udp_len(frame, &layout) != end - layout.segment);
        (whole
            && self.is_next(&layout, frame)
            && layout.checksums_are_right(frame, self.pseudo_header))
        .then_some(layout)
    }

    /// Whether the frame, which is mergeable, continues the run.
    fn admits(&self, layout: &Layout, frame: &[u8]) -> bool {
        self.is_next(layout, frame) && self.key.matches(frame)
    }

    fn is_next(&self, layout: &Layout, frame: &[u8]) -> bool {
        let payload = layout.end - layout.payload;
        let packet = self.layout.payload - self.layout.network + self.payload + payload;
        let room = self.frames.len() < MAX_FRAMES && packet <= MAX_PACKET;
        let follows = sequence(layout, frame) == self.next.sequence
            && ipv4_id(layout, frame) == self.next.ipv4_id;
        !self.closed && room && payload <= self.size && follows
    }

    fn append(&mut self, layout: &Layout, frame: Payload<'a>) {
        let payload = layout.end - layout.payload;
        let pushes =
            layout.transport == Transport::Tcp && frame[layout.segment + 13] & flag::PSH != 0;
        self.closed = pushes || payload < self.size;
        self.payload += payload;
        self.next = Next {
            sequence: sequence(layout, &frame).map(|now| now.wrapping_add(payload as u32)),
            ipv4_id: ipv4_id(layout, &frame).map(|now| now.wrapping_add(1)),
        };
        self.frames.push(frame);
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
        let mut sum = self.pseudo_header;
        sum.add_sum(segment_len as u16, 2);
        let sum = !sum.finish();
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

fn write_plain(virtio: VirtioHeader, frame: Payload<'_>, out: &mut impl FnMut(Bundle<'_>)) {
    let virtio = virtio.write();
    let pieces = [IoSlice::new(&virtio), IoSlice::new(&frame)];
    out(Bundle {
        pieces: &pieces,
        frames: std::slice::from_ref(&frame),
    });
}

fn sequence(layout: &Layout, frame: &[u8]) -> Option<u32> {
    let octets = frame.get(layout.segment + 4..)?.first_chunk()?;
    (layout.transport == Transport::Tcp).then(|| u32::from_be_bytes(*octets))
}

fn ipv4_id(layout: &Layout, frame: &[u8]) -> Option<u16> {
    let octets = frame.get(layout.network + 4..)?.first_chunk()?;
    layout.v4.then(|| u16::from_be_bytes(*octets))
}
