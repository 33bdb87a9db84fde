//! PPPoL2TP sockets: how they are made and connected.

use super::{eth, get_session, get_tunnel, ip4, managed, of_session, of_tunnel, ppp, udp4, v2};
use crate::case::{Case, Entry, entry};
use crate::numbers::{attr, command, done};
use crate::pppox::{
    AF_PPPOX, Address, FORMS, Form, PX_PROTO_OL2TP, connected, joined, socket, told, udp_pair,
};
use crate::sys;
use libc::{AF_INET, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET};
use std::os::fd::{AsRawFd, OwnedFd};

pub(crate) fn cases() -> Vec<Entry> {
    let mut all = vec![
        entry("pppox.types", types),
        entry("pppox.protocols", protocols),
        entry("pppox.options_of_sockets", options_of_sockets),
        entry("pppox.lengths", lengths),
        entry("pppox.fields", fields),
        entry("pppox.bad_pointer", |case| {
            let socket = case.have(socket());
            case.did("connect", sys::connect_at(&socket, sys::NOWHERE, 38));
        }),
        entry("pppox.descriptors", descriptors),
        entry("pppox.no_tunnel", no_tunnel),
        entry("pppox.twice", twice),
        entry("pppox.second_management", second_management),
        entry("pppox.management_session", management_session),
        entry("pppox.take_over", take_over),
        entry("pppox.take_over_other_types", take_over_other_types),
        entry("pppox.mixed_zeros", mixed_zeros),
        entry("pppox.form_of_another_version", form_of_another_version),
        entry("pppox.sessions_collide", sessions_collide),
        entry("pppox.kernel_tunnels", kernel_tunnels),
        entry("pppox.peer_id_filled_in", peer_id_filled_in),
        entry("pppox.after_failure", after_failure),
    ];
    for (name, form) in FORMS {
        all.push(entry(format!("pppox.form_{name}"), move |case| {
            forms(case, form)
        }));
    }
    all
}

fn types(case: &mut Case) {
    let kinds = [
        ("dgram", SOCK_DGRAM),
        ("stream", SOCK_STREAM),
        ("raw", SOCK_RAW),
        ("seqpacket", SOCK_SEQPACKET),
        ("type 9", 9),
        (
            "nonblocking",
            SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
        ),
    ];
    for (name, kind) in kinds {
        case.did(name, sys::socket(AF_PPPOX, kind, PX_PROTO_OL2TP));
    }
}

fn protocols(case: &mut Case) {
    for protocol in [3, 77, -1] {
        case.did(
            &format!("protocol {protocol}"),
            sys::socket(AF_PPPOX, SOCK_DGRAM, protocol),
        );
    }
}

fn options_of_sockets(case: &mut Case) {
    let socket = case.have(sys::socket(
        AF_PPPOX,
        SOCK_DGRAM | libc::SOCK_NONBLOCK,
        PX_PROTO_OL2TP,
    ));
    let options = [
        ("SO_TYPE", libc::SO_TYPE),
        ("SO_PROTOCOL", libc::SO_PROTOCOL),
        ("SO_DOMAIN", libc::SO_DOMAIN),
        ("SO_ERROR", libc::SO_ERROR),
        ("SO_ACCEPTCONN", libc::SO_ACCEPTCONN),
    ];
    for (name, option) in options {
        case.got(
            name,
            sys::option(&socket, SOL_SOCKET, option, 4),
            |(value, len)| format!("{} len={len}", crate::numbers::hex(value)),
        );
    }
}

/// The length says which form an address has.
fn lengths(case: &mut Case) {
    let mut octets = Address::new(Form::V3Over6, -1, [9, 9, 9, 9]).octets();
    octets.resize(128, 0);
    for len in [
        0, 1, 2, 16, 30, 37, 38, 39, 45, 46, 47, 50, 51, 57, 58, 59, 128,
    ] {
        let socket = case.have(socket());
        case.did(
            &format!("length {len}"),
            sys::connect(&socket, &octets[..len]),
        );
    }
    let socket = case.have(socket());
    case.did("length 200", sys::connect(&socket, &[0; 200]));
}

fn fields(case: &mut Case) {
    case.must(&v2(1));
    let address = Address::new(Form::V2, -1, [1, 5, 1001, 1005]);
    let wrong = [
        (
            "protocol 0",
            Address {
                protocol: 0,
                ..address.clone()
            },
        ),
        (
            "protocol 2",
            Address {
                protocol: 2,
                ..address.clone()
            },
        ),
        (
            "tunnel 0",
            Address {
                ids: [0, 5, 1001, 1005],
                ..address.clone()
            },
        ),
        (
            "tunnel 0 to manage",
            Address {
                ids: [0, 0, 1001, 0],
                ..address.clone()
            },
        ),
        (
            "family 2",
            Address {
                family: 2,
                ..address
            },
        ),
    ];
    for (name, address) in wrong {
        case.did(name, connected(&address));
    }
}

