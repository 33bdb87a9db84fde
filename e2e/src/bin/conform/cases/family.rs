//! The family itself: how it is found, what it says of itself, and what is no request of it.

use super::{eth, get_tunnel, udp4};
use crate::case::{Case, Entry, entry};
use crate::netlink::{
    ACK, DUMP, Message, NLCTRL, Netlink, REQUEST, Reply, attributes, find, number, set, tell,
};
use crate::numbers::{attr, command, hex};

const GETFAMILY: u8 = 3;
const GETPOLICY: u8 = 10;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

pub(crate) fn cases() -> Vec<Entry> {
    let mut all = vec![
        entry("family.by_name", |case| {
            describe(case, &Message::control(GETFAMILY).text(FAMILY_NAME, "l2tp"));
        }),
        entry("family.by_id", |case| {
            let id = case.netlink().l2tp;
            describe(case, &Message::control(GETFAMILY).half(FAMILY_ID, id));
        }),
        entry("family.by_id_and_name", |case| {
            let message = Message::control(GETFAMILY).half(FAMILY_ID, NLCTRL);
            describe(case, &message.text(FAMILY_NAME, "l2tp"));
        }),
        entry("family.dump", dumped),
        entry("family.policy", policy),
        entry("family.cap_ack", cap_ack),
        entry("family.without_ext_ack", without_ext_ack),
        entry("family.two_in_one", two_in_one),
        entry("family.wrong_namelen", wrong_address),
        entry("family.requests_only", requests_only),
        entry("family.membership", membership),
        entry("family.port_ids", port_ids),
    ];
    all.extend(refusals());
    all
}

fn refusals() -> impl Iterator<Item = Entry> {
    let control = Message::control;
    let mut unknown_family = Message::new(command::NOOP);
    unknown_family.family = 0x3fd;
    let mut other_version = Message::new(command::NOOP);
    other_version.version = 200;
    let dumping = |command| Message::new(command).flags(REQUEST | DUMP);
    [
        ("name_unknown", control(GETFAMILY).text(FAMILY_NAME, "l2tq")),
        (
            "name_too_long",
            control(GETFAMILY).text(FAMILY_NAME, "l2tp567890123456"),
        ),
        (
            "name_unterminated",
            control(GETFAMILY).set(FAMILY_NAME, b"l2tp"),
        ),
        ("nothing_asked", control(GETFAMILY)),
        (
            "policy_of_nothing",
            control(GETPOLICY).flags(REQUEST | DUMP),
        ),
        ("family_unknown", unknown_family),
        ("version", other_version),
        ("command_9", Message::new(9)),
        ("command_255", Message::new(255)),
        ("dump_noop", dumping(command::NOOP)),
        ("dump_tunnel_create", dumping(command::TUNNEL_CREATE)),
        ("dump_tunnel_delete", dumping(command::TUNNEL_DELETE)),
        ("dump_tunnel_modify", dumping(command::TUNNEL_MODIFY)),
        ("dump_session_create", dumping(command::SESSION_CREATE)),
        ("dump_session_delete", dumping(command::SESSION_DELETE)),
        ("dump_session_modify", dumping(command::SESSION_MODIFY)),
        (
            "dump_tunnel_ack",
            dumping(command::TUNNEL_GET).flags(REQUEST | DUMP | ACK),
        ),
        ("noop", Message::new(command::NOOP)),
        (
            "noop_without_ack",
            Message::new(command::NOOP).flags(REQUEST),
        ),
    ]
    .into_iter()
    .map(|(name, message)| {
        entry(format!("family.{name}"), move |case| {
            case.ask("ask", &message)
        })
    })
}

/// What a record of the controller says, without the numbers that it gives out itself.
fn describe(case: &mut Case, request: &Message) {
    let replies = case.netlink().ask(request).expect("a socket");
    for reply in replies {
        match reply.kind {
            NLCTRL => record(case, &reply),
            _ => case.say("end", tell(&[reply])),
        }
    }
}

