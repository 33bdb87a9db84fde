use super::policy::{PolicyError, Value};
use super::walk::{counters, places};
use super::{Attr, Statistics, Writer};
use crate::l2tp::Cookie;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

/// Pseudowire types of [`Attr::PwType`] (RFC 4446 numbers, as Linux lists them).
pub mod pw_type {
    /// Ethernet VLAN.
    pub const ETHERNET_VLAN: u16 = 4;
    /// Ethernet.
    pub const ETHERNET: u16 = 5;
    /// PPP.
    pub const PPP: u16 = 7;
    /// The first number that Linux refuses as invalid.
    pub const INVALID: u16 = 0x0c;
}

/// The longest interface name: IFNAMSIZ less its NUL.
const IFNAME_MAX: usize = 15;

/// What a message of the family says: one field for each [`Attr`] that means something, which is
/// described there. The last attribute of a kind wins; unknown ones are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Attributes {
    pub pw_type: Option<u16>,
    pub encap_type: Option<u16>,
    pub l2spec_type: Option<u8>,
    pub proto_version: Option<u8>,
    pub ifname: Option<String>,
    pub conn_id: Option<u32>,
    pub peer_conn_id: Option<u32>,
    pub session_id: Option<u32>,
    pub peer_session_id: Option<u32>,
    pub udp_csum: Option<u8>,
    pub cookie: Option<Cookie>,
    pub peer_cookie: Option<Cookie>,
    pub debug: Option<u32>,
    pub recv_seq: Option<u8>,
    pub send_seq: Option<u8>,
    pub lns_mode: Option<u8>,
    pub using_ipsec: Option<u8>,
    pub recv_timeout: Option<Duration>,
    pub fd: Option<u32>,
    pub ip_saddr: Option<Ipv4Addr>,
    pub ip_daddr: Option<Ipv4Addr>,
    pub udp_sport: Option<u16>,
    pub udp_dport: Option<u16>,
    pub mtu: Option<u16>,
    pub stats: Option<Statistics>,
    pub ip6_saddr: Option<Ipv6Addr>,
    pub ip6_daddr: Option<Ipv6Addr>,
    pub udp_zero_csum6_tx: bool,
    pub udp_zero_csum6_rx: bool,
    /// Codes of drop reasons and how often each struck, in the order of the message.
    pub drops: Option<Vec<(u16, u64)>>,
    pub configured: Option<u8>,
    pub problem: Option<String>,
    pub dry_run: bool,
    pub text: Option<String>,
    pub ifindex: Option<u32>,
    pub udp_no_csum: bool,
    pub pmtudisc: Option<u8>,
    pub ttl: Option<u8>,
    pub tos: Option<u16>,
    pub ecn: Option<u8>,
    pub mss: Option<u16>,
    pub pmtu_probe: Option<u16>,
    pub state: Option<String>,
    pub origin: Option<String>,
    pub peer_name: Option<String>,
    pub uptime: Option<u64>,
    pub window: Option<u32>,
    pub in_flight: Option<u32>,
    pub retransmissions: Option<u64>,
    pub round_trip: Option<u64>,
    pub connection: Option<String>,
    pub call: Option<String>,
    pub limits: Option<String>,
    pub path_mtu: Option<u32>,
    /// [`Attr::FastPath`].
    pub fast_path: Option<String>,
    pub sessions: Option<u32>,
    pub circuit: Option<String>,
    pub peer_circuit: Option<String>,
    pub host: Option<String>,
    pub priority: Option<u16>,
    pub weight: Option<u16>,
    pub called: bool,
    pub next: Option<u64>,
    pub failures: Option<u32>,
    pub counter: Option<String>,
    pub dropped: Option<String>,
    pub count: Option<u64>,
    pub ago: Option<u64>,
    pub listener: Option<String>,
    pub everything: bool,
}

impl Attributes {
    /// Reads the attributes behind the generic-netlink header.
    ///
    /// Liberal as Linux's pre-5.2 validation: over-long integers are cut, a malformed tail ends
    /// the walk, too short values are refused.
    pub fn read(bytes: &[u8]) -> Result<Attributes, PolicyError> {
        Attributes::read_up_to(u16::MAX, bytes)
    }

    /// As [`Attributes::read`], with Adit's own attributes as unknown as they are to Linux.
    pub fn read_linux(bytes: &[u8]) -> Result<Attributes, PolicyError> {
        Attributes::read_up_to(Attr::Pad.number(), bytes)
    }

    fn read_up_to(highest: u16, bytes: &[u8]) -> Result<Attributes, PolicyError> {
        let mut out = Attributes::default();
        let known = places(bytes).filter(|(_, number, _)| *number <= highest);
        for (at, number, bytes) in known {
            if let Some(attr) = Attr::from_number(number) {
                out.take(Value { attr, bytes, at })?;
            }
        }
        Ok(out)
    }

