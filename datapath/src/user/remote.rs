//! The peer of a tunnel on a shared socket: where its packets go, and which come from it.

use crate::spec::{Encap, PeerSource, TunnelSpec};
use crate::sys::batch::Target;
use socket2::SockAddr;
use std::net::{IpAddr, SocketAddr};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// See the [module](self). All sessions of a tunnel share one, so that a peer that moves takes
/// them along.
#[derive(Debug)]
pub(crate) struct Remote {
    source: PeerSource,
    /// The mark of what goes there.
    mark: u32,
    peer: RwLock<Peer>,
}

/// Where a peer is.
#[derive(Debug)]
pub(crate) struct Peer {
    /// This end's address, as the peer knows it.
    local: SocketAddr,
    address: SocketAddr,
    /// Whether that is anywhere.
    known: bool,
    /// The same for the system.
    pub(crate) target: Target,
}

impl Remote {
    /// The remote end of a tunnel on a listener's socket; none where the tunnel has its own. `source`
    /// says that packets have to name the address that they leave from.
    pub(crate) fn of(tunnel: &TunnelSpec, source: bool) -> Option<Remote> {
        let via = tunnel.via?;
        Some(Remote {
            source: via.source,
            mark: via.mark,
            peer: RwLock::new(Peer::of(&tunnel.encap, source, via.mark)),
        })
    }

    /// The remote end of a tunnel on a program's socket: if it is connected, its packets come from
    /// there alone.
    pub(crate) fn of_program(encap: &Encap) -> Remote {
        let peer = Peer::of(encap, true, 0);
        Remote {
            source: match peer.known {
                true => PeerSource::Exact,
                false => PeerSource::Anywhere,
            },
            mark: 0,
            peer: RwLock::new(peer),
        }
    }

    /// Whether there is a peer to send to.
    pub(crate) fn is_known(&self) -> bool {
        self.peer().known
    }

    /// Where the peer is now.
    pub(crate) fn peer(&self) -> RwLockReadGuard<'_, Peer> {
        self.peer.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the peer is elsewhere.
    pub(crate) fn move_to(&self, encap: &Encap, source: bool) {
        let moved = Peer::of(encap, source, self.mark);
        *self.peer.write().unwrap_or_else(PoisonError::into_inner) = moved;
    }

    /// Whether a packet that came `from` there is the peer's.
    pub(crate) fn admits(&self, from: Option<SocketAddr>) -> bool {
        let same_host = |from: &SocketAddr| from.ip() == self.peer().address.ip();
        match self.source {
            PeerSource::Anywhere => true,
            PeerSource::AnyPort => from.as_ref().is_some_and(same_host),
            PeerSource::Exact => from.is_some_and(|from| {
                let port = from.port() == self.peer().address.port();
                same_host(&from) && port
            }),
        }
    }
}

impl Peer {
    /// The outer addresses of both ends.
    pub(crate) fn endpoints(&self) -> (SocketAddr, SocketAddr) {
        (self.local, self.address)
    }

    fn of(encap: &Encap, source: bool, mark: u32) -> Peer {
        let (local, address, known) = match encap {
            Encap::Udp { local, remote, .. } => (*local, *remote, remote.port() != 0),
            Encap::Ip { local, remote } => {
                let plain = |ip: IpAddr| SocketAddr::new(ip, 0);
                (plain(*local), plain(*remote), true)
            }
        };
        let target = Target {
            to: SockAddr::from(address),
            from: source.then(|| encap.local()),
            mark,
        };
        Peer {
            local,
            address,
            known,
            target,
        }
    }
}

/// An address for the system, as control messages go.
pub(crate) fn target(to: SocketAddr, from: Option<IpAddr>, mark: u32) -> Target {
    Target {
        to: SockAddr::from(to),
        from,
        mark,
    }
}

#[cfg(test)]
mod tests;
