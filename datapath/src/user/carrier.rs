use crate::counters::{Counters, DropReason, Tally};
use crate::spec::{DebugMask, Encap, TunnelSpec, TunnelTuning, TxChecksum};
use crate::sys::batch::{self, Message};
use crate::sys::socket;
use crate::user::key::Key;
use crate::user::log::LogBudget;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::sync::{Mutex, PoisonError};

/// A socket that carries sessions: a UDP tunnel has one of its own, the protocol-115 tunnels
/// between the same two addresses share one, as nothing but the session id tells them apart.
#[derive(Debug)]
pub(crate) struct Carrier {
    socket: socket2::Socket,
    pub(crate) encap: Encap,
    /// The version of all its tunnels.
    version: u8,
    debug: AtomicU32,
    /// For a tunnel that does not mind checksums: whether the socket now adds them.
    spare_checksums: Option<Mutex<bool>>,
    /// Packets up to this length are believed to be good for UDP_SEGMENT.
    longest_segment: AtomicUsize,
    /// What belongs to no session.
    pub(crate) strays: Tally,
    pub(crate) log: LogBudget,
}

/// How a socket gives packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The payload of a UDP datagram.
    Udp,
    /// An IPv4 packet with its header, as raw sockets give it.
    Ipv4,
    /// The payload of an IPv6 packet.
    Ipv6,
}

impl Carrier {
    pub(crate) fn open(encap: Encap, version: u8) -> io::Result<Carrier> {
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
            version,
            debug: AtomicU32::new(0),
            spare_checksums: spares(&encap).then(|| Mutex::new(false)),
            longest_segment: AtomicUsize::new(longest_segment(&encap)),
            strays: Tally::default(),
            log: LogBudget::default(),
        })
    }

    /// `spec`, whose socket this is, with the port that the system chose where any was asked for.
    pub(crate) fn bound(&self, mut spec: TunnelSpec) -> TunnelSpec {
        if let Encap::Udp { local, .. } = &mut spec.encap
            && local.port() == 0
            && let Ok(Some(address)) = self.socket.local_addr().map(|bound| bound.as_socket())
        {
            local.set_port(address.port());
        }
        spec
    }

    pub(crate) fn is_udp(&self) -> bool {
        self.encap.is_udp()
    }

    /// Sends messages as [`batch::send`] does, with or without checksums as the tunnel has it.
    pub(crate) fn send(&self, messages: &[Message<'_>]) -> io::Result<usize> {
        let Some(mode) = &self.spare_checksums else {
            return batch::send(self.socket.as_fd(), messages);
        };
        // The kernel cuts nothing that shall have no checksum.
        let wanted = messages.iter().any(|message| message.segment.is_some());
        let mut on = mode.lock().unwrap_or_else(PoisonError::into_inner);
        if *on != wanted {
            socket::set_checksums(&self.socket, wanted)?;
            *on = wanted;
        }
        batch::send(self.socket.as_fd(), messages)
    }

    /// Whether packets of `len` octets may go to the socket as segments of one message.
    pub(crate) fn takes_segments(&self, len: usize) -> bool {
        len <= self.longest_segment.load(Relaxed)
    }

    /// Learns from the `error` that segments of `len` octets met: they do not fit the route, which
    /// a packet by itself need not, or the socket or its device cannot cut at all. False when the
    /// error says something else.
    pub(crate) fn refuse_segments(&self, len: usize, error: &io::Error) -> bool {
        let longest = match error.raw_os_error() {
            Some(libc::EMSGSIZE) => {
                let fits = self.route_mtu().saturating_sub(self.encap.overhead()) as usize;
                fits.min(len.saturating_sub(1))
            }
            Some(libc::EIO | libc::EINVAL | libc::ENOPROTOOPT) => 0,
            _ => return false,
        };
        if self.longest_segment.fetch_min(longest, Relaxed) > longest {
            let remote = self.encap.remote();
            tracing::warn!(%remote, %error, longest, "longer packets are sent one by one");
        }
        true
    }

    /// What stands in front of the L2TP header in what the socket gives.
    pub(crate) fn framing(&self) -> Framing {
        match (self.is_udp(), self.encap.local().is_ipv4()) {
            (true, _) => Framing::Udp,
            (false, true) => Framing::Ipv4,
            (false, false) => Framing::Ipv6,
        }
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

    /// Does as `tuning` has it from now on.
    pub(crate) fn tune(&self, tuning: &TunnelTuning) -> io::Result<()> {
        self.debug.store(tuning.debug.0, Relaxed);
        let v4 = self.encap.local().is_ipv4();
        socket::set_discovery(&self.socket, v4, tuning.pmtudisc)?;
        socket::set_ttl(&self.socket, v4, tuning.ttl)
    }

    /// Counts a data packet of which no session knows.
    pub(crate) fn drop_unknown(&self, key: Key, octets: usize) {
        let reason = match key.version() == self.version {
            true => DropReason::UnknownSession,
            false => DropReason::Version,
        };
        self.drop_stray(reason, octets);
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

fn spares(encap: &Encap) -> bool {
    matches!(encap, Encap::Udp { checksum, .. } if checksum.tx == TxChecksum::Spare)
}

/// The kernel cuts UDP packets, and puts checksums on the pieces.
fn longest_segment(encap: &Encap) -> usize {
    match encap {
        Encap::Udp { checksum, .. } if checksum.tx != TxChecksum::Never => usize::MAX,
        Encap::Udp { .. } | Encap::Ip { .. } => 0,
    }
}

impl AsFd for Carrier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
