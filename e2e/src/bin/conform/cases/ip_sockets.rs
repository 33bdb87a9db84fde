//! Sockets of protocol 115.

use super::tunnel_fd::{arrives, gone, may_arrive};
use super::{eth, get_tunnel, ip4, managed};
use crate::address::{in4, in6, ip, ip_6};
use crate::case::{Case, Entry, PATIENCE, entry};
use crate::numbers::hex;
use crate::sys;
use libc::{
    AF_INET, AF_INET6, MSG_DONTWAIT, MSG_OOB, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, SOL_SOCKET,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

const HERE: [u8; 4] = [127, 0, 0, 1];
const THERE: [u8; 4] = [127, 0, 0, 2];
const FIONREAD: u32 = 0x541b;
const TIOCOUTQ: u32 = 0x5411;

pub(crate) fn cases() -> Vec<Entry> {
    vec![
        entry("ip_sockets.types", types),
        entry("ip_sockets.bind", bind),
        entry("ip_sockets.bind6", bind6),
        entry("ip_sockets.bind_taken", bind_taken),
        entry("ip_sockets.connect", connect),
        entry("ip_sockets.connect6", connect6),
        entry("ip_sockets.names", names),
        entry("ip_sockets.names6", names6),
        entry("ip_sockets.messages", messages),
        entry("ip_sockets.messages6", messages6),
        entry("ip_sockets.new_peers", new_peers),
        entry("ip_sockets.send_errors", send_errors),
        entry("ip_sockets.requests", requests),
        entry("ip_sockets.on_the_wire", on_the_wire),
        entry("ip_sockets.tunnel_ends_with_it", tunnel_ends_with_it),
        entry("ip_sockets.beside_tunnels", beside_tunnels),
    ]
}

fn v4() -> io::Result<OwnedFd> {
    sys::socket(AF_INET, SOCK_DGRAM, 115)
}

fn v6() -> io::Result<OwnedFd> {
    sys::socket(AF_INET6, SOCK_DGRAM, 115)
}

fn joined4(near: ([u8; 4], u32), far: ([u8; 4], u32)) -> io::Result<OwnedFd> {
    let socket = v4()?;
    sys::bind(&socket, &ip(near.0, near.1))?;
    sys::connect(&socket, &ip(far.0, far.1))?;
    Ok(socket)
}

fn types(case: &mut Case) {
    for (name, kind) in [
        ("dgram", SOCK_DGRAM),
        ("stream", SOCK_STREAM),
        ("raw", SOCK_RAW),
    ] {
        case.did(name, sys::socket(AF_INET, kind, 115));
        case.did(&format!("{name} 6"), sys::socket(AF_INET6, kind, 115));
    }
    let socket = case.have(sys::socket(AF_INET, SOCK_DGRAM | libc::SOCK_NONBLOCK, 115));
    for (name, option) in [
        ("SO_TYPE", libc::SO_TYPE),
        ("SO_PROTOCOL", libc::SO_PROTOCOL),
        ("SO_DOMAIN", libc::SO_DOMAIN),
    ] {
        case.got(
            name,
            sys::option(&socket, SOL_SOCKET, option, 4),
            |(value, _)| hex(value),
        );
    }
}

fn bind(case: &mut Case) {
    let attempts: [(&str, Vec<u8>); 9] = [
        ("good", ip(HERE, 1)),
        ("wildcard", ip([0; 4], 1)),
        ("connection 0", ip(HERE, 0)),
        ("sockaddr_in", in4(HERE, 5)),
        ("short", ip(HERE, 1)[..12].to_vec()),
        ("foreign", ip([192, 0, 2, 1], 1)),
        ("multicast", ip([224, 0, 0, 1], 1)),
        ("broadcast", ip([255; 4], 1)),
        ("other family", {
            let mut address = ip(HERE, 1);
            address[0] = 10;
            address
        }),
    ];
    for (name, address) in attempts {
        let socket = case.have(v4());
        case.did(name, sys::bind(&socket, &address));
    }
    let socket = case.have(v4());
    case.did("once", sys::bind(&socket, &ip(HERE, 1)));
    case.did("twice", sys::bind(&socket, &ip(HERE, 2)));
}

fn bind6(case: &mut Case) {
    let attempts: [(&str, Vec<u8>); 8] = [
        ("good", ip_6("::1", 1)),
        ("wildcard", ip_6("::", 1)),
        ("sockaddr_in6", in6("::1", 5)),
        ("mapped", ip_6("::ffff:127.0.0.1", 1)),
        ("multicast", ip_6("ff02::1", 1)),
        ("foreign", ip_6("2001:db8::1", 1)),
        ("link-local without scope", ip_6("fe80::1", 1)),
        ("other family", {
            let mut address = ip_6("::1", 1);
            address[0] = 2;
            address
        }),
    ];
    for (name, address) in attempts {
        let socket = case.have(v6());
        case.did(name, sys::bind(&socket, &address));
    }
}

fn bind_taken(case: &mut Case) {
    let sockets: Vec<OwnedFd> = (0..5).map(|_| v4().expect("a socket")).collect();
    case.did("first", sys::bind(&sockets[0], &ip(HERE, 1)));
    case.did("same", sys::bind(&sockets[1], &ip(HERE, 1)));
    case.did("other address", sys::bind(&sockets[2], &ip(THERE, 1)));
    case.did("wildcard", sys::bind(&sockets[3], &ip([0; 4], 1)));
    case.did("other connection", sys::bind(&sockets[4], &ip(HERE, 2)));
}

fn connect(case: &mut Case) {
    let socket = case.have(v4());
    case.did("unbound", sys::connect(&socket, &ip(THERE, 2)));
    case.did("bind", sys::bind(&socket, &ip(HERE, 1)));
    let short = &ip(THERE, 2)[..12];
    case.did("short", sys::connect(&socket, short));
    case.did("multicast", sys::connect(&socket, &ip([224, 0, 0, 1], 2)));
    case.did("no route", sys::connect(&socket, &ip([192, 0, 2, 1], 2)));
    case.did("good", sys::connect(&socket, &ip(THERE, 2)));
    case.did("again", sys::connect(&socket, &ip(THERE, 3)));
    let mut nothing = ip(THERE, 3);
    nothing[0] = 0;
    case.did("disconnect", sys::connect(&socket, &nothing));
    case.got("peer then", sys::name(&socket, true, 64), |(name, _)| {
        hex(name)
    });
}

fn connect6(case: &mut Case) {
    let socket = case.have(v6());
    case.did("unbound", sys::connect(&socket, &ip_6("::1", 2)));
    case.did("bind", sys::bind(&socket, &ip_6("::1", 1)));
    case.did("short", sys::connect(&socket, &in6("::1", 2)));
    case.did("multicast", sys::connect(&socket, &ip_6("ff02::1", 2)));
    case.did(
        "mapped",
        sys::connect(&socket, &ip_6("::ffff:127.0.0.1", 2)),
    );
    case.did("no route", sys::connect(&socket, &ip_6("2001:db8::1", 2)));
    case.did("good", sys::connect(&socket, &ip_6("::1", 2)));
}

fn names(case: &mut Case) {
    let socket = case.have(v4());
    names_of(case, "fresh", &socket);
    sys::bind(&socket, &ip(HERE, 7)).expect("an address");
    names_of(case, "bound", &socket);
    sys::connect(&socket, &ip(THERE, 8)).expect("a peer");
    names_of(case, "connected", &socket);
    let unspecified = case.have(v4());
    sys::bind(&unspecified, &ip([0; 4], 9)).expect("an address");
    sys::connect(&unspecified, &ip(THERE, 0)).expect("a peer");
    names_of(case, "wildcard to connection 0", &unspecified);
}

fn names6(case: &mut Case) {
    let socket = case.have(v6());
    names_of(case, "fresh", &socket);
    sys::bind(&socket, &ip_6("::1", 7)).expect("an address");
    names_of(case, "bound", &socket);
    sys::connect(&socket, &ip_6("::1", 8)).expect("a peer");
    names_of(case, "connected", &socket);
}

fn names_of(case: &mut Case, state: &str, socket: &OwnedFd) {
    for (which, of_peer) in [("own", false), ("peer's", true)] {
        let name = sys::name(socket, of_peer, 64);
        case.got(&format!("{state}, {which}"), name, |(name, _)| hex(name));
    }
}

/// A control message of L2TPv3 to a connection.
fn control(connection: u32) -> Vec<u8> {
    let mut out = vec![0xc8, 3, 0, 20];
    out.extend(connection.to_be_bytes());
    out.extend([0, 0, 0, 0, 0x80, 8, 0, 0, 0, 0, 0, 6]);
    out
}

fn messages(case: &mut Case) {
    let near = case.have(joined4((HERE, 1), (THERE, 2)));
    let far = case.have(joined4((THERE, 2), (HERE, 1)));
    case.got("send", sys::send(&near, &control(2), 0), usize::to_string);
    let there = sys::poll(&far, libc::POLLIN, PATIENCE).expect("a poll");
    case.say("readable", there & libc::POLLIN != 0);
    case.got(
        "receive",
        sys::receive_from(&far, 100, MSG_DONTWAIT),
        |(data, from)| format!("{} from {}", hex(data), hex(from)),
    );
    case.did("another connection", sys::send(&near, &control(3), 0));
    may_arrive(case, "another connection arrives", &far);
    case.did("no control message", sys::send(&near, &[1; 20], 0));
    may_arrive(case, "no control message arrives", &far);
    case.did("short", sys::send(&near, &control(2)[..8], 0));
    may_arrive(case, "short arrives", &far);
    case.did(
        "to an address",
        sys::send_to(&far, &control(1), 0, &ip(HERE, 1)),
    );
    arrives(case, "to an address arrives", &near);
    let mut buffer = control(2);
    buffer.resize(1200, 7);
    case.did("long", sys::send(&near, &buffer, 0));
    case.got("cut", sys::receive(&far, 20, 0), |data| hex(data));
    may_arrive(case, "rest", &far);
}

fn messages6(case: &mut Case) {
    let near = case.have(v6());
    sys::bind(&near, &ip_6("::1", 1)).expect("an address");
    sys::connect(&near, &ip_6("::1", 2)).expect("a peer");
    let far = case.have(v6());
    sys::bind(&far, &ip_6("::1", 2)).expect("an address");
    case.got("send", sys::send(&near, &control(2), 0), usize::to_string);
    sys::poll(&far, libc::POLLIN, PATIENCE).expect("a poll");
    case.got(
        "receive",
        sys::receive_from(&far, 100, MSG_DONTWAIT),
        |(data, from)| format!("{} from {}", hex(data), hex(from)),
    );
    case.did(
        "to an address",
        sys::send_to(&far, &control(1), 0, &ip_6("::1", 1)),
    );
    arrives(case, "to an address arrives", &near);
}

/// Who listens for new peers is bound to connection 0.
fn new_peers(case: &mut Case) {
    let listener = case.have(v4());
    case.did("bind", sys::bind(&listener, &ip(THERE, 0)));
    let near = case.have(joined4((HERE, 1), (THERE, 0)));
    case.did("send", sys::send(&near, &control(0), 0));
    arrives(case, "arrives", &listener);
    case.did("send elsewhere", sys::send(&near, &control(77), 0));
    may_arrive(case, "elsewhere arrives", &listener);
    let sent = sys::send_to(&listener, &control(1), 0, &ip(HERE, 1));
    case.did("answer", sent);
    arrives(case, "answer arrives", &near);
}

fn send_errors(case: &mut Case) {
    let socket = case.have(v4());
    case.did("fresh", sys::send(&socket, &control(1), 0));
    case.did(
        "fresh to an address",
        sys::send_to(&socket, &control(1), 0, &ip(THERE, 1)),
    );
    sys::bind(&socket, &ip(HERE, 1)).expect("an address");
    case.did("bound", sys::send(&socket, &control(1), 0));
    case.did(
        "short address",
        sys::send_to(&socket, &control(1), 0, &ip(THERE, 1)[..10]),
    );
    case.did(
        "other family",
        sys::send_to(&socket, &control(1), 0, &ip_6("::1", 1)),
    );
    case.did(
        "no route",
        sys::send_to(&socket, &control(1), 0, &ip([192, 0, 2, 1], 1)),
    );
    case.did(
        "out of band",
        sys::send_to(&socket, &control(1), MSG_OOB, &ip(THERE, 1)),
    );
    case.did(
        "too long",
        sys::send_to(&socket, &[0; 70000], 0, &ip(THERE, 1)),
    );
    case.did("receive", sys::receive(&socket, 100, MSG_DONTWAIT));
    case.did(
        "receive out of band",
        sys::receive(&socket, 100, MSG_DONTWAIT | MSG_OOB),
    );
    case.did("listen", sys::listen(&socket));
    case.did("accept", sys::accept(&socket));
}

fn requests(case: &mut Case) {
    let near = case.have(joined4((HERE, 1), (THERE, 2)));
    let far = case.have(joined4((THERE, 2), (HERE, 1)));
    let mut argument = [0; 128];
    case.got("waiting", sys::ioctl(&far, FIONREAD, &mut argument), |_| {
        hex(&argument[..4])
    });
    sys::send(&near, &control(2), 0).expect("a send");
    sys::poll(&far, libc::POLLIN, PATIENCE).expect("a poll");
    case.got(
        "waiting then",
        sys::ioctl(&far, FIONREAD, &mut argument),
        |_| hex(&argument[..4]),
    );
    case.got("unsent", sys::ioctl(&near, TIOCOUTQ, &mut argument), |_| {
        hex(&argument[..4])
    });
    case.did(
        "PPPIOCGCHAN",
        sys::ioctl(&near, crate::ppp::GCHAN, &mut argument),
    );
}

/// The zero word stands in front of what is sent; a raw socket shows it.
fn on_the_wire(case: &mut Case) {
    let raw = case.have(sys::socket(AF_INET, SOCK_RAW, 115));
    let near = case.have(joined4((HERE, 1), (THERE, 2)));
    case.did("send", sys::send(&near, &control(2), 0));
    sys::poll(&raw, libc::POLLIN, PATIENCE).expect("a poll");
    let packet = sys::receive(&raw, 200, MSG_DONTWAIT);
    case.got("packet", packet, |packet| {
        hex(packet.get(20..).unwrap_or(&[]))
    });
}

fn tunnel_ends_with_it(case: &mut Case) {
    let socket = case.have(joined4((HERE, 1), (THERE, 1001)));
    case.ask("create", &managed(1, 3, 1, socket.as_raw_fd()));
    case.ask("session", &eth(1, 5));
    case.ask("get", &get_tunnel(1));
    drop(socket);
    gone(case, 1);
    case.table("sessions", crate::numbers::command::SESSION_GET);
}

/// The system's own tunnels do not take a program's messages.
fn beside_tunnels(case: &mut Case) {
    case.must(&ip4(1));
    let socket = case.have(joined4((HERE, 7), (THERE, 8)));
    let far = case.have(joined4((THERE, 8), (HERE, 7)));
    case.did("send", sys::send(&socket, &control(8), 0));
    arrives(case, "arrives", &far);
    case.did(
        "to the tunnel's connection",
        sys::send_to(&far, &control(1), 0, &ip(HERE, 1)),
    );
    may_arrive(case, "arrives elsewhere", &socket);
}
