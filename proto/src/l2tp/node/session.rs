use super::super::session::Machine;
use super::super::{CallDetails, Connected, DataPath, Path, Role, SessionConfig, SessionKey};
use super::super::{Direction, SessionState};
use super::tunnel::Tunnel;
use adit_wire::l2tp::avp::{CircuitStatus, DataSequencing, PwType, SublayerType};
use adit_wire::l2tp::{Cookie, SessionId, Sublayer, Version};

/// A session of a tunnel, which knows its id.
#[derive(Debug)]
pub(super) struct Session {
    /// Tells it from others that had its id.
    pub(super) serial: u32,
    pub(super) machine: Machine,
    pub(super) state: SessionState,
    /// The peer's id; 0 as long as it is not known.
    pub(super) peer_id: SessionId,
    pub(super) pseudowire: PwType,
    pub(super) config: SessionConfig,
    /// The cookie that the peer shall send.
    pub(super) cookie: Cookie,
    /// What the peer wants.
    pub(super) peer: Terms,
    /// The state of the own circuit that the peer was told last (v3).
    pub(super) told: Option<CircuitStatus>,
    /// The data path was told of it.
    pub(super) path_up: bool,
    /// It gave way to the peer's request, so that a CDN for the own one may be under way.
    pub(super) yielded: bool,
    /// When it was established, seconds since the epoch.
    pub(super) since: u32,
    /// What is wanted only until it is established.
    pub(super) pending: Option<Box<Pending>>,
}

/// What a session needs until it is established.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) details: CallDetails,
    pub(super) connected: Connected,
    pub(super) tie_breaker: Option<[u8; 8]>,
}

/// What an end asks of the other in a call's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) cookie: Cookie,
    /// The sublayer of packets to this end; `None` if the message did not say.
    pub(super) sublayer: Option<SublayerType>,
    /// Which packets to this end are numbered; `None` if the message did not say.
    pub(super) sequencing: Option<DataSequencing>,
    /// v2: Sequencing Required.
    pub(super) required: bool,
    /// The state of its circuit (v3).
    pub(super) circuit: Option<CircuitStatus>,
}

impl Terms {
    pub(super) const NONE: Terms = Terms {
        cookie: Cookie::EMPTY,
        sublayer: None,
        sequencing: None,
        required: false,
        circuit: None,
    };

    /// Takes over what a later message of the call says.
    pub(super) fn amend(&mut self, later: &Terms) {
        self.sublayer = later.sublayer.or(self.sublayer);
        self.sequencing = later.sequencing.or(self.sequencing);
        self.required |= later.required;
        self.circuit = later.circuit.or(self.circuit);
    }

    /// Whether this end can send what the other asks for.
    pub(super) fn can_be_met(&self) -> bool {
        let sublayer = self.sublayer.unwrap_or(SublayerType::NONE);
        let numbered = self.sequencing.unwrap_or(DataSequencing::None) != DataSequencing::None;
        match sublayer {
            SublayerType::DEFAULT => true,
            SublayerType::NONE => !numbered,
            SublayerType(_) => false,
        }
    }
}

impl Session {
    pub(super) fn role(&self) -> Role {
        match (self.machine.direction, self.machine.caller) {
            (Direction::Incoming, true) | (Direction::Outgoing, false) => Role::Lac,
            (Direction::Incoming, false) | (Direction::Outgoing, true) => Role::Lns,
        }
    }

    /// The sublayer that this end asks for. Numbers need one. Without them it is the same as the
    /// peer's, once that is known: many peers have either both ways or neither.
    pub(super) fn sublayer(&self) -> Sublayer {
        match (self.config.sequencing, self.peer_id, self.peer.sublayer) {
            (DataSequencing::NonIp | DataSequencing::All, ..) => Sublayer::Default,
            (DataSequencing::None, SessionId(0), _) => self.config.sublayer,
            (DataSequencing::None, _, Some(SublayerType::DEFAULT)) => Sublayer::Default,
            (DataSequencing::None, _, Some(SublayerType(_)) | None) => Sublayer::None,
        }
    }

    /// What the data path needs of it.
    pub(super) fn data_path(&self, key: SessionKey, tunnel: &Tunnel, path: Path) -> DataPath {
        let none = DataSequencing::None;
        let wanted = self.config.sequencing;
        let role = self.role();
        let required = tunnel.version == Version::V2
            && match role {
                Role::Lac => wanted != none,
                Role::Lns => self.peer.required,
            };
        let (send_sequence, expect_sequence) = match tunnel.version {
            Version::V3 => (self.peer.sequencing.unwrap_or(none), wanted),
            Version::V2 if required => (DataSequencing::All, DataSequencing::All),
            // The LNS decides, packet by packet, and the LAC follows.
            Version::V2 => match role {
                Role::Lns => (wanted, none),
                Role::Lac => (none, none),
            },
        };
        let (cookie, sublayer_in) = match tunnel.version {
            Version::V2 => (Cookie::EMPTY, Sublayer::None),
            Version::V3 => (self.cookie, self.sublayer()),
        };
        DataPath {
            session: key,
            version: tunnel.version,
            role,
            path,
            peer_tunnel: tunnel.peer_id,
            peer_session: self.peer_id,
            pseudowire: self.pseudowire,
            cookie,
            peer_cookie: self.peer.cookie,
            sublayer_in,
            sublayer_out: match self.peer.sublayer {
                Some(SublayerType::DEFAULT) => Sublayer::Default,
                Some(SublayerType(_)) | None => Sublayer::None,
            },
            send_sequence,
            expect_sequence,
            sequencing_required: required,
            ecn: tunnel.peer.ecn,
        }
    }
}
