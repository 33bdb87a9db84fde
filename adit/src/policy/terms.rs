//! The terms of a tunnel and of a call.

use adit_datapath::spec::{PeerSource, Pmtudisc, Tos};
use adit_wire::l2tp::Sublayer;
use adit_wire::l2tp::control::Quirks;
use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::time::Duration;

/// On what terms a tunnel is opened or accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelTerms {
    /// Which versions of L2TP are spoken.
    pub version: VersionChoice,
    /// Which end this host is, where the version makes a difference.
    pub role: Role,
    /// What this host calls itself; none takes the system's name.
    pub host_name: Option<String>,
    /// The shared secret: both ends prove that they know it, and AVPs may be hidden.
    pub secret: Option<Secret>,
    /// The secret before it, taken from peers that do not have the new one yet (v3).
    pub old_secret: Option<Secret>,
    /// The digest of control messages (v3).
    pub digest: Digest,
    /// Whether AVPs that can be hidden are.
    pub hide_avps: bool,
    /// The silence after which the peer is asked whether it is there; none never asks.
    pub hello: Option<Duration>,
    /// How long the first retransmission of a message waits before the round-trip time is known.
    pub retransmit: Duration,
    /// The longest wait between retransmissions.
    pub retransmit_cap: Duration,
    /// How often a message is sent again before the peer is given up.
    pub retries: u8,
    /// Messages that the peer may send before they are acknowledged.
    pub window: u16,
    /// How long a tunnel or a call may take to be set up.
    pub setup_timeout: Duration,
    /// Most calls in the tunnel.
    pub max_sessions: u32,
    /// The port that a tunnel is opened from, over UDP.
    pub source_port: SourcePort,
    /// Whose data packets are taken for the peer's.
    pub peer_source: PeerSource,
    /// Whether a peer whose port changes is followed.
    pub roaming: Roaming,
    /// Whether ECN marks are carried over, if the peer can too (RFC 9601).
    pub ecn: bool,
    /// Whether outer packets may be fragmented.
    pub pmtudisc: Pmtudisc,
    /// Seconds between probes of the path's MTU; 0 sends none.
    pub pmtu_probe: u16,
    /// The codepoint of outer packets.
    pub tos: Tos,
    /// The outer packets' TTL or hop limit; none is what the system takes.
    pub ttl: Option<NonZeroU8>,
    /// The peer's departures from the standard that are put up with.
    pub quirks: Quirks,
}

impl Default for TunnelTerms {
    fn default() -> TunnelTerms {
        TunnelTerms {
            version: VersionChoice::Both,
            role: Role::default(),
            host_name: None,
            secret: None,
            old_secret: None,
            digest: Digest::default(),
            hide_avps: false,
            hello: Some(Duration::from_secs(60)),
            retransmit: Duration::from_secs(1),
            retransmit_cap: Duration::from_secs(8),
            retries: 9,
            window: 16,
            setup_timeout: Duration::from_secs(30),
            max_sessions: 65_535,
            source_port: SourcePort::default(),
            peer_source: PeerSource::default(),
            roaming: Roaming::default(),
            ecn: true,
            pmtudisc: Pmtudisc::default(),
            pmtu_probe: 0,
            tos: Tos::default(),
            ttl: None,
            quirks: Quirks::default(),
        }
    }
}

/// Which versions of L2TP are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionChoice {
    /// L2TPv2 only.
    V2,
    /// L2TPv3 only.
    V3,
    /// The third, or the second with a peer that knows nothing else (RFC 3931 §4.7).
    Both,
}

/// Which end this host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Access concentrator: it places incoming calls.
    Lac,
    /// Network server: it places outgoing calls.
    Lns,
    /// A control connection endpoint that may be either.
    #[default]
    Lcce,
}

/// A shared secret, which no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How control messages of version 3 are authenticated, given a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Digest {
    /// HMAC-MD5.
    Md5,
    /// HMAC-SHA-1.
    #[default]
    Sha1,
}

/// The port that a tunnel is opened from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourcePort {
    /// The listener's.
    #[default]
    Listener,
    /// One of its own, which the system chooses.
    Ephemeral,
    /// The listener's, and after a failure one of its own, by turns.
    Automatic,
}

/// Whether a peer is followed that a translator has given another port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Roaming {
    /// What comes from the other port is dropped.
    #[default]
    Never,
    /// Once its messages prove who it is: by their digests, which version 3 has, given a secret.
    Authenticated,
    /// Once its ids and numbers fit. Who can read the path can forge them.
    Always,
}