fn forms(case: &mut Case, form: Form) {
    let joined = joined(case, form);
    case.ask("tunnel", &get_tunnel(1));
    case.table("sessions", command::SESSION_GET);
    let fd = joined.udp.as_raw_fd();
    for (name, socket) in [
        ("management", &joined.management),
        ("session", &joined.session),
    ] {
        for (which, of_peer) in [("sockname", false), ("peername", true)] {
            let answer = sys::name(socket, of_peer, 128);
            case.got(&format!("{name} {which}"), answer, |name| told(name, fd));
        }
    }
    for room in [0, 10, 38] {
        let answer = sys::name(&joined.session, false, room);
        case.got(&format!("room {room}"), answer, |(octets, len)| {
            format!("len={len} octets={}", octets.len())
        });
    }
}

/// Which descriptors a management socket takes.
fn descriptors(case: &mut Case) {
    let manage = |fd| Address::new(Form::V2, fd, [1, 0, 1001, 0]);
    case.did("negative", connected(&manage(-1)));
    case.did("not open", connected(&manage(sys::UNUSED_FD)));
    let file = case.have(sys::open(c"/dev/null", libc::O_RDWR));
    case.did("file", connected(&manage(file.as_raw_fd())));
    let tcp = case.have(sys::socket(AF_INET, SOCK_STREAM, 0));
    case.did("tcp", connected(&manage(tcp.as_raw_fd())));
    let ip = case.have(sys::socket(AF_INET, SOCK_DGRAM, 115));
    case.did("protocol 115", connected(&manage(ip.as_raw_fd())));
    let unix = case.have(sys::socket(libc::AF_UNIX, SOCK_DGRAM, 0));
    case.did("unix", connected(&manage(unix.as_raw_fd())));
    let (udp, _peer) = udp_pair(Form::V2).expect("sockets");
    case.ask("taken", &managed(7, 2, 0, udp.as_raw_fd()));
    case.did("taken by another", connected(&manage(udp.as_raw_fd())));
    case.table("tunnels", command::TUNNEL_GET);
}

fn no_tunnel(case: &mut Case) {
    for (name, form) in FORMS {
        case.did(name, connected(&Address::new(form, -1, [1, 5, 1001, 1005])));
    }
    let (udp, _peer) = udp_pair(Form::V2).expect("sockets");
    let address = Address::new(Form::V2, udp.as_raw_fd(), [1, 5, 1001, 1005]);
    case.did("with a socket", connected(&address));
}

fn twice(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let connect = |ids| Address::new(Form::V2, -1, ids).octets();
    case.did(
        "same",
        sys::connect(&joined.session, &connect([1, 5, 1001, 1005])),
    );
    case.did(
        "other session",
        sys::connect(&joined.session, &connect([1, 6, 1001, 1006])),
    );
    case.did(
        "missing tunnel",
        sys::connect(&joined.session, &connect([2, 6, 1001, 1006])),
    );
    case.did("wrong length", sys::connect(&joined.session, &[0; 20]));
    case.did(
        "management",
        sys::connect(&joined.management, &connect([1, 0, 1001, 0])),
    );
    case.did(
        "another for the session",
        connected(&Address::new(Form::V2, -1, [1, 5, 1001, 1005])),
    );
}

fn second_management(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let address = Address::new(Form::V2, -1, [1, 0, 1001, 0]);
    case.did("second", connected(&address));
    drop(joined.management);
    let next = connected(&address);
    let _next = case.got("after closing the first", next, |_| "ok".to_owned());
    case.did("not to be had twice", connected(&address));
}

/// A management socket is a session of its tunnel, which netlink knows.
fn management_session(case: &mut Case) {
    let joined = joined(case, Form::V2);
    case.ask("get", &get_session(1, 0));
    let modify = of_session(command::SESSION_MODIFY, 1, 0).octet(attr::SEND_SEQ, 1);
    case.ask("modify", &modify);
    case.ask("get then", &get_session(1, 0));
    case.ask("create", &ppp(1, 0));
    case.ask("delete", &of_session(command::SESSION_DELETE, 1, 0));
    case.ask("get after", &get_session(1, 0));
    case.table("sessions", command::SESSION_GET);
    let name = sys::name(&joined.management, false, 128);
    case.got("sockname", name, |(_, len)| len.to_string());
    case.did(
        "another manager",
        connected(&Address::new(Form::V2, -1, [1, 0, 1001, 0])),
    );
}

/// Sessions made by netlink wait for a socket.
fn take_over(case: &mut Case) {
    let (udp, _peer) = udp_pair(Form::V2).expect("sockets");
    case.must(&managed(1, 2, 0, udp.as_raw_fd()));
    let session = ppp(1, 5).octet(attr::SEND_SEQ, 1).octet(attr::LNS_MODE, 1);
    case.must(&session);
    let address = Address::new(Form::V2, -1, [1, 5, 0, 0]);
    let socket = case.got("take over", connected(&address), |_| "ok".to_owned());
    case.did("again", connected(&address));
    if let Some(socket) = &socket {
        case.got("sockname", sys::name(socket, false, 128), |name| {
            told(name, udp.as_raw_fd())
        });
    }
    case.ask("get", &get_session(1, 5));
    drop(socket);
    case.ask_until("get after its socket", &get_session(1, 5), &["ENODEV"]);
}

