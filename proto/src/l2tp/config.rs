//! How tunnels and sessions behave: plain values that the driver makes of its configuration.

use super::Encapsulation;
use adit_wire::l2tp::Sublayer;
use adit_wire::l2tp::avp::{Bearers, CircuitStatus, DataSequencing, DigestType, Framings, PwType};
pub use adit_wire::l2tp::control::Quirks;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Which versions a tunnel may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Versions {
    /// RFC 2661 only.
    V2,
    /// RFC 3931 only.
    V3,
    /// Either. An initiator over UDP offers both in one SCCRQ and takes what the peer answers with
    /// (RFC 3931 §4.7.3); over IP this is v3.
    Both,
}

/// A shared secret. It does not show itself in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

/// How one end of a tunnel behaves. Many tunnels share one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelConfig {
    /// Which versions are offered and accepted.
    pub versions: Versions,
    /// Host Name AVP: 1 to 1017 octets.
    pub host_name: String,
    /// Vendor Name AVP; absent when empty.
    pub vendor_name: String,
    /// Router ID AVP (v3).
    pub router_id: u32,
    /// Secrets shared with the peer, of which it must know one, so that a secret can be changed at
    /// one end after the other. What this end sends is made with the one that the peer showed to
    /// know; before that v3 signs with two and hides nothing, and v2 takes the first.
    pub secrets: Vec<Secret>,
    /// Whether the peer must prove that it knows a secret: by a response to a challenge (v2), by
    /// digests (v3).
    pub authenticate: bool,
    /// How digests are made (v3).
    pub digest: DigestType,
    /// Whether AVPs that may be hidden are (RFC 2661 §4.3). Needs a secret.
    pub hide: bool,
    /// Whether an SCCRQ carries a tie breaker, so that simultaneous opens leave one tunnel.
    pub tie_breaker: bool,
    /// Receive Window Size AVP, at least 1: how many messages the peer may have in flight.
    pub receive_window: u16,
    /// Framing Capabilities AVP (v2).
    pub framing: Framings,
    /// Bearer Capabilities AVP (v2).
    pub bearer: Bearers,
    /// Pseudowire Capabilities List AVP (v3).
    pub pseudowires: Vec<PwType>,
    /// Whether ECN Capability is offered (RFC 9601).
    pub ecn: bool,
    /// Retransmission of control messages.
    pub retransmit: Retransmit,
    /// Silence of control and data after which a Hello is sent; `None` never sends one.
    pub hello: Option<Duration>,
    /// What a peer that does not answer costs.
    pub liveness: Liveness,
    /// How long a tunnel or session may take to be established.
    pub setup_timeout: Duration,
    /// Whether a peer is followed to another UDP port.
    pub follow: Follow,
    /// What happens to the peer's calls.
    pub calls: CallConfig,
    /// The peer's departures from the standard that are put up with.
    pub quirks: Quirks,
}

/// Retransmission (RFC 2661 §5.8, RFC 3931 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retransmit {
    /// The interval before a round trip was measured.
    pub initial: Duration,
    /// The shortest interval.
    pub min: Duration,
    /// The longest interval, however often it was doubled. The RFCs ask for 8 seconds at least.
    pub cap: Duration,
    /// Retransmissions of one message before the peer counts as unreachable.
    pub tries: u8,
}

/// What a peer that does not acknowledge a Hello costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// The tunnel, as the RFCs say.
    Control,
    /// Nothing as long as data arrives, which the driver tells by `Input::Traffic`. Some peers
    /// answer no Hello.
    ControlOrData,
}

/// Whether a peer whose UDP port changes is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Its messages are dropped.
    Never,
    /// When each message proves itself by a digest (v3).
    Authenticated,
    /// When tunnel id, Ns and Nr fit, which an observer of the path can forge.
    Always,
}

/// What happens to calls that the peer requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallConfig {
    /// Who answers.
    pub answer: Answer,
    /// Sessions that the tunnel holds at most. Further ones get a CDN "no resources".
    pub max_sessions: u32,
    /// Calls accepted per second, on average and at once; `None` is no limit.
    pub rate: Option<Rate>,
    /// What accepted calls are like unless the driver's answer says otherwise.
    pub session: SessionConfig,
}

/// Who answers a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Every incoming call is accepted at once. Outgoing calls (OCRQ) are still the driver's to
    /// place, so they are offered.
    Accept,
    /// The driver is told (`Event::CallOffered`) and answers with `Node::answer`.
    Ask,
    /// Every call is refused as administratively prohibited.
    Refuse,
}

/// A rate limit: a bucket that holds `burst` and regains `per_second`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Regained per second.
    pub per_second: u32,
    /// Held at most.
    pub burst: u32,
}

/// What this end asks for in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionConfig {
    /// Octets of the cookie that the peer shall send (v3): 0, 4 or 8.
    pub cookie_len: u8,
    /// The sublayer that the peer shall send (v3).
    pub sublayer: Sublayer,
    /// Which data packets carry sequence numbers. v2: anything but `None` as a LAC sends Sequencing
    /// Required; as an LNS it numbers what it sends.
    pub sequencing: DataSequencing,
    /// The state of this end's circuit (v3), until `Node::set_link` says another.
    pub circuit: CircuitStatus,
}

