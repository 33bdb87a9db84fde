//! DELETE, MODIFY and GET, of tunnels and of sessions.

use super::tunnel_fd::gone;
use super::{eth, get_session, get_tunnel, ip4, of_session, of_tunnel, ppp, udp4, udp6, v2};
use crate::case::{Case, Entry, entry, patiently};
use crate::netlink::Message;
use crate::numbers::{attr, command};
use command::{
    SESSION_DELETE, SESSION_GET, SESSION_MODIFY, TUNNEL_DELETE, TUNNEL_GET, TUNNEL_MODIFY,
};

pub(crate) fn tunnels() -> Vec<Entry> {
    let mut all = vec![
        entry("tunnel_change.dump_order", dump_order),
        entry("tunnel_change.dump_ignores_ids", dump_ignores_ids),
        entry("tunnel_change.empty_dump", |case| {
            case.table("tunnels", TUNNEL_GET)
        }),
        entry("tunnel_change.delete_with_sessions", delete_with_sessions),
        entry("tunnel_change.delete_twice", |case| {
            case.must(&udp4(1));
            case.ask("delete", &of_tunnel(TUNNEL_DELETE, 1));
            gone(case, 1);
            case.ask("again", &of_tunnel(TUNNEL_DELETE, 1));
            case.ask("create again", &udp4(1));
        }),
        entry("tunnel_change.modified", |case| {
            case.must(&udp4(1));
            let message = of_tunnel(TUNNEL_MODIFY, 1);
            case.ask("nothing", &message);
            case.ask("debug", &message.clone().word(attr::DEBUG, 15));
            case.ask(
                "the rest",
                &super::v4(message).octet(attr::PROTO_VERSION, 2),
            );
            case.ask("get", &get_tunnel(1));
        }),
    ];
    for (verb, command) in [
        ("delete", TUNNEL_DELETE),
        ("modify", TUNNEL_MODIFY),
        ("get", TUNNEL_GET),
    ] {
        all.push(entry(format!("tunnel_change.{verb}"), move |case| {
            case.ask("no id", &Message::new(command));
            case.ask("unknown id", &of_tunnel(command, 1));
            case.ask("id 0", &of_tunnel(command, 0));
            case.ask("short id", &Message::new(command).half(attr::CONN_ID, 1));
            case.ask(
                "peer's id",
                &Message::new(command).word(attr::PEER_CONN_ID, 1001),
            );
            case.must(&udp4(1));
            case.ask("good", &of_tunnel(command, 1));
        }));
    }
    all
}

fn dump_order(case: &mut Case) {
    for (place, id) in [9u16, 3, 70, 1].into_iter().enumerate() {
        let message = udp4(id.into()).half(attr::UDP_SPORT, 5000 + place as u16);
        case.must(&message);
    }
    case.table("tunnels", TUNNEL_GET);
}

fn dump_ignores_ids(case: &mut Case) {
    case.must(&udp4(1));
    case.must(&udp4(2).half(attr::UDP_SPORT, 5001));
    case.must(&eth(1, 5));
    case.must(&eth(2, 6));
    for (question, command) in [("tunnel", TUNNEL_GET), ("session", SESSION_GET)] {
        let message = Message::dump(command)
            .word(attr::CONN_ID, 2)
            .word(attr::SESSION_ID, 6);
        case.ask(question, &message);
    }
    let short = Message::dump(TUNNEL_GET).half(attr::CONN_ID, 2);
    case.ask("short id", &short);
}

fn delete_with_sessions(case: &mut Case) {
    case.must(&udp4(1));
    case.must(&eth(1, 5));
    case.must(&eth(1, 6).text(attr::IFNAME, "pw6"));
    case.must(&ppp(1, 7));
    case.table("sessions", SESSION_GET);
    case.ask("delete", &of_tunnel(TUNNEL_DELETE, 1));
    gone(case, 1);
    case.table("sessions left", SESSION_GET);
    let devices = crate::sys::devices();
    case.say("devices left", devices.len() - 1);
}

