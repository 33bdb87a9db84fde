use crate::counters::Tally;
use crate::limits::{Limit, Without};
use crate::spec::{DebugMask, Encap, ListenerId, Tos, TunnelSpec, TunnelTuning};
use crate::sys::batch::{self, BATCH, Class, Hops, Message, Target};
use crate::sys::{error_queue, socket};
use crate::user::log::{LogBudget, LookBudget};
use crate::user::outlet::Outlet;
use crate::user::remote::target;
use crate::{ControlMessage, ControlSink};
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};

mod checksums;
mod open;
mod strays;

use checksums::Checksums;
use open::longest_segment;

/// Errors taken at a time.
const MAX_ERRORS: usize = 64;

/// A socket that carries sessions: a UDP tunnel has one of its own, the protocol-115 tunnels
/// between the same two addresses share one, as nothing but the session id tells them apart, and
/// a listener's is for all tunnels that want it.
#[derive(Debug)]
pub(crate) struct Carrier {
    socket: socket2::Socket,
    /// The socket that data leaves by, where it is another one.
    outlet: Option<Outlet>,
    pub(crate) encap: Encap,
    /// The version of all its tunnels; a listener's may be of any.
    version: Option<u8>,
    debug: AtomicU32,
    /// A session has asked for its packets' classes.
    tells: AtomicBool,
    /// How many sessions it carries.
    pub(crate) sessions: AtomicUsize,
    /// For a tunnel that does not mind checksums.
    spare_checksums: Option<Mutex<Checksums>>,
    /// Packets up to this length are believed to be good for UDP_SEGMENT.
    longest_segment: AtomicUsize,
    /// Whether the kernel joins datagrams.
    gro: bool,
    /// What belongs to no session.
    pub(crate) strays: Tally,
    pub(crate) log: LogBudget,
    looks: LookBudget,
    /// Where control messages go; a listener has such a place.
    pub(crate) upcall: Option<Upcall>,
    /// The sockets are programs', and this hears their data.
    twin: bool,
    /// Programs hear the control messages by sockets of their own.
    others_hear_control: AtomicBool,
}

/// A listener's name, and what takes its control messages.
pub(crate) struct Upcall {
    pub(crate) listener: ListenerId,
    pub(crate) sink: ControlSink,
}

impl std::fmt::Debug for Upcall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Upcall").field(&self.listener).finish()
    }
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
    /// A UDP datagram with its headers, as a twin gives it.
    Twin,
}

impl Carrier {
    /// Whether tunnels with different peers share the socket.
    pub(crate) fn is_shared(&self) -> bool {
        self.upcall.is_some() || self.twin
    }

    /// Whether this is the raw twin of programs' sockets.
    pub(crate) fn is_twin(&self) -> bool {
        self.twin
    }

    /// Leaves control messages to programs' sockets from now on.
    pub(crate) fn leave_control(&self) {
        self.others_hear_control.store(true, Relaxed);
    }

    /// `spec`, whose socket this is, with the port that the system chose where any was asked for. A
    /// twin knows of no choice.
    pub(crate) fn bound(&self, mut spec: TunnelSpec) -> TunnelSpec {
        if !self.twin
            && let Encap::Udp { local, .. } = &mut spec.encap
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
        let socket = self.outlet.as_ref().map_or(&self.socket, |out| &out.socket);
        let Some(mode) = &self.spare_checksums else {
            return batch::send(socket.as_fd(), messages);
        };
        let cut = messages.iter().any(|message| message.segment.is_some());
        let mut mode = mode.lock().unwrap_or_else(PoisonError::into_inner);
        mode.prepare(socket, cut)?;
        batch::send(socket.as_fd(), messages)
    }

    /// Does without what the kernel may well have, and says what is missing in the end.
    pub(crate) fn do_without(&mut self, without: Without) {
        if without.segments {
            self.longest_segment = AtomicUsize::new(0);
        }
        if without.gro {
            self.gro = !socket::refuse_gro(&self.socket);
        }
        if without.outlet {
            self.outlet = None;
        }
        self.limits().into_iter().for_each(Limit::warn);
    }

