//! The answer to a frame that does not fit the path: ICMP's "fragmentation needed" (RFC 1191 §4)
//! or ICMPv6's "packet too big" (RFC 4443 §3.2), made into a frame that goes back where the other
//! came from.
//!
//! A pseudowire has no address of its own. As Linux's VXLAN and Geneve do, the answer names the
//! packet's destination as its source, which its receiver cannot but accept.

use crate::sys::tap::Layer;
use crate::user::offload::network;
use adit_wire::ip::{Checksum, ipv4_payload, ipv6_payload};
use std::net::{Ipv4Addr, Ipv6Addr};

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// Lengths of the headers in an answer, and of the longest answer: RFC 1812 §4.3.2.3, and the
/// least MTU of IPv6.
const IPV4: usize = 20;
const IPV6: usize = 40;
const ICMP_HEADER: usize = 8;
const MOST_V4: usize = 576;
const MOST_V6: usize = 1280;

/// No IPv4 host is asked for less (RFC 791), and no IPv6 host (RFC 8200 §5).
const LEAST_V4: usize = 68;
const LEAST_V6: usize = 1280;

/// Traffic class of network control, and hop limits.
const CONTROL: u8 = 0xc0;
const TTL: u8 = 64;
const HOP_LIMIT: u8 = 255;

/// The frame that tells the sender of `frame` that no frame longer than `limit` octets goes on.
/// Nothing where nobody may be told, or nobody would understand: what is no IP, IPv4 that may be
/// fragmented, what was sent to or by many, errors, and packets that are as short as IPv6 can ask
/// for. Only the first octets of `frame` need be there; `len` is how long it is in all.
pub(crate) fn answer(layer: Layer, frame: &[u8], limit: usize) -> Option<Vec<u8>> {
    let (ethertype, start) = network(layer, frame)?;
    let front = front(layer, frame, start)?;
    let (packet, limit) = (frame.get(start..)?, limit.saturating_sub(start));
    let answer = match ethertype {
        ETHERTYPE_IPV4 => answer_v4(packet, limit.max(LEAST_V4))?,
        ETHERTYPE_IPV6 => answer_v6(packet, limit.max(LEAST_V6))?,
        _ => return None,
    };
    Some([front, answer].concat())
}

/// What stands in front of the answer to a frame whose packet starts at `start`: its addresses
/// exchanged, with its tags and its type, where it has any.
fn front(layer: Layer, frame: &[u8], start: usize) -> Option<Vec<u8>> {
    let (to, from) = match layer {
        Layer::Ethernet => (frame.get(6..12)?, frame.get(0..6)?),
        Layer::Ip => return Some(Vec::new()),
    };
    let is_group = |address: &[u8]| address[0] & 1 != 0;
    if is_group(to) || is_group(from) {
        return None;
    }
    Some([to, from, frame.get(12..start)?].concat())
}

fn answer_v4(packet: &[u8], mtu: usize) -> Option<Vec<u8>> {
    const DONT_FRAGMENT: u8 = 0x40;
    let (ip, payload) = ipv4_payload(packet)?;
    let later = ip.fragment.is_some_and(|fragment| fragment.offset > 0);
    let told = packet[6] & DONT_FRAGMENT != 0 && !later && !is_error_v4(ip.protocol, payload);
    if !told || !is_one_v4(ip.source) || !is_one_v4(ip.destination) {
        return None;
    }
    let quote = &packet[..ip.total_len.min(MOST_V4 - IPV4 - ICMP_HEADER)];
    let len = IPV4 + ICMP_HEADER + quote.len();
    let mut out = vec![0x45, CONTROL];
    out.extend((len as u16).to_be_bytes());
    out.extend([0, 0, DONT_FRAGMENT, 0, TTL, ICMP, 0, 0]);
    out.extend(ip.destination.octets());
    out.extend(ip.source.octets());
    let sum = checksum([&out]);
    out[10..12].copy_from_slice(&sum.to_be_bytes());
    out.extend([3, 4, 0, 0, 0, 0]);
    out.extend((mtu.min(u16::MAX.into()) as u16).to_be_bytes());
    out.extend(quote);
    let sum = checksum([&out[IPV4..]]);
    out[IPV4 + 2..IPV4 + 4].copy_from_slice(&sum.to_be_bytes());
    Some(out)
}

fn answer_v6(packet: &[u8], mtu: usize) -> Option<Vec<u8>> {
    let (ip, payload) = ipv6_payload(packet)?;
    let is_error = ip.protocol == ICMPV6 && payload.first().is_none_or(|kind| *kind < 128);
    let is_one = |address: Ipv6Addr| !address.is_unspecified() && !address.is_multicast();
    if ip.total_len <= mtu || is_error || !is_one(ip.source) || !is_one(ip.destination) {
        return None;
    }
    let quote = &packet[..ip.total_len.min(MOST_V6 - IPV6 - ICMP_HEADER)];
    let len = ICMP_HEADER + quote.len();
    let mut out = vec![0x60 | CONTROL >> 4, CONTROL << 4, 0, 0];
    out.extend((len as u16).to_be_bytes());
    out.extend([ICMPV6, HOP_LIMIT]);
    out.extend(ip.destination.octets());
    out.extend(ip.source.octets());
    out.extend([2, 0, 0, 0]);
    out.extend((mtu as u32).to_be_bytes());
    out.extend(quote);
    let pseudo = [&(len as u32).to_be_bytes()[..], &[0, 0, 0, ICMPV6]].concat();
    let sum = checksum([&out[8..], &pseudo]);
    out[IPV6 + 2..IPV6 + 4].copy_from_slice(&sum.to_be_bytes());
    Some(out)
}

/// Whether an ICMP message must not be answered by an error: it is one, or one may not know.
fn is_error_v4(protocol: u8, payload: &[u8]) -> bool {
    const QUESTIONS: [u8; 10] = [0, 8, 9, 10, 13, 14, 15, 16, 17, 18];
    protocol == ICMP && payload.first().is_none_or(|kind| !QUESTIONS.contains(kind))
}

/// Whether an address is that of one host that others can reach.
fn is_one_v4(address: Ipv4Addr) -> bool {
    let nowhere = address.octets()[0] == 0 || address.is_loopback();
    !nowhere && !address.is_multicast() && address.octets()[0] < 240
}

fn checksum<const N: usize>(pieces: [&[u8]; N]) -> u16 {
    let mut sum = Checksum::new();
    pieces.iter().for_each(|piece| sum.add(piece));
    sum.finish()
}

#[cfg(test)]
mod tests;
