//! The questions, in groups. A group's name begins those of its cases.

mod changes;
mod dumps;
mod family;
mod identity;
mod ip_sockets;
mod life;
mod notify;
mod ppp_channels;
mod ppp_units;
mod pppox;
mod pppox_calls;
mod pppox_data;
mod privilege;
mod session;
mod tunnel;
mod tunnel_fd;

use crate::case::Entry;
use crate::netlink::Message;
use crate::numbers::{attr, command};
use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) const LOCAL: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
pub(crate) const REMOTE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
pub(crate) const LOCAL_PORT: u16 = 5000;
pub(crate) const REMOTE_PORT: u16 = 6000;

/// Every case, in the order in which they run.
pub(crate) fn all() -> Vec<Entry> {
    [
        family::cases(),
        tunnel::cases(),
        tunnel_fd::cases(),
        changes::tunnels(),
        session::cases(),
        identity::cases(),
        changes::sessions(),
        notify::cases(),
        privilege::cases(),
        pppox::cases(),
        pppox_calls::cases(),
        pppox_data::cases(),
        life::cases(),
        ip_sockets::cases(),
        ppp_units::cases(),
        ppp_channels::cases(),
        dumps::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// TUNNEL_CREATE with what every tunnel needs.
fn tunnel(id: u32, version: u8, encap: u16) -> Message {
    Message::new(command::TUNNEL_CREATE)
        .word(attr::CONN_ID, id)
        .word(attr::PEER_CONN_ID, id + 1000)
        .octet(attr::PROTO_VERSION, version)
        .half(attr::ENCAP_TYPE, encap)
}

fn ports(message: Message) -> Message {
    message
        .half(attr::UDP_SPORT, LOCAL_PORT)
        .half(attr::UDP_DPORT, REMOTE_PORT)
}

fn v4(message: Message) -> Message {
    message
        .set(attr::IP_SADDR, &LOCAL.octets())
        .set(attr::IP_DADDR, &REMOTE.octets())
}

fn v6(message: Message) -> Message {
    message
        .set(attr::IP6_SADDR, &Ipv6Addr::LOCALHOST.octets())
        .set(attr::IP6_DADDR, &Ipv6Addr::LOCALHOST.octets())
}

/// An L2TPv3 tunnel over UDP and IPv4.
pub(crate) fn udp4(id: u32) -> Message {
    v4(ports(tunnel(id, 3, 0)))
}

/// An L2TPv3 tunnel over UDP and IPv6.
pub(crate) fn udp6(id: u32) -> Message {
    v6(ports(tunnel(id, 3, 0)))
}

/// An L2TPv3 tunnel over protocol 115 and IPv4.
pub(crate) fn ip4(id: u32) -> Message {
    v4(tunnel(id, 3, 1))
}

/// An L2TPv3 tunnel over protocol 115 and IPv6.
pub(crate) fn ip6(id: u32) -> Message {
    v6(tunnel(id, 3, 1))
}

/// An L2TPv2 tunnel over UDP and IPv4.
pub(crate) fn v2(id: u32) -> Message {
    v4(ports(tunnel(id, 2, 0)))
}

/// A tunnel on a socket of the caller's.
pub(crate) fn managed(id: u32, version: u8, encap: u16, fd: i32) -> Message {
    tunnel(id, version, encap).word(attr::FD, fd as u32)
}

/// SESSION_CREATE.
pub(crate) fn session_of(pw_type: u16, tunnel: u32, id: u32) -> Message {
    Message::new(command::SESSION_CREATE)
        .word(attr::CONN_ID, tunnel)
        .word(attr::SESSION_ID, id)
        .word(attr::PEER_SESSION_ID, id + 1000)
        .half(attr::PW_TYPE, pw_type)
}

/// An Ethernet session.
pub(crate) fn eth(tunnel: u32, id: u32) -> Message {
    session_of(5, tunnel, id)
}

/// A PPP session.
pub(crate) fn ppp(tunnel: u32, id: u32) -> Message {
    session_of(7, tunnel, id)
}

/// A command about a tunnel.
pub(crate) fn of_tunnel(command: u8, tunnel: u32) -> Message {
    Message::new(command).word(attr::CONN_ID, tunnel)
}

/// A command about a session.
pub(crate) fn of_session(command: u8, tunnel: u32, session: u32) -> Message {
    of_tunnel(command, tunnel).word(attr::SESSION_ID, session)
}

/// GET for a tunnel.
pub(crate) fn get_tunnel(tunnel: u32) -> Message {
    of_tunnel(command::TUNNEL_GET, tunnel)
}

/// GET for a session.
pub(crate) fn get_session(tunnel: u32, session: u32) -> Message {
    of_session(command::SESSION_GET, tunnel, session)
}
