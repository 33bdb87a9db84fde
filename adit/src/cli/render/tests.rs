//! The expected texts beside this file are what `ip l2tp show` of iproute2 6.1 printed for a
//! kernel's tunnels and sessions.

use super::*;
use adit_datapath::counters::DropReason;
use adit_wire::netlink::Statistics;
use std::time::Duration;

const TEXT: Style = Style {
    json: false,
    pretty: false,
    statistics: false,
};
const JSON: Style = Style { json: true, ..TEXT };

fn tunnel(id: u32, peer_id: u32) -> Attributes {
    Attributes {
        conn_id: Some(id),
        peer_conn_id: Some(peer_id),
        encap_type: Some(1),
        ip_saddr: Some([192, 168, 1, 1].into()),
        ip_daddr: Some([192, 168, 1, 2].into()),
        ..Attributes::default()
    }
}

fn udp(tunnel: Attributes, sport: u16, dport: u16) -> Attributes {
    Attributes {
        encap_type: Some(0),
        udp_sport: Some(sport),
        udp_dport: Some(dport),
        ..tunnel
    }
}

fn sample_tunnels() -> [Attributes; 3] {
    let v6 = Attributes {
        ip_saddr: None,
        ip_daddr: None,
        ip6_saddr: "fd00::1".parse().ok(),
        ip6_daddr: "fd00::2".parse().ok(),
        udp_zero_csum6_tx: true,
        udp_zero_csum6_rx: true,
        ..tunnel(9, 10)
    };
    let v4 = Attributes {
        udp_csum: Some(0),
        ..tunnel(42, 45)
    };
    [tunnel(7, 8), udp(v6, 6000, 6001), udp(v4, 5000, 5001)]
}

fn session(ids: [u32; 2], peers: [u32; 2], ifname: &str) -> Attributes {
    Attributes {
        session_id: Some(ids[0]),
        conn_id: Some(ids[1]),
        peer_session_id: Some(peers[0]),
        peer_conn_id: Some(peers[1]),
        ifname: Some(ifname.to_owned()),
        send_seq: Some(0),
        recv_seq: Some(0),
        lns_mode: Some(0),
        debug: Some(0),
        ..Attributes::default()
    }
}

fn sample_sessions() -> [Attributes; 4] {
    let cookies = |session| Attributes {
        cookie: "0123456789abcdef".parse().ok(),
        peer_cookie: "01020304".parse().ok(),
        ..session
    };
    [
        session([70, 7], [80, 8], "l2tpeth1"),
        Attributes {
            cookie: "deadbeef".parse().ok(),
            ..session([90, 9], [100, 10], "l2tpeth2")
        },
        Attributes {
            send_seq: Some(1),
            recv_seq: Some(1),
            ..cookies(session([129, 42], [5196756, 45], "pw1"))
        },
        cookies(session([128, 42], [5196755, 45], "l2tpeth0")),
    ]
}

#[test]
fn tunnels_print_as_ip_l2tp_prints_them() {
    let (text, json) = (
        include_str!("tests/tunnels.txt"),
        include_str!("tests/tunnels.json"),
    );
    assert_eq!(tunnels(&sample_tunnels(), TEXT), text);
    assert_eq!(tunnels(&sample_tunnels(), JSON), json);
}

#[test]
fn sessions_print_as_ip_l2tp_prints_them() {
    let (text, json) = (
        include_str!("tests/sessions.txt"),
        include_str!("tests/sessions.json"),
    );
    assert_eq!(sessions(&sample_sessions(), TEXT), text);
    assert_eq!(sessions(&sample_sessions(), JSON), json);
}

#[test]
fn nothing_prints_as_nothing_or_an_empty_array() {
    assert_eq!(tunnels(&[], TEXT), "");
    assert_eq!(tunnels(&[], JSON), "[]\n");
}

#[test]
fn checksums_print_by_direction_over_ipv6() {
    let line = |tx_off, rx_off| {
        let tunnel = Attributes {
            ip6_saddr: "fd00::1".parse().ok(),
            udp_zero_csum6_tx: tx_off,
            udp_zero_csum6_rx: rx_off,
            ..udp(tunnel(1, 1), 1, 1)
        };
        tunnels(&[tunnel], TEXT).lines().last().map(str::to_owned)
    };
    assert_eq!(
        line(false, false).as_deref(),
        Some("  UDP checksum: enabled")
    );
    assert_eq!(line(false, true).as_deref(), Some("  UDP checksum: tx"));
    assert_eq!(line(true, false).as_deref(), Some("  UDP checksum: rx"));
}

#[test]
fn a_reorder_timeout_shares_the_cookies_line() {
    let session = Attributes {
        recv_timeout: Some(Duration::from_millis(20)),
        send_seq: Some(1),
        ..session([1, 2], [3, 4], "pw1")
    };
    let text = sessions(std::slice::from_ref(&session), TEXT);
    assert!(text.ends_with("offset 0\n  reorder timeout: 20\n  sequence numbering: send\n"));
    let json = sessions(&[session], JSON);
    assert!(
        json.ends_with("\"reorder_timeout\":20,\"send_seq\":null}]\n"),
        "{json}"
    );
}

fn busy() -> Attributes {
    Attributes {
        mtu: Some(1446),
        lns_mode: Some(1),
        debug: Some(12),
        stats: Some(Statistics {
            tx_packets: 1,
            tx_bytes: 100,
            rx_packets: 2,
            rx_bytes: 200,
            rx_cookie_discards: 3,
            ..Statistics::default()
        }),
        drops: Some(vec![(DropReason::Cookie as u16, 3), (999, 1)]),
        problem: Some("name: pw1 is taken".to_owned()),
        ..session([1, 2], [3, 4], "pw1")
    }
}

#[test]
fn statistics_follow_what_ip_l2tp_prints() {
    let style = Style {
        statistics: true,
        ..TEXT
    };
    let plain = sessions(&[session([1, 2], [3, 4], "pw1")], TEXT);
    let more = "  problem: name: pw1 is taken\n\
                \x20 mtu 1446, lns_mode on, debug seq,data\n\
                \x20 tx: 1 packets, 100 bytes, 0 errors\n\
                \x20 rx: 2 packets, 200 bytes, 0 errors, 0 seq discards, 0 oos packets, \
                3 cookie discards, 0 invalid\n\
                \x20 dropped: 3 rx_cookie\n\
                \x20 dropped: 1 reason_999\n";
    assert_eq!(sessions(&[busy()], style), plain + more);
}

#[test]
fn statistics_follow_the_keys_of_ip_l2tp() {
    let style = Style {
        statistics: true,
        ..JSON
    };
    let printed: Value = serde_json::from_str(&sessions(&[busy()], style)).unwrap();
    assert_eq!(printed[0]["mtu"], 1446);
    assert_eq!(printed[0]["lns_mode"], true);
    assert_eq!(printed[0]["stats"]["tx_bytes"], 100);
    assert_eq!(printed[0]["stats"]["rx_cookie_discards"], 3);
    assert_eq!(printed[0]["drops"]["rx_cookie"], 3);
    assert_eq!(printed[0]["problem"], "name: pw1 is taken");
}

#[test]
fn a_problem_is_told_without_being_asked_for() {
    assert!(sessions(&[busy()], TEXT).ends_with("  problem: name: pw1 is taken\n"));
    let several = Attributes {
        problem: Some("one\ntwo".to_owned()),
        ..busy()
    };
    assert!(sessions(&[several], TEXT).ends_with("  problem: one two\n"));
}
