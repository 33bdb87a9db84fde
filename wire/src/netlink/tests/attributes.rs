use crate::l2tp::Cookie;
use crate::netlink::*;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::string::String;
use std::vec::Vec;

fn cookies() -> impl Strategy<Value = Option<Cookie>> {
    option::of(vec(any::<u8>(), 0..=8).prop_map(|octets| Cookie::new(&octets).unwrap()))
}

/// Strings as a netlink attribute can carry them: any character but NUL.
fn texts() -> impl Strategy<Value = Option<String>> {
    option::of("[^\\x00]{0,60}")
}

fn statistics() -> impl Strategy<Value = Option<Statistics>> {
    option::of(any::<[u64; 10]>().prop_map(|n| Statistics {
        tx_packets: n[0],
        tx_bytes: n[1],
        tx_errors: n[2],
        rx_packets: n[3],
        rx_bytes: n[4],
        rx_seq_discards: n[5],
        rx_oos_packets: n[6],
        rx_errors: n[7],
        rx_cookie_discards: n[8],
        rx_invalid: n[9],
    }))
}

prop_compose! {
    /// The attributes that are plain numbers.
    fn numbers()(
        octets: [Option<u8>; 8],
        halves: [Option<u16>; 5],
        words: [Option<u32>; 7],
        milliseconds: Option<u64>,
    ) -> Attributes {
        let [l2spec_type, proto_version, udp_csum, recv_seq, ..] = octets;
        let [.., send_seq, lns_mode, using_ipsec, configured] = octets;
        let [pw_type, encap_type, udp_sport, udp_dport, mtu] = halves;
        let [conn_id, peer_conn_id, session_id, peer_session_id, debug, fd, ifindex] = words;
        Attributes {
            l2spec_type, proto_version, udp_csum, recv_seq, send_seq, lns_mode, using_ipsec,
            configured, pw_type, encap_type, udp_sport, udp_dport, mtu, conn_id, peer_conn_id,
            session_id, peer_session_id, debug, fd, ifindex,
            recv_timeout: milliseconds.map(Duration::from_millis),
            ..Attributes::default()
        }
    }
}

prop_compose! {
    /// Attributes of every kind.
    fn attributes()(
        numbers in numbers(),
        ifname in option::of("[^\\x00/]{0,3}[a-z0-9]{0,3}"),
        texts in [texts(), texts(), texts(), texts(), texts(), texts(), texts()],
        longs: [Option<u64>; 3],
        sizes: [Option<u32>; 3],
        cookies in [cookies(), cookies()],
        ipv4: [Option<u32>; 2],
        ipv6: [Option<u128>; 2],
        flags: [bool; 4],
        stats in statistics(),
        drops in option::of(vec((0..0x4000u16, any::<u64>()), 0..30)),
    ) -> Attributes {
        let [problem, text, state, origin, peer_name, connection, call] = texts;
        let [uptime, retransmissions, round_trip] = longs;
        let [window, in_flight, sessions] = sizes;
        let [cookie, peer_cookie] = cookies;
        let [ip_saddr, ip_daddr] = ipv4.map(|address| address.map(Ipv4Addr::from));
        let [ip6_saddr, ip6_daddr] = ipv6.map(|address| address.map(Ipv6Addr::from));
        let [udp_zero_csum6_tx, udp_zero_csum6_rx, dry_run, udp_no_csum] = flags;
        Attributes {
            ifname, problem, text, cookie, peer_cookie, ip_saddr, ip_daddr, ip6_saddr, ip6_daddr,
            udp_zero_csum6_tx, udp_zero_csum6_rx, dry_run, udp_no_csum, stats, drops,
            state, origin, peer_name, connection, call, uptime, retransmissions, round_trip,
            window, in_flight, sessions,
            ..numbers
        }
    }
}

fn body(message: &[u8]) -> &[u8] {
    let frame = Frames::new(message).next().unwrap().unwrap();
    frame.genl().unwrap().2
}

