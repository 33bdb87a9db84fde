//! From one super-frame to the frames it stands for.

use super::flow::{Layout, Transport, flag};
use super::virtio::{ChecksumState, Segments, VirtioHeader};
use crate::sys::checksum::sum;
use crate::sys::tap::Layer;
use adit_wire::ip::Checksum;
use std::ops::Range;

/// The longest headers of a frame that is cut: Ethernet with two tags, IPv6 with extension
/// headers, TCP with options.
pub(crate) const MAX_HEADERS: usize = 192;

/// A frame that cannot be what its virtio header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Completes the checksum of a frame that stands for itself alone.
pub(crate) fn complete(header: &VirtioHeader, frame: &mut [u8]) -> Result<(), Malformed> {
    let ChecksumState::Partial { start, offset } = header.checksum else {
        return Ok(());
    };
    let (start, at) = (usize::from(start), usize::from(start) + usize::from(offset));
    let checksum = !sum(frame.get(start..).ok_or(Malformed)?);
    let field = frame.get_mut(at..at + 2).ok_or(Malformed)?;
    // 0xffff says the same as 0 to every protocol but UDP, to which 0 means "none" (RFC 768).
    let checksum = if checksum == 0 { 0xffff } else { checksum };
    field.copy_from_slice(&checksum.to_be_bytes());
    Ok(())
}

/// Cuts `frame` into its segments: `emit` gets the headers of each, complete with lengths, ids,
/// sequence numbers, flags and checksums, and where in `frame` its payload stands.
pub(crate) fn split(
    layer: Layer,
    segments: &Segments,
    frame: &[u8],
    emit: &mut impl FnMut(&[u8], Range<usize>),
) -> Result<(), Malformed> {
    let layout = Layout::of(layer, frame).ok_or(Malformed)?;
    let size = usize::from(segments.size);
    if size == 0 || layout.payload > MAX_HEADERS || layout.payload == layout.end {
        return Err(Malformed);
    }
    let mut template = Template::new(layout, frame);
    for (index, start) in (layout.payload..layout.end).step_by(size).enumerate() {
        let payload = start..(start + size).min(layout.end);
        let place = Place {
            index,
            last: payload.end == layout.end,
            offset: start - layout.payload,
        };
        template.write(&place, &frame[payload.clone()]);
        emit(&template.headers[..layout.payload], payload);
    }
    Ok(())
}

/// The first segment of `frame`, whole, and how many there are.
pub(crate) fn first(
    layer: Layer,
    segments: &Segments,
    frame: &[u8],
) -> Result<(Vec<u8>, usize), Malformed> {
    let (mut whole, mut count) = (Vec::new(), 0);
    split(layer, segments, frame, &mut |headers, payload| {
        if count == 0 {
            whole = [headers, &frame[payload]].concat();
        }
        count += 1;
    })?;
    Ok((whole, count))
}

/// Where a segment stands among its kin.
struct Place {
    index: usize,
    last: bool,
    /// Octets of payload before it.
    offset: usize,
}

/// The headers of the segments, with the sums over what is the same in all of them.
struct Template {
    layout: Layout,
    headers: [u8; MAX_HEADERS],
    /// IPv4's, of the first segment.
    id: u16,
    /// TCP's, of the first segment, and the flags of the super-frame.
    sequence: u32,
    flags: u8,
    /// Over the IPv4 header without length, id and checksum.
    network: Checksum,
    /// Over the pseudo header without length, and the transport header without length, sequence
    /// number, flags and checksum.
    transport: Checksum,
}

impl Template {
    fn new(layout: Layout, frame: &[u8]) -> Template {
        let (network, segment) = (layout.network, layout.segment);
        let mut headers = [0; MAX_HEADERS];
        headers[..layout.payload].copy_from_slice(&frame[..layout.payload]);
        let mut take = |at: usize| {
            let word = u16::from_be_bytes([headers[at], headers[at + 1]]);
            headers[at..at + 2].fill(0);
            word
        };
        take(segment + layout.transport.checksum_at());
        let (mut id, mut sequence, mut flags) = (0, 0, 0);
        if layout.v4 {
            take(network + 2);
            take(network + 10);
            id = take(network + 4);
        }
        match layout.transport {
            Transport::Tcp => {
                sequence = u32::from(take(segment + 4)) << 16 | u32::from(take(segment + 6));
                flags = std::mem::take(&mut headers[segment + 13]);
            }
            Transport::Udp => drop(take(segment + 4)),
        }
        let mut ip = Checksum::new();
        ip.add(&headers[network..segment]);
        let mut transport = layout.pseudo_header(&headers);
        transport.add(&headers[segment..layout.payload]);
        Template {
            layout,
            headers,
            id,
            sequence,
            flags,
            network: ip,
            transport,
        }
    }

    /// Makes the headers those of the segment at `place`.
    fn write(&mut self, place: &Place, payload: &[u8]) {
        let len = self.layout.payload - self.layout.segment + payload.len();
        self.write_network(place, len);
        self.write_transport(place, len, payload);
    }

    fn write_network(&mut self, place: &Place, len: usize) {
        let at = self.layout.network;
        let total = self.layout.segment - at + len;
        if !self.layout.v4 {
            return self.put(at + 4, (total - 40) as u16);
        }
        let id = self.id.wrapping_add(place.index as u16);
        let mut sum = self.network;
        sum.add_sum(total as u16, 2);
        sum.add_sum(id, 2);
        self.put(at + 2, total as u16);
        self.put(at + 4, id);
        self.put(at + 10, sum.finish());
    }

    fn write_transport(&mut self, place: &Place, len: usize, payload: &[u8]) {
        let at = self.layout.segment;
        let mut total = self.transport;
        total.add_sum(len as u16, 2);
        match self.layout.transport {
            Transport::Tcp => {
                let sequence = self.sequence.wrapping_add(place.offset as u32);
                let (high, low) = ((sequence >> 16) as u16, sequence as u16);
                let flags = place.flags(self.flags);
                for word in [high, low, flags.into()] {
                    total.add_sum(word, 2);
                }
                self.put(at + 4, high);
                self.put(at + 6, low);
                self.headers[at + 13] = flags;
            }
            Transport::Udp => {
                total.add_sum(len as u16, 2);
                self.put(at + 4, len as u16);
            }
        }
        total.add_sum(sum(payload), payload.len());
        // A sum of 0 means "none" to UDP, which sends 0xffff for it (RFC 768).
        let checksum = match (total.finish(), self.layout.transport) {
            (0, Transport::Udp) => 0xffff,
            (checksum, Transport::Udp | Transport::Tcp) => checksum,
        };
        self.put(at + self.layout.transport.checksum_at(), checksum);
    }

    fn put(&mut self, at: usize, word: u16) {
        self.headers[at..at + 2].copy_from_slice(&word.to_be_bytes());
    }
}

impl Place {
    /// The flags of this segment, of those of the whole.
    fn flags(&self, mut flags: u8) -> u8 {
        if !self.last {
            flags &= !(flag::FIN | flag::PSH);
        }
        if self.index > 0 {
            flags &= !flag::CWR;
        }
        flags
    }
}