pub(crate) fn sessions() -> Vec<Entry> {
    let mut all = vec![
        entry("session_change.modified", modify),
        entry("session_change.modify_values", modify_values),
        entry("session_change.dump", dump),
        entry("session_change.dump_of_a_closing_tunnel", |case| {
            case.table("none", SESSION_GET);
            case.must(&v2(1));
            case.must(&ppp(1, 0));
            case.table("session 0", SESSION_GET);
            case.ask("get session 0", &get_session(1, 0));
        }),
        entry("session_change.delete_device", |case| {
            case.must(&udp4(1));
            case.must(&eth(1, 5));
            case.ask("delete", &of_session(SESSION_DELETE, 1, 5));
            patiently(|| crate::sys::devices().len() == 1);
            case.say("devices left", crate::sys::devices().len() - 1);
            case.ask("again", &of_session(SESSION_DELETE, 1, 5));
            case.ask("create again", &eth(1, 5));
        }),
        entry("session_change.by_device_name", |case| {
            case.must(&udp4(1));
            case.must(&eth(1, 5));
            rename(case);
        }),
    ];
    for (verb, command) in [
        ("delete", SESSION_DELETE),
        ("modify", SESSION_MODIFY),
        ("get", SESSION_GET),
    ] {
        all.push(entry(format!("session_change.{verb}"), move |case| {
            refused(case, command)
        }));
        all.push(entry(
            format!("session_change.{verb}_selectors"),
            move |case| selectors(case, command),
        ));
    }
    all
}

fn refused(case: &mut Case, command: u8) {
    case.ask("nothing", &Message::new(command));
    case.ask("unknown tunnel", &of_session(command, 1, 5));
    case.must(&udp4(1));
    case.must(&v2(2).half(attr::UDP_SPORT, 5001));
    case.must(&ppp(2, 5));
    case.must(&eth(1, 6));
    case.ask("unknown session", &of_session(command, 1, 7));
    case.ask("tunnel alone", &of_tunnel(command, 1));
    case.ask(
        "session alone",
        &Message::new(command).word(attr::SESSION_ID, 6),
    );
    case.ask("other tunnel's v2 session", &of_session(command, 1, 5));
    case.ask("session by peer's id", &of_session(command, 1, 1006));
    case.ask(
        "short session id",
        &of_tunnel(command, 1).half(attr::SESSION_ID, 6),
    );
    case.ask(
        "unknown name",
        &Message::new(command).text(attr::IFNAME, "l2tpeth9"),
    );
    case.ask(
        "name of no session",
        &Message::new(command).text(attr::IFNAME, "lo"),
    );
    let long = Message::new(command).text(attr::IFNAME, "l2tpeth901234567");
    case.ask("long name", &long);
    let open = Message::new(command).set(attr::IFNAME, b"l2tpeth0");
    case.ask("unterminated name", &open);
}

fn selectors(case: &mut Case, command: u8) {
    case.must(&udp4(1));
    case.must(&ip4(2));
    for id in 5..=7 {
        case.must(&eth(1, id));
    }
    case.must(&eth(2, 8));
    case.must(&ppp(1, 9));
    case.ask("ids", &of_session(command, 1, 5));
    let named = |name| Message::new(command).text(attr::IFNAME, name);
    case.ask("name", &named("l2tpeth1"));
    let both = of_session(command, 1, 9).text(attr::IFNAME, "l2tpeth2");
    case.ask("name before ids", &both);
    case.ask("another tunnel", &of_session(command, 1, 8));
    case.ask("empty name", &named(""));
    case.table("sessions", SESSION_GET);
}

