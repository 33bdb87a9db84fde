use super::*;
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::collection::vec;
use proptest::prelude::*;
use std::vec::Vec;

/// RFC 1071 §4.1's loop, word by word.
fn plain_checksum(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) * 256 + u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

proptest! {
    #[test]
    fn a_checksum_does_not_depend_on_the_cuts(slices in vec(vec(any::<u8>(), 0..40), 0..8)) {
        let mut sum = Checksum::new();
        slices.iter().for_each(|slice| sum.add(slice));
        prop_assert_eq!(sum.finish(), plain_checksum(&slices.concat()));
    }

    #[test]
    fn a_packet_with_its_checksum_sums_to_zero(mut octets in vec(any::<u8>(), 2..200)) {
        octets[..2].fill(0);
        let mut sum = Checksum::new();
        sum.add(&octets);
        octets[..2].copy_from_slice(&sum.finish().to_be_bytes());
        let mut check = Checksum::new();
        check.add(&octets);
        prop_assert_eq!(check.finish(), 0);
    }

    #[test]
    fn no_input_panics(octets: Vec<u8>) {
        look_at_everything(&octets);
    }

    /// As above, with a version and a size that lead into the headers.
    #[test]
    fn no_packet_panics(first: u8, len in 0..300u16, mut octets in vec(any::<u8>(), 0..200)) {
        let total = len.to_be_bytes();
        for (at, value) in [(0, first % 0x30 + 0x40), (2, total[0]), (3, total[1]), (4, 0)] {
            if let Some(octet) = octets.get_mut(at) {
                *octet = value;
            }
        }
        look_at_everything(&octets);
    }
}

/// Every view of `octets`; a payload must be a part of them behind the header.
fn look_at_everything(octets: &[u8]) {
    if let Some((view, payload)) = ethernet_payload(octets) {
        assert_eq!(view.header_len + payload.len(), octets.len());
    }
    if let Some((view, payload)) = ipv4_payload(octets) {
        assert_eq!(payload, &octets[view.header_len..view.total_len]);
    }
    if let Some((view, payload)) = ipv6_payload(octets) {
        assert_eq!(payload, &octets[view.header_len..view.total_len]);
    }
    assert_eq!(udp_ports(octets).is_some(), octets.len() >= 8);
}

/// A packet as tcpdump shows it: 10.0.0.1 to 10.0.0.2, protocol 115, 4 octets of options.
const V4: [u8; 29] = [
    0x46, 0x00, 0x00, 0x1c, 0x00, 0x01, 0x40, 0x00, 0x40, 0x73, 0x00, 0x00, 10, 0, 0, 1, 10, 0, 0,
    2, 0x94, 0x04, 0x00, 0x00, 0xde, 0xad, 0xbe, 0xef, 0xee,
];

#[test]
fn an_ipv4_payload_starts_behind_the_options_and_ends_at_the_total_length() {
    let (view, payload) = ipv4_payload(&V4).unwrap();
    let expected = Ipv4View {
        source: Ipv4Addr::new(10, 0, 0, 1),
        destination: Ipv4Addr::new(10, 0, 0, 2),
        protocol: 115,
        header_len: 24,
        total_len: 28,
        fragment: None,
    };
    assert_eq!((view, payload), (expected, &[0xde, 0xad, 0xbe, 0xef][..]));
}

#[test]
fn a_contradictory_ipv4_header_is_none() {
    for (at, value, what) in [
        (0, 0x44, "header shorter than 20"),
        (0, 0x66, "version 6"),
        (3, 0x1e, "total length beyond the packet"),
        (3, 0x17, "total length inside the header"),
    ] {
        let mut packet = V4;
        packet[at] = value;
        assert_eq!(ipv4_payload(&packet), None, "{what}");
    }
    assert_eq!(ipv4_payload(&V4[..19]), None);
}

#[test]
fn an_ipv4_fragment_says_where_it_belongs() {
    let cases = [
        (
            [0x20, 0x00],
            Some(Fragment {
                offset: 0,
                more: true,
            }),
        ),
        (
            [0x00, 0xb9],
            Some(Fragment {
                offset: 1480,
                more: false,
            }),
        ),
        ([0x40, 0x00], None),
    ];
    for (field, fragment) in cases {
        let mut packet = V4;
        packet[6..8].copy_from_slice(&field);
        assert_eq!(ipv4_payload(&packet).unwrap().0.fragment, fragment);
    }
}

