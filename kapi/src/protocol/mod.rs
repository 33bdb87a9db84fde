//! What a supervisor and a daemon say to each other.
//!
//! A supervisor connects to the daemon's control socket, sends [`HELLO`], and from then on both
//! sides send one [`Question`] or [`Answer`] a packet. Descriptors travel beside the packets that
//! say so. The daemon trusts nothing that is said about privilege beyond what the connection's
//! other end has itself.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The first packet of a supervisor: no netlink message starts like that, and another version of
/// this protocol starts otherwise.
pub const HELLO: &[u8] = b"adit supervisor 1";

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
    /// It cannot be had: this errno.
    Refused(i32),
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