fn message(attributes: &Attributes) -> Vec<u8> {
    let writer = Writer::command(Command::SessionGet, 0, 1, 2);
    attributes.write(writer).finish()
}

proptest! {
    #[test]
    fn read_of_write_is_identity(attributes in attributes()) {
        let message = message(&attributes);
        prop_assert_eq!(Attributes::read(body(&message)), Ok(attributes));
    }

    #[test]
    fn a_cut_message_keeps_whole_attributes(attributes in attributes(), share in 0.0..1.0f64) {
        let message = message(&attributes);
        let whole = body(&message);
        let cut = &whole[..(whole.len() as f64 * share) as usize];
        let read = Attributes::read(cut).unwrap();
        let again = self::message(&read);
        prop_assert!(whole.starts_with(body(&again)));
    }

    #[test]
    fn no_input_panics(octets: Vec<u8>) {
        let _ = Attributes::read(&octets);
    }

    /// As above, out of attributes that the family knows, with values of any size.
    #[test]
    fn no_attribute_panics(list in vec((0..Attr::ALL.len(), vec(any::<u8>(), 0..24)), 0..12)) {
        let mut writer = Writer::command(Command::SessionGet, 0, 0, 0);
        for (index, value) in &list {
            writer = writer.octets(Attr::ALL[*index], value);
        }
        let message = writer.finish();
        if let Err(error) = Attributes::read(body(&message)) {
            prop_assert!(matches!(error.errno(), Errno::ERANGE | Errno::EINVAL));
        }
    }
}

#[test]
fn the_last_of_a_kind_wins_and_unknown_ones_are_passed_over() {
    let message = Writer::command(Command::TunnelGet, 0, 0, 0)
        .word(Attr::ConnId, 1)
        .word(Attr::ConnId, 2)
        .finish();
    let mut octets = body(&message).to_vec();
    octets.extend_from_slice(&[5, 0, 0xff, 0x0f, 9, 0, 0, 0]); // attribute 0x0fff, one octet
    octets.extend_from_slice(&[8, 0, 10, 0xc0, 3, 0, 0, 0]); // PEER_CONN_ID with both flags set
    let read = Attributes::read(&octets).unwrap();
    assert_eq!((read.conn_id, read.peer_conn_id), (Some(2), Some(3)));
}

#[test]
fn a_malformed_tail_ends_the_walk() {
    let message = Writer::command(Command::TunnelGet, 0, 0, 0)
        .word(Attr::ConnId, 1)
        .finish();
    for tail in [
        &[3, 0, 9, 0][..],
        &[0; 4],
        &[9, 0, 9, 0, 7, 7, 7, 7],
        &[8, 0],
    ] {
        let octets = [body(&message), tail].concat();
        assert_eq!(
            Attributes::read(&octets).unwrap().conn_id,
            Some(1),
            "{tail:?}"
        );
    }
}

#[test]
fn ipv6_addresses_win_and_half_a_pair_is_none() {
    let mut attributes = Attributes {
        ip_saddr: Some(Ipv4Addr::LOCALHOST),
        ip_daddr: Some(Ipv4Addr::BROADCAST),
        ip6_saddr: Some(Ipv6Addr::LOCALHOST),
        ..Attributes::default()
    };
    let v4 = (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::BROADCAST.into());
    assert_eq!(attributes.addresses(), Some(v4));
    attributes.ip6_daddr = Some(Ipv6Addr::UNSPECIFIED);
    let v6 = (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::UNSPECIFIED.into());
    assert_eq!(attributes.addresses(), Some(v6));
    let half = Attributes {
        ip_saddr: Some(Ipv4Addr::LOCALHOST),
        ..Attributes::default()
    };
    assert_eq!(half.addresses(), None);
}

#[test]
fn an_over_long_text_is_cut_between_characters() {
    let long = "é".repeat(40_000);
    let message = Writer::command(Command::Reload, 0, 0, 0)
        .string(Attr::Text, &long)
        .finish();
    let read = Attributes::read(body(&message)).unwrap().text.unwrap();
    assert_eq!(read, "é".repeat(32_765));
}
