//! What carries a tunnel: encapsulation and addresses, or a listener that it shares with others.

use std::net::{IpAddr, SocketAddr};

/// Whether sent UDP packets carry a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxChecksum {
    /// Every one does.
    Always,
    /// Nobody asks for it: the data path does what is cheaper. A packet that leaves by itself has
    /// none; those that leave as segments of one message have one, because the kernel cuts
    /// nothing without. Over IPv4, where Linux's driver has none by default.
    Spare,
    /// None does, so every packet leaves by itself.
    Never,
}

impl TxChecksum {
    /// Whether it was asked for.
    pub fn is_on(self) -> bool {
        self == TxChecksum::Always
    }
}

/// The UDP checksums of a tunnel's outer packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpChecksum {
    /// What is sent.
    pub tx: TxChecksum,
    /// Packets without a checksum are refused. Means something over IPv6 only: over IPv4 a
    /// missing checksum is always accepted (RFC 768).
    pub rx: bool,
}

/// What carries a tunnel, and between which addresses. Both addresses are of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encap {
    /// UDP. A local port of 0 is an ephemeral one; a remote port of 0 leaves the socket
    /// unconnected, so that nothing can be sent.
    Udp {
        /// This end's address and port.
        local: SocketAddr,
        /// The peer's address and port.
        remote: SocketAddr,
        /// Checksums of the outer packets.
        checksum: UdpChecksum,
    },
    /// IP protocol 115.
    Ip {
        /// This end's address.
        local: IpAddr,
        /// The peer's address.
        remote: IpAddr,
    },
}

impl Encap {
    /// The local address without its port.
    pub fn local(&self) -> IpAddr {
        match self {
            Encap::Udp { local, .. } => local.ip(),
            Encap::Ip { local, .. } => *local,
        }
    }

    /// The peer's address without its port.
    pub fn remote(&self) -> IpAddr {
        match self {
            Encap::Udp { remote, .. } => remote.ip(),
            Encap::Ip { remote, .. } => *remote,
        }
    }

    /// Whether this is UDP.
    pub fn is_udp(&self) -> bool {
        matches!(self, Encap::Udp { .. })
    }

    /// Octets of outer headers before the L2TP header: IP without options, and UDP.
    pub fn overhead(&self) -> u32 {
        let ip = if self.local().is_ipv4() { 20 } else { 40 };
        ip + if self.is_udp() { 8 } else { 0 }
    }
}

/// Names a listener, for as long as it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u32);

/// A socket that many tunnels share, and that gives and takes control messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSpec {
    /// Its name.
    pub id: ListenerId,
    /// What it is bound to. The unspecified address is every address of the host, port 0 one that
    /// the system chooses.
    pub local: ListenerAddress,
    /// The device that packets come and go by; `None` leaves it to the routes.
    pub interface: Option<String>,
    /// Checksums of UDP packets.
    pub checksum: UdpChecksum,
    /// Whether control messages are given with the mark that the host has put on their packets.
    pub marks: bool,
}

/// What a listener is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListenerAddress {
    /// UDP, address and port.
    Udp(SocketAddr),
    /// IP protocol 115.
    Ip(IpAddr),
}

impl ListenerAddress {
    /// The address without its port.
    pub fn ip(&self) -> IpAddr {
        match self {
            ListenerAddress::Udp(local) => local.ip(),
            ListenerAddress::Ip(local) => *local,
        }
    }
}

/// How a tunnel uses a listener's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via {
    /// Whose socket it is.
    pub listener: ListenerId,
    /// Whose packets are taken for the peer's.
    pub source: PeerSource,
    /// The mark (SO_MARK) of packets that go to the peer, or 0.
    pub mark: u32,
}

/// Whose packets a tunnel on a shared socket takes for its peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PeerSource {
    /// Those from the peer's address and port.
    #[default]
    Exact,
    /// Those from the peer's address, by whatever port: behind some NATs data come by another
    /// port than control messages.
    AnyPort,
    /// Everybody's; only cookies keep others out.
    Anywhere,
}
