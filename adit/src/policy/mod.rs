//! What this host does about tunnels and calls that are set up by protocol, as the configuration
//! file says it, with every profile resolved.

mod net;
mod terms;

pub use net::{Host, Net, Pattern};
pub use terms::{
    CircuitReport, Digest, HandTo, Pool, Pppd, PppdOn, Pseudowire, Roaming, Role, Secret,
    SessionTerms, SourcePort, TunnelTerms, VersionChoice,
};

use adit_datapath::spec::{ListenerAddress, UdpChecksum};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The port of L2TP (RFC 2661 §8.1).
pub const L2TP_PORT: u16 = 1701;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// By name.
    pub listeners: BTreeMap<String, Listener>,
    /// In the order of the file: the first that matches who calls is the one.
    pub peers: Vec<Peer>,
    /// By name.
    pub connections: BTreeMap<String, Connection>,
    /// What the whole host takes on.
    pub limits: Limits,
}

/// A socket on which tunnels are accepted and opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Address, and port or protocol.
    pub local: ListenerAddress,
    /// The one device that packets may come and go by.
    pub interface: Option<String>,
    /// UDP checksums.
    pub checksum: UdpChecksum,
    /// Whether the host's marks tell peers apart.
    pub marks: bool,
}

/// Who may call, and on what terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Where it is; none is anywhere.
    pub addresses: Vec<Net>,
    /// What it calls itself in its Host Name AVP; none is anything.
    pub host_name: Option<Pattern>,
    /// Whether it may open tunnels. Where it may not, it is refused.
    pub accept: bool,
    /// The terms of its tunnels.
    pub tunnel: TunnelTerms,
    /// The terms of calls that no entry of `calls` is about.
    pub session: SessionTerms,
    /// Calls by their Remote End ID.
    pub calls: BTreeMap<String, SessionTerms>,
}

/// A tunnel that this host opens, and its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name.
    pub name: String,
    /// The listener whose address it leaves from; none takes any of the right kind.
    pub listener: Option<String>,
    /// Whom to call, best first.
    pub peers: Vec<Candidate>,
    /// Whether it is opened at the start, and again whenever it ends.
    pub persistent: bool,
    /// The longest wait between attempts.
    pub redial: Duration,
    /// Its terms.
    pub tunnel: TunnelTerms,
    /// The terms of calls that the peer places and no entry of `calls` is about.
    pub session: SessionTerms,
    /// Its calls, by name.
    pub calls: BTreeMap<String, Call>,
}

/// A peer that a connection may be opened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its address or name.
    pub host: Host,
    /// Its port, over UDP.
    pub port: u16,
    /// Lower ones are tried first.
    pub priority: u16,
    /// Among equals, how large a share of the tunnels it gets.
    pub weight: u16,
}

/// A call to place in a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name, which is its Remote End ID unless the terms have another.
    pub name: String,
    /// Its terms.
    pub terms: SessionTerms,
}

/// What the whole host takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tunnels by protocol.
    pub max_tunnels: u32,
    /// Calls in all of them.
    pub max_sessions: u32,
    /// Tunnels that may be opened from one address, a second; more are left unanswered.
    pub tunnel_rate: u32,
    /// Calls that peers may place, a second.
    pub call_rate: u32,
    /// Pppds that the daemon runs.
    pub max_pppd: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_tunnels: 65_535,
            max_sessions: 1 << 20,
            tunnel_rate: 2_000,
            call_rate: 20_000,
            max_pppd: 1_000,
        }
    }
}

impl Policy {
    /// The peer that calls from `address` and calls itself `host_name`.
    pub fn peer(&self, address: SocketAddr, host_name: &str) -> Option<&Peer> {
        self.peers
            .iter()
            .find(|peer| peer.is(address.ip(), host_name))
    }

    /// The first peer that may call from `address`, whatever it calls itself.
    pub fn peer_at(&self, address: IpAddr) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.is_at(address))
    }

    /// How pppd is run for calls, wherever it is.
    pub fn pppds(&self) -> impl Iterator<Item = &Pppd> {
        let peers = self.peers.iter();
        let of_peers = peers.flat_map(|peer| peer.calls.values().chain([&peer.session]));
        let connections = self.connections.values();
        let of_connections = connections.flat_map(|connection| {
            let calls = connection.calls.values().map(|call| &call.terms);
            calls.chain([&connection.session])
        });
        let terms = of_peers.chain(of_connections);
        let run = terms.filter(|terms| terms.hand_to == HandTo::Pppd);
        run.map(|terms| &terms.pppd)
    }

    /// Whether there is anything in it.
    pub fn is_empty(&self) -> bool {
        self.listeners.is_empty() && self.peers.is_empty() && self.connections.is_empty()
    }
}

impl Peer {
    /// Whether who calls from `address` and calls itself `host_name` is this peer.
    pub fn is(&self, address: IpAddr, host_name: &str) -> bool {
        let named = self.host_name.as_ref();
        self.is_at(address) && named.is_none_or(|pattern| pattern.matches(host_name))
    }

    fn is_at(&self, address: IpAddr) -> bool {
        self.addresses.is_empty() || self.addresses.iter().any(|net| net.has(address))
    }

    /// The terms of a call for `remote_end_id`.
    pub fn call(&self, remote_end_id: Option<&str>) -> &SessionTerms {
        let named = remote_end_id.and_then(|id| self.calls.get(id));
        named.unwrap_or(&self.session)
    }
}

#[cfg(test)]
mod tests;
