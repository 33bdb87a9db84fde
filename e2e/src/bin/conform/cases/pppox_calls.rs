//! PPPoL2TP sockets: options, requests and the calls that they know nothing of.

use super::{of_session, of_tunnel};
use crate::case::{Case, Entry, entry};
use crate::numbers::{command, hex};
use crate::pppox::{Form, SOL_PPPOL2TP, joined, socket};
use crate::sys;
use libc::{MSG_DONTWAIT, POLLIN, POLLOUT};
use std::os::fd::OwnedFd;
use std::time::Duration;

const OPTIONS: [(&str, i32); 7] = [
    ("option 0", 0),
    ("DEBUG", 1),
    ("RECVSEQ", 2),
    ("SENDSEQ", 3),
    ("LNSMODE", 4),
    ("REORDERTO", 5),
    ("option 6", 6),
];

const REQUESTS: [(&str, u32); 9] = [
    ("GCHAN", 0x8004_7437),
    ("GMRU", 0x8004_7453),
    ("SMRU", 0x4004_7452),
    ("GFLAGS", 0x8004_745a),
    ("SFLAGS", 0x4004_7459),
    ("GL2TPSTATS", 0x8048_7436),
    ("GUNIT", 0x8004_7456),
    ("NEWUNIT", 0xc004_743e),
    ("FIONREAD", 0x541b),
];

pub(crate) fn cases() -> Vec<Entry> {
    vec![
        entry("pppox_calls.options_unconnected", |case| {
            let socket = case.have(socket());
            options(case, &socket);
        }),
        entry("pppox_calls.options_session", |case| {
            let joined = joined(case, Form::V2);
            options(case, &joined.session);
            case.ask("get", &super::get_session(1, 5));
        }),
        entry("pppox_calls.options_management", |case| {
            let joined = joined(case, Form::V2);
            options(case, &joined.management);
        }),
        entry("pppox_calls.options_detached", |case| {
            let joined = joined(case, Form::V2);
            case.must(&of_session(command::SESSION_DELETE, 1, 5));
            options(case, &joined.session);
        }),
        entry("pppox_calls.option_lengths", option_lengths),
        entry("pppox_calls.requests_unconnected", |case| {
            let socket = case.have(socket());
            requests(case, &socket);
        }),
        entry("pppox_calls.requests_session", |case| {
            let joined = joined(case, Form::V2);
            requests(case, &joined.session);
        }),
        entry("pppox_calls.requests_session_v3", |case| {
            let joined = joined(case, Form::V3);
            requests(case, &joined.session);
        }),
        entry("pppox_calls.requests_management", |case| {
            let joined = joined(case, Form::V2);
            requests(case, &joined.management);
        }),
        entry("pppox_calls.requests_detached", |case| {
            let joined = joined(case, Form::V2);
            case.must(&of_session(command::SESSION_DELETE, 1, 5));
            requests(case, &joined.session);
        }),
        entry("pppox_calls.statistics_selected", statistics_selected),
        entry("pppox_calls.unconnected", unconnected),
        entry("pppox_calls.connected", |case| {
            let joined = joined(case, Form::V2);
            calls(case, &joined.session);
        }),
        entry("pppox_calls.detached", detached),
        entry("pppox_calls.tunnel_deleted", tunnel_deleted),
    ]
}

fn options(case: &mut Case, socket: &OwnedFd) {
    for (name, option) in OPTIONS {
        read(case, &format!("get {name}"), socket, option);
        for value in [1i32, 2, -1, 0] {
            let set = sys::set_option(socket, SOL_PPPOL2TP, option, &value.to_ne_bytes());
            case.did(&format!("set {name} {value}"), set);
        }
        let set = sys::set_option(socket, SOL_PPPOL2TP, option, &1i32.to_ne_bytes());
        case.did(&format!("set {name} 1 last"), set);
        read(case, &format!("get {name} then"), socket, option);
    }
}

fn read(case: &mut Case, question: &str, socket: &OwnedFd, option: i32) {
    case.got(
        question,
        sys::option(socket, SOL_PPPOL2TP, option, 4),
        |(value, len)| format!("{} len={len}", hex(value)),
    );
}

fn option_lengths(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let socket = &joined.session;
    for len in [0, 1, 3, 5, 8] {
        let set = sys::set_option(socket, SOL_PPPOL2TP, 5, &[7, 0, 0, 0, 1, 1, 1, 1][..len]);
        case.did(&format!("set length {len}"), set);
    }
    for len in [0, 1, 3, 4, 8, -1] {
        let got = sys::option(socket, SOL_PPPOL2TP, 5, len);
        case.got(&format!("get length {len}"), got, |(value, len)| {
            format!("{} len={len}", hex(value))
        });
    }
    case.did(
        "bad pointer",
        sys::set_option_at(socket, SOL_PPPOL2TP, 5, sys::NOWHERE, 4),
    );
    case.did(
        "bad option, bad pointer",
        sys::set_option_at(socket, SOL_PPPOL2TP, 9, sys::NOWHERE, 4),
    );
    for level in [0, 6, 272, 274] {
        let value = 1i32.to_ne_bytes();
        case.did(
            &format!("set level {level}"),
            sys::set_option(socket, level, 1, &value),
        );
        case.did(
            &format!("get level {level}"),
            sys::option(socket, level, 1, 4),
        );
    }
}

