//! The generic-netlink family `l2tp`, served: requests are checked in Linux's order and refused
//! with its errno plus a text; objects are told in its attribute order.
//!
//! Nothing here touches a socket or a device: [`Request::read`] and [`decide`] turn a packet into
//! an [`Action`], [`tunnel`] and [`session`] turn objects into messages.
//!
//! There are three [`Dialect`]s. A supervised program is answered as Linux answers, or strictly, without
//! what docs/exec.md lists as accidents. To Adit's own
//! clients, where Linux accepts what cannot work, this refuses: ids of 0, addresses of two families,
//! versions without a pseudowire type to serve, interface names with a `%`. A caller's socket
//! ([`Attr::Fd`]) cannot come over a Unix socket's netlink message, so it is refused as not
//! supported. A session is found in the tunnel that the request names and in no other.

mod create;
mod decide;
mod linux;
mod reply;
mod request;

pub(crate) use create::{session_spec, tunnel_spec};
pub(crate) use decide::free_session;
pub use decide::{Action, Order, decide};
pub(crate) use linux::retuning as linux_retuning;
pub use reply::{Extra, Header, session, tunnel};
pub(crate) use reply::{connection, control, cut, noop, report};
pub use request::Request;

use adit_datapath::Error;
use adit_wire::netlink::{Attr, Errno, PolicyError, PolicyReason};

/// Whose habits a request is judged and answered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Adit's own: what cannot work is refused, and there is more to tell and to ask for.
    Adit,
    /// Linux's, also where they look like accidents: programs may rely on them.
    Linux,
    /// Linux's without such accidents, for programs whose own mistakes shall show.
    Strict,
}

impl Dialect {
    /// Whether a supervised program asks, which knows Linux's family only.
    pub fn is_linux(self) -> bool {
        match self {
            Dialect::Adit => false,
            Dialect::Linux | Dialect::Strict => true,
        }
    }
}

/// The command line's keyword for an attribute.
fn keyword(attr: Attr) -> &'static str {
    match attr {
        Attr::PwType => "pw_type",
        Attr::EncapType => "encap",
        Attr::L2specType => "l2spec_type",
        Attr::ProtoVersion => "proto_version",
        Attr::Ifname => "name",
        Attr::ConnId => "tunnel_id",
        Attr::PeerConnId => "peer_tunnel_id",
        Attr::SessionId => "session_id",
        Attr::PeerSessionId => "peer_session_id",
        Attr::UdpCsum | Attr::UdpNoCsum => "udp_csum",
        Attr::Cookie => "cookie",
        Attr::PeerCookie => "peer_cookie",
        Attr::Debug => "debug",
        Attr::RecvSeq | Attr::SendSeq => "seq",
        Attr::LnsMode => "lns_mode",
        Attr::RecvTimeout => "reorder_timeout",
        Attr::Fd => "fd",
        Attr::IpSaddr | Attr::Ip6Saddr => "local",
        Attr::IpDaddr | Attr::Ip6Daddr => "remote",
        Attr::UdpSport => "udp_sport",
        Attr::UdpDport => "udp_dport",
        Attr::Mtu => "mtu",
        Attr::UdpZeroCsum6Tx => "udp6_csum_tx",
        Attr::UdpZeroCsum6Rx => "udp6_csum_rx",
        Attr::Offset => "offset",
        Attr::DryRun => "dry_run",
        Attr::Pmtudisc => "pmtudisc",
        Attr::Ttl => "ttl",
        Attr::Tos => "tos",
        Attr::Ecn => "ecn",
        Attr::Mss => "mss",
        Attr::PmtuProbe => "pmtu_probe",
        Attr::Connection => "connection",
        Attr::Call => "call",
        Attr::DataSeq
        | Attr::L2specLen
        | Attr::UsingIpsec
        | Attr::VlanId
        | Attr::Mru
        | Attr::Stats
        | Attr::Pad
        | Attr::Drops
        | Attr::Configured
        | Attr::Problem
        | Attr::Text
        | Attr::Limits
        | Attr::PathMtu
        | Attr::FastPath
        | Attr::Ifindex
        | Attr::State
        | Attr::Origin
        | Attr::PeerName
        | Attr::Uptime
        | Attr::Window
        | Attr::InFlight
        | Attr::Retransmissions
        | Attr::RoundTrip
        | Attr::Sessions
        | Attr::Circuit
        | Attr::PeerCircuit
        | Attr::Host
        | Attr::Priority
        | Attr::Weight
        | Attr::Called
        | Attr::Next
        | Attr::Failures
        | Attr::Counter
        | Attr::Dropped
        | Attr::Count
        | Attr::Ago
        | Attr::Listener
        | Attr::Everything => "attribute",
    }
}

fn missing(attr: Attr) -> Error {
    Error::new(Errno::EINVAL, keyword(attr), "is missing; give it")
}

/// The refusal of a value that its attribute's type does not admit.
fn policy(refused: PolicyError) -> Error {
    let remedy = match (refused.attr, refused.reason) {
        (Attr::Cookie | Attr::PeerCookie, _) => "give at most 8 octets".to_owned(),
        (Attr::Ifname, _) => "give at most 15 octets of UTF-8 and a NUL".to_owned(),
        (_, PolicyReason::TooShort) => "give all octets of its type".to_owned(),
        (_, PolicyReason::TooLong) => "give no more octets than its type has".to_owned(),
        (_, PolicyReason::Unterminated | PolicyReason::NotText) => {
            "give UTF-8 text that ends in NUL".to_owned()
        }
    };
    let text = format!("{refused}; {remedy}");
    Error::new(refused.errno(), keyword(refused.attr), text)
}

#[cfg(test)]
mod tests;
