//! What a supervisor and a daemon say to each other.
//!
//! A supervisor connects to the daemon's control socket, sends [`HELLO`], and from then on both
//! sides send one [`Question`] or [`Answer`] a packet. Descriptors travel beside the packets that
//! say so. The daemon trusts nothing that is said about privilege beyond what the connection's
//! other end has itself.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// The first packet of a supervisor: no netlink message starts like that, and another version of
/// this protocol starts otherwise.
pub const HELLO: &[u8] = b"adit supervisor 1";

/// The first packet of a supervisor whose programs are to be answered without what looks like
/// accidents of Linux's.
pub const HELLO_STRICT: &[u8] = b"adit supervisor 1 strict";

/// The longest packet either way.
pub const PACKET_OCTETS: usize = 160 << 10;

/// What a supervisor asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Every answer repeats it.
    pub id: u32,
    /// What is asked.
    pub ask: Ask,
}

/// What may be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// A message of the generic-netlink family, which a program sent. Where the message names a
    /// socket, that comes with the packet. Answered by [`Say::Datagram`]s and [`Say::End`].
    Netlink(NetlinkMessage),
    /// From now on, notifications to the family's multicast group are wanted on this connection.
    /// Answered by [`Say::End`].
    Subscribe,
    /// A PPPoL2TP socket is to be connected. With the packet come our end of the program's socket
    /// and the tunnel's socket, if there is one. Answered by [`Say::Object`].
    Connect(Connect),
    /// Something of a connected PPPoL2TP socket.
    Socket(u32, SocketAsk),
    /// `/dev/ppp` is opened; our end of the program's file comes with the packet. Answered by
    /// [`Say::Object`].
    OpenPpp {
        /// Whether the opener has CAP_NET_ADMIN over the namespace.
        privileged: bool,
    },
    /// Something of an open `/dev/ppp`.
    Ppp(u32, PppAsk),
    /// A socket of protocol 115 is opened. With the packet comes our end of its messages: a UDP
    /// socket in a namespace where every address is local. Answered by [`Say::Object`].
    OpenIp {
        /// Where the program's end is.
        program: SocketAddr,
    },
    /// Something of an open socket of protocol 115.
    Ip(u32, IpAsk),
    /// The counters of the PPP unit that is the network device of this index. Answered by
    /// [`Say::Counters`], or refused with ENODEV when it is none.
    UnitCounters(u32),
    /// A text in which Linux's driver shows its state. Answered by [`Say::Text`]s and
    /// [`Say::End`], or refused with EACCES.
    Dump {
        /// Which one.
        dump: Dump,
        /// Whether the reader has CAP_NET_ADMIN over the namespace.
        privileged: bool,
    },
}

/// A text in which Linux's driver shows its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dump {
    /// `/proc/net/pppol2tp`, for everybody.
    Pppol2tp,
    /// debugfs `l2tp/tunnels`, which tells cookies, for the privileged.
    Tunnels,
}

/// A program's message to the family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetlinkMessage {
    /// Whether who opened the socket and who sent this both have CAP_NET_ADMIN over the namespace.
    pub privileged: bool,
    /// The sender's port id, which answers carry.
    pub port: u32,
    /// Whether the socket wants extended acknowledgements (NETLINK_EXT_ACK).
    pub extended: bool,
    /// Whether refusals shall not repeat the request (NETLINK_CAP_ACK).
    pub capped: bool,
    /// The whole message, header included.
    pub message: Vec<u8>,
    /// The process that sent it, 0 where that is not known.
    pub process: i32,
    /// What became of the descriptor that L2TP_ATTR_FD names, if the message has one.
    pub socket: Descriptor,
}

/// A descriptor that a program named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Descriptor {
    /// It named none.
    None,
    /// It comes with the packet.
    Sent,
    /// It is the socket of protocol 115 that has this number.
    Ip(u32),
    /// It cannot be had: this errno.
    Refused(i32),
}

/// Where a PPPoL2TP socket is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// Whether the program has CAP_NET_ADMIN over the namespace.
    pub privileged: bool,
    /// The version that the address's form means.
    pub version: u8,
    /// Tunnel and session, here and there.
    pub ids: Ids,
    /// The program's process.
    pub process: i32,
    /// The tunnel's descriptor, as the program numbers it.
    pub fd: i32,
    /// What became of it.
    pub socket: Descriptor,
}

/// The ids of a PPPoL2TP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Ids {
    pub tunnel: u32,
    pub session: u32,
    pub peer_tunnel: u32,
    pub peer_session: u32,
}