fn take_over_other_types(case: &mut Case) {
    case.must(&udp4(1));
    case.must(&eth(1, 5));
    case.did(
        "ethernet",
        connected(&Address::new(Form::V3, -1, [1, 5, 1001, 1005])),
    );
    case.must(&ip4(2));
    case.must(&ppp(2, 6));
    case.did(
        "over ip",
        connected(&Address::new(Form::V3, -1, [2, 6, 1002, 1006])),
    );
    case.did(
        "manage over ip",
        connected(&Address::new(Form::V3, -1, [2, 0, 1002, 0])),
    );
    // Their sockets are closed, and take nothing with them but what was theirs.
    for session in [6, 0] {
        case.loses_session(2, session);
    }
    case.table("sessions", command::SESSION_GET);
}

/// One session id of 0 makes no management socket.
fn mixed_zeros(case: &mut Case) {
    let (udp, _peer) = udp_pair(Form::V2).expect("sockets");
    let fd = udp.as_raw_fd();
    case.did(
        "no tunnel, peer's 0",
        connected(&Address::new(Form::V2, fd, [1, 5, 1001, 0])),
    );
    case.did(
        "no tunnel, own 0",
        connected(&Address::new(Form::V2, fd, [1, 0, 1001, 5])),
    );
    case.must(&managed(1, 2, 0, fd));
    let first = connected(&Address::new(Form::V2, fd, [1, 5, 1001, 0]));
    case.did(
        "peer's 0",
        first
            .as_ref()
            .map_err(|error| std::io::Error::from(error.kind())),
    );
    let second = connected(&Address::new(Form::V2, fd, [1, 0, 1001, 6]));
    case.say("own 0", done(second));
    case.loses_session(1, 0);
    case.table("sessions", command::SESSION_GET);
}

fn form_of_another_version(case: &mut Case) {
    let (udp, _peer) = udp_pair(Form::V2).expect("sockets");
    let manage = connected(&Address::new(Form::V2, udp.as_raw_fd(), [1, 0, 1001, 0]));
    let _manage = case.have(manage);
    for (name, form) in FORMS {
        let socket = connected(&Address::new(form, -1, [1, 5, 1001, 1005]));
        if let Some(socket) = case.got(name, socket, |_| "ok".to_owned()) {
            let name = sys::name(&socket, false, 128);
            case.got("sockname", name, |name| told(name, udp.as_raw_fd()));
        }
        // The socket is closed here, and the next one has its session.
    }
}

fn sessions_collide(case: &mut Case) {
    case.must(&v2(1));
    let address = Address::new(Form::V2, -1, [1, 5, 1001, 1005]);
    let first = case.have(connected(&address));
    case.ask("netlink, same id", &ppp(1, 5));
    case.did(
        "another peer's id",
        connected(&Address {
            ids: [1, 5, 1001, 77],
            ..address
        }),
    );
    let _first: OwnedFd = first;
}

/// Tunnels whose socket the system made can be managed as well.
fn kernel_tunnels(case: &mut Case) {
    case.must(&v2(1));
    let manage = connected(&Address::new(Form::V2, -1, [1, 0, 1001, 0]));
    let Some(manage) = case.got("manage", manage, |_| "ok".to_owned()) else {
        return;
    };
    let session = connected(&Address::new(Form::V2, -1, [1, 5, 1001, 1005]));
    let session = case.got("session", session, |_| "ok".to_owned());
    case.got("sockname", sys::name(&manage, false, 128), |name| {
        told(name, -1)
    });
    case.table("sessions", command::SESSION_GET);
    drop(manage);
    case.ask("tunnel after the manager", &get_tunnel(1));
    drop(session);
    case.ask_until("session after its socket", &get_session(1, 5), &["ENODEV"]);
    case.ask("delete", &of_tunnel(command::TUNNEL_DELETE, 1));
}

fn peer_id_filled_in(case: &mut Case) {
    case.must(&v2(1).word(attr::PEER_CONN_ID, 0));
    let _session = case.have(connected(&Address::new(Form::V2, -1, [1, 5, 4444, 1005])));
    case.ask("tunnel", &get_tunnel(1));
    let _next = case.have(connected(&Address::new(Form::V2, -1, [1, 6, 5555, 1006])));
    case.ask("tunnel later", &get_tunnel(1));
}

/// A connect that fails leaves the socket as it was.
fn after_failure(case: &mut Case) {
    let socket = case.have(socket());
    let address = Address::new(Form::V2, -1, [1, 5, 1001, 1005]).octets();
    case.did("no tunnel", sys::connect(&socket, &address));
    case.must(&v2(1));
    case.did("tunnel", sys::connect(&socket, &address));
    case.ask("session", &get_session(1, 5));
}
