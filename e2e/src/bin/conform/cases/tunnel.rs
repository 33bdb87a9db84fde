//! TUNNEL_CREATE for tunnels whose socket the system makes.

use super::{get_tunnel, ip4, ip6, tunnel, udp4, udp6, v2, v4, v6};
use crate::address::{in4, ip};
use crate::case::{Case, Entry, entry};
use crate::netlink::{Message, tell};
use crate::numbers::{attr, command};
use crate::sys;
use libc::{AF_INET, SOCK_DGRAM};

pub(crate) fn cases() -> Vec<Entry> {
    let mut all = Vec::new();
    let groups = [
        kinds(),
        missing(),
        addresses(),
        values(),
        lengths(),
        ports(),
    ];
    for (name, message) in groups.into_iter().flatten() {
        all.push(entry(format!("tunnel.{name}"), move |case| {
            case.ask("create", &message);
            case.table("tunnels", command::TUNNEL_GET);
        }));
    }
    all.extend([
        entry("tunnel.id_taken", id_taken),
        entry("tunnel.order_of_refusals", order_of_refusals),
        entry("tunnel.port_taken", port_taken),
        entry("tunnel.connection_taken", connection_taken),
        entry("tunnel.without_ack", without_ack),
    ]);
    all
}

type Messages = Vec<(&'static str, Message)>;

fn kinds() -> Messages {
    vec![
        ("udp4", udp4(1)),
        ("udp6", udp6(1)),
        ("ip4", ip4(1)),
        ("ip6", ip6(1)),
        ("v2", v2(1)),
        ("v2_over_udp6", udp6(1).octet(attr::PROTO_VERSION, 2)),
        ("v2_over_ip", ip4(1).octet(attr::PROTO_VERSION, 2)),
        ("v2_large_id", v2(70000)),
        ("udp4_csum_1", udp4(1).octet(attr::UDP_CSUM, 1)),
        ("udp4_csum_0", udp4(1).octet(attr::UDP_CSUM, 0)),
        ("udp6_zero_tx", udp6(1).set(attr::UDP_ZERO_CSUM6_TX, &[])),
        ("udp6_zero_rx", udp6(1).set(attr::UDP_ZERO_CSUM6_RX, &[])),
        (
            "udp6_zero_both",
            udp6(1)
                .set(attr::UDP_ZERO_CSUM6_TX, &[1])
                .set(attr::UDP_ZERO_CSUM6_RX, &[0, 0, 0, 0, 0]),
        ),
        ("debug", udp4(1).word(attr::DEBUG, 15)),
    ]
}

fn missing() -> Messages {
    vec![
        ("nothing", Message::new(command::TUNNEL_CREATE)),
        ("no_id", udp4(1).without(attr::CONN_ID)),
        ("no_peer_id", udp4(1).without(attr::PEER_CONN_ID)),
        ("no_version", udp4(1).without(attr::PROTO_VERSION)),
        ("no_encap", udp4(1).without(attr::ENCAP_TYPE)),
        ("no_ports", v4(tunnel(1, 3, 0))),
    ]
}

fn addresses() -> Messages {
    vec![
        ("no_addresses", tunnel(1, 3, 0)),
        ("no_local", udp4(1).without(attr::IP_SADDR)),
        ("no_remote", udp4(1).without(attr::IP_DADDR)),
        ("no_local6", udp6(1).without(attr::IP6_SADDR)),
        ("no_remote6", udp6(1).without(attr::IP6_DADDR)),
        ("both_families", v6(udp4(1))),
        ("mixed_families", v6(udp4(1)).without(attr::IP6_DADDR)),
        (
            "crossed_families",
            v6(udp4(1)).without(attr::IP6_DADDR).without(attr::IP_SADDR),
        ),
        (
            "foreign_address",
            udp4(1).set(attr::IP_SADDR, &[192, 0, 2, 1]),
        ),
        (
            "foreign_address_ip",
            ip4(1).set(attr::IP_SADDR, &[192, 0, 2, 1]),
        ),
        ("foreign_address6", udp6(1).set(attr::IP6_SADDR, &[32; 16])),
        (
            "foreign_address_ip6",
            ip6(1).set(attr::IP6_SADDR, &[32; 16]),
        ),
        ("no_route", udp4(1).set(attr::IP_DADDR, &[192, 0, 2, 1])),
        (
            "no_route_anywhere",
            udp4(1)
                .set(attr::IP_SADDR, &[0; 4])
                .set(attr::IP_DADDR, &[192, 0, 2, 1]),
        ),
        ("no_route_ip", ip4(1).set(attr::IP_DADDR, &[192, 0, 2, 1])),
        ("no_route6", udp6(1).set(attr::IP6_DADDR, &[32; 16])),
        ("wildcard", udp4(1).set(attr::IP_SADDR, &[0; 4])),
        ("wildcard_ip", ip4(1).set(attr::IP_SADDR, &[0; 4])),
        ("multicast_ip", ip4(1).set(attr::IP_DADDR, &[224, 0, 0, 1])),
    ]
}

fn values() -> Messages {
    let mut all = vec![
        ("encap_2", udp4(1).half(attr::ENCAP_TYPE, 2)),
        ("encap_65535", udp4(1).half(attr::ENCAP_TYPE, 65535)),
        ("id_0", udp4(1).word(attr::CONN_ID, 0)),
        ("id_largest", udp4(1).word(attr::CONN_ID, u32::MAX)),
        ("peer_id_0", udp4(1).word(attr::PEER_CONN_ID, 0)),
        ("id_0_ip", ip4(1).word(attr::CONN_ID, 0)),
        ("peer_id_0_ip", ip4(1).word(attr::PEER_CONN_ID, 0)),
        ("unknown_attribute", udp4(1).word(36, 1).word(200, 1)),
        (
            "nested_flag",
            udp4(1)
                .without(attr::CONN_ID)
                .word(attr::CONN_ID | 0x8000, 1),
        ),
        ("twice", udp4(5).add(attr::CONN_ID, &6u32.to_ne_bytes())),
    ];
    for (name, version) in [
        ("version_0", 0),
        ("version_1", 1),
        ("version_4", 4),
        ("version_255", 255),
    ] {
        all.push((name, udp4(1).octet(attr::PROTO_VERSION, version)));
    }
    all
}

fn lengths() -> Messages {
    let mut tail = udp4(1);
    tail.tail = vec![1, 2, 3];
    let mut torn = udp4(1);
    torn.tail = vec![2, 0, 9, 0, 1, 2, 3, 4];
    vec![
        ("id_of_3_octets", udp4(1).set(attr::CONN_ID, &[1, 0, 0])),
        ("id_of_8_octets", udp4(1).long(attr::CONN_ID, 1)),
        ("id_empty", udp4(1).set(attr::CONN_ID, &[])),
        ("encap_of_1_octet", udp4(1).octet(attr::ENCAP_TYPE, 0)),
        ("encap_of_4_octets", udp4(1).word(attr::ENCAP_TYPE, 0)),
        ("version_empty", udp4(1).set(attr::PROTO_VERSION, &[])),
        ("csum_empty", udp4(1).set(attr::UDP_CSUM, &[])),
        (
            "address_of_3_octets",
            udp4(1).set(attr::IP_SADDR, &[127, 0, 0]),
        ),
        (
            "address6_of_17_octets",
            udp6(1).set(attr::IP6_SADDR, &[0; 17]),
        ),
        ("unused_mtu_short", udp4(1).octet(attr::MTU, 1)),
        ("unused_cookie_long", udp4(1).set(attr::COOKIE, &[1; 9])),
        (
            "refused_before_missing",
            udp4(1).without(attr::CONN_ID).octet(attr::FD, 1),
        ),
        ("trailing_octets", tail),
        ("torn_attribute", torn),
    ]
}

fn ports() -> Messages {
    vec![
        ("port_chosen", udp4(1).half(attr::UDP_SPORT, 0)),
        ("port_chosen6", udp6(1).half(attr::UDP_SPORT, 0)),
        ("peer_port_0", udp4(1).half(attr::UDP_DPORT, 0)),
        ("peer_port_0_6", udp6(1).half(attr::UDP_DPORT, 0)),
    ]
}

/// One space of ids for all versions and encapsulations.
fn id_taken(case: &mut Case) {
    case.ask("first", &udp4(1));
    let other = |message: Message| message.half(attr::UDP_SPORT, 5001);
    case.ask("same", &other(udp4(1)));
    case.ask("version 2", &other(v2(1)));
    case.ask("udp6", &other(udp6(1)));
    case.ask("ip", &ip4(1));
    case.ask("ip6", &ip6(1));
    case.ask("another id", &other(v2(2)));
    case.table("tunnels", command::TUNNEL_GET);
}

fn order_of_refusals(case: &mut Case) {
    case.ask("first", &udp4(1));
    case.ask(
        "encapsulation before id",
        &udp4(1).half(attr::ENCAP_TYPE, 7),
    );
    case.ask("addresses before encapsulation", &tunnel(2, 3, 7));
    case.ask("addresses before id", &tunnel(1, 3, 0));
    case.ask("id before descriptor", &tunnel(1, 3, 0).word(attr::FD, 777));
    case.ask(
        "id before address",
        &udp4(1).set(attr::IP_SADDR, &[192, 0, 2, 1]),
    );
    case.ask(
        "encapsulation before descriptor",
        &tunnel(2, 3, 7).word(attr::FD, 777),
    );
}

fn port_taken(case: &mut Case) {
    case.ask("first", &udp4(1));
    case.ask("same port", &udp4(2));
    case.ask(
        "same port, other address",
        &udp4(3).set(attr::IP_SADDR, &[127, 0, 0, 3]),
    );
    let socket = case.have(sys::socket(AF_INET, SOCK_DGRAM, 0));
    case.did("bind 5000", sys::bind(&socket, &in4([127, 0, 0, 1], 5000)));
    let socket = case.have(sys::socket(AF_INET, SOCK_DGRAM, 0));
    case.did("bind 5001", sys::bind(&socket, &in4([127, 0, 0, 1], 5001)));
    case.ask("the process's port", &udp4(4).half(attr::UDP_SPORT, 5001));
    case.table("tunnels", command::TUNNEL_GET);
}

/// Over protocol 115 address and tunnel id take the place of address and port.
fn connection_taken(case: &mut Case) {
    case.ask("first", &ip4(1));
    case.ask("another tunnel", &ip4(2));
    let socket = case.have(sys::socket(AF_INET, SOCK_DGRAM, 115));
    case.did("bind 1", sys::bind(&socket, &ip([127, 0, 0, 1], 1)));
    case.did("bind 3", sys::bind(&socket, &ip([127, 0, 0, 1], 3)));
    case.ask("the process's connection", &ip4(3));
    case.table("tunnels", command::TUNNEL_GET);
}

fn without_ack(case: &mut Case) {
    let quiet = |message: Message| message.flags(crate::netlink::REQUEST);
    let replies = case.netlink().ask_briefly(&quiet(udp4(1)));
    case.say("good", tell(&replies.expect("a socket")));
    for (question, message) in [("bad", tunnel(2, 3, 9)), ("get", get_tunnel(1))] {
        case.ask(question, &quiet(message));
    }
}
