use crate::counters::{Counters, DropReason, Tally};
use crate::spec::{DebugMask, Encap};
use crate::sys::socket;
use crate::user::log::LogBudget;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// A socket that carries sessions: a UDP tunnel has one of its own, the protocol-115 tunnels
/// between the same two addresses share one, as nothing but the session id tells them apart.
#[derive(Debug)]
pub(crate) struct Carrier {
    socket: socket2::Socket,
    pub(crate) encap: Encap,
    debug: AtomicU32,
    /// What belongs to no session.
    pub(crate) strays: Tally,
    pub(crate) log: LogBudget,
}

impl Carrier {
    pub(crate) fn open(encap: Encap) -> io::Result<Carrier> {
        let socket = match encap {
            Encap::Udp {
                local,
                remote,
                checksum,
            } => socket::udp(local, remote, checksum)?,
            Encap::Ip { local, remote } => socket::ip(local, remote)?,
        };
        Ok(Carrier {
            socket,
            encap,
            debug: AtomicU32::new(0),
            strays: Tally::default(),
            log: LogBudget::default(),
        })
    }

    pub(crate) fn is_udp(&self) -> bool {
        self.encap.is_udp()
    }

    /// Whether received packets come with their IPv4 header, as raw IPv4 sockets give them.
    pub(crate) fn gives_ip_header(&self) -> bool {
        !self.is_udp() && self.encap.local().is_ipv4()
    }

    /// Whether there is a peer to send to.
    pub(crate) fn has_peer(&self) -> bool {
        match self.encap {
            Encap::Udp { remote, .. } => remote.port() != 0,
            Encap::Ip { .. } => true,
        }
    }

    /// The MTU of the route to the peer. Without one, what an Ethernet has.
    pub(crate) fn route_mtu(&self) -> u32 {
        socket::route_mtu(&self.socket, self.encap.local().is_ipv4()).unwrap_or(1500)
    }

    /// The outer addresses, with ports of 0 where there are none.
    pub(crate) fn endpoints(&self) -> (SocketAddr, SocketAddr) {
        let plain = |ip: IpAddr| SocketAddr::new(ip, 0);
        match self.encap {
            Encap::Udp { local, remote, .. } => (local, remote),
            Encap::Ip { local, remote } => (plain(local), plain(remote)),
        }
    }

    pub(crate) fn debug(&self) -> DebugMask {
        DebugMask(self.debug.load(Relaxed))
    }

    pub(crate) fn set_debug(&self, mask: DebugMask) {
        self.debug.store(mask.0, Relaxed);
    }

    /// Counts a packet that belongs to no session.
    pub(crate) fn drop_stray(&self, reason: DropReason, octets: usize) {
        self.strays.drop(reason, 1);
        let control = reason == DropReason::Control;
        let class = if control {
            DebugMask::CONTROL
        } else {
            DebugMask::DATA
        };
        if self.debug().has(class) && self.log.take() {
            tracing::debug!(remote = %self.encap.remote(), octets, reason = reason.name(), "dropped");
        }
    }

    /// The counters of what belongs to no session.
    pub(crate) fn counters(&self) -> Counters {
        let overflow = Tally::default();
        overflow.drop(DropReason::SocketOverflow, socket::overflows(&self.socket));
        let mut counters = self.strays.read();
        counters += overflow.read();
        counters
    }
}

impl AsFd for Carrier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