    /// Whether the kernel joins datagrams before they are read.
    pub(crate) fn joins(&self) -> bool {
        self.is_udp() && self.gro
    }

    /// What the socket has to do without.
    pub(crate) fn limits(&self) -> Vec<Limit> {
        let longest = self.longest_segment.load(Relaxed);
        let lacks = [
            (longest < longest_segment(&self.encap)).then_some(Limit::Segments(longest)),
            (self.is_udp() && !self.joins()).then_some(Limit::UdpGro),
            (self.wants_outlet() && self.outlet.is_none()).then_some(Limit::Outlet),
        ];
        lacks.into_iter().flatten().collect()
    }

    /// Whether a second socket to send by is missed: beside one at every address there is no place
    /// for any.
    fn wants_outlet(&self) -> bool {
        self.is_udp() && !self.is_wildcard()
    }

    /// Where messages for the one peer of the socket go; none where the socket knows, or where
    /// there is no such peer.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.outlet.as_ref()?.target.as_ref()
    }

    /// Whether messages have to name the address that they leave from.
    pub(crate) fn wants_source(&self) -> bool {
        self.outlet.is_some() || self.is_wildcard()
    }

    /// Sends control messages by a listener's socket, in order. What the host refuses is lost.
    pub(crate) fn send_control(&self, messages: &[ControlMessage<'_>]) {
        let _summed = self.sum_control();
        for messages in messages.chunks(BATCH) {
            let targets: Vec<_> = messages
                .iter()
                .map(|message| {
                    let from = message.local.filter(|_| self.is_wildcard());
                    target(message.peer, from, message.mark)
                })
                .collect();
            let pieces: Vec<_> = messages.iter().map(|m| [IoSlice::new(m.octets)]).collect();
            let mut out: Vec<_> = pieces
                .iter()
                .zip(&targets)
                .map(|(pieces, target)| Message {
                    pieces,
                    segment: None,
                    class: None,
                    hops: None,
                    to: Some(target),
                })
                .collect();
            while !out.is_empty() {
                // An error is that of the first, or an ICMP answer to an earlier one.
                let send = || batch::send(self.socket.as_fd(), &out);
                let sent = send().or_else(|_| send());
                out.drain(..sent.unwrap_or(1).max(1));
            }
        }
    }

    /// Has control messages bear UDP checksums for as long as what it gives is held, also where data
    /// goes without (RFC 2661 §8.1, RFC 3931 §4.1.2.3). Where data that shall have none leaves by the
    /// same socket, neither has any.
    fn sum_control(&self) -> Option<MutexGuard<'_, Checksums>> {
        if !self.is_udp() {
            return None;
        }
        if self.outlet.is_some() {
            // A socket that refuses sends as it did.
            let _ = socket::set_checksums(&self.socket, true);
            return None;
        }
        let mode = self.spare_checksums.as_ref()?;
        let mut mode = mode.lock().unwrap_or_else(PoisonError::into_inner);
        mode.insist(&self.socket);
        Some(mode)
    }

    /// Whether the socket is bound to every address of the host.
    pub(crate) fn is_wildcard(&self) -> bool {
        self.encap.local().is_unspecified()
    }

    /// Whether packets of `len` octets may go to the socket as segments of one message.
    pub(crate) fn takes_segments(&self, len: usize) -> bool {
        len <= self.longest_segment.load(Relaxed)
    }

    /// Learns from the `error` that segments of `len` octets met: they do not fit the path, which
    /// a packet by itself need not, or the socket or its device cannot cut at all. False when the
    /// error says something else.
    pub(crate) fn refuse_segments(&self, len: usize, path_mtu: u32, error: &io::Error) -> bool {
        let fits = path_mtu.saturating_sub(self.encap.overhead()) as usize;
        let longest = match error.raw_os_error() {
            Some(libc::EMSGSIZE) => fits.min(len.saturating_sub(1)),
            // Kernels before 6.13 say so too.
            Some(libc::EINVAL) if len > fits => fits,
            Some(libc::EIO | libc::EINVAL | libc::ENOPROTOOPT) => 0,
            _ => return false,
        };
        if self.longest_segment.fetch_min(longest, Relaxed) > longest {
            let remote = self.encap.remote();
            tracing::warn!(%remote, %error, longest, "longer packets are sent one by one");
        }
        true
    }

    /// Forgets what lengths packets may have, since the path has changed.
    pub(crate) fn forget_lengths(&self) {
        let longest = longest_segment(&self.encap);
        // A socket that cannot cut at all cannot do so now.
        let able = |now| (now != 0).then_some(longest);
        let _ = self.longest_segment.fetch_update(Relaxed, Relaxed, able);
    }

    /// Takes what ICMP and this host have said of packets sent earlier. Tells whether one was too
    /// big, for its path to be looked at.
    pub(crate) fn take_errors(&self) -> bool {
        let errors = std::iter::from_fn(|| error_queue::take(self.as_fd()));
        // Somebody may send them as fast as they are taken.
        let mut too_big = errors
            .take(MAX_ERRORS)
            .filter(|error| *error == libc::EMSGSIZE);
        too_big.next().is_some() && self.looks.take()
    }

    /// A packet's TOS octet or traffic class, for its message; nothing for 0.
    pub(crate) fn class(&self, class: u8) -> Option<Class> {
        let class = (class != 0).then_some(class)?;
        Some(match self.encap.local() {
            IpAddr::V4(_) => Class::V4(class),
            IpAddr::V6(_) => Class::V6(class),
        })
    }

    /// A session's own TTL or hop limit, for its messages.
    pub(crate) fn hops(&self, ttl: Option<u8>) -> Option<Hops> {
        Some(match self.encap.local() {
            IpAddr::V4(_) => Hops::V4(ttl?),
            IpAddr::V6(_) => Hops::V6(ttl?),
        })
    }

    /// What stands in front of the L2TP header in what the socket gives.
    pub(crate) fn framing(&self) -> Framing {
        match (self.is_udp(), self.encap.local().is_ipv4()) {
            _ if self.twin => Framing::Twin,
            (true, _) => Framing::Udp,
            (false, true) => Framing::Ipv4,
            (false, false) => Framing::Ipv6,
        }
    }

    /// Whether there is a peer to send to.
    pub(crate) fn has_peer(&self) -> bool {
        match self.encap {
            Encap::Udp { remote, .. } => remote.port() != 0,
            Encap::Ip { remote, .. } => !remote.is_unspecified(),
        }
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

    /// The TTL or hop limit of packets.
    pub(crate) fn ttl(&self) -> io::Result<u8> {
        let socket = self.outlet.as_ref().map_or(&self.socket, |out| &out.socket);
        socket::ttl(socket, self.encap.local().is_ipv4())
    }

    /// Does as `tuning` has it from now on.
    pub(crate) fn tune(&self, tuning: &TunnelTuning) -> io::Result<()> {
        self.debug.store(tuning.debug.0, Relaxed);
        let v4 = self.encap.local().is_ipv4();
        for socket in
            std::iter::once(&self.socket).chain(self.outlet.as_ref().map(|out| &out.socket))
        {
            socket::set_discovery(socket, v4, tuning.pmtudisc)?;
            socket::set_ttl(socket, v4, tuning.ttl)?;
        }
        let tells = tuning.ecn || tuning.tos == Tos::Uniform || self.tells.load(Relaxed);
        socket::tell_class(&self.socket, v4, tells)
    }

    /// Has the socket tell of each packet's class from now on, for a session that wants it.
    pub(crate) fn tell_class(&self) -> io::Result<()> {
        self.tells.store(true, Relaxed);
        socket::tell_class(&self.socket, self.encap.local().is_ipv4(), true)
    }
}

impl AsFd for Carrier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
