//! SESSION_CREATE, attribute by attribute.

use super::{eth, get_session, ip4, ip6, ppp, session_of, udp4, udp6, v2};
use crate::case::{Case, Entry, entry, patiently};
use crate::netlink::Message;
use crate::numbers::{attr, command, outcome};
use crate::sys;
use std::iter::once;

/// Which tunnel, number 1, a session is made in.
#[derive(Clone, Copy)]
enum In {
    V2,
    Udp4,
    Udp6,
    Ip4,
    Ip6,
}

impl In {
    fn tunnel(self) -> Message {
        match self {
            In::V2 => v2(1),
            In::Udp4 => udp4(1),
            In::Udp6 => udp6(1),
            In::Ip4 => ip4(1),
            In::Ip6 => ip6(1),
        }
    }
}

pub(crate) fn cases() -> Vec<Entry> {
    let groups = [
        kinds(),
        missing(),
        types(),
        sublayers(),
        cookies(),
        names(),
        modes(),
        lengths(),
    ];
    let tried = groups.into_iter().flatten().map(|(name, place, message)| {
        entry(format!("session.{name}"), move |case| {
            case.must(&place.tunnel());
            case.ask("create", &message);
            case.table("sessions", command::SESSION_GET);
            for name in sys::devices().into_iter().filter(|name| name != "lo") {
                device(case, &name);
            }
        })
    });
    once(entry("session.order_of_refusals", order_of_refusals))
        .chain(once(entry("session.names_count_up", names_count_up)))
        .chain(once(entry("session.name_taken", name_taken)))
        .chain(once(entry("session.name_pattern", name_pattern)))
        .chain(tried)
        .collect()
}

