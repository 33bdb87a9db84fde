//! From one super-frame to the frames it stands for.

use super::flow::{Layout, Transport, flag};
use super::virtio::{ChecksumState, Segments, VirtioHeader};
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
    let mut sum = Checksum::new();
    sum.add(frame.get(start..).ok_or(Malformed)?);
    let field = frame.get_mut(at..at + 2).ok_or(Malformed)?;
    // 0xffff says the same as 0 to every protocol but UDP, to which 0 means "none" (RFC 768).
    let checksum = if sum.finish() == 0 {
        0xffff
    } else {
        sum.finish()
    };
    field.copy_from_slice(&checksum.to_be_bytes());
    Ok(())
}

/// Cuts `frame` into its segments: `emit` gets the headers of each, complete with lengths, ids,
/// sequence numbers, flags and checksums, and where in `frame` its payload stands.
pub(crate) fn split(
    segments: &Segments,
    frame: &[u8],
    emit: &mut impl FnMut(&[u8], Range<usize>),
) -> Result<(), Malformed> {
    let layout = Layout::of(frame).ok_or(Malformed)?;
    let size = usize::from(segments.size);
    if size == 0 || layout.payload > MAX_HEADERS || layout.payload == layout.end {
        return Err(Malformed);
    }
    let mut headers = [0; MAX_HEADERS];
    let headers = &mut headers[..layout.payload];
    for (index, start) in (layout.payload..layout.end).step_by(size).enumerate() {
        let payload = start..(start + size).min(layout.end);
        headers.copy_from_slice(&frame[..layout.payload]);
        let place = Place {
            index,
            last: payload.end == layout.end,
            offset: start - layout.payload,
        };
        write_headers(&layout, headers, place, &frame[payload.clone()]);
        emit(headers, payload);
    }
    Ok(())
}

/// Where a segment stands among its kin.
struct Place {
    index: usize,
    last: bool,
    /// Octets of payload before it.
    offset: usize,
}

fn write_headers(layout: &Layout, headers: &mut [u8], place: Place, payload: &[u8]) {
    if layout.v4 {
        let id = &mut headers[layout.network + 4..layout.network + 6];
        let number = u16::from_be_bytes([id[0], id[1]]).wrapping_add(place.index as u16);
        id.copy_from_slice(&number.to_be_bytes());
    }
    layout.set_total_len(headers, layout.payload - layout.network + payload.len());
    let segment_len = layout.payload - layout.segment + payload.len();
    let mut sum = layout.pseudo_header(headers, segment_len);
    let segment = &mut headers[layout.segment..];
    match layout.transport {
        Transport::Tcp => {
            let sequence = u32::from_be_bytes([segment[4], segment[5], segment[6], segment[7]]);
            let sequence = sequence.wrapping_add(place.offset as u32);
            segment[4..8].copy_from_slice(&sequence.to_be_bytes());
            if !place.last {
                segment[13] &= !(flag::FIN | flag::PSH);
            }
            if place.index > 0 {
                segment[13] &= !flag::CWR;
            }
        }
        Transport::Udp => segment[4..6].copy_from_slice(&(segment_len as u16).to_be_bytes()),
    }
    let at = layout.transport.checksum_at();
    segment[at..at + 2].copy_from_slice(&[0, 0]);
    sum.add(segment);
    sum.add(payload);
    // A sum of 0 means "none" to UDP, which sends 0xffff for it (RFC 768).
    let checksum = match (sum.finish(), layout.transport) {
        (0, Transport::Udp) => 0xffff,
        (checksum, Transport::Udp | Transport::Tcp) => checksum,
    };
    segment[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}
