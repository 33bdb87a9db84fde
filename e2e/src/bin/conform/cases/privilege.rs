//! What a caller without CAP_NET_ADMIN may do.

use super::{eth, get_session, get_tunnel, of_session, of_tunnel, tunnel, udp4};
use crate::case::{Case, Entry, entry};
use crate::netlink::Message;
use crate::numbers::{attr, command};
use crate::pppox::{Address, Form, connected, joined};
use crate::sys;
use libc::{AF_INET, SOCK_DGRAM};
use std::os::fd::AsRawFd;

pub(crate) fn cases() -> Vec<Entry> {
    vec![
        entry("privilege.commands", commands),
        entry("privilege.before_parsing", before_parsing),
        entry("privilege.sockets", sockets),
        entry("privilege.connects", connects),
        entry("privilege.kept_by_no_socket", kept_by_no_socket),
    ]
}

fn commands(case: &mut Case) {
    case.must(&udp4(1));
    case.must(&eth(1, 5));
    drop_power(case);
    let messages = [
        ("noop", Message::new(command::NOOP)),
        ("tunnel_create", udp4(2)),
        ("tunnel_modify", of_tunnel(command::TUNNEL_MODIFY, 1)),
        ("tunnel_get", get_tunnel(1)),
        ("tunnel_dump", Message::dump(command::TUNNEL_GET)),
        ("session_create", eth(1, 6)),
        ("session_modify", of_session(command::SESSION_MODIFY, 1, 5)),
        ("session_get", get_session(1, 5)),
        ("session_dump", Message::dump(command::SESSION_GET)),
        ("session_delete", of_session(command::SESSION_DELETE, 1, 5)),
        ("tunnel_delete", of_tunnel(command::TUNNEL_DELETE, 1)),
        ("unknown", Message::new(9)),
        ("family", Message::control(3).text(2, "l2tq")),
    ];
    for (question, message) in messages {
        case.ask(question, &message);
    }
}

fn before_parsing(case: &mut Case) {
    // The family is looked up while it is certain that anybody may.
    case.netlink();
    drop_power(case);
    case.ask("nothing", &Message::new(command::TUNNEL_CREATE));
    case.ask("short", &udp4(1).half(attr::CONN_ID, 1));
    case.ask("bad", &tunnel(1, 3, 9));
    let dump = Message::new(command::TUNNEL_CREATE).flags(0x301);
    case.ask("dump of what has none", &dump);
}

fn sockets(case: &mut Case) {
    drop_power(case);
    case.did("pppox", sys::socket(24, SOCK_DGRAM, 1));
    case.did("l2tp over ip", sys::socket(AF_INET, SOCK_DGRAM, 115));
    case.did("/dev/ppp", sys::open(c"/dev/ppp", libc::O_RDWR));
    let listen = case.netlink().join();
    case.did("group", listen);
}

/// Whoever may connect a PPPoL2TP socket makes sessions, and tunnels on sockets of his own.
fn connects(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let own = case.have(super::tunnel_fd::udp_at([127, 0, 0, 1], 1703));
    drop_power(case);
    let session = Address::new(Form::V2, -1, [1, 6, 1001, 1006]);
    case.did("session", connected(&session));
    let manage = Address::new(Form::V2, own.as_raw_fd(), [2, 0, 1002, 0]);
    case.did("tunnel", connected(&manage));
    case.did("name", sys::name(&joined.session, false, 128));
}

/// A socket made with the power does not lend it later.
fn kept_by_no_socket(case: &mut Case) {
    case.netlink();
    drop_power(case);
    case.ask("create", &udp4(1));
}

fn drop_power(case: &mut Case) {
    case.did("drop CAP_NET_ADMIN", sys::drop_net_admin());
}