type Sessions = Vec<(&'static str, In, Message)>;

fn kinds() -> Sessions {
    vec![
        ("eth_udp4", In::Udp4, eth(1, 5)),
        ("eth_udp6", In::Udp6, eth(1, 5)),
        ("eth_ip4", In::Ip4, eth(1, 5)),
        ("eth_ip6", In::Ip6, eth(1, 5)),
        ("ppp_v2", In::V2, ppp(1, 5)),
        ("ppp_udp4", In::Udp4, ppp(1, 5)),
        ("ppp_ip4", In::Ip4, ppp(1, 5)),
        ("ppp_udp6", In::Udp6, ppp(1, 5)),
        ("eth_v2", In::V2, eth(1, 5)),
    ]
}

fn missing() -> Sessions {
    vec![
        ("nothing", In::Udp4, Message::new(command::SESSION_CREATE)),
        ("no_tunnel_id", In::Udp4, eth(1, 5).without(attr::CONN_ID)),
        ("unknown_tunnel", In::Udp4, eth(2, 5)),
        ("no_id", In::Udp4, eth(1, 5).without(attr::SESSION_ID)),
        (
            "no_peer_id",
            In::Udp4,
            eth(1, 5).without(attr::PEER_SESSION_ID),
        ),
        ("no_type", In::Udp4, eth(1, 5).without(attr::PW_TYPE)),
    ]
}

fn types() -> Sessions {
    vec![
        ("type_none", In::Udp4, session_of(0, 1, 5)),
        ("type_vlan", In::Udp4, session_of(4, 1, 5)),
        ("type_ppp_ac", In::Udp4, session_of(8, 1, 5)),
        ("type_ip", In::Udp4, session_of(11, 1, 5)),
        ("type_12", In::Udp4, session_of(12, 1, 5)),
        ("type_65535", In::Udp4, session_of(65535, 1, 5)),
        ("type_12_v2", In::V2, session_of(12, 1, 5)),
        ("type_vlan_v2", In::V2, session_of(4, 1, 5)),
        (
            "unused",
            In::Udp4,
            eth(1, 5)
                .half(attr::OFFSET, 4)
                .octet(attr::DATA_SEQ, 2)
                .octet(attr::L2SPEC_LEN, 9),
        ),
        (
            "unused_vlan",
            In::Udp4,
            eth(1, 5)
                .half(attr::VLAN_ID, 5)
                .half(attr::MTU, 800)
                .half(attr::MRU, 800),
        ),
        ("id_0", In::Udp4, eth(1, 0)),
        ("id_0_v2", In::V2, ppp(1, 0)),
        ("id_large_v2", In::V2, ppp(1, 70000)),
        (
            "id_largest",
            In::Udp4,
            eth(1, 5).word(attr::SESSION_ID, u32::MAX),
        ),
        (
            "peer_id_0",
            In::Udp4,
            eth(1, 5).word(attr::PEER_SESSION_ID, 0),
        ),
        (
            "twice",
            In::Udp4,
            eth(1, 5).add(attr::SESSION_ID, &6u32.to_ne_bytes()),
        ),
        (
            "foreign_attributes",
            In::Udp4,
            super::v4(eth(1, 5)).word(attr::FD, 777),
        ),
    ]
}

fn sublayers() -> Sessions {
    vec![
        (
            "sublayer_none",
            In::Udp4,
            eth(1, 5).octet(attr::L2SPEC_TYPE, 0),
        ),
        (
            "sublayer_default",
            In::Udp4,
            eth(1, 5).octet(attr::L2SPEC_TYPE, 1),
        ),
        (
            "sublayer_2",
            In::Udp4,
            eth(1, 5).octet(attr::L2SPEC_TYPE, 2),
        ),
        (
            "sublayer_255",
            In::Udp4,
            eth(1, 5).octet(attr::L2SPEC_TYPE, 255),
        ),
        (
            "sublayer_2_v2",
            In::V2,
            ppp(1, 5).octet(attr::L2SPEC_TYPE, 2),
        ),
        (
            "sublayer_none_ip6",
            In::Ip6,
            eth(1, 5).octet(attr::L2SPEC_TYPE, 0),
        ),
    ]
}

fn cookies() -> Sessions {
    let cookie = |len: usize| eth(1, 5).set(attr::COOKIE, &[0xab; 16][..len]);
    vec![
        ("cookie_0", In::Udp4, cookie(0)),
        ("cookie_1", In::Udp4, cookie(1)),
        ("cookie_4", In::Udp4, cookie(4)),
        ("cookie_5", In::Udp4, cookie(5)),
        ("cookie_8", In::Udp4, cookie(8)),
        ("cookie_9", In::Udp4, cookie(9)),
        (
            "peer_cookie_3",
            In::Udp4,
            eth(1, 5).set(attr::PEER_COOKIE, &[1, 2, 3]),
        ),
        (
            "peer_cookie_8",
            In::Udp4,
            eth(1, 5).set(attr::PEER_COOKIE, &[7; 8]),
        ),
        (
            "peer_cookie_9",
            In::Udp4,
            eth(1, 5).set(attr::PEER_COOKIE, &[7; 9]),
        ),
        (
            "both_cookies",
            In::Ip4,
            cookie(8).set(attr::PEER_COOKIE, &[7; 4]),
        ),
        ("cookie_v2", In::V2, ppp(1, 5).set(attr::COOKIE, &[1; 8])),
        ("cookie_9_v2", In::V2, ppp(1, 5).set(attr::COOKIE, &[1; 9])),
    ]
}

fn names() -> Sessions {
    vec![
        ("name", In::Udp4, eth(1, 5).text(attr::IFNAME, "pw0")),
        ("name_empty", In::Udp4, eth(1, 5).text(attr::IFNAME, "")),
        (
            "name_of_15",
            In::Udp4,
            eth(1, 5).text(attr::IFNAME, "pw0123456789abc"),
        ),
        (
            "name_of_16",
            In::Udp4,
            eth(1, 5).text(attr::IFNAME, "pw0123456789abcd"),
        ),
        (
            "name_unterminated",
            In::Udp4,
            eth(1, 5).set(attr::IFNAME, b"pw0"),
        ),
        (
            "name_unterminated_16",
            In::Udp4,
            eth(1, 5).set(attr::IFNAME, b"pw0123456789abcd"),
        ),
        ("name_slash", In::Udp4, eth(1, 5).text(attr::IFNAME, "pw/0")),
        ("name_space", In::Udp4, eth(1, 5).text(attr::IFNAME, "pw 0")),
        ("name_dots", In::Udp4, eth(1, 5).text(attr::IFNAME, "..")),
        ("name_colon", In::Udp4, eth(1, 5).text(attr::IFNAME, "pw:0")),
        ("name_of_lo", In::Udp4, eth(1, 5).text(attr::IFNAME, "lo")),
        ("name_for_ppp", In::V2, ppp(1, 5).text(attr::IFNAME, "pw0")),
        (
            "name_for_ppp_v3",
            In::Udp4,
            ppp(1, 5).text(attr::IFNAME, "pw0"),
        ),
        (
            "name_nul_inside",
            In::Udp4,
            eth(1, 5).set(attr::IFNAME, b"pw0\0rest\0"),
        ),
    ]
}

fn modes() -> Sessions {
    let all = |message: Message| {
        message
            .octet(attr::RECV_SEQ, 1)
            .octet(attr::SEND_SEQ, 1)
            .octet(attr::LNS_MODE, 1)
            .long(attr::RECV_TIMEOUT, 200)
    };
    vec![
        ("modes", In::Udp4, all(eth(1, 5))),
        ("modes_v2", In::V2, all(ppp(1, 5))),
        (
            "modes_2",
            In::Udp4,
            eth(1, 5)
                .octet(attr::RECV_SEQ, 2)
                .octet(attr::SEND_SEQ, 2)
                .octet(attr::LNS_MODE, 2),
        ),
        (
            "modes_0",
            In::Udp4,
            eth(1, 5).octet(attr::RECV_SEQ, 0).octet(attr::SEND_SEQ, 0),
        ),
        ("timeout_1", In::Udp4, eth(1, 5).long(attr::RECV_TIMEOUT, 1)),
        (
            "timeout_huge",
            In::Udp4,
            eth(1, 5).long(attr::RECV_TIMEOUT, 1 << 40),
        ),
        (
            "sequence_without_sublayer",
            In::Udp4,
            eth(1, 5)
                .octet(attr::SEND_SEQ, 1)
                .octet(attr::L2SPEC_TYPE, 0),
        ),
    ]
}

fn lengths() -> Sessions {
    vec![
        (
            "tunnel_id_short",
            In::Udp4,
            eth(1, 5).half(attr::CONN_ID, 1),
        ),
        ("type_short", In::Udp4, eth(1, 5).octet(attr::PW_TYPE, 5)),
        ("type_long", In::Udp4, eth(1, 5).word(attr::PW_TYPE, 5)),
        (
            "timeout_short",
            In::Udp4,
            eth(1, 5).word(attr::RECV_TIMEOUT, 5),
        ),
        ("modes_long", In::Udp4, eth(1, 5).word(attr::SEND_SEQ, 1)),
        (
            "recv_seq_empty",
            In::Udp4,
            eth(1, 5).set(attr::RECV_SEQ, &[]),
        ),
    ]
}

fn order_of_refusals(case: &mut Case) {
    case.ask(
        "tunnel before the rest",
        &Message::new(command::SESSION_CREATE).word(attr::CONN_ID, 9),
    );
    case.must(&v2(1));
    case.must(&udp4(2).half(attr::UDP_SPORT, 5001));
    case.must(&eth(2, 5).text(attr::IFNAME, "pw5"));
    case.ask("type before version", &session_of(12, 1, 5));
    case.ask("version before id", &eth(1, 5));
    case.ask(
        "sublayer before type",
        &session_of(4, 2, 5).octet(attr::L2SPEC_TYPE, 7),
    );
    case.ask("type before id", &session_of(4, 2, 5));
    case.ask("id before name", &eth(2, 5).text(attr::IFNAME, "pw5"));
    case.ask("name", &eth(2, 6).text(attr::IFNAME, "pw5"));
    case.ask(
        "policy before tunnel",
        &eth(9, 6).set(attr::COOKIE, &[0; 9]),
    );
    case.table("sessions", command::SESSION_GET);
}

/// The system's own names are the lowest that are free.
fn names_count_up(case: &mut Case) {
    case.must(&udp4(1));
    for id in 5..8 {
        case.must(&eth(1, id));
    }
    let delete = super::of_session(command::SESSION_DELETE, 1, 6);
    case.must(&delete);
    assert!(patiently(|| sys::devices().len() == 3), "a device goes");
    case.must(&eth(1, 8));
    for id in [5, 7, 8] {
        case.ask(&format!("session {id}"), &get_session(1, id));
    }
}

fn name_taken(case: &mut Case) {
    case.must(&udp4(1));
    case.ask("first", &eth(1, 5).text(attr::IFNAME, "pw0"));
    case.ask("same name", &eth(1, 6).text(attr::IFNAME, "pw0"));
    case.ask("the id is free", &eth(1, 6).text(attr::IFNAME, "pw1"));
    case.table("sessions", command::SESSION_GET);
}

fn name_pattern(case: &mut Case) {
    case.must(&udp4(1));
    case.ask("first", &eth(1, 5).text(attr::IFNAME, "pw%d"));
    case.ask("second", &eth(1, 6).text(attr::IFNAME, "pw%d"));
    case.ask("get first", &get_session(1, 5));
    case.ask("get second", &get_session(1, 6));
    case.ask("other pattern", &eth(1, 7).text(attr::IFNAME, "pw%s"));
}

/// What a session's device is like.
pub(crate) fn device(case: &mut Case, name: &str) {
    let flags = sys::device(name, libc::SIOCGIFFLAGS);
    let flags = outcome(flags, |value| {
        format!("{:x}", u16::from_ne_bytes([value[0], value[1]]))
    });
    let mtu = sys::device(name, libc::SIOCGIFMTU);
    let mtu = outcome(mtu, |value| {
        i32::from_ne_bytes([value[0], value[1], value[2], value[3]]).to_string()
    });
    let kind = sys::device(name, libc::SIOCGIFHWADDR);
    let kind = outcome(kind, |value| {
        u16::from_ne_bytes([value[0], value[1]]).to_string()
    });
    case.say(
        &format!("device {name}"),
        format!("mtu={mtu} flags={flags} type={kind}"),
    );
}
