//! Frames for tests, and checksums apart from the code under test.

use std::net::Ipv6Addr;

/// RFC 1071 by the letter, apart from the code under test.
pub(super) fn checksum(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The checksum of what an IPv4 or IPv6 packet carries, over its pseudo header; 0 when right.
pub(super) fn transport_checksum(packet: &[u8]) -> u16 {
    let (addresses, protocol, payload) = match packet[0] >> 4 {
        4 => (&packet[12..20], packet[9], &packet[20..]),
        _ => (&packet[8..40], packet[6], &packet[40..]),
    };
    let len = (payload.len() as u32).to_be_bytes();
    checksum(&[addresses, &len, &[0, 0, 0, protocol], payload].concat())
}

/// An Ethernet frame with `tags` VLAN tags around an IP packet.
pub(super) fn frame(tags: usize, v4: bool, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    (0..tags).for_each(|tag| out.extend([0x81, 0x00, 0, 10 + tag as u8]));
    if v4 {
        let len = (20 + payload.len()) as u16;
        let mut ip = vec![0x45, 0];
        ip.extend(len.to_be_bytes());
        ip.extend([0, 7, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        let sum = checksum(&ip);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        out.extend([8, 0]);
        out.extend(ip);
    } else {
        out.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        out.extend((payload.len() as u16).to_be_bytes());
        out.extend([protocol, 64]);
        let address = |last| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).octets();
        out.extend([address(1), address(2)].concat());
    }
    out.extend(payload);
    out
}

/// A TCP segment with these flags and options, its checksum right in a packet of [`frame`].
pub(super) fn tcp(v4: bool, flags: u8, options: &[u8]) -> Vec<u8> {
    let words = (20 + options.len() as u8) / 4;
    let mut out = vec![0, 80, 1, 2, 0, 0, 0, 1, 0, 0, 0, 0, words << 4, flags];
    out.extend([255, 255, 0, 0, 0, 0]);
    out.extend(options);
    let sum = transport_checksum(&frame(0, v4, 6, &out)[14..]);
    out[16..18].copy_from_slice(&sum.to_be_bytes());
    out
}
