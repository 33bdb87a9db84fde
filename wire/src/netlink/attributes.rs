use super::{Attr, Errno, Stat};
use crate::l2tp::Cookie;
use alloc::string::String;
use core::fmt;
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

/// What a message of the family says: one field an attribute, the last of a kind winning.
///
/// Unknown attributes and the attributes that Linux ignores are passed over.
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
    /// Drop reasons' codes and counts, as [`drops`] reads them, encoded.
    pub drops: Option<alloc::vec::Vec<(u16, u64)>>,
    pub configured: Option<u8>,
    pub problem: Option<String>,
    pub dry_run: bool,
    pub text: Option<String>,
    pub ifindex: Option<u32>,
}

/// The counters inside [`Attr::Stats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Statistics {
    pub tx_packets: u64,
    pub tx_bytes: u64,
    pub tx_errors: u64,
    pub rx_packets: u64,
    pub rx_bytes: u64,
    pub rx_seq_discards: u64,
    pub rx_oos_packets: u64,
    pub rx_errors: u64,
    pub rx_cookie_discards: u64,
    pub rx_invalid: u64,
}

/// An attribute that the family's policy refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyError {
    /// The attribute.
    pub attr: Attr,
    /// What is wrong with it.
    pub reason: PolicyReason,
}

/// What the policy has against a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyReason {
    /// Fewer octets than its type has.
    TooShort,
    /// More octets than it may have.
    TooLong,
    /// A string without its final NUL.
    Unterminated,
    /// A string that is not UTF-8.
    NotText,
}

impl PolicyError {
    /// The errno that Linux answers with.
    pub fn errno(&self) -> Errno {
        match self.reason {
            PolicyReason::TooShort | PolicyReason::TooLong => Errno::ERANGE,
            PolicyReason::Unterminated | PolicyReason::NotText => Errno::EINVAL,
        }
    }
}

impl Attributes {
    /// Reads the attributes behind the generic-netlink header.
    ///
    /// Liberal as Linux's pre-5.2 validation: over-long integers are cut, a malformed tail ends
    /// the walk, too short values are refused.
    pub fn read(bytes: &[u8]) -> Result<Attributes, PolicyError> {
        let mut out = Attributes::default();
        for (number, bytes) in walk(bytes) {
            if let Some(attr) = Attr::from_number(number) {
                out.take(Value { attr, bytes })?;
            }
        }
        Ok(out)
    }

    fn take(&mut self, v: Value<'_>) -> Result<(), PolicyError> {
        match v.attr {
            Attr::PwType => self.pw_type = Some(v.half()?),
            Attr::EncapType => self.encap_type = Some(v.half()?),
            Attr::L2specType => self.l2spec_type = Some(v.octet()?),
            Attr::ProtoVersion => self.proto_version = Some(v.octet()?),
            Attr::Ifname => self.ifname = Some(v.string(15)?),
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
            Attr::Stats => self.stats = Some(Statistics::read(v.bytes)),
            Attr::Ip6Saddr => self.ip6_saddr = Some(v.ipv6()?),
            Attr::Ip6Daddr => self.ip6_daddr = Some(v.ipv6()?),
            Attr::UdpZeroCsum6Tx => self.udp_zero_csum6_tx = true,
            Attr::UdpZeroCsum6Rx => self.udp_zero_csum6_rx = true,
            Attr::Drops => self.drops = Some(drops(v.bytes).collect()),
            Attr::Configured => self.configured = Some(v.octet()?),
            Attr::Problem => self.problem = Some(v.string(1024)?),
            Attr::DryRun => self.dry_run = true,
            Attr::Text => self.text = Some(v.string(4096)?),
            Attr::Ifindex => self.ifindex = Some(v.word()?),
            Attr::Offset
            | Attr::DataSeq
            | Attr::L2specLen
            | Attr::VlanId
            | Attr::Mru
            | Attr::Pad => {}
        }
        Ok(())
    }

    /// The pair of addresses, the IPv6 pair winning as in Linux; `None` when neither is whole.
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        match (self.ip6_saddr, self.ip6_daddr, self.ip_saddr, self.ip_daddr) {
            (Some(local), Some(remote), _, _) => Some((local.into(), remote.into())),
            (_, _, Some(local), Some(remote)) => Some((local.into(), remote.into())),
            _ => None,
        }
    }
}

impl Statistics {
    fn read(nest: &[u8]) -> Statistics {
        let known = |(number, value)| Some((Stat::from_number(number)?, value));
        Statistics::from_values(drops(nest).filter_map(known))
    }