fn modify(case: &mut Case) {
    case.must(&udp4(1));
    case.must(&eth(1, 5));
    let message = || of_session(SESSION_MODIFY, 1, 5);
    let changes = [
        ("nothing", message()),
        ("recv_seq", message().octet(attr::RECV_SEQ, 1)),
        ("send_seq", message().octet(attr::SEND_SEQ, 1)),
        ("lns_mode", message().octet(attr::LNS_MODE, 1)),
        ("timeout", message().long(attr::RECV_TIMEOUT, 100)),
        ("debug", message().word(attr::DEBUG, 15)),
        ("mtu", message().half(attr::MTU, 900)),
        ("mru", message().half(attr::MRU, 900)),
        ("cookie", message().set(attr::COOKIE, &[1; 8])),
        ("peer id", message().word(attr::PEER_SESSION_ID, 77)),
        ("sublayer", message().octet(attr::L2SPEC_TYPE, 0)),
        ("sublayer 9", message().octet(attr::L2SPEC_TYPE, 9)),
        ("type", message().half(attr::PW_TYPE, 7)),
        (
            "back",
            message().octet(attr::RECV_SEQ, 0).octet(attr::SEND_SEQ, 0),
        ),
        (
            "lac mode",
            message()
                .octet(attr::LNS_MODE, 0)
                .long(attr::RECV_TIMEOUT, 0),
        ),
    ];
    for (question, message) in changes {
        case.ask(question, &message);
        case.ask(&format!("{question} then"), &get_session(1, 5));
    }
    super::session::device(case, "l2tpeth0");
}

/// Modes are bits of the octet given; the timeout is kept in the system's ticks.
fn modify_values(case: &mut Case) {
    case.must(&v2(1));
    case.must(&ppp(1, 5));
    let message = || of_session(SESSION_MODIFY, 1, 5);
    for value in [2, 3, 255] {
        let modes = message()
            .octet(attr::RECV_SEQ, value)
            .octet(attr::SEND_SEQ, value)
            .octet(attr::LNS_MODE, value);
        case.ask(&format!("modes {value}"), &modes);
        case.ask(&format!("modes {value} then"), &get_session(1, 5));
    }
    for value in [1, 4, 7, 1001, 86_400_000] {
        case.ask(
            &format!("timeout {value}"),
            &message().long(attr::RECV_TIMEOUT, value),
        );
        case.ask(&format!("timeout {value} then"), &get_session(1, 5));
    }
    case.ask(
        "timeout of four octets",
        &message().word(attr::RECV_TIMEOUT, 5),
    );
}

fn dump(case: &mut Case) {
    case.must(&udp4(7));
    case.must(&udp6(3));
    case.must(&v2(5).half(attr::UDP_SPORT, 5005));
    case.must(&eth(7, 20));
    case.must(&eth(3, 30).set(attr::COOKIE, &[1, 2, 3, 4]));
    case.must(&eth(3, 31).set(attr::PEER_COOKIE, &[1, 2, 3, 4, 5, 6, 7, 8]));
    case.must(&ppp(5, 50).octet(attr::LNS_MODE, 1));
    // Sessions of one tunnel come in no order that anybody promises.
    let replies = case.netlink().ask(&Message::dump(SESSION_GET));
    let replies = replies.expect("a socket");
    let mut lines: Vec<String> = replies
        .into_iter()
        .map(|one| crate::netlink::tell(&[one]))
        .collect();
    case.say("order of tunnels", order(&lines).join(" "));
    lines.sort();
    for line in lines {
        case.say("sessions, sorted", line);
    }
}

fn order(lines: &[String]) -> Vec<&str> {
    let tunnels = lines
        .iter()
        .filter_map(|line| line.split(" CONN_ID=").nth(1));
    tunnels.filter_map(|rest| rest.split(' ').next()).collect()
}

/// A session is known by the name that its device has now.
fn rename(case: &mut Case) {
    let renamed = crate::sys::rename_device("l2tpeth0", "pw9");
    case.did("rename", renamed);
    let named = |name| Message::new(SESSION_GET).text(attr::IFNAME, name);
    // Who follows names hears of it a little later; Linux's driver never does.
    case.answers_with(&named("pw9"), &["IFNAME=pw9"]);
    case.ask("old name", &named("l2tpeth0"));
    case.ask("new name", &named("pw9"));
    case.ask("get", &get_session(1, 5));
    case.ask("next", &eth(1, 6));
    case.ask("get next", &get_session(1, 6));
}
