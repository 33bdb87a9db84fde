//! The class of a packet: its Differentiated Services codepoint and its ECN field, as they go from
//! the inner header to the outer one (RFC 2983) and back (RFC 6040).

use super::replace;
use crate::sys::tap::Layer;
use crate::user::offload::network;

/// The two halves of an IPv4 header's TOS octet, which is an IPv6 header's traffic class.
pub(crate) const DSCP: u8 = 0xfc;
pub(crate) const ECN: u8 = 0x03;

/// Codepoints of the ECN field (RFC 3168 §5).
const NOT_ECT: u8 = 0b00;
const ECT_1: u8 = 0b01;
const ECT_0: u8 = 0b10;
const CE: u8 = 0b11;

/// Where a frame's IP header stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    at: usize,
    v4: bool,
}

/// The class octet of the IP packet in a frame; 0 when there is none.
pub(crate) fn of(layer: Layer, frame: &[u8]) -> u8 {
    place(layer, frame).map_or(0, |place| read(frame, place))
}

/// The class of a packet's frame after it has left its outer packet, whose class was `outer`:
/// what the frame says itself, unless `uniform`, where the outer codepoint counts (RFC 2983 §3.1),
/// and what became of its ECN field on the way where `ecn` says so. `None` says that the frame has
/// to be dropped: the path was congested, and its sender would not understand the mark (RFC 6040
/// §4.2). `Some(None)` leaves the frame as it is.
pub(crate) fn arrived(
    layer: Layer,
    frame: &[u8],
    outer: u8,
    uniform: bool,
    ecn: bool,
) -> Option<Option<u8>> {
    let Some(place) = place(layer, frame) else {
        return (!ecn || outer & ECN != CE).then_some(None);
    };
    let inner = read(frame, place);
    let dscp = if uniform { outer } else { inner } & DSCP;
    let ecn = match ecn {
        true => decapsulated(inner & ECN, outer & ECN)?,
        false => inner & ECN,
    };
    let class = dscp | ecn;
    Some((class != inner).then_some(class))
}

/// Gives the IP packet in `frame` another class.
pub(crate) fn set(layer: Layer, frame: &mut [u8], class: u8) {
    let Some(Place { at, v4 }) = place(layer, frame) else {
        return;
    };
    let packet = &mut frame[at..];
    if v4 {
        replace(packet, 1, &[class], 10);
    } else {
        packet[0] = packet[0] & 0xf0 | class >> 4;
        packet[1] = packet[1] & 0x0f | class << 4;
    }
}

/// The ECN field after the outer header is gone (RFC 6040 §4.2, figure 4), `None` where the packet
/// is to be dropped.
fn decapsulated(inner: u8, outer: u8) -> Option<u8> {
    match (inner, outer) {
        (NOT_ECT, CE) => None,
        (NOT_ECT, _) => Some(NOT_ECT),
        (_, CE) => Some(CE),
        (ECT_0, ECT_1) => Some(ECT_1),
        (inner, _) => Some(inner),
    }
}

/// The place of an IP header of which the first 20 octets, or 40, are there.
fn place(layer: Layer, frame: &[u8]) -> Option<Place> {
    const IPV4: u16 = 0x0800;
    const IPV6: u16 = 0x86dd;
    let (ethertype, at) = network(layer, frame)?;
    let (v4, version, least) = match ethertype {
        IPV4 => (true, 4, 20),
        IPV6 => (false, 6, 40),
        _ => return None,
    };
    let packet = frame.get(at..)?;
    let whole = packet.len() >= least && packet[0] >> 4 == version;
    whole.then_some(Place { at, v4 })
}

fn read(frame: &[u8], place: Place) -> u8 {
    let (first, second) = (frame[place.at], frame[place.at + 1]);
    if place.v4 {
        second
    } else {
        first << 4 | second >> 4
    }
}

#[cfg(test)]
mod tests;
