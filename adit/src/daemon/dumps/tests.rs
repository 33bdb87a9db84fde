//! The texts beside are those of Debian's kernel 6.1 for the same tunnels and sessions.

use super::*;
use adit_datapath::spec::{SessionKey, TxChecksum, UdpChecksum};
use adit_wire::l2tp::{SessionId, TunnelId};
use std::net::SocketAddr;
use std::time::Duration;

fn tunnel(id: u32, version: u8, encap: Encap, sessions: Vec<Session>) -> Tunnel {
    Tunnel {
        spec: TunnelSpec {
            id: TunnelId(id),
            peer_id: TunnelId(1000 + id),
            version,
            encap,
            via: None,
            tuning: Default::default(),
        },
        statistics: Statistics::default(),
        sessions,
    }
}

fn udp(local: &str, remote: &str) -> Encap {
    Encap::Udp {
        local: local.parse().unwrap(),
        remote: remote.parse().unwrap(),
        checksum: UdpChecksum {
            tx: TxChecksum::Spare,
            rx: false,
        },
    }
}

fn session(tunnel: u32, id: u32, pseudowire: Pseudowire) -> Session {
    Session {
        spec: SessionSpec {
            key: SessionKey {
                tunnel: TunnelId(tunnel),
                session: SessionId(id),
            },
            peer_id: SessionId(1000 + id),
            pseudowire,
            ifname: None,
            cookie: Cookie::EMPTY,
            peer_cookie: Cookie::EMPTY,
            sublayer: Sublayer::Default,
            peer_sublayer: Sublayer::Default,
            tuning: SessionTuning::default(),
        },
        nr: 0,
        ns: 0,
        statistics: Statistics::default(),
        socket: None,
        interface: None,
    }
}

fn ethernet(tunnel: u32, id: u32, name: &str) -> Session {
    Session {
        interface: Some(name.to_owned()),
        ..session(tunnel, id, Pseudowire::Ethernet)
    }
}

fn cookie(octets: &[u8]) -> Cookie {
    Cookie::new(octets).unwrap()
}

#[test]
fn version_3_over_ip_and_udp() {
    let mut plain = ethernet(7, 70, "l2tpeth0");
    plain.spec.sublayer = Sublayer::None;
    let mut with_cookie = ethernet(9, 90, "l2tpeth1");
    with_cookie.spec.cookie = cookie(&[0xde, 0xad, 0xbe, 0xef]);
    let mut full = ethernet(42, 129, "pw1");
    full.spec.cookie = cookie(&[1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
    full.spec.peer_cookie = cookie(&[1, 2, 3, 4]);
    full.spec.tuning.send_seq = true;
    full.spec.tuning.recv_seq = true;
    full.spec.tuning.reorder_timeout = Duration::from_millis(200);
    let ip = Encap::Ip {
        local: [127, 0, 0, 1].into(),
        remote: [127, 0, 0, 2].into(),
    };
    let tunnels = [
        tunnel(7, 3, ip, vec![plain]),
        tunnel(9, 3, udp("[::1]:5000", "[::1]:6000"), vec![with_cookie]),
        tunnel(42, 3, udp("127.0.0.1:5000", "127.0.0.2:6000"), vec![full]),
    ];
    assert_eq!(debugfs(&tunnels), include_str!("tests/v3-debugfs.txt"));
    assert_eq!(pppol2tp(&tunnels), PROC_LEGEND);
}

#[test]
fn version_2_without_a_socket() {
    let mut held = session(1, 5, Pseudowire::Ppp);
    held.spec.tuning.lns_mode = true;
    held.spec.tuning.send_seq = true;
    let encap = udp("127.0.0.1:5000", "127.0.0.2:6000");
    let tunnels = [tunnel(1, 2, encap, vec![held])];
    assert_eq!(debugfs(&tunnels), include_str!("tests/v2-debugfs.txt"));
    assert_eq!(pppol2tp(&tunnels), include_str!("tests/v2-proc.txt"));
}

/// The tunnel of a program's socket, with a unit that has sent a frame of 14 octets.
fn linked(encap: Encap) -> Tunnel {
    let sent = Statistics {
        tx_packets: 1,
        tx_bytes: 14,
        ..Statistics::default()
    };
    let mut management = session(1, 0, Pseudowire::Ppp);
    management.spec.peer_id = SessionId(0);
    management.socket = Some(Socket::Connected);
    let mut bound = session(1, 5, Pseudowire::Ppp);
    bound.socket = Some(Socket::Bound);
    bound.interface = Some("ppp0".to_owned());
    bound.statistics = sent;
    Tunnel {
        statistics: sent,
        ..tunnel(1, 2, encap, vec![management, bound])
    }
}

#[test]
fn version_2_with_sockets() {
    let tunnels = [linked(udp("127.0.0.1:1701", "127.0.0.1:1702"))];
    assert_eq!(pppol2tp(&tunnels), include_str!("tests/linked-proc.txt"));
    let tunnels = [linked(udp("127.0.0.1:1701", "127.0.0.2:1702"))];
    assert_eq!(debugfs(&tunnels), include_str!("tests/linked-debugfs.txt"));
}

#[test]
fn the_ipv4_address_of_an_ipv6_socket_is_linuxs() {
    for (local, shown) in [
        ("[::1]:1701", "7F000006/1701"),
        ("[::]:1701", "00000000/1701"),
    ] {
        let text = pppol2tp(&[linked(udp(local, "[::1]:1702"))]);
        let line = format!("\n  SESSION 'sess 1/5' {shown} 0001/0005 -> 03E9/03ED 3 Y\n");
        assert!(text.contains(&line), "{text}");
    }
}

#[test]
fn cookies_of_other_lengths_show_four_octets() {
    let mut odd = ethernet(1, 5, "l2tpeth0");
    odd.spec.cookie = cookie(&[1, 2, 3, 4, 5]);
    odd.spec.peer_cookie = cookie(&[1]);
    let encap = udp("127.0.0.1:5000", "127.0.0.2:6000");
    let text = debugfs(&[tunnel(1, 3, encap, vec![odd])]);
    assert_eq!(text, include_str!("tests/odd_cookies-debugfs.txt"));
}

#[test]
fn nothing_is_a_legend() {
    assert_eq!(debugfs(&[]).lines().count(), 11);
    assert_eq!(pppol2tp(&[]).lines().count(), 6);
}

#[test]
fn numbers_and_counters_stand_in_their_places() {
    let mut busy = session(1, 5, Pseudowire::Ethernet);
    (busy.nr, busy.ns) = (11, 12);
    busy.spec.tuning.recv_seq = true;
    busy.statistics = Statistics {
        tx_packets: 1,
        tx_bytes: 2,
        tx_errors: 3,
        rx_packets: 4,
        rx_bytes: 5,
        rx_errors: 6,
        ..Statistics::default()
    };
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0)).to_string();
    let mut unconnected = tunnel(1, 3, udp("127.0.0.1:1701", &nowhere), vec![busy.clone()]);
    unconnected.statistics = busy.statistics;
    let text = debugfs(&[unconnected]);
    for line in [
        "TUNNEL 1 peer 1001 from 127.0.0.1 to 0.0.0.0",
        " 00000000 rx 1/2/3 rx 4/5/6",
        "   nr 11, ns 12",
        "   config 0/0/R/-/-/LAC 00000000 0",
        "   11/12 tx 1/2/3 rx 4/5/6",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    // A device that has gone has no line.
    assert!(!text.contains("interface"), "{text}");
}