/// An IPv6 packet from ::1 to ::2 whose payload length covers all of `behind`.
fn v6(next: u8, behind: &[u8]) -> Vec<u8> {
    let mut packet = Vec::from([0x60, 0, 0, 0, 0, behind.len() as u8, next, 64]);
    packet.extend_from_slice(&Ipv6Addr::from(1).octets());
    packet.extend_from_slice(&Ipv6Addr::from(2).octets());
    packet.extend_from_slice(behind);
    packet
}

#[test]
fn an_ipv6_payload_starts_behind_the_extension_headers() {
    let mut behind = Vec::from([60, 1]); // hop by hop, 16 octets, destination options next
    behind.extend_from_slice(&[0; 14]);
    behind.extend_from_slice(&[44, 0, 1, 4, 0, 0, 0, 0]); // destination options, fragment next
    behind.extend_from_slice(&[115, 0, 0x00, 0x01, 0, 0, 0, 9]); // offset 0, more to come
    behind.extend_from_slice(&[0xde, 0xad]);
    let mut packet = v6(0, &behind);
    packet.push(0xee);
    let (view, payload) = ipv6_payload(&packet).unwrap();
    let expected = Ipv6View {
        source: Ipv6Addr::from(1),
        destination: Ipv6Addr::from(2),
        protocol: 115,
        header_len: 72,
        total_len: 74,
        fragment: Some(Fragment {
            offset: 0,
            more: true,
        }),
    };
    assert_eq!((view, payload), (expected, &[0xde, 0xad][..]));
}

#[test]
fn a_later_ipv6_fragment_is_not_looked_into() {
    // The octets behind claim to be a routing header of 2048 octets.
    let packet = v6(44, &[43, 0, 0x05, 0xa8, 0, 0, 0, 9, 0xff, 0xff]);
    let (view, payload) = ipv6_payload(&packet).unwrap();
    assert_eq!(
        view.fragment,
        Some(Fragment {
            offset: 1448,
            more: false
        })
    );
    assert_eq!((view.protocol, payload), (43, &[0xff, 0xff][..]));
}

#[test]
fn a_cut_ipv6_packet_is_none() {
    let packet = v6(0, &[17, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(
        ipv6_payload(&packet),
        None,
        "extension header beyond the packet"
    );
    assert_eq!(
        ipv6_payload(&packet[..47]),
        None,
        "payload length beyond the packet"
    );
    assert_eq!(ipv6_payload(&packet[..39]), None);
}

#[test]
fn an_ethertype_stands_behind_up_to_two_tags() {
    let tag = |tpid: u16| [tpid.to_be_bytes(), [0x00, 0x05]].concat();
    let frame = |tags: &[u16]| {
        let mut frame = Vec::from([0u8; 12]);
        tags.iter().for_each(|tpid| frame.extend(tag(*tpid)));
        frame.extend_from_slice(&[0x86, 0xdd, 0x99]);
        frame
    };
    for (tags, ethertype, header_len) in [
        (&[][..], 0x86dd, 14),
        (&[0x8100], 0x86dd, 18),
        (&[0x88a8, 0x8100], 0x86dd, 22),
        (&[0x88a8, 0x8100, 0x8100], 0x8100, 22),
    ] {
        let frame = frame(tags);
        let (view, payload) = ethernet_payload(&frame).unwrap();
        assert_eq!(
            view,
            EthernetView {
                ethertype,
                header_len
            }
        );
        assert_eq!(payload, &frame[header_len..]);
    }
    assert_eq!(ethernet_payload(&frame(&[0x8100])[..17]), None);
}

#[test]
fn udp_ports_need_a_whole_header() {
    let datagram = [0x06, 0xa5, 0x13, 0x88, 0, 8, 0, 0];
    assert_eq!(udp_ports(&datagram), Some((1701, 5000)));
    assert_eq!(udp_ports(&datagram[..7]), None);
}
