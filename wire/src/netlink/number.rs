//! The numbers of the family: commands, attributes, flags, error codes.

/// Netlink message types below the families' range.
pub mod kind {
    /// NLMSG_ERROR: an acknowledgement or a refusal.
    pub const ERROR: u16 = 2;
    /// NLMSG_DONE: the end of a dump.
    pub const DONE: u16 = 3;
}

/// Netlink header flags.
pub mod flag {
    /// NLM_F_REQUEST.
    pub const REQUEST: u16 = 0x1;
    /// NLM_F_MULTI: part of a dump.
    pub const MULTI: u16 = 0x2;
    /// NLM_F_ACK: an acknowledgement is wanted.
    pub const ACK: u16 = 0x4;
    /// NLM_F_DUMP: the whole table is wanted.
    pub const DUMP: u16 = 0x300;
    /// NLM_F_CAPPED: an error's echo of the request stops after its header.
    pub const CAPPED: u16 = 0x100;
    /// NLM_F_ACK_TLVS: attributes follow the error's echo.
    pub const ACK_TLVS: u16 = 0x200;
}

/// Attributes of an extended acknowledgement.
pub(super) mod error_attr {
    /// NLMSGERR_ATTR_MSG: the text, a string.
    pub(in super::super) const MSG: u16 = 1;
    /// NLMSGERR_ATTR_OFFS: where the attribute to blame stands, u32.
    pub(in super::super) const OFFSET: u16 = 2;
    /// NLMSGERR_ATTR_POLICY: what that attribute may be, a nest.
    pub(in super::super) const POLICY: u16 = 4;
}

macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident: $repr:ty { $($(#[$vdoc:meta])* $variant:ident = $value:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr($repr)]
        pub enum $name { $($(#[$vdoc])* $variant = $value,)+ }

        impl $name {
            /// All of them, in ascending order of their numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The one with this number.
            pub fn from_number(number: $repr) -> Option<$name> {
                $name::ALL.iter().copied().find(|one| *one as $repr == number)
            }

            /// Its number on the wire.
            pub const fn number(self) -> $repr {
                self as $repr
            }
        }
    };
}

numbers! {
    /// A command of the family. Those from 128 are Adit's own.
    Command: u8 {
        /// Unprivileged no-operation.
        Noop = 0,
        /// Makes a tunnel.
        TunnelCreate = 1,
        /// Removes a tunnel and its sessions.
        TunnelDelete = 2,
        /// Changes a tunnel's debug mask.
        TunnelModify = 3,
        /// One tunnel, or a dump of all.
        TunnelGet = 4,
        /// Makes a session and its device.
        SessionCreate = 5,
        /// Removes a session and its device.
        SessionDelete = 6,
        /// Changes a session's sequencing, reordering, MTU or debug mask.
        SessionModify = 7,
        /// One session, or a dump of all.
        SessionGet = 8,
        /// Adit: applies the difference between the configuration file and what runs.
        Reload = 128,
        /// Adit: opens a tunnel or places a call by protocol.
        Start = 129,
        /// Adit: closes a tunnel or ends a call by protocol.
        Stop = 130,
        /// Adit: closes a tunnel once its last call has ended, and lets it take no more.
        Drain = 131,
        /// Adit: a dump of the connections of the configuration file: of each a message, then one
        /// with [`Attr::Host`] for each peer that it may be opened to, and one with [`Attr::Call`]
        /// for each of its calls.
        ConnectionGet = 132,
        /// Adit: a dump of what the control protocol has counted: a message with [`Attr::Counter`] for
        /// each counter, one with [`Attr::Dropped`] for each reason for which messages were dropped,
        /// and one with [`Attr::Listener`] for each listener.
        ControlGet = 133,
    }
}

impl Command {
    /// Whether Linux's family has it too.
    pub fn is_linux(self) -> bool {
        self.number() < 128
    }
}

numbers! {
    /// An attribute. Those from 0x1000 are Adit's own.
    Attr: u16 {
        /// u16, pseudowire type.
        PwType = 1,
        /// u16, [`Encapsulation`].
        EncapType = 2,
        /// u16, ignored.
        Offset = 3,
        /// u8, ignored.
        DataSeq = 4,
        /// u8: 0 none, 1 default.
        L2specType = 5,
        /// u8, ignored.
        L2specLen = 6,
        /// u8: 2 or 3.
        ProtoVersion = 7,
        /// String of at most 15 octets.
        Ifname = 8,
        /// u32, local tunnel id.
        ConnId = 9,
        /// u32.
        PeerConnId = 10,
        /// u32, local session id.
        SessionId = 11,
        /// u32.
        PeerSessionId = 12,
        /// u8; as input its presence alone means on.
        UdpCsum = 13,
        /// u16, ignored.
        VlanId = 14,
        /// At most 8 octets: the cookie this end sends.
        Cookie = 15,
        /// At most 8 octets: the cookie this end demands.
        PeerCookie = 16,
        /// u32, debug mask.
        Debug = 17,
        /// u8.
        RecvSeq = 18,
        /// u8.
        SendSeq = 19,
        /// u8.
        LnsMode = 20,
        /// u8, output only.
        UsingIpsec = 21,
        /// u64, reorder timeout in milliseconds.
        RecvTimeout = 22,
        /// u32, a managed tunnel's socket.
        Fd = 23,
        /// 4 octets.
        IpSaddr = 24,
        /// 4 octets.
        IpDaddr = 25,
        /// u16.
        UdpSport = 26,
        /// u16.
        UdpDport = 27,
        /// u16, the device's MTU, which Linux ignores; 0 asks Adit for an automatic one.
        Mtu = 28,
        /// u16, ignored.
        Mru = 29,
        /// Nest of [`Stat`].
        Stats = 30,
        /// 16 octets.
        Ip6Saddr = 31,
        /// 16 octets.
        Ip6Daddr = 32,
        /// Flag.
        UdpZeroCsum6Tx = 33,
        /// Flag.
        UdpZeroCsum6Rx = 34,
        /// Alignment.
        Pad = 35,
        /// Adit: nest of u64 counters whose attribute types are drop reasons' codes.
        Drops = 0x1000,
        /// Adit, u8: 1 when the object stands in the configuration file.
        Configured = 0x1001,
        /// Adit, string: why the object is not carrying traffic yet; in a reload's report, what
        /// failed.
        Problem = 0x1002,
        /// Adit, flag: say what would change and change nothing.
        DryRun = 0x1003,
        /// Adit, string: one line for a person.
        Text = 0x1004,
        /// Adit, u32: interface index of the session's device.
        Ifindex = 0x1005,
        /// Adit, flag: no packet is sent with a UDP checksum, over IPv4. Without it and without
        /// [`Attr::UdpCsum`] nobody asks for one, and nobody minds.
        UdpNoCsum = 0x1006,
        /// Adit, u8: whether outer packets may be fragmented, in the numbers of IP_MTU_DISCOVER.
        Pmtudisc = 0x1010,
        /// Adit, u8: the outer packets' TTL or hop limit; 0 is the system's, for a session the
        /// tunnel's.
        Ttl = 0x1011,
        /// Adit, u16: the outer packets' TOS octet, 0x100 to take over the frame's, 0x101 to do so
        /// both ways, for a session 0x102 to have the tunnel's.
        Tos = 0x1012,
        /// Adit, u8: whether congestion is told through the tunnel or the session, for which 2 is
        /// as the tunnel has it.
        Ecn = 0x1013,
        /// Adit, u16: the largest TCP segment size; 0 is none, 0xffff an automatic one.
        Mss = 0x1014,
        /// Adit, u16: seconds between probes of the path's MTU; 0 sends none.
        PmtuProbe = 0x1015,
        /// Adit, string: the state of what was set up by protocol.
        State = 0x1020,
        /// Adit, string: the connection, peer or call that it belongs to.
        Origin = 0x1021,
        /// Adit, string: what the peer calls itself.
        PeerName = 0x1022,
        /// Adit, u64: milliseconds since it was established.
        Uptime = 0x1023,
        /// Adit, u32: control messages that may be sent unacknowledged.
        Window = 0x1024,
        /// Adit, u32: control messages that are.
        InFlight = 0x1025,
        /// Adit, u64: control messages sent again.
        Retransmissions = 0x1026,
        /// Adit, u64: round-trip time of the control channel in microseconds.
        RoundTrip = 0x1027,
        /// Adit, string: the connection of the configuration file that is meant.
        Connection = 0x1028,
        /// Adit, string: the call of the connection that is meant.
        Call = 0x1029,
        /// Adit, u32: sessions in any state that a tunnel has.
        Sessions = 0x102a,
        /// Adit, string: the state of this end's circuit.
        Circuit = 0x102b,
        /// Adit, string: the state of the peer's circuit.
        PeerCircuit = 0x102c,
        /// Adit, string: what the session has to do without.
        Limits = 0x1030,
        /// Adit, u32: octets of the longest IP packet that the path to the peer takes, as known.
        PathMtu = 0x1031,
        /// Adit, string: a peer that a connection may be opened to, by name or address.
        Host = 0x1040,
        /// Adit, u16: its priority; lower ones go first.
        Priority = 0x1041,
        /// Adit, u16: its weight among those of one priority.
        Weight = 0x1042,
        /// Adit, flag: it is the one that was called last.
        Called = 0x1043,
        /// Adit, u64: milliseconds until the next attempt; of a peer that failed, until it no longer
        /// lets others go first.
        Next = 0x1044,
        /// Adit, u32: failures in a row.
        Failures = 0x1045,
        /// Adit, string: how the session uses the path inside the kernel.
        FastPath = 0x1038,
        /// Adit, string: the name of a counter.
        Counter = 0x1050,
        /// Adit, string: a reason for which control messages were dropped.
        Dropped = 0x1051,
        /// Adit, u64: how often.
        Count = 0x1052,
        /// Adit, u64: milliseconds since it was last so.
        Ago = 0x1053,
        /// Adit, string: a listener of the configuration file.
        Listener = 0x1054,
        /// Adit, flag: all that is set up by protocol is meant, and the daemon with it.
        Everything = 0x1055,
    }
}

numbers! {
    /// A counter inside [`Attr::Stats`]; every one is a u64.
    Stat: u16 {
        /// Packets sent.
        TxPackets = 1,
        /// Octets sent, L2TP header included.
        TxBytes = 2,
        /// Packets that could not be sent.
        TxErrors = 3,
        /// Packets received.
        RxPackets = 4,
        /// Octets received, L2TP header included.
        RxBytes = 5,
        /// Packets discarded by the sequence rules.
        RxSeqDiscards = 6,
        /// Packets that came out of order.
        RxOosPackets = 7,
        /// Packets received and discarded.
        RxErrors = 8,
        /// Alignment.
        Pad = 9,
        /// Packets whose cookie was wrong.
        RxCookieDiscards = 10,
        /// Malformed packets.
        RxInvalid = 11,
    }
}

numbers! {
    /// The encapsulation codes of [`Attr::EncapType`].
    Encapsulation: u16 {
        /// UDP.
        Udp = 0,
        /// IP protocol 115.
        Ip = 1,
    }
}

/// A Linux error number, positive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Errno(pub i32);

#[allow(missing_docs)]
impl Errno {
    pub const EPERM: Errno = Errno(1);
    pub const ENOENT: Errno = Errno(2);
    pub const EIO: Errno = Errno(5);
    pub const ENXIO: Errno = Errno(6);
    pub const EBADF: Errno = Errno(9);
    pub const EBUSY: Errno = Errno(16);
    pub const EEXIST: Errno = Errno(17);
    pub const ENODEV: Errno = Errno(19);
    pub const EINVAL: Errno = Errno(22);
    pub const EMFILE: Errno = Errno(24);
    pub const ENOTTY: Errno = Errno(25);
    pub const ERANGE: Errno = Errno(34);
    pub const EPROTO: Errno = Errno(71);
    pub const EMSGSIZE: Errno = Errno(90);
    pub const EPROTONOSUPPORT: Errno = Errno(93);
    pub const EOPNOTSUPP: Errno = Errno(95);
    pub const EADDRINUSE: Errno = Errno(98);
    pub const EADDRNOTAVAIL: Errno = Errno(99);
    pub const ENETUNREACH: Errno = Errno(101);
    pub const ENOTCONN: Errno = Errno(107);
    pub const EHOSTUNREACH: Errno = Errno(113);
    pub const EALREADY: Errno = Errno(114);
}