fn requests(case: &mut Case, socket: &OwnedFd) {
    for (name, request) in REQUESTS {
        let mut argument = [0u8; 128];
        let result = sys::ioctl(socket, request, &mut argument);
        let size = ((request >> 16) & 0x3fff) as usize;
        case.got(name, result, |_| match name {
            // An index is the system's choice, but for the one of no channel.
            "GCHAN" if argument[..4] != [255; 4] => "an index".to_owned(),
            _ => hex(&argument[..size]),
        });
        case.did(
            &format!("{name} nowhere"),
            sys::ioctl_nowhere(socket, request),
        );
    }
}

/// A management socket tells of the tunnel or of any session in it.
fn statistics_selected(case: &mut Case) {
    let joined = joined(case, Form::V2);
    case.did(
        "send",
        sys::send(&joined.session, &[0xc0, 0x21, 9, 1, 0, 4], 0),
    );
    case.answers_with(&super::get_session(1, 5), &["[1=1 2=14 "]);
    for (tunnel, session) in [(0u16, 0u16), (0, 5), (1, 5), (9, 5), (0, 6)] {
        let mut argument = [0u8; 72];
        argument[..2].copy_from_slice(&tunnel.to_ne_bytes());
        argument[2..4].copy_from_slice(&session.to_ne_bytes());
        for (name, socket) in [
            ("management", &joined.management),
            ("session", &joined.session),
        ] {
            let mut argument = argument;
            let result = sys::ioctl(socket, 0x8048_7436, &mut argument);
            let question = format!("{name}: tunnel {tunnel} session {session}");
            case.got(&question, result, |_| hex(&argument));
        }
    }
}

fn unconnected(case: &mut Case) {
    let socket = case.have(socket());
    calls(case, &socket);
    for of_peer in [false, true] {
        case.did(
            &format!("name, peer {of_peer}"),
            sys::name(&socket, of_peer, 128),
        );
    }
    case.did("send", sys::send(&socket, b"\xc0\x21", MSG_DONTWAIT));
    case.did("write", sys::write(&socket, b"\xc0\x21"));
    case.did("receive", sys::receive(&socket, 100, MSG_DONTWAIT));
    case.got(
        "poll",
        sys::poll(&socket, POLLIN | POLLOUT, Duration::ZERO),
        |events| format!("{events:x}"),
    );
}

/// What there is none of.
fn calls(case: &mut Case, socket: &OwnedFd) {
    case.did("bind", sys::bind(socket, &[0; 38]));
    case.did("listen", sys::listen(socket));
    case.did("accept", sys::accept(socket));
    case.did("shutdown", sys::shutdown(socket));
    case.did("socketpair", sys::socketpair(24, libc::SOCK_DGRAM, 1));
}

/// The session went by netlink.
fn detached(case: &mut Case) {
    let joined = joined(case, Form::V2);
    case.ask("delete", &of_session(command::SESSION_DELETE, 1, 5));
    case.did(
        "send",
        sys::send(&joined.session, b"\xc0\x21\x01\x01\x00\x04", 0),
    );
    case.did("receive", sys::receive(&joined.session, 100, MSG_DONTWAIT));
    case.got(
        "sockname",
        sys::name(&joined.session, false, 128),
        |(_, len)| len.to_string(),
    );
    case.got(
        "poll",
        sys::poll(&joined.session, POLLIN | POLLOUT, Duration::ZERO),
        |events| format!("{events:x}"),
    );
    let again = crate::pppox::Address::new(Form::V2, -1, [1, 5, 1001, 1005]).octets();
    case.did("connect again", sys::connect(&joined.session, &again));
    case.did(
        "receive later",
        sys::receive(&joined.session, 100, MSG_DONTWAIT),
    );
    case.table("sessions", command::SESSION_GET);
}

fn tunnel_deleted(case: &mut Case) {
    let joined = joined(case, Form::V2);
    case.ask("delete", &of_tunnel(command::TUNNEL_DELETE, 1));
    super::tunnel_fd::gone(case, 1);
    for (name, socket) in [
        ("management", &joined.management),
        ("session", &joined.session),
    ] {
        case.did(
            &format!("{name} send"),
            sys::send(socket, b"\xc0\x21\x01\x01\x00\x04", 0),
        );
        case.did(
            &format!("{name} receive"),
            sys::receive(socket, 100, MSG_DONTWAIT),
        );
        case.got(
            &format!("{name} sockname"),
            sys::name(socket, false, 128),
            |(_, len)| len.to_string(),
        );
        read(case, &format!("{name} DEBUG"), socket, 1);
    }
    case.did("udp send", sys::send(&joined.udp, b"x", 0));
}