impl Ids {
    /// Whether they name a tunnel alone: the socket is its management socket.
    pub fn is_management(&self) -> bool {
        self.session == 0 && self.peer_session == 0
    }
}

/// What is asked of a connected PPPoL2TP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SocketAsk {
    /// Its name. Answered by [`Say::Name`].
    Name,
    /// An option's value. Answered by [`Say::Number`].
    Option(i32),
    /// An option is to have a value.
    SetOption(i32, i32),
    /// The index of its PPP channel, which it is bound to from now on (PPPIOCGCHAN). Answered by
    /// [`Say::Number`].
    Channel,
    /// Whether it may be told a flag or an MRU, which mean nothing to a session (PPPIOCGMRU).
    Accepts,
    /// Its counters; those of the session of this id where it manages a tunnel, of the tunnel
    /// itself for 0. Answered by [`Say::Counters`].
    Counters(u16),
}

/// What is asked of an open `/dev/ppp`, as `linux/ppp-ioctl.h` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum PppAsk {
    AttachChannel(u32),
    NewUnit(Option<u32>),
    AttachUnit(u32),
    Connect(u32),
    Disconnect,
    Bridge(u32),
    Unbridge,
    Unit,
    Flags,
    SetFlags(u32),
    SetMru(u32),
    Debug,
    SetDebug(u32),
    NpMode(u16),
    SetNpMode(u16, u32),
    SetMaxConnections(u32),
    /// Answered by [`Say::Idle`].
    Idle,
    /// A pass or active filter: instructions of classic BPF, none to take it away.
    SetFilter {
        active: bool,
        program: Vec<(u16, u8, u8, u32)>,
    },
}

/// What is asked of a socket of protocol 115.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpAsk {
    /// It is to be bound.
    Bind(Endpoint),
    /// It is to be connected; to nothing, it is no longer.
    Connect(Option<Endpoint>),
    /// What it is bound to. Answered by [`Say::Endpoint`].
    Local,
    /// What it is connected to. Answered by [`Say::Endpoint`], or refused with ENOTCONN.
    Peer,
    /// A message is to be sent there, whatever the socket is connected to. The connection's id does
    /// not matter, the message has it.
    Send(Endpoint, Vec<u8>),
    /// The program has closed it.
    Close,
}

/// One end of a control connection, as `sockaddr_l2tpip` and `sockaddr_l2tpip6` have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The address, which may be unspecified.
    pub address: IpAddr,
    /// The interface that an address of IPv6 means, 0 for any.
    pub scope: u32,
    /// The control connection's id.
    pub connection: u32,
}

/// What a daemon says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The question's; 0 for what nobody asked for.
    pub id: u32,
    /// What is said.
    pub say: Say,
}

/// What may be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Say {
    /// A datagram for the program's netlink socket; more may follow.
    Datagram(Vec<u8>),
    /// All is done.
    End,
    /// It is refused, with this errno.
    Refused(i32),
    /// A notification to the family's multicast group.
    Notification(Vec<u8>),
    /// An object has been made, to be known by this number.
    Object(u32),
    /// The program has closed the object of this number.
    Closed(u32),
    /// A program's socket carries its tunnel no longer: the filter on it is to be taken off.
    Released(TunnelSocket),
    /// A number was asked for.
    Number(i64),
    /// A socket's name was asked for.
    Name(Name),
    /// An end of a control connection was asked for.
    Endpoint(Endpoint),
    /// Counters were asked for, in the order of the structure that takes them.
    Counters(Vec<u64>),
    /// Milliseconds since a packet was sent, and since one was received.
    Idle(u64, u64),
    /// A piece of a text; [`Say::End`] comes behind the last one.
    Text(Vec<u8>),
}

/// What a connected PPPoL2TP socket is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The tunnel's version.
    pub version: u8,
    /// Tunnel and session, here and there.
    pub ids: Ids,
    /// The tunnel's peer.
    pub peer: SocketAddr,
    /// The descriptor of the tunnel's socket, as the program that brought it numbers it; negative
    /// where none did.
    pub fd: i32,
}

/// A program's socket that carried a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelSocket {
    /// The process that brought it, by its supervisor's word.
    pub process: i32,
    /// The descriptor that it had there.
    pub fd: i32,
    /// Tells it from all other sockets (SO_COOKIE).
    pub cookie: u64,
}

/// One packet's octets.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Only types that refuse to be written make this fail, and those here do not.
    postcard::to_allocvec(value).unwrap_or_default()
}

/// The value that a packet holds; `None` when it is malformed or followed by anything.
pub fn decode<T: DeserializeOwned>(packet: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(packet) {
        Ok((value, [])) => Some(value),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