    /// These values; what is not named is 0.
    pub fn from_values(values: impl IntoIterator<Item = (Stat, u64)>) -> Statistics {
        let mut out = Statistics::default();
        for (stat, value) in values {
            if let Some(field) = out.field(stat) {
                *field = value;
            }
        }
        out
    }

    /// The counters with their numbers, in the order in which Linux emits them.
    pub fn in_order(mut self) -> [(Stat, u64); 10] {
        use Stat::*;
        [
            TxPackets,
            TxBytes,
            TxErrors,
            RxPackets,
            RxBytes,
            RxSeqDiscards,
            RxCookieDiscards,
            RxOosPackets,
            RxErrors,
            RxInvalid,
        ]
        .map(|stat| (stat, self.field(stat).map_or(0, |value| *value)))
    }

    fn field(&mut self, stat: Stat) -> Option<&mut u64> {
        Some(match stat {
            Stat::TxPackets => &mut self.tx_packets,
            Stat::TxBytes => &mut self.tx_bytes,
            Stat::TxErrors => &mut self.tx_errors,
            Stat::RxPackets => &mut self.rx_packets,
            Stat::RxBytes => &mut self.rx_bytes,
            Stat::RxSeqDiscards => &mut self.rx_seq_discards,
            Stat::RxOosPackets => &mut self.rx_oos_packets,
            Stat::RxErrors => &mut self.rx_errors,
            Stat::RxCookieDiscards => &mut self.rx_cookie_discards,
            Stat::RxInvalid => &mut self.rx_invalid,
            Stat::Pad => return None,
        })
    }
}

/// The u64 counters of a nest, by their attribute types; values of another size are passed over.
pub fn drops(nest: &[u8]) -> impl Iterator<Item = (u16, u64)> + '_ {
    walk(nest)
        .filter_map(|(number, value)| Some((number, u64::from_ne_bytes(value.try_into().ok()?))))
}

/// The attributes of a buffer by number, flags masked off; ends where the buffer is malformed.
pub(super) fn walk(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    core::iter::from_fn(move || {
        let head: &[u8; 4] = rest.first_chunk()?;
        let len = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let number = u16::from_ne_bytes([head[2], head[3]]) & 0x3fff;
        let value = rest.get(4..len)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some((number, value))
    })
}

struct Value<'a> {
    attr: Attr,
    bytes: &'a [u8],
}

impl Value<'_> {
    fn refuse(&self, reason: PolicyReason) -> PolicyError {
        PolicyError {
            attr: self.attr,
            reason,
        }
    }

    fn array<const N: usize>(&self) -> Result<[u8; N], PolicyError> {
        self.bytes
            .first_chunk()
            .copied()
            .ok_or(self.refuse(PolicyReason::TooShort))
    }

    fn octet(&self) -> Result<u8, PolicyError> {
        self.array().map(|[octet]| octet)
    }

    fn half(&self) -> Result<u16, PolicyError> {
        self.array().map(u16::from_ne_bytes)
    }

    fn word(&self) -> Result<u32, PolicyError> {
        self.array().map(u32::from_ne_bytes)
    }

    fn long(&self) -> Result<u64, PolicyError> {
        self.array().map(u64::from_ne_bytes)
    }

    fn ipv6(&self) -> Result<Ipv6Addr, PolicyError> {
        if self.bytes.len() > 16 {
            return Err(self.refuse(PolicyReason::TooLong));
        }
        self.array::<16>().map(Ipv6Addr::from)
    }

    fn cookie(&self) -> Result<Cookie, PolicyError> {
        Cookie::new(self.bytes).map_err(|_| self.refuse(PolicyReason::TooLong))
    }

    fn string(&self, max: usize) -> Result<String, PolicyError> {
        let end = self.bytes.iter().position(|octet| *octet == 0);
        let end = end.ok_or(self.refuse(PolicyReason::Unterminated))?;
        if end > max {
            return Err(self.refuse(PolicyReason::TooLong));
        }
        let text = core::str::from_utf8(&self.bytes[..end]);
        text.map(String::from)
            .map_err(|_| self.refuse(PolicyReason::NotText))
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            PolicyReason::TooShort => "too short",
            PolicyReason::TooLong => "too long",
            PolicyReason::Unterminated => "not terminated by NUL",
            PolicyReason::NotText => "not UTF-8",
        };
        write!(f, "attribute {:?} is {reason}", self.attr)
    }
}

impl core::error::Error for PolicyError {}
