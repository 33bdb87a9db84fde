use crate::counters::DropReason;
use crate::ppp::Unit;
use crate::sys::tap::Layer;
use crate::user::inner::clamp::clamp;
use crate::user::line::Line;
use crate::user::offload::split::{MAX_HEADERS, Malformed, complete, first, split};
use crate::user::offload::{HEADER_LEN, VirtioHeader};
use crate::user::port::{Interface, Port};
use crate::user::recursion::OwnOuter;
use crate::user::session::MAX_HEADER;
use adit_wire::ppp::ADDRESS_CONTROL;
use std::ops::Range;
use std::sync::Arc;

mod send;

/// Room for the longest frame of a device, with its tags.
const MAX_FRAME: usize = (1 << 16) + 22;

/// A batch with so many octets is full: two super-frames and more leave in one call, and stay in a
/// processor's cache until they do.
const FULL: usize = 128 << 10;

/// Packets of one batch; a super-frame may take it beyond by its segments.
const MAX_PACKETS: usize = 256;

/// Most datagrams of one message: the kernel's bound since it has them.
pub(crate) const MAX_SEGMENTS: usize = 64;

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
    /// The TOS octet or traffic class that each gets.
    classes: Vec<u8>,
    /// Whose the packets of [`Outbox::post`] are.
    line: Option<Arc<Line>>,
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
            classes: Vec::with_capacity(MAX_PACKETS + MAX_SEGMENTS),
            line: None,
        }
    }

    /// Makes a packet of a payload, given in pieces, for the line. Packets of one line are sent
    /// together, at the latest by [`Outbox::flush`].
    pub(crate) fn post(&mut self, line: &Arc<Line>, pieces: &[&[u8]]) {
        let full = self.octets.len() >= FULL || self.packets.len() >= MAX_PACKETS;
        let other = self
            .line
            .as_ref()
            .is_some_and(|old| !Arc::ptr_eq(old, line));
        if full || other {
            self.flush();
        }
        append(&mut self.octets, &mut self.packets, line, pieces);
        // What is no IP packet does not look like one.
        let information = pieces.last().copied().unwrap_or_default();
        self.classes.push(line.mark().class(Layer::Ip, information));
        self.line = Some(line.clone());
    }

    /// Sends what was posted.
    pub(crate) fn flush(&mut self) {
        if let Some(line) = self.line.take() {
            self.send(&line, None);
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.packets.clear();
        self.classes.clear();
        self.octets.clear();
    }

    /// Reads frames from a queue of the device and makes packets of them.
    pub(crate) fn fill(&mut self, port: &Port, queue: usize) -> Supply {
        self.clear();
        let loops = OwnOuter::of(&port.line);
        let layer = port.device.tap.layer();
        while self.octets.len() < FULL && self.packets.len() < MAX_PACKETS {
            let mut virtio = [0; HEADER_LEN];
            let len = match read(&port.device, queue, &mut virtio, &mut self.frame) {
                Ok(len) => len,
                Err(supply) => return supply,
            };
            if loops.matches(layer, &self.frame[..len]) {
                port.line.drop_unsent(DropReason::Recursion, 1);
            } else if let Err(reason) = self.wrap(port, &virtio, len) {
                port.line.drop_unsent(reason, 1);
            }
        }
        Supply::More
    }

    /// Makes packets of the frame that was read, of `len` octets. Fails when its virtio header is
    /// wrong about it, or the device's PPP unit does not let it pass.
    fn wrap(
        &mut self,
        port: &Port,
        virtio: &[u8; HEADER_LEN],
        len: usize,
    ) -> Result<(), DropReason> {
        let layer = port.device.tap.layer();
        let class = port.line.mark().class(layer, &self.frame[..len]);
        let made = self.pack(port, virtio, len);
        self.classes.resize(self.packets.len(), class);
        made
    }

    fn pack(
        &mut self,
        port: &Port,
        virtio: &[u8; HEADER_LEN],
        len: usize,
    ) -> Result<(), DropReason> {
        let virtio = VirtioHeader::read(virtio).ok_or(DropReason::Malformed)?;
        let frame = &mut self.frame[..len];
        let (octets, packets) = (&mut self.octets, &mut self.packets);
        let (line, layer) = (&port.line, port.device.tap.layer());
        if let Some(longest) = port.longest_frame()
            && frame.len() > longest
            && refuse(port, &virtio, frame, longest)?
        {
            return Ok(());
        }
        if virtio.segments.is_none()
            && let Some(place) = port.excess(frame)
        {
            clamp(frame, place, virtio.is_partial());
        }
        let Some(unit) = port.unit() else {
            return frames(layer, &virtio, frame, &mut |pieces| {
                append(octets, packets, line, &pieces);
            });
        };
        let protocol = unit.protocol_of(frame)?;
        let number = protocol.to_be_bytes();
        frames(layer, &virtio, frame, &mut |pieces| {
            if !unit.sends(protocol, pieces) {
                line.drop_unsent(DropReason::PppTxFilter, 1);
            } else if unit.loops() {
                unit.loop_back(protocol, pieces);
            } else {
                let frame = [&ADDRESS_CONTROL[..], &number, pieces[0], pieces[1]];
                append(octets, packets, line, &frame);
            }
        })
    }

    /// Reads packets from the device of a unit without a channel: they go to its file or nowhere.
    pub(crate) fn drain(&mut self, unit: &Unit, device: &Interface) -> Supply {
        for _ in 0..MAX_PACKETS {
            let mut virtio = [0; HEADER_LEN];
            let len = match read(device, 0, &mut virtio, &mut self.frame) {
                Ok(len) => len,
                Err(supply) => return supply,
            };
            let frame = &mut self.frame[..len];
            let drained = unit.protocol_of(frame).and_then(|protocol| {
                let virtio = VirtioHeader::read(&virtio).ok_or(DropReason::Malformed)?;
                frames(Layer::Ip, &virtio, frame, &mut |pieces| {
                    if !unit.sends(protocol, pieces) {
                        unit.drop_unsent(DropReason::PppTxFilter);
                    } else if unit.loops() {
                        unit.loop_back(protocol, pieces);
                    } else {
                        unit.drop_unsent(DropReason::PppNoChannel);
                    }
                })
            });
            if let Err(reason) = drained {
                unit.drop_unsent(reason);
            }
        }
        Supply::More
    }
}

