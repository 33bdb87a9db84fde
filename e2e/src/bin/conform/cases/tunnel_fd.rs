//! TUNNEL_CREATE on a socket of the caller's.

use super::{managed, of_tunnel, ppp};
use crate::address::{in4, in6, ip, ip_6};
use crate::case::{Case, Entry, PATIENCE, SILENCE, entry};
use crate::numbers::{attr, command};
use crate::sys;
use libc::{
    AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, IPPROTO_UDP, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

type Make = fn() -> io::Result<OwnedFd>;

pub(crate) fn cases() -> Vec<Entry> {
    let mut all = vec![
        entry("tunnel_fd.not_open", |case| {
            case.ask("create", &managed(1, 3, 0, sys::UNUSED_FD))
        }),
        entry("tunnel_fd.negative", |case| {
            case.ask("create", &managed(1, 3, 0, -1));
            case.table("tunnels", command::TUNNEL_GET);
        }),
        entry("tunnel_fd.of_another_namespace", of_another_namespace),
        entry("tunnel_fd.twice", twice),
        entry("tunnel_fd.encapsulated", encapsulated),
        entry("tunnel_fd.attributes_unread", attributes_unread),
        entry("tunnel_fd.closed", closed),
        entry("tunnel_fd.deleted", deleted),
        entry("tunnel_fd.data_after_deletion", data_after_deletion),
        entry("tunnel_fd.checksums", checksums),
        entry("tunnel_fd.control_packets_pass", control_packets_pass),
    ];
    for (name, version, encap, make) in sockets() {
        all.push(entry(format!("tunnel_fd.{name}"), move |case| {
            let socket = case.have(make());
            case.ask("create", &managed(1, version, encap, socket.as_raw_fd()));
            case.table("tunnels", command::TUNNEL_GET);
            case.ask("session", &ppp(1, 5));
        }));
    }
    all
}

fn sockets() -> Vec<(&'static str, u8, u16, Make)> {
    vec![
        ("file", 3, 0, || sys::open(c"/dev/null", libc::O_RDWR)),
        ("netlink", 3, 0, || sys::socket(AF_NETLINK, SOCK_RAW, 0)),
        ("unix", 3, 0, || sys::socket(AF_UNIX, SOCK_DGRAM, 0)),
        ("tcp", 3, 0, || sys::socket(AF_INET, SOCK_STREAM, 0)),
        ("raw_udp", 3, 0, || {
            sys::socket(AF_INET, SOCK_RAW, IPPROTO_UDP)
        }),
        ("raw_115", 3, 1, || sys::socket(AF_INET, SOCK_RAW, 115)),
        ("udp_as_ip", 3, 1, udp_connected),
        ("ip_as_udp", 3, 0, || sys::socket(AF_INET, SOCK_DGRAM, 115)),
        ("udp", 3, 0, || sys::socket(AF_INET, SOCK_DGRAM, 0)),
        ("udp_bound", 3, 0, || udp_at([127, 0, 0, 1], 1701)),
        ("udp_connected", 3, 0, udp_connected),
        ("udp_v2", 2, 0, udp_connected),
        ("udp6", 3, 0, || sys::socket(AF_INET6, SOCK_DGRAM, 0)),
        ("udp6_mapped", 3, 0, || {
            let socket = sys::socket(AF_INET6, SOCK_DGRAM, 0)?;
            sys::bind(&socket, &in6("::ffff:127.0.0.1", 1701))?;
            sys::connect(&socket, &in6("::ffff:127.0.0.2", 1702))?;
            Ok(socket)
        }),
        ("udp6_connected", 2, 0, || {
            let socket = sys::socket(AF_INET6, SOCK_DGRAM, 0)?;
            sys::bind(&socket, &in6("::1", 1701))?;
            sys::connect(&socket, &in6("::1", 1702))?;
            Ok(socket)
        }),
        ("ip", 3, 1, || sys::socket(AF_INET, SOCK_DGRAM, 115)),
        ("ip_connected", 3, 1, || {
            let socket = sys::socket(AF_INET, SOCK_DGRAM, 115)?;
            sys::bind(&socket, &ip([127, 0, 0, 1], 1))?;
            sys::connect(&socket, &ip([127, 0, 0, 2], 1001))?;
            Ok(socket)
        }),
        ("ip_bound_otherwise", 3, 1, || {
            let socket = sys::socket(AF_INET, SOCK_DGRAM, 115)?;
            sys::bind(&socket, &ip([127, 0, 0, 1], 99))?;
            Ok(socket)
        }),
        ("ip6_bound", 3, 1, || {
            let socket = sys::socket(AF_INET6, SOCK_DGRAM, 115)?;
            sys::bind(&socket, &ip_6("::1", 1))?;
            Ok(socket)
        }),
    ]
}

fn of_another_namespace(case: &mut Case) {
    let elsewhere = std::thread::spawn(|| {
        sys::enter_new_namespace()?;
        sys::socket(AF_INET, SOCK_DGRAM, 0)
    });
    let socket = elsewhere.join().expect("a thread");
    let socket = case.have(socket);
    case.ask("create", &managed(1, 3, 0, socket.as_raw_fd()));
}

fn twice(case: &mut Case) {
    let socket = case.have(udp_connected());
    case.ask("first", &managed(1, 3, 0, socket.as_raw_fd()));
    case.ask("second", &managed(2, 3, 0, socket.as_raw_fd()));
    case.ask("second, same id", &managed(1, 3, 0, socket.as_raw_fd()));
}

/// UDP_ENCAP_ESPINUDP is another use of the same hook.
fn encapsulated(case: &mut Case) {
    let socket = case.have(udp_connected());
    let set = sys::set_option(&socket, IPPROTO_UDP, 100, &2i32.to_ne_bytes());
    if set.is_ok() {
        case.ask("create", &managed(1, 3, 0, socket.as_raw_fd()));
    } else {
        case.say("create", "EBUSY");
    }
}

/// The socket alone says what the tunnel's addresses are.
fn attributes_unread(case: &mut Case) {
    let socket = case.have(udp_connected());
    let message = super::v4(super::ports(managed(1, 3, 0, socket.as_raw_fd())));
    case.ask("create", &message.octet(attr::UDP_CSUM, 1));
    case.table("tunnels", command::TUNNEL_GET);
}

/// Closing the socket ends the tunnel.
fn closed(case: &mut Case) {
    let socket = case.have(udp_connected());
    case.ask("create", &managed(1, 2, 0, socket.as_raw_fd()));
    case.ask("session", &ppp(1, 5));
    drop(socket);
    gone(case, 1);
    case.table("sessions", command::SESSION_GET);
}

/// Deleting the tunnel leaves the socket, which may then serve another.
fn deleted(case: &mut Case) {
    let socket = case.have(udp_connected());
    case.ask("create", &managed(1, 3, 0, socket.as_raw_fd()));
    case.ask("delete", &of_tunnel(command::TUNNEL_DELETE, 1));
    gone(case, 1);
    case.did("send", sys::send(&socket, b"x", 0));
    case.ask("again", &managed(2, 3, 0, socket.as_raw_fd()));
}

/// Without a tunnel a socket gets everything, data too.
fn data_after_deletion(case: &mut Case) {
    let socket = case.have(udp_connected());
    let peer = case.have(udp_at([127, 0, 0, 2], 1702));
    let near = in4([127, 0, 0, 1], 1701);
    case.ask("create", &managed(1, 2, 0, socket.as_raw_fd()));
    case.ask("session", &ppp(1, 5));
    let data = [0, 2, 0, 1, 0, 5, 0xff, 3, 0xc0, 0x21, 9, 1, 0, 4];
    case.did("data", sys::send_to(&peer, &data, 0, &near));
    may_arrive(case, "data arrives", &socket);
    case.ask("delete", &of_tunnel(command::TUNNEL_DELETE, 1));
    gone(case, 1);
    case.did("data then", sys::send_to(&peer, &data, 0, &near));
    arrives(case, "data then arrives", &socket);
}

/// Waits for what goes by itself.
pub(crate) fn gone(case: &mut Case, tunnel: u32) {
    let gone = case.answers_with(&super::get_tunnel(tunnel), &["ENODEV"]);
    case.say("gone", if gone { "yes" } else { "no" });
}

fn checksums(case: &mut Case) {
    const SO_NO_CHECK: i32 = 11;
    for (id, off) in [(1, 0i32), (2, 1)] {
        let socket = case.have(udp_at([127, 0, 0, 1], 1700 + id as u16));
        let set = sys::set_option(&socket, libc::SOL_SOCKET, SO_NO_CHECK, &off.to_ne_bytes());
        case.did("SO_NO_CHECK", set);
        case.ask("create", &managed(id, 3, 0, socket.as_raw_fd()));
        case.ask("get", &super::get_tunnel(id));
    }
}

/// What is not data stays with the socket.
fn control_packets_pass(case: &mut Case) {
    let socket = case.have(udp_connected());
    let peer = case.have(udp_at([127, 0, 0, 2], 1702));
    let near = in4([127, 0, 0, 1], 1701);
    case.ask("create", &managed(1, 2, 0, socket.as_raw_fd()));
    let mut packet = [
        0xc8, 0x02, 0, 20, 0, 1, 0, 0, 0, 0, 0, 0, 0x80, 8, 0, 0, 0, 0, 0, 6,
    ];
    case.did("control", sys::send_to(&peer, &packet, 0, &near));
    arrives(case, "control arrives", &socket);
    packet[..2].copy_from_slice(&[0x40, 0x02]);
    case.did("unknown session", sys::send_to(&peer, &packet, 0, &near));
    may_arrive(case, "unknown session arrives", &socket);
    case.did("short", sys::send_to(&peer, &packet[..9], 0, &near));
    arrives(case, "short arrives", &socket);
    case.did("answer", sys::send(&socket, &packet, 0));
    arrives(case, "answer arrives", &peer);
}

/// Notes what a socket receives, where something is to come.
pub(crate) fn arrives(case: &mut Case, question: &str, socket: &OwnedFd) {
    receives(case, question, socket, PATIENCE);
}

/// Notes what a socket receives where that is nothing, with Linux or with Adit: what does come is
/// there in a moment.
pub(crate) fn may_arrive(case: &mut Case, question: &str, socket: &OwnedFd) {
    receives(case, question, socket, SILENCE);
}

fn receives(case: &mut Case, question: &str, socket: &OwnedFd, time: Duration) {
    let there = sys::poll(socket, libc::POLLIN, time).expect("a poll") & libc::POLLIN != 0;
    let answer = match there {
        true => crate::numbers::outcome(sys::receive(socket, 4096, libc::MSG_DONTWAIT), |data| {
            crate::numbers::hex(&data)
        }),
        false => "nothing".to_owned(),
    };
    case.say(question, answer);
}

/// A UDP socket from 127.0.0.1:1701 to 127.0.0.2:1702.
pub(crate) fn udp_connected() -> io::Result<OwnedFd> {
    let socket = udp_at([127, 0, 0, 1], 1701)?;
    sys::connect(&socket, &in4([127, 0, 0, 2], 1702))?;
    Ok(socket)
}

pub(crate) fn udp_at(address: [u8; 4], port: u16) -> io::Result<OwnedFd> {
    let socket = sys::socket(AF_INET, SOCK_DGRAM, 0)?;
    sys::bind(&socket, &in4(address, port))?;
    Ok(socket)
}
