//! What listeners of the family's group are told.

use super::{eth, get_session, get_tunnel, of_session, of_tunnel, ppp, udp4, v2};
use crate::case::{Case, Entry, entry};
use crate::netlink::{Message, Netlink, Reply, tell};
use crate::numbers::{attr, command};
use crate::sys;

pub(crate) fn cases() -> Vec<Entry> {
    vec![
        entry("notify.tunnel", tunnel),
        entry("notify.session", session),
        entry("notify.ppp_session", ppp_session),
        entry("notify.refusals", refusals),
        entry("notify.questions", questions),
        entry("notify.the_requester", the_requester),
        entry("notify.other_namespaces", other_namespaces),
        entry("notify.closed_socket", closed_socket),
        entry("notify.after_leaving", after_leaving),
    ]
}

/// A listener beside the case's own socket.
fn listener() -> Netlink {
    let netlink = Netlink::open().expect("the family");
    netlink.join().expect("the group");
    netlink
}

/// Asks, and notes what a listener hears of it, which is something.
fn ask(case: &mut Case, listener: &mut Netlink, question: &str, message: &Message) {
    case.ask(question, message);
    heard(case, listener, question);
}

fn heard(case: &mut Case, listener: &mut Netlink, question: &str) {
    let heard = listener.hear(|heard| !heard.is_empty());
    note(case, question, &heard.expect("a socket"));
}

/// Asks, and notes what a listener hears of it, which is nothing.
fn ask_unheard(case: &mut Case, listener: &mut Netlink, question: &str, message: &Message) {
    case.ask(question, message);
    unheard(case, listener, question);
}

fn unheard(case: &mut Case, listener: &mut Netlink, question: &str) {
    let heard = listener.overheard().expect("a socket");
    note(case, question, &heard);
}

fn note(case: &mut Case, question: &str, heard: &[Reply]) {
    let port = case.netlink().port;
    let asked_by = heard.iter().all(|reply| reply.port == port);
    let note = if asked_by { "" } else { " of another port" };
    case.say(&format!("{question} heard"), tell(heard) + note);
}

fn tunnel(case: &mut Case) {
    let mut listener = listener();
    ask(case, &mut listener, "create", &udp4(1));
    ask(
        case,
        &mut listener,
        "modify",
        &of_tunnel(command::TUNNEL_MODIFY, 1),
    );
    ask(
        case,
        &mut listener,
        "delete",
        &of_tunnel(command::TUNNEL_DELETE, 1),
    );
}

fn session(case: &mut Case) {
    let mut listener = listener();
    case.must(&udp4(1));
    heard(case, &mut listener, "tunnel");
    ask(
        case,
        &mut listener,
        "create",
        &eth(1, 5).set(attr::COOKIE, &[9; 4]),
    );
    let modify = of_session(command::SESSION_MODIFY, 1, 5);
    ask(
        case,
        &mut listener,
        "modify",
        &modify.octet(attr::SEND_SEQ, 1),
    );
    ask(
        case,
        &mut listener,
        "delete",
        &of_session(command::SESSION_DELETE, 1, 5),
    );
}

fn ppp_session(case: &mut Case) {
    let mut listener = listener();
    case.must(&v2(1));
    heard(case, &mut listener, "tunnel");
    ask(case, &mut listener, "create", &ppp(1, 5));
    ask(
        case,
        &mut listener,
        "delete tunnel",
        &of_tunnel(command::TUNNEL_DELETE, 1),
    );
}

fn refusals(case: &mut Case) {
    let mut listener = listener();
    ask_unheard(
        case,
        &mut listener,
        "tunnel",
        &udp4(1).half(attr::ENCAP_TYPE, 5),
    );
    ask_unheard(case, &mut listener, "session", &eth(1, 5));
    ask_unheard(
        case,
        &mut listener,
        "delete",
        &of_tunnel(command::TUNNEL_DELETE, 1),
    );
}

fn questions(case: &mut Case) {
    case.must(&udp4(1));
    case.must(&eth(1, 5));
    let mut listener = listener();
    ask_unheard(case, &mut listener, "tunnel", &get_tunnel(1));
    ask_unheard(case, &mut listener, "session", &get_session(1, 5));
    ask_unheard(
        case,
        &mut listener,
        "table",
        &Message::dump(command::TUNNEL_GET),
    );
}

/// Who asks and listens gets both.
fn the_requester(case: &mut Case) {
    case.netlink().join().expect("the group");
    let l2tp = case.netlink().l2tp;
    case.netlink().send(&udp4(1)).expect("a socket");
    let mut replies = case.netlink().hear(|replies| replies.len() == 2);
    let replies = replies.as_mut().expect("a socket");
    replies.sort_by_key(|reply| reply.kind != l2tp);
    case.say("create", tell(replies));
}

fn other_namespaces(case: &mut Case) {
    let elsewhere = std::thread::spawn(|| {
        sys::enter_new_namespace().expect("a namespace");
        Netlink::open().and_then(|netlink| netlink.join().map(|()| netlink))
    });
    let listener = elsewhere.join().expect("a thread");
    let Some(mut listener) = case.got("listen", listener, |_| "ok".to_owned()) else {
        return;
    };
    ask(case, &mut listener, "create", &udp4(1));
    ask(
        case,
        &mut listener,
        "delete",
        &of_tunnel(command::TUNNEL_DELETE, 1),
    );
}

fn closed_socket(case: &mut Case) {
    use std::os::fd::AsRawFd;
    let socket = super::tunnel_fd::udp_connected();
    let socket = case.have(socket);
    let mut listener = listener();
    ask(
        case,
        &mut listener,
        "create",
        &super::managed(1, 3, 0, socket.as_raw_fd()),
    );
    drop(socket);
    super::tunnel_fd::gone(case, 1);
    unheard(case, &mut listener, "close");
}

fn after_leaving(case: &mut Case) {
    let mut listener = listener();
    let left = crate::netlink::set(&listener.socket, 2, listener.group);
    case.did("leave", left);
    ask_unheard(case, &mut listener, "create", &udp4(1));
}
