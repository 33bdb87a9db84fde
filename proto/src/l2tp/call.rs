//! Calls: what a session is asked for, answered and connected with.

use super::config::SessionConfig;
use adit_wire::l2tp::Version;
use adit_wire::l2tp::avp::{AuthenType, Bearers, DataSequencing, Framings, PwType};
use adit_wire::l2tp::{Cookie, SessionId, Sublayer};

/// Who asked for a session, and with that which state machine each end runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// ICRQ, ICRP, ICCN: in v2 the LAC asks.
    Incoming,
    /// OCRQ, OCRP, OCCN: in v2 the LNS asks.
    Outgoing,
}

/// What this end is in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The end with the circuit: sends ICRQ and ICCN, or OCRP and OCCN.
    Lac,
    /// The other end.
    Lns,
}

/// A session to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRequest {
    /// ICRQ or OCRQ.
    pub direction: Direction,
    /// What it carries; [`PwType::PPP`] in v2.
    pub pseudowire: PwType,
    /// What the request says.
    pub details: CallDetails,
    /// What ICCN says, for an incoming call. An outgoing call's OCCN is made of
    /// `Node::connect`'s.
    pub connected: Connected,
    /// What this end asks for.
    pub session: SessionConfig,
    /// Whether the request carries a session tie breaker (v3), so that two ends that ask for the
    /// same Remote End ID at once get one session.
    pub tie_breaker: bool,
}

/// What an ICRQ or OCRQ says of the call. Absent values are absent AVPs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallDetails {
    /// Call Serial Number; the node fills it in when it asks.
    pub serial: u32,
    /// Called Number.
    pub called_number: Option<Vec<u8>>,
    /// Calling Number.
    pub calling_number: Option<Vec<u8>>,
    /// Sub-Address.
    pub sub_address: Option<Vec<u8>>,
    /// Bearer Type (v2).
    pub bearer_type: Option<Bearers>,
    /// Framing Type (v2, OCRQ).
    pub framing_type: Option<Framings>,
    /// Physical Channel ID (v2).
    pub physical_channel: Option<u32>,
    /// Minimum and Maximum BPS (v2, OCRQ), bits per second.
    pub bps: Option<(u32, u32)>,
    /// Remote End ID (v3): what the session shall be joined to at the receiver.
    pub remote_end_id: Option<Vec<u8>>,
}

/// What an ICCN or OCCN says. Absent values are absent AVPs, but for what v2 demands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connected {
    /// Tx Connect Speed towards the circuit, bits per second.
    pub tx_speed: u64,
    /// Rx Connect Speed, when it differs.
    pub rx_speed: Option<u64>,
    /// Framing Type (v2).
    pub framing_type: Framings,
    /// Private Group ID (v2).
    pub private_group: Option<Vec<u8>>,
    /// What the LAC learned by speaking PPP itself (v2).
    pub proxy: Option<Box<Proxy>>,
}

/// Proxy LCP and authentication (RFC 2661 §4.4.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxy {
    /// Initial Received LCP CONFREQ.
    pub initial_received: Option<Vec<u8>>,
    /// Last Sent LCP CONFREQ.
    pub last_sent: Option<Vec<u8>>,
    /// Last Received LCP CONFREQ.
    pub last_received: Option<Vec<u8>>,
    /// Proxy Authen Type.
    pub authen_type: Option<AuthenType>,
    /// Proxy Authen Name.
    pub authen_name: Option<Vec<u8>>,
    /// Proxy Authen Challenge.
    pub authen_challenge: Option<Vec<u8>>,
    /// Proxy Authen ID.
    pub authen_id: Option<u8>,
    /// Proxy Authen Response.
    pub authen_response: Option<Vec<u8>>,
}

/// The driver's answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallAnswer {
    /// Take it, as this says.
    Accept(SessionConfig),
    /// Send a CDN with this.
    Refuse(super::ResultCode),
}

/// All that the data path needs of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataPath {
    /// Whose it is.
    pub session: super::SessionKey,
    /// The version of the data messages.
    pub version: Version,
    /// What this end is.
    pub role: Role,
    /// The way of the tunnel's datagrams.
    pub path: super::Path,
    /// The peer's id of the tunnel.
    pub peer_tunnel: adit_wire::l2tp::TunnelId,
    /// The peer's id of the session.
    pub peer_session: SessionId,
    /// What it carries.
    pub pseudowire: PwType,
    /// The cookie demanded of received packets (v3).
    pub cookie: Cookie,
    /// The cookie that the peer demands (v3).
    pub peer_cookie: Cookie,
    /// The sublayer of received packets (v3).
    pub sublayer_in: Sublayer,
    /// The sublayer that the peer demands (v3).
    pub sublayer_out: Sublayer,
    /// Which sent packets carry sequence numbers. In v2 a LAC also follows its LNS: numbers come
    /// and go with those received (RFC 2661 §5.4), unless `sequencing_required`.
    pub send_sequence: DataSequencing,
    /// Which received packets must carry sequence numbers.
    pub expect_sequence: DataSequencing,
    /// v2: DataSequencing Required was agreed on, so that numbers never stop.
    pub sequencing_required: bool,
    /// Both ends sent ECN Capability: the data path copies ECN between inner and outer headers as
    /// RFC 6040 says; otherwise it clears the outer field (RFC 9601).
    pub ecn: bool,
}
