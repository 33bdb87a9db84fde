use crate::counters::{Counters, DropReason, Tally};
use crate::limits::{Limit, Without};
use crate::spec::{
    DebugMask, Encap, ListenerAddress, ListenerId, ListenerSpec, Tos, TunnelSpec, TunnelTuning,
    TxChecksum,
};
use crate::sys::batch::{self, BATCH, Class, Message, Received, Target};
use crate::sys::{error_queue, socket};
use crate::user::key::Key;
use crate::user::log::{LogBudget, LookBudget};
use crate::user::outlet::Outlet;
use crate::user::remote::target;
use crate::user::twin::{self, Datagram};
use crate::{ControlMessage, ControlSink};
use adit_wire::ip::ipv4_payload;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::sync::{Mutex, PoisonError};

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
    /// For a tunnel that does not mind checksums: whether the socket now adds them.
    spare_checksums: Option<Mutex<bool>>,
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
    pub(crate) fn open(encap: Encap, version: u8) -> io::Result<Carrier> {
        let socket = match encap {
            Encap::Udp {
                local,
                remote,
                checksum,
            } => socket::udp(local, remote, checksum)?,
            Encap::Ip { local, remote } => socket::ip(local, remote)?,
        };
        Ok(Carrier::new(socket, encap, Some(version), None))
    }

    /// A listener's socket, whose control messages go to `sink`.
    pub(crate) fn listen(spec: &ListenerSpec, sink: ControlSink) -> io::Result<Carrier> {
        let interface = spec.interface.as_deref();
        let (socket, encap) = match spec.local {
            ListenerAddress::Udp(local) => {
                let (checksum, remote) = (spec.checksum, nowhere(local.ip()));
                let socket = socket::udp_listener(local, interface, checksum)?;
                let bound = socket.local_addr()?.as_socket();
                let local = bound.unwrap_or(local);
                (
                    socket,
                    Encap::Udp {
                        local,
                        remote,
                        checksum,
                    },
                )
            }
            ListenerAddress::Ip(local) => {
                let remote = nowhere(local).ip();
                (
                    socket::ip_listener(local, interface)?,
                    Encap::Ip { local, remote },
                )
            }
        };
        Ok(Carrier {
            upcall: Some(Upcall {
                listener: spec.id,
                sink,
            }),
            ..Carrier::new(socket, encap, None, interface)
        })
    }

    /// The raw twin of a program's port. Over `encap` the first of its tunnels goes.
    pub(crate) fn twin(encap: &Encap) -> io::Result<Carrier> {
        let Encap::Udp {
            local, checksum, ..
        } = *encap
        else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let socket = socket::udp_twin(local.is_ipv4(), local.port())?;
        let nowhere = nowhere(local.ip());
        let encap = Encap::Udp {
            local: SocketAddr::new(nowhere.ip(), local.port()),
            remote: nowhere,
            checksum,
        };
        let outlet = Outlet::of(local, &encap, None);
        if let Err(error) = &outlet {
            tracing::warn!(%local, %error, "nothing can be sent beside the program's socket");
        }
        Ok(Carrier {
            twin: true,
            outlet: outlet.ok(),
            ..Carrier::new(socket, encap, None, None)
        })
    }

    /// Whether this is the twin of a socket that is as `encap` says.
    pub(crate) fn is_twin_for(&self, encap: &Encap) -> bool {
        let (
            Encap::Udp {
                local: ours,
                checksum,
                ..
            },
            Encap::Udp {
                local: theirs,
                checksum: wanted,
                ..
            },
        ) = (&self.encap, encap)
        else {
            return false;
        };
        let port = ours.port() == theirs.port() && ours.is_ipv4() == theirs.is_ipv4();
        self.twin && port && checksum == wanted
    }

    /// Opens what came to a twin.
    pub(crate) fn open_datagram<'a>(
        &self,
        packet: &'a [u8],
        received: &Received,
    ) -> Result<Datagram<'a>, DropReason> {
        let strict = match self.encap {
            Encap::Udp { checksum, .. } => checksum.rx,
            Encap::Ip { .. } => false,
        };
        twin::open(self.encap.local().is_ipv4(), strict, packet, received)
    }

    fn new(
        socket: socket2::Socket,
        encap: Encap,
        version: Option<u8>,
        interface: Option<&str>,
    ) -> Carrier {
        Carrier {
            outlet: Outlet::beside(&socket, &encap, interface).ok(),
            gro: socket::has_gro(&socket),
            socket,
            encap,
            version,
            debug: AtomicU32::new(0),
            spare_checksums: spares(&encap).then(|| Mutex::new(false)),
            longest_segment: AtomicUsize::new(longest_segment(&encap)),
            strays: Tally::default(),
            log: LogBudget::default(),
            looks: LookBudget::default(),
            upcall: None,
            twin: false,
        }
    }

    /// Whether tunnels with different peers share the socket.
    pub(crate) fn is_shared(&self) -> bool {
        self.upcall.is_some() || self.twin
    }

    /// Whether this is the raw twin of programs' sockets.
    pub(crate) fn is_twin(&self) -> bool {
        self.twin
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
        let socket = self.outlet.as_ref().map_or(&self.socket, |out| &out.socket);
        let Some(mode) = &self.spare_checksums else {
            return batch::send(socket.as_fd(), messages);
        };
        // The kernel cuts nothing that shall have no checksum.
        let wanted = messages.iter().any(|message| message.segment.is_some());
        let mut on = mode.lock().unwrap_or_else(PoisonError::into_inner);
        if *on != wanted {
            socket::set_checksums(socket, wanted)?;
            *on = wanted;
        }
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

    /// What the socket has to do without.
    pub(crate) fn limits(&self) -> Vec<Limit> {
        let longest = self.longest_segment.load(Relaxed);
        let lacks = [
            (longest < longest_segment(&self.encap)).then_some(Limit::Segments(longest)),
            (self.is_udp() && !self.gro).then_some(Limit::UdpGro),
            (self.is_udp() && self.outlet.is_none()).then_some(Limit::Outlet),
        ];
        lacks.into_iter().flatten().collect()
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
        for messages in messages.chunks(BATCH) {
            let targets: Vec<_> = messages
                .iter()
                .map(|message| target(message.peer, message.local.filter(|_| self.is_wildcard())))
                .collect();
            let pieces: Vec<_> = messages.iter().map(|m| [IoSlice::new(m.octets)]).collect();
            let mut out: Vec<_> = pieces
                .iter()
                .zip(&targets)
                .map(|(pieces, target)| Message {
                    pieces,
                    segment: None,
                    class: None,
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
            Encap::Ip { .. } => true,
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
        let tells = tuning.ecn || tuning.tos == Tos::Uniform;
        socket::tell_class(&self.socket, v4, tells)
    }

    /// Hands a control message up, from `from` to `local`, if anybody wants it.
    pub(crate) fn hand_up(&self, packet: &[u8], from: Option<SocketAddr>, local: Option<IpAddr>) {
        let (Some(upcall), Some(peer)) = (&self.upcall, from) else {
            return self.drop_stray(DropReason::Control, packet.len());
        };
        let octets = match self.framing() {
            Framing::Ipv4 => ipv4_payload(packet).map_or(packet, |(_, payload)| payload),
            Framing::Udp | Framing::Ipv6 | Framing::Twin => packet,
        };
        let message = ControlMessage {
            peer,
            local,
            octets,
        };
        if !(upcall.sink)(upcall.listener, message) {
            self.drop_stray(DropReason::ControlOverflow, packet.len());
        }
    }

    /// Counts a data packet of which no session knows.
    pub(crate) fn drop_unknown(&self, key: Key, octets: usize) {
        let reason = match self.version {
            Some(version) if version != key.version() => DropReason::Version,
            Some(_) | None => DropReason::UnknownSession,
        };
        self.drop_stray(reason, octets);
    }

    /// Counts a packet that belongs to no session.
    pub(crate) fn drop_stray(&self, reason: DropReason, octets: usize) {
        self.strays.drop(reason, 1);
        let control = matches!(reason, DropReason::Control | DropReason::ControlOverflow);
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

/// The remote end of a socket that has none.
fn nowhere(local: IpAddr) -> SocketAddr {
    match local {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
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
