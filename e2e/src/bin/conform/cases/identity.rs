//! Which ids may be used twice.

use super::{eth, get_session, ip4, of_session, ppp, udp4, udp6, v2};
use crate::case::{Case, Entry, entry};
use crate::netlink::Message;
use crate::numbers::{attr, command};

pub(crate) fn cases() -> Vec<Entry> {
    vec![
        entry("identity.same_tunnel", |case| {
            collide(case, &udp4(1), None, eth)
        }),
        entry("identity.same_tunnel_v2", |case| {
            collide(case, &v2(1), None, ppp)
        }),
        entry("identity.two_v2", |case| {
            collide(case, &v2(1), Some(at(v2(2))), ppp)
        }),
        entry("identity.two_udp", |case| {
            collide(case, &udp4(1), Some(at(udp4(2))), eth)
        }),
        entry("identity.two_udp_families", |case| {
            collide(case, &udp4(1), Some(at(udp6(2))), eth)
        }),
        entry("identity.udp_then_ip", |case| {
            collide(case, &udp4(1), Some(ip4(2)), eth)
        }),
        entry("identity.ip_then_udp", |case| {
            collide(case, &ip4(1), Some(udp4(2)), eth)
        }),
        entry("identity.two_ip", |case| {
            collide(case, &ip4(1), Some(ip4(2)), eth)
        }),
        entry("identity.v2_and_v3", v2_and_v3),
        entry("identity.v2_wrap", v2_wrap),
        entry("identity.chain", chain),
    ]
}

fn at(message: Message) -> Message {
    message.half(attr::UDP_SPORT, 5001)
}

fn collide(
    case: &mut Case,
    first: &Message,
    second: Option<Message>,
    make: fn(u32, u32) -> Message,
) {
    case.must(first);
    let other = if second.is_some() { 2 } else { 1 };
    if let Some(second) = second {
        case.must(&second);
    }
    case.ask("first", &make(1, 5));
    case.ask("second", &make(other, 5));
    case.ask("get first", &get_session(1, 5));
    case.ask("get second", &get_session(2, 5));
}

fn v2_and_v3(case: &mut Case) {
    case.must(&v2(1));
    case.must(&at(udp4(2)));
    case.ask("v2", &ppp(1, 5));
    case.ask("v3", &eth(2, 5));
    case.ask("v3, the v2 key", &eth(2, (1 << 16) | 5));
    case.ask("get v2", &get_session(1, 5));
    case.ask("get v3", &get_session(2, 5));
}

/// Ids of version 2 have 16 bits on the wire.
fn v2_wrap(case: &mut Case) {
    case.must(&v2(1));
    case.must(&at(v2(65537)));
    case.ask("session 5", &ppp(1, 5));
    case.ask("session 65541", &ppp(1, 65541));
    case.ask("session 5 of tunnel 65537", &ppp(65537, 5));
}

/// The members of a chain go one by one.
fn chain(case: &mut Case) {
    case.must(&udp4(1));
    case.must(&at(udp4(2)));
    case.must(&eth(1, 5));
    case.must(&eth(2, 5));
    case.ask("delete first", &of_session(command::SESSION_DELETE, 1, 5));
    case.ask("get second", &get_session(2, 5));
    case.ask("first again", &eth(1, 5));
    case.ask("delete second", &of_session(command::SESSION_DELETE, 2, 5));
    case.ask("get first", &get_session(1, 5));
}
