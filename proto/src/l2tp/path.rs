use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What carries a control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encapsulation {
    /// UDP, of either version.
    Udp,
    /// IP protocol 115, version 3 only.
    Ip,
}

/// The way of a datagram between this end and a peer, by which peers are told apart.
///
/// Two peers behind one address translator differ in the port, or, with IPsec transport mode, in
/// nothing but the mark that the host puts on the packets of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// This end's address. The port is 0 over IP.
    pub local: SocketAddr,
    /// The peer's address. The port is 0 over IP.
    pub remote: SocketAddr,
    /// UDP or IP.
    pub encapsulation: Encapsulation,
    /// The socket that it goes by, as the host numbers them.
    pub socket: u32,
    /// The mark that the host puts on the peer's packets, or 0.
    pub mark: u32,
}

/// A peer but for its port.
pub(super) type Host = (IpAddr, u32, u32);

impl Path {
    /// Whom the path leads to, whatever the port.
    pub(super) fn host(&self) -> Host {
        (self.remote.ip(), self.socket, self.mark)
    }

    /// Whether `other` comes from the same peer but for the UDP port, as after a translator forgot
    /// the old one.
    pub fn differs_in_port_only(&self, other: &Path) -> bool {
        let mut moved = *other;
        moved.remote.set_port(self.remote.port());
        moved == *self && other != self
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.encapsulation {
            Encapsulation::Udp => write!(f, "{} to {} over udp", self.local, self.remote)?,
            Encapsulation::Ip => {
                write!(f, "{} to {} over ip", self.local.ip(), self.remote.ip())?;
            }
        }
        match self.mark {
            0 => Ok(()),
            mark => write!(f, " mark {mark:#x}"),
        }
    }
}