/// Whose SCCRQ is answered, and how.
///
/// The first profile that matches decides; without one, the SCCRQ is dropped or refused as
/// [`Policy::refuse_strangers`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The name, for events and logs.
    pub name: Arc<str>,
    /// Only at this address of this end.
    pub local: Option<IpAddr>,
    /// Only from this network: address and prefix length.
    pub remote: Option<(IpAddr, u8)>,
    /// Only over this.
    pub encapsulation: Option<Encapsulation>,
    /// Only with a Host Name that fits: `*` stands for any characters, case does not count.
    pub host_name: Option<String>,
    /// Whom it matches is refused by a StopCCN "not authorized".
    pub refuse: bool,
    /// What its tunnels are like.
    pub config: Arc<TunnelConfig>,
    /// Tunnels at most; further ones get a StopCCN "no resources".
    pub max_tunnels: u32,
}

/// What a node admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whose SCCRQs are answered, in order.
    pub profiles: Vec<Profile>,
    /// Whether an SCCRQ that no profile matches is refused by a StopCCN rather than dropped.
    pub refuse_strangers: bool,
    /// What the node bears.
    pub limits: Limits,
}

/// Bounds on what peers can make a node hold and do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tunnels at most, of both origins.
    pub tunnels: u32,
    /// Tunnels whose peer has not proved yet that it receives at its address. Beyond it the
    /// oldest gives way.
    pub half_open: u32,
    /// The same from one address (IPv4) or /64 (IPv6). Beyond it SCCRQs are dropped.
    pub half_open_per_source: u32,
    /// SCCRQs from one address or /64; beyond it they are dropped.
    pub sccrq_rate: Rate,
    /// Sessions at most.
    pub sessions: u32,
    /// Calls accepted of all peers, beside what each tunnel's [`CallConfig::rate`] admits; beyond it
    /// they get a CDN "temporary lack of facilities" (RFC 2661 §4.4.2). `None` is no limit.
    pub call_rate: Option<Rate>,
    /// Control messages sent per second and at once, over all tunnels in turn.
    pub transmit: Rate,
}

impl TunnelConfig {
    /// A configuration with the RFCs' recommendations and nothing that needs a secret.
    pub fn new(host_name: &str) -> TunnelConfig {
        TunnelConfig {
            versions: Versions::Both,
            host_name: host_name.to_owned(),
            vendor_name: "Adit".to_owned(),
            router_id: 0,
            secrets: Vec::new(),
            authenticate: false,
            digest: DigestType::HmacMd5,
            hide: false,
            tie_breaker: false,
            receive_window: 32,
            framing: Framings::BOTH,
            bearer: Bearers(3),
            pseudowires: vec![PwType::ETHERNET, PwType::PPP],
            ecn: true,
            retransmit: Retransmit::default(),
            hello: Some(Duration::from_secs(60)),
            liveness: Liveness::Control,
            setup_timeout: Duration::from_secs(60),
            follow: Follow::Authenticated,
            calls: CallConfig::default(),
            quirks: Quirks::default(),
        }
    }
}

impl Retransmit {
    /// The time from the first transmission until the peer counts as unreachable at the least,
    /// and for which a closed tunnel lingers: the full cycle of intervals from `initial` on
    /// (RFC 2661 §5.7: 31 seconds by its defaults).
    pub fn cycle(&self) -> Duration {
        let mut interval = self.initial;
        let mut cycle = Duration::ZERO;
        for _ in 0..self.tries {
            cycle += interval;
            interval = (interval * 2).min(self.cap.max(self.initial));
        }
        cycle
    }
}

impl Default for Retransmit {
    fn default() -> Retransmit {
        Retransmit {
            initial: Duration::from_secs(1),
            min: Duration::from_millis(250),
            cap: Duration::from_secs(16),
            tries: 5,
        }
    }
}

impl Default for CallConfig {
    fn default() -> CallConfig {
        CallConfig {
            answer: Answer::Ask,
            max_sessions: 65_535,
            rate: None,
            session: SessionConfig::default(),
        }
    }
}

impl Default for SessionConfig {
    fn default() -> SessionConfig {
        SessionConfig {
            cookie_len: 8,
            sublayer: Sublayer::None,
            sequencing: DataSequencing::None,
            circuit: CircuitStatus::UP,
        }
    }
}

impl Default for Policy {
    /// Answers nobody.
    fn default() -> Policy {
        Policy {
            profiles: Vec::new(),
            refuse_strangers: false,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            tunnels: 60_000,
            half_open: 4_096,
            half_open_per_source: 256,
            sccrq_rate: Rate {
                per_second: 500,
                burst: 1_000,
            },
            sessions: 1_000_000,
            call_rate: None,
            transmit: Rate {
                per_second: 100_000,
                burst: 1_024,
            },
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