/// On what terms a call is placed or taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionTerms {
    /// What is carried.
    pub pseudowire: Pseudowire,
    /// Who takes the frames.
    pub hand_to: HandTo,
    /// How pppd is run, where it takes them.
    pub pppd: Pppd,
    /// The network device's name; none takes the first free one.
    pub ifname: Option<String>,
    /// The name of the far end of the circuit, if it is another than the call's.
    pub remote_end_id: Option<String>,
    /// Who calls, and who is called, as the peer is told (version 2).
    pub calling_number: Option<String>,
    /// See `calling_number`.
    pub called_number: Option<String>,
    /// Octets of the cookie that the peer is asked to send: 0, 4 or 8.
    pub cookie_octets: u8,
    /// The L2-specific sublayer.
    pub sublayer: Sublayer,
    /// Whether sequence numbers are demanded of received packets, and put on sent ones.
    pub seq: (bool, bool),
    /// How long a packet waits for those before it.
    pub reorder_timeout: Duration,
    /// The device's MTU when set by hand.
    pub mtu: Option<u16>,
    /// How large TCP segments may be that hosts agree on through the session.
    pub mss: Option<adit_datapath::spec::Mss>,
    /// The codepoint of outer packets; none is the tunnel's.
    pub tos: Option<Tos>,
    /// Whether ECN marks are carried over where both ends of the tunnel have agreed to.
    pub ecn: bool,
    /// The outer packets' TTL or hop limit; none is the tunnel's.
    pub ttl: Option<NonZeroU8>,
    /// What the peer is told of this end's circuit.
    pub circuit_status: CircuitReport,
    /// Log lines wanted.
    pub debug: adit_datapath::spec::DebugMask,
}

impl Default for SessionTerms {
    fn default() -> SessionTerms {
        SessionTerms {
            pseudowire: Pseudowire::Ethernet,
            hand_to: HandTo::Device,
            pppd: Pppd::default(),
            ifname: None,
            remote_end_id: None,
            calling_number: None,
            called_number: None,
            cookie_octets: 8,
            sublayer: Sublayer::Default,
            seq: (false, false),
            reorder_timeout: Duration::ZERO,
            mtu: None,
            mss: None,
            tos: None,
            ecn: true,
            ttl: None,
            circuit_status: CircuitReport::default(),
            debug: adit_datapath::spec::DebugMask::default(),
        }
    }
}

/// What the peer is told of this end's circuit (version 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CircuitReport {
    /// Whether the session's device is up.
    #[default]
    Device,
    /// That it is up, whatever it is.
    Up,
}

/// What a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pseudowire {
    /// Ethernet frames.
    Ethernet,
    /// PPP frames.
    Ppp,
}

/// Who takes a call's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandTo {
    /// The network device that comes with an Ethernet pseudowire.
    Device,
    /// Whoever asks for it: a PPPoL2TP socket in a program that runs under `adit exec`.
    Client,
    /// A pppd that the daemon runs for each PPP session.
    Pppd,
}

/// How pppd is run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pppd {
    /// What it gets the frames by.
    pub on: PppdOn,
    /// The addresses of which each call's peer gets one inside.
    pub pool: Option<Pool>,
    /// A file with options (pppd's option `file`).
    pub file: Option<PathBuf>,
    /// Options, a word each.
    pub options: Vec<String>,
}

/// A range of addresses, of at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    first: Ipv4Addr,
    last: Ipv4Addr,
}

impl Pool {
    /// From `first` to `last`; `None` where that is before.
    pub fn new(first: Ipv4Addr, last: Ipv4Addr) -> Option<Pool> {
        (first <= last).then_some(Pool { first, last })
    }

    /// The lowest address that is not in `used`.
    pub fn lowest_free(&self, used: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
        let mut free = self.first.to_bits();
        for one in used.range(self.first..=self.last) {
            if one.to_bits() != free {
                break;
            }
            free = free.checked_add(1)?;
        }
        let free = Ipv4Addr::from_bits(free);
        (free <= self.last).then_some(free)
    }
}

/// What pppd gets a session's frames by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum PppdOn {
    /// A terminal where the kernel has PPP, a socket where it has not.
    #[default]
    Auto,
    /// A pseudo-terminal, on the kernel's PPP.
    Terminal,
    /// A PPPoL2TP socket, on the PPP that `adit exec` gives.
    Socket,
}
