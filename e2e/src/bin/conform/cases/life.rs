//! PPPoL2TP sockets: who ends what.

use super::pppox_data::ECHO_REQUEST;
use super::tunnel_fd::{arrives, gone};
use super::{get_session, get_tunnel};
use crate::case::{Case, Entry, SILENCE, entry};
use crate::numbers::command;
use crate::pppox::{Address, Form, connected, joined};
use crate::sys;
use std::os::fd::AsRawFd;
use std::thread;

pub(crate) fn cases() -> Vec<Entry> {
    vec![
        entry("life.session_socket", session_socket),
        entry("life.management_socket", management_socket),
        entry("life.tunnel_socket", tunnel_socket),
        entry("life.tunnel_socket_first", tunnel_socket_first),
        entry("life.duplicates", duplicates),
        entry("life.process_ends", process_ends),
        entry("life.ids_again", ids_again),
    ]
}

fn session_socket(case: &mut Case) {
    let joined = joined(case, Form::V2);
    drop(joined.session);
    gone_session(case, 5);
    case.ask("tunnel", &get_tunnel(1));
    let again = connected(&Address::new(Form::V2, -1, [1, 5, 1001, 1005]));
    case.did("again", again);
}

fn gone_session(case: &mut Case, session: u32) {
    let gone = case.loses_session(1, session);
    case.say("session gone", if gone { "yes" } else { "no" });
}

fn management_socket(case: &mut Case) {
    let joined = joined(case, Form::V2);
    drop(joined.management);
    case.loses_session(1, 0);
    case.ask("tunnel", &get_tunnel(1));
    case.ask("session", &get_session(1, 5));
    case.did("send", sys::send(&joined.session, &ECHO_REQUEST, 0));
    arrives(case, "sent", &joined.peer);
}

fn tunnel_socket(case: &mut Case) {
    let joined = joined(case, Form::V2);
    drop(joined.udp);
    // The session's sockets do not hold the tunnel.
    gone(case, 1);
    case.did("send", sys::send(&joined.session, &ECHO_REQUEST, 0));
    case.did(
        "port is free",
        super::tunnel_fd::udp_at([127, 0, 0, 1], 1701),
    );
}

fn tunnel_socket_first(case: &mut Case) {
    let joined = joined(case, Form::V2);
    drop(joined.udp);
    drop(joined.session);
    drop(joined.management);
    gone(case, 1);
    case.table("tunnels", command::TUNNEL_GET);
    case.table("sessions", command::SESSION_GET);
}

/// The last copy of a descriptor counts.
fn duplicates(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let copy = joined.session.try_clone().expect("a copy");
    drop(joined.session);
    // Nothing comes of that, however long one waits.
    thread::sleep(SILENCE);
    case.ask("session", &get_session(1, 5));
    case.did("send", sys::send(&copy, &ECHO_REQUEST, 0));
    // Nor does it of the end of a process that has copies of everything.
    let ended = sys::in_child(20, || thread::sleep(SILENCE));
    case.got("child", ended, i32::to_string);
    thread::sleep(SILENCE);
    let counted = ["[1=1 2=18 "];
    case.ask_until("session after the child", &get_session(1, 5), &counted);
    drop(copy);
    gone_session(case, 5);
}

/// A process that ends closes everything, whatever order that is in.
fn process_ends(case: &mut Case) {
    let ended = sys::in_child(20, || {
        let mut inner = Case::new("life.process_ends".to_owned());
        let joined = joined(&mut inner, Form::V2);
        inner.say("inside", joined.udp.as_raw_fd() >= 0);
        std::mem::forget(joined);
    });
    case.got("child", ended, i32::to_string);
    gone(case, 1);
    case.did(
        "port is free",
        super::tunnel_fd::udp_at([127, 0, 0, 1], 1701),
    );
}

fn ids_again(case: &mut Case) {
    for _ in 0..5 {
        let joined = joined(case, Form::V2);
        case.did("send", sys::send(&joined.session, &ECHO_REQUEST, 0));
        arrives(case, "sent", &joined.peer);
        drop(joined);
        gone(case, 1);
    }
}