fn record(case: &mut Case, reply: &Reply) {
    let say = format!("command={} version={}", reply.body[0], reply.body[1]);
    case.say("record", format!("{say} flags={:x}", reply.flags));
    for (kind, value) in attributes(&reply.body[4..]) {
        match kind {
            1 => case.say("id", "present"),
            2 => case.say("name", hex(value)),
            3..=5 => case.say(&format!("attribute {kind}"), number(value)),
            6 => operations(case, value),
            7 => groups(case, value),
            other => case.say("other", format!("{other}={}", hex(value))),
        }
    }
}

fn operations(case: &mut Case, nest: &[u8]) {
    for (index, one) in attributes(nest) {
        let (id, flags) = (number(find(one, 1)), number(find(one, 2)));
        case.say(
            &format!("operation {index}"),
            format!("id={id} flags={flags:x}"),
        );
    }
}

fn groups(case: &mut Case, nest: &[u8]) {
    for (index, one) in attributes(nest) {
        let id = if number(find(one, 2)) != 0 {
            "present"
        } else {
            "none"
        };
        case.say(
            &format!("group {index}"),
            format!("name={} id={id}", hex(find(one, 1))),
        );
    }
}

/// The family stands in the list of all, once, beside the controller.
fn dumped(case: &mut Case) {
    let dump = Message::control(GETFAMILY).flags(REQUEST | DUMP);
    case.netlink().send(&dump).expect("a socket");
    let ends = |replies: &[Reply]| replies.iter().any(|reply| reply.kind == 3);
    let replies = case.netlink().hear(ends).expect("a socket");
    assert!(ends(&replies), "the list ends");
    for (question, name) in [("l2tp", &b"l2tp\0"[..]), ("nlctrl", b"nlctrl\0")] {
        let named = |reply: &&Reply| reply.kind == NLCTRL && find(&reply.body[4..], 2) == name;
        let count = replies.iter().filter(named).count();
        case.say(question, count);
        if question == "l2tp" {
            let one = replies.iter().find(named).cloned();
            record(case, &one.expect("just counted"));
        }
    }
    let last = replies.last().cloned();
    case.say("end", tell(&last.into_iter().collect::<Vec<_>>()));
}

/// The attribute policies, sorted, for their order is the kernel's own matter.
fn policy(case: &mut Case) {
    for (question, op) in [("all", None), ("tunnel_create", Some(1)), ("noop", Some(0))] {
        let mut request = Message::control(GETPOLICY).flags(REQUEST | DUMP);
        request = request.text(FAMILY_NAME, "l2tp");
        if let Some(op) = op {
            request = request.word(10, op);
        }
        let replies = case.netlink().ask(&request).expect("a socket");
        let mut lines = Vec::new();
        for reply in &replies {
            match reply.kind {
                NLCTRL => lines.extend(
                    attributes(&reply.body[4..])
                        .into_iter()
                        .filter_map(policy_line),
                ),
                _ => lines.push(tell(std::slice::from_ref(reply))),
            }
        }
        lines.sort();
        case.say(question, lines.join("; "));
    }
}

fn policy_line((kind, value): (u16, &[u8])) -> Option<String> {
    match kind {
        1 => None,
        // Policy by its index, attribute by its number, description by its parts.
        8 => {
            let (index, one) = attributes(value).into_iter().next()?;
            let (attribute, parts) = attributes(one).into_iter().next()?;
            let parts = attributes(parts).into_iter();
            let parts = parts.map(|(part, value)| format!("{part}={}", number(value)));
            let parts = parts.collect::<Vec<_>>().join(" ");
            Some(format!("{index}/{attribute:02}: {parts}"))
        }
        9 => {
            let (op, one) = attributes(value).into_iter().next()?;
            Some(format!("operation {op}: {}", hex(one)))
        }
        other => Some(format!("other {other}")),
    }
}

/// The request's echo in an error is whole, or its header alone.
fn cap_ack(case: &mut Case) {
    for (question, on) in [("off", 0), ("on", 1)] {
        let netlink = case.netlink();
        set(&netlink.socket, 10, on).expect("NETLINK_CAP_ACK");
        let error = netlink.ask(&get_tunnel(77)).expect("a socket");
        let good = netlink.ask(&udp4(1 + on)).expect("a socket");
        for (what, reply) in [("error", &error[0]), ("success", &good[0])] {
            let text = format!("flags={:x} octets={}", reply.flags, reply.body.len());
            case.say(&format!("{question} {what}"), text);
        }
    }
}