    /// Whether octets follow the attributes that belong to none: fewer than a head has, or a head
    /// whose length does not fit. Linux passes over them and says so.
    pub fn has_leftover(bytes: &[u8]) -> bool {
        let end = places(bytes).last().map_or(0, |(at, _, value)| {
            (at + 4 + value.len()).next_multiple_of(4)
        });
        end < bytes.len()
    }

    /// Appends every attribute that is set, ascending by number: the inverse of
    /// [`Attributes::read`].
    pub fn write(&self, writer: Writer) -> Writer {
        Attr::ALL
            .iter()
            .fold(writer, |writer, attr| self.write_one(*attr, writer))
    }

    /// The pair of addresses, the IPv6 pair winning as in Linux; `None` when neither is whole.
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        match (self.ip6_saddr, self.ip6_daddr, self.ip_saddr, self.ip_daddr) {
            (Some(local), Some(remote), _, _) => Some((local.into(), remote.into())),
            (_, _, Some(local), Some(remote)) => Some((local.into(), remote.into())),
            _ => None,
        }
    }

    fn take(&mut self, v: Value<'_>) -> Result<(), PolicyError> {
        match v.attr {
            Attr::PwType => self.pw_type = Some(v.half()?),
            Attr::EncapType => self.encap_type = Some(v.half()?),
            Attr::L2specType => self.l2spec_type = Some(v.octet()?),
            Attr::ProtoVersion => self.proto_version = Some(v.octet()?),
            Attr::Ifname => self.ifname = Some(v.string(IFNAME_MAX)?),
            Attr::ConnId => self.conn_id = Some(v.word()?),
            Attr::PeerConnId => self.peer_conn_id = Some(v.word()?),
            Attr::SessionId => self.session_id = Some(v.word()?),
            Attr::PeerSessionId => self.peer_session_id = Some(v.word()?),
            Attr::UdpCsum => self.udp_csum = Some(v.octet()?),
            Attr::Cookie => self.cookie = Some(v.cookie()?),
            Attr::PeerCookie => self.peer_cookie = Some(v.cookie()?),
            Attr::Debug => self.debug = Some(v.word()?),
            Attr::RecvSeq => self.recv_seq = Some(v.octet()?),
            Attr::SendSeq => self.send_seq = Some(v.octet()?),
            Attr::LnsMode => self.lns_mode = Some(v.octet()?),
            Attr::UsingIpsec => self.using_ipsec = Some(v.octet()?),
            Attr::RecvTimeout => self.recv_timeout = Some(Duration::from_millis(v.long()?)),
            Attr::Fd => self.fd = Some(v.word()?),
            Attr::IpSaddr => self.ip_saddr = Some(v.array::<4>()?.into()),
            Attr::IpDaddr => self.ip_daddr = Some(v.array::<4>()?.into()),
            Attr::UdpSport => self.udp_sport = Some(v.half()?),
            Attr::UdpDport => self.udp_dport = Some(v.half()?),
            Attr::Mtu => self.mtu = Some(v.half()?),
            Attr::Stats => self.stats = Some(Statistics::read(v.nest()?)),
            Attr::Ip6Saddr => self.ip6_saddr = Some(v.ipv6()?),
            Attr::Ip6Daddr => self.ip6_daddr = Some(v.ipv6()?),
            Attr::UdpZeroCsum6Tx => self.udp_zero_csum6_tx = true,
            Attr::UdpZeroCsum6Rx => self.udp_zero_csum6_rx = true,
            Attr::Drops => self.drops = Some(counters(v.nest()?).collect()),
            Attr::Configured => self.configured = Some(v.octet()?),
            Attr::Problem => self.problem = Some(v.string(usize::MAX)?),
            Attr::DryRun => self.dry_run = true,
            Attr::Text => self.text = Some(v.string(usize::MAX)?),
            Attr::Ifindex => self.ifindex = Some(v.word()?),
            Attr::UdpNoCsum => self.udp_no_csum = true,
            Attr::Pmtudisc => self.pmtudisc = Some(v.octet()?),
            Attr::Ttl => self.ttl = Some(v.octet()?),
            Attr::Tos => self.tos = Some(v.half()?),
            Attr::Ecn => self.ecn = Some(v.octet()?),
            Attr::Mss => self.mss = Some(v.half()?),
            Attr::PmtuProbe => self.pmtu_probe = Some(v.half()?),
            Attr::State => self.state = Some(v.string(usize::MAX)?),
            Attr::Origin => self.origin = Some(v.string(usize::MAX)?),
            Attr::PeerName => self.peer_name = Some(v.string(usize::MAX)?),
            Attr::Uptime => self.uptime = Some(v.long()?),
            Attr::Window => self.window = Some(v.word()?),
            Attr::InFlight => self.in_flight = Some(v.word()?),
            Attr::Retransmissions => self.retransmissions = Some(v.long()?),
            Attr::RoundTrip => self.round_trip = Some(v.long()?),
            Attr::Connection => self.connection = Some(v.string(usize::MAX)?),
            Attr::Call => self.call = Some(v.string(usize::MAX)?),
            Attr::Limits => self.limits = Some(v.string(usize::MAX)?),
            Attr::PathMtu => self.path_mtu = Some(v.word()?),
            Attr::FastPath => self.fast_path = Some(v.string(usize::MAX)?),
            Attr::Sessions => self.sessions = Some(v.word()?),
            Attr::Circuit => self.circuit = Some(v.string(usize::MAX)?),
            Attr::PeerCircuit => self.peer_circuit = Some(v.string(usize::MAX)?),
            Attr::Host => self.host = Some(v.string(usize::MAX)?),
            Attr::Priority => self.priority = Some(v.half()?),
            Attr::Weight => self.weight = Some(v.half()?),
            Attr::Called => self.called = true,
            Attr::Next => self.next = Some(v.long()?),
            Attr::Failures => self.failures = Some(v.word()?),
            Attr::Counter => self.counter = Some(v.string(usize::MAX)?),
            Attr::Dropped => self.dropped = Some(v.string(usize::MAX)?),
            Attr::Count => self.count = Some(v.long()?),
            Attr::Ago => self.ago = Some(v.long()?),
            Attr::Listener => self.listener = Some(v.string(usize::MAX)?),
            Attr::Everything => self.everything = true,
            // Nobody uses these, but the policy still wants them whole.
            Attr::DataSeq | Attr::L2specLen => v.octet().map(drop)?,
            Attr::Offset | Attr::VlanId | Attr::Mru => v.half().map(drop)?,
            Attr::Pad => {}
        }
        Ok(())
    }

    fn write_one(&self, attr: Attr, to: Writer) -> Writer {
        match attr {
            Attr::PwType => put(to, attr, self.pw_type, Writer::half),
            Attr::EncapType => put(to, attr, self.encap_type, Writer::half),
            Attr::L2specType => put(to, attr, self.l2spec_type, Writer::octet),
            Attr::ProtoVersion => put(to, attr, self.proto_version, Writer::octet),
            Attr::Ifname => put(to, attr, self.ifname.as_deref(), Writer::string),
            Attr::ConnId => put(to, attr, self.conn_id, Writer::word),
            Attr::PeerConnId => put(to, attr, self.peer_conn_id, Writer::word),
            Attr::SessionId => put(to, attr, self.session_id, Writer::word),
            Attr::PeerSessionId => put(to, attr, self.peer_session_id, Writer::word),
            Attr::UdpCsum => put(to, attr, self.udp_csum, Writer::octet),
            Attr::Cookie => put(to, attr, self.cookie, put_cookie),
            Attr::PeerCookie => put(to, attr, self.peer_cookie, put_cookie),
            Attr::Debug => put(to, attr, self.debug, Writer::word),
            Attr::RecvSeq => put(to, attr, self.recv_seq, Writer::octet),
            Attr::SendSeq => put(to, attr, self.send_seq, Writer::octet),
            Attr::LnsMode => put(to, attr, self.lns_mode, Writer::octet),
            Attr::UsingIpsec => put(to, attr, self.using_ipsec, Writer::octet),
            Attr::RecvTimeout => put(to, attr, self.recv_timeout, put_milliseconds),
            Attr::Fd => put(to, attr, self.fd, Writer::word),
            Attr::IpSaddr => put(to, attr, self.ip_saddr, put_ipv4),
            Attr::IpDaddr => put(to, attr, self.ip_daddr, put_ipv4),
            Attr::UdpSport => put(to, attr, self.udp_sport, Writer::half),
            Attr::UdpDport => put(to, attr, self.udp_dport, Writer::half),
            Attr::Mtu => put(to, attr, self.mtu, Writer::half),
            Attr::Stats => put(to, attr, self.stats, |to, _, stats| to.statistics(stats)),
            Attr::Ip6Saddr => put(to, attr, self.ip6_saddr, put_ipv6),
            Attr::Ip6Daddr => put(to, attr, self.ip6_daddr, put_ipv6),
            Attr::UdpZeroCsum6Tx => put(to, attr, self.udp_zero_csum6_tx.then_some(()), put_flag),
            Attr::UdpZeroCsum6Rx => put(to, attr, self.udp_zero_csum6_rx.then_some(()), put_flag),
            Attr::Drops => put(to, attr, self.drops.clone(), Writer::counters),
            Attr::Configured => put(to, attr, self.configured, Writer::octet),
            Attr::Problem => put(to, attr, self.problem.as_deref(), Writer::string),
            Attr::DryRun => put(to, attr, self.dry_run.then_some(()), put_flag),
            Attr::Text => put(to, attr, self.text.as_deref(), Writer::string),
            Attr::Ifindex => put(to, attr, self.ifindex, Writer::word),
            Attr::UdpNoCsum => put(to, attr, self.udp_no_csum.then_some(()), put_flag),
            Attr::Pmtudisc => put(to, attr, self.pmtudisc, Writer::octet),
            Attr::Ttl => put(to, attr, self.ttl, Writer::octet),
            Attr::Tos => put(to, attr, self.tos, Writer::half),
            Attr::Ecn => put(to, attr, self.ecn, Writer::octet),
            Attr::Mss => put(to, attr, self.mss, Writer::half),
            Attr::PmtuProbe => put(to, attr, self.pmtu_probe, Writer::half),
            Attr::State => put(to, attr, self.state.as_deref(), Writer::string),
            Attr::Origin => put(to, attr, self.origin.as_deref(), Writer::string),
            Attr::PeerName => put(to, attr, self.peer_name.as_deref(), Writer::string),
            Attr::Uptime => put(to, attr, self.uptime, Writer::long),
            Attr::Window => put(to, attr, self.window, Writer::word),
            Attr::InFlight => put(to, attr, self.in_flight, Writer::word),
            Attr::Retransmissions => put(to, attr, self.retransmissions, Writer::long),
            Attr::RoundTrip => put(to, attr, self.round_trip, Writer::long),
            Attr::Connection => put(to, attr, self.connection.as_deref(), Writer::string),
            Attr::Call => put(to, attr, self.call.as_deref(), Writer::string),
            Attr::Limits => put(to, attr, self.limits.as_deref(), Writer::string),
            Attr::PathMtu => put(to, attr, self.path_mtu, Writer::word),
            Attr::FastPath => put(to, attr, self.fast_path.as_deref(), Writer::string),
            Attr::Sessions => put(to, attr, self.sessions, Writer::word),
            Attr::Circuit => put(to, attr, self.circuit.as_deref(), Writer::string),
            Attr::PeerCircuit => put(to, attr, self.peer_circuit.as_deref(), Writer::string),
            Attr::Host => put(to, attr, self.host.as_deref(), Writer::string),
            Attr::Priority => put(to, attr, self.priority, Writer::half),
            Attr::Weight => put(to, attr, self.weight, Writer::half),
            Attr::Called => put(to, attr, self.called.then_some(()), put_flag),
            Attr::Next => put(to, attr, self.next, Writer::long),
            Attr::Failures => put(to, attr, self.failures, Writer::word),
            Attr::Counter => put(to, attr, self.counter.as_deref(), Writer::string),
            Attr::Dropped => put(to, attr, self.dropped.as_deref(), Writer::string),
            Attr::Count => put(to, attr, self.count, Writer::long),
            Attr::Ago => put(to, attr, self.ago, Writer::long),
            Attr::Listener => put(to, attr, self.listener.as_deref(), Writer::string),
            Attr::Everything => put(to, attr, self.everything.then_some(()), put_flag),
            Attr::DataSeq
            | Attr::L2specLen
            | Attr::Offset
            | Attr::VlanId
            | Attr::Mru
            | Attr::Pad => to,
        }
    }
}

fn put<T>(
    to: Writer,
    attr: Attr,
    value: Option<T>,
    append: impl FnOnce(Writer, Attr, T) -> Writer,
) -> Writer {
    match value {
        Some(value) => append(to, attr, value),
        None => to,
    }
}

fn put_flag(to: Writer, attr: Attr, _: ()) -> Writer {
    to.flag(attr)
}

fn put_cookie(to: Writer, attr: Attr, cookie: Cookie) -> Writer {
    to.octets(attr, cookie.as_slice())
}

fn put_ipv4(to: Writer, attr: Attr, address: Ipv4Addr) -> Writer {
    to.octets(attr, &address.octets())
}

fn put_ipv6(to: Writer, attr: Attr, address: Ipv6Addr) -> Writer {
    to.octets(attr, &address.octets())
}

/// The attribute counts whole milliseconds, 64 bits of them: more is the most it can say.
fn put_milliseconds(to: Writer, attr: Attr, time: Duration) -> Writer {
    to.long(attr, u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