/// Drops a frame, of whose kind none longer than `longest` octets goes out, unless it stands for
/// several that are short enough. Tells whether it did.
fn refuse(
    port: &Port,
    virtio: &VirtioHeader,
    frame: &mut [u8],
    longest: usize,
) -> Result<bool, DropReason> {
    let Some(segments) = virtio.segments else {
        port.refuse(frame, longest, 1);
        return Ok(true);
    };
    let layer = port.device.tap.layer();
    let first = first(layer, &segments, frame).map_err(|Malformed| DropReason::Malformed);
    let (first, count) = first?;
    let too_long = first.len() > longest;
    if too_long {
        port.refuse(&first, longest, count);
    }
    Ok(too_long)
}

/// Reads a virtio header and a frame; gives the frame's octets, or what the device has instead.
fn read(
    device: &Interface,
    queue: usize,
    virtio: &mut [u8; HEADER_LEN],
    frame: &mut [u8],
) -> Result<usize, Supply> {
    match device.tap.read(queue, virtio, frame) {
        Ok(len) => Ok(len.saturating_sub(HEADER_LEN)),
        Err(e) if e.raw_os_error() == Some(libc::EBADFD) => Err(Supply::Gone),
        Err(_) => Err(Supply::Dry),
    }
}

/// The frames that a device's frame stands for, each in two pieces.
fn frames(
    layer: Layer,
    virtio: &VirtioHeader,
    frame: &mut [u8],
    each: &mut impl FnMut([&[u8]; 2]),
) -> Result<(), DropReason> {
    let malformed = |Malformed| DropReason::Malformed;
    match virtio.segments {
        Some(segments) => split(layer, &segments, frame, &mut |headers, payload| {
            each([headers, &frame[payload]]);
        })
        .map_err(malformed),
        None => {
            complete(virtio, frame).map_err(malformed)?;
            each([frame, &[]]);
            Ok(())
        }
    }
}

/// Appends a packet of the line: its header, then the payload in pieces.
fn append(octets: &mut Vec<u8>, packets: &mut Vec<Range<usize>>, line: &Line, payload: &[&[u8]]) {
    let start = octets.len();
    line.session.append_header(octets);
    payload
        .iter()
        .for_each(|piece| octets.extend_from_slice(piece));
    packets.push(start..octets.len());
}