fn without_ext_ack(case: &mut Case) {
    let mut netlink = Netlink::open().expect("the family");
    set(&netlink.socket, 11, 0).expect("NETLINK_EXT_ACK");
    let short = get_tunnel(1).set(attr::CONN_ID, &[1, 0, 0]);
    for (question, message) in [("short", short), ("missing", get_tunnel(77))] {
        let replies = netlink.ask(&message).expect("a socket");
        case.say(
            question,
            format!("{} flags={:x}", tell(&replies), replies[0].flags),
        );
    }
}

/// Whether the answer to the message `last` is among some.
fn answers(last: u32) -> impl Fn(&[Reply]) -> bool {
    move |replies| replies.iter().any(|reply| reply.seq == last)
}

/// A datagram may hold several messages; each is answered.
fn two_in_one(case: &mut Case) {
    let netlink = case.netlink();
    let mut octets = udp4(1).octets(netlink.l2tp, 70);
    octets.extend(eth(1, 5).octets(netlink.l2tp, 71));
    octets.extend(get_tunnel(9).octets(netlink.l2tp, 72));
    crate::sys::send(&netlink.socket, &octets, 0).expect("a socket");
    let replies = netlink.hear(answers(72)).expect("a socket");
    let port = netlink.port;
    for reply in replies {
        let mine = reply.port == port;
        case.say(
            &format!("answer {}", reply.seq),
            format!("{} mine={mine}", tell(&[reply])),
        );
    }
}

/// A message may go out by `send`, or to another port, where nobody is.
fn wrong_address(case: &mut Case) {
    let netlink = case.netlink();
    let octets = Message::new(command::NOOP).octets(netlink.l2tp, 90);
    let elsewhere = crate::netlink::address(4_000_000);
    let sent = crate::sys::send_to(&netlink.socket, &octets, 0, &elsewhere);
    case.did("to another port", sent);
}

/// What is no request is passed over; half a header is an error.
fn requests_only(case: &mut Case) {
    let message = Message::new(command::NOOP).flags(ACK);
    let replies = case.netlink().ask_briefly(&message).expect("a socket");
    case.say("not a request", tell(&replies));
    let netlink = case.netlink();
    let mut short = Message::new(command::NOOP).octets(netlink.l2tp, 80);
    short.truncate(16);
    short[0] = 16;
    crate::sys::send(&netlink.socket, &short, 0).expect("a socket");
    let replies = netlink.hear(answers(80)).expect("a socket");
    case.say("without a header", tell(&replies));
}

fn membership(case: &mut Case) {
    let netlink = case.netlink();
    let group = netlink.group;
    let socket = &netlink.socket;
    let answers = [
        ("join", set(socket, 1, group)),
        ("join again", set(socket, 1, group)),
        ("leave", set(socket, 2, group)),
        ("leave again", set(socket, 2, group)),
        ("join 0", set(socket, 1, 0)),
        ("join far", set(socket, 1, 1_000_000)),
    ];
    for (question, answer) in answers {
        case.did(question, answer);
    }
}

/// A process's first socket is known by its own id, another by some other number, and none changes.
fn port_ids(case: &mut Case) {
    let own = |port: u32| match port == std::process::id() {
        true => "the process's id",
        false => "another",
    };
    let first = Netlink::bare().expect("a socket");
    case.say("first", own(first.port));
    let second = Netlink::bare().expect("a socket");
    case.say("second", own(second.port));
    drop((first, second));
    let mut unbound = Netlink::unbound().expect("a socket");
    let replies = unbound.ask(&Message::control(GETFAMILY).text(FAMILY_NAME, "nlctrl"));
    let replies = replies.expect("a socket");
    case.say("unbound, answered", own(replies[0].port));
    for (question, port) in [
        ("bound to any", 0),
        ("bound to another", 4_000_001),
        ("bound to the same", std::process::id()),
    ] {
        let bound = crate::sys::bind(&unbound.socket, &crate::netlink::address(port));
        case.did(question, bound);
    }
}
