//! Messages of other programs, written out by hand as a little-endian machine lays them out.
#![cfg(target_endian = "little")]

use crate::netlink::*;
use core::net::Ipv4Addr;
use std::vec::Vec;

/// `ip l2tp add tunnel tunnel_id 1 peer_tunnel_id 2 udp_sport 5000 udp_dport 6000 encap udp
/// local 192.168.1.1 remote 192.168.1.2`, in a family that has this number.
const TUNNEL_CREATE: [u8; 84] = [
    84, 0, 0, 0, 0xfe, 0x03, 0x05, 0x00, // nlmsg_len, nlmsg_type, REQUEST | ACK
    0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0, // nlmsg_seq, nlmsg_pid
    1, 1, 0, 0, // TUNNEL_CREATE, version 1
    8, 0, 9, 0, 1, 0, 0, 0, // CONN_ID
    8, 0, 10, 0, 2, 0, 0, 0, // PEER_CONN_ID
    5, 0, 7, 0, 3, 0, 0, 0, // PROTO_VERSION
    6, 0, 2, 0, 0, 0, 0, 0, // ENCAP_TYPE
    8, 0, 24, 0, 192, 168, 1, 1, // IP_SADDR
    8, 0, 25, 0, 192, 168, 1, 2, // IP_DADDR
    6, 0, 26, 0, 0x88, 0x13, 0, 0, // UDP_SPORT
    6, 0, 27, 0, 0x70, 0x17, 0, 0, // UDP_DPORT
];

#[test]
fn tunnel_create_as_iproute2_sends_it() {
    let frames: Vec<_> = Frames::new(&TUNNEL_CREATE).collect();
    let [Ok(frame)] = frames[..] else {
        panic!("{frames:?}");
    };
    assert_eq!(
        (frame.kind, frame.flags),
        (FAMILY_ID, flag::REQUEST | flag::ACK)
    );
    assert_eq!((frame.seq, frame.portid), (0x1234_5678, 0));
    let (command, version, attributes) = frame.genl().unwrap();
    assert_eq!((command, version), (Command::TunnelCreate.number(), 1));
    let expected = Attributes {
        conn_id: Some(1),
        peer_conn_id: Some(2),
        proto_version: Some(3),
        encap_type: Some(Encapsulation::Udp.number()),
        ip_saddr: Some(Ipv4Addr::new(192, 168, 1, 1)),
        ip_daddr: Some(Ipv4Addr::new(192, 168, 1, 2)),
        udp_sport: Some(5000),
        udp_dport: Some(6000),
        ..Attributes::default()
    };
    assert_eq!(Attributes::read(attributes), Ok(expected));
}

#[test]
fn tunnel_create_is_written_as_iproute2_sends_it() {
    let flags = flag::REQUEST | flag::ACK;
    let address = |last| Ipv4Addr::new(192, 168, 1, last).into();
    let message = Writer::command(Command::TunnelCreate, flags, 0x1234_5678, 0)
        .word(Attr::ConnId, 1)
        .word(Attr::PeerConnId, 2)
        .octet(Attr::ProtoVersion, 3)
        .half(Attr::EncapType, 0)
        .address(Attr::IpSaddr, Attr::Ip6Saddr, address(1))
        .address(Attr::IpDaddr, Attr::Ip6Daddr, address(2))
        .half(Attr::UdpSport, 5000)
        .half(Attr::UdpDport, 6000)
        .finish();
    assert_eq!(message, TUNNEL_CREATE);
}

#[test]
fn a_refusal_with_text() {
    let mut request = TUNNEL_CREATE[..20].to_vec();
    request[0] = 20;
    let answer = Writer::answer(&request, 5, Some(Errno::EINVAL), Some("bad")).finish();
    let mut expected = Vec::from([48, 0, 0, 0, 2, 0, 0, 2, 0x78, 0x56, 0x34, 0x12, 5, 0, 0, 0]);
    expected.extend_from_slice(&[0xea, 0xff, 0xff, 0xff]); // -22
    expected.extend_from_slice(&request);
    expected.extend_from_slice(&[8, 0, 1, 0, b'b', b'a', b'd', 0]);
    assert_eq!(answer, expected);
}

#[test]
fn an_acknowledgement_echoes_the_header_only() {
    let answer = Writer::answer(&TUNNEL_CREATE, 5, None, None).finish();
    let mut expected = Vec::from([36, 0, 0, 0, 2, 0, 0, 1, 0x78, 0x56, 0x34, 0x12, 5, 0, 0, 0]);
    expected.extend_from_slice(&[0; 4]);
    expected.extend_from_slice(&TUNNEL_CREATE[..16]);
    assert_eq!(answer, expected);
}

#[test]
fn statistics_stand_in_the_kernels_order() {
    let stats = Statistics {
        tx_packets: 1,
        rx_cookie_discards: 2,
        ..Statistics::default()
    };
    let message = Writer::command(Command::TunnelGet, 0, 0, 0)
        .statistics(stats)
        .finish();
    let nest = &message[20..];
    assert_eq!(nest[..4], [124, 0, 30, 0]);
    let entries: Vec<_> = nest[4..].chunks(12).map(|c| (c[0], c[2], c[4])).collect();
    let order = [1, 2, 3, 4, 5, 6, 10, 7, 8, 11];
    let value = |stat| match stat {
        1 => 1,
        10 => 2,
        _ => 0,
    };
    assert_eq!(entries, order.map(|stat| (12, stat, value(stat))));
}
