use super::super::tunnel::TunnelState;
use super::super::{
    Direction, Path, Peer, Role, SessionKey, SessionState, TunnelConfig, TunnelKey,
};
use super::Node;
use super::session::Session;
use super::tunnel::Tunnel;
use crate::Instant;
use adit_wire::l2tp::avp::{CircuitStatus, PwType};
use adit_wire::l2tp::{Cookie, SessionId, TunnelId, Version};
use std::sync::Arc;
use std::time::Duration;

/// A tunnel, to be shown.
#[derive(Debug, Clone)]
pub struct TunnelInfo {
    /// Its key.
    pub tunnel: TunnelKey,
    /// Its version, once the peer has chosen; before that the one that was asked in.
    pub version: Version,
    /// Its state; `Idle` once it is closed.
    pub state: TunnelState,
    /// The profile that accepted it; `None` when this end asked for it.
    pub profile: Option<Arc<str>>,
    /// The way to the peer.
    pub path: Path,
    /// The peer's id; 0 as long as it is not known.
    pub peer_tunnel: TunnelId,
    /// What the peer said of itself.
    pub peer: Arc<Peer>,
    /// What it is configured as.
    pub config: Arc<TunnelConfig>,
    /// Since when it is in that state, as far as established or not goes.
    pub since: Instant,
    /// When a control message was last received.
    pub heard: Instant,
    /// Sessions in any state.
    pub sessions: usize,
    /// Ns and Nr that go out next.
    pub numbers: (u16, u16),
    /// Messages that are not acknowledged, sent or not.
    pub backlog: usize,
    /// Messages that wait for their acknowledgement.
    pub in_flight: usize,
    /// Messages that may be in flight now; `peer` has the most that the peer allows.
    pub window: u16,
    /// Messages sent again.
    pub retransmissions: u32,
    /// The smoothed round-trip time.
    pub round_trip: Option<Duration>,
}

/// A session, to be shown.
#[derive(Debug, Clone)]
pub struct SessionInfo {
    /// Its key.
    pub session: SessionKey,
    /// Its state.
    pub state: SessionState,
    /// The peer's id; 0 as long as it is not known.
    pub peer_session: SessionId,
    /// Its number among all sessions and tunnels of the node, which a caller sends as Call Serial
    /// Number.
    pub serial: u32,
    /// Incoming or outgoing.
    pub direction: Direction,
    /// What this end is.
    pub role: Role,
    /// What it carries.
    pub pseudowire: PwType,
    /// The cookies that this end and the peer demand (v3).
    pub cookies: (Cookie, Cookie),
    /// The states of this end's circuit and, as far as it told, of the peer's (v3).
    pub circuits: (CircuitStatus, Option<CircuitStatus>),
    /// Since when it is established.
    pub since: Option<Instant>,
}

impl Tunnel {
    fn info(&self) -> TunnelInfo {
        TunnelInfo {
            tunnel: self.key,
            version: self.version,
            state: self.state,
            profile: self.profile.clone(),
            path: self.path,
            peer_tunnel: self.peer_id,
            peer: self.peer.clone(),
            config: self.config.clone(),
            since: self.since,
            heard: self.heard,
            sessions: self.sessions.len(),
            numbers: self.channel.numbers(),
            backlog: self.channel.backlog(),
            in_flight: self.channel.in_flight(),
            window: self.channel.window(),
            retransmissions: self.channel.retransmissions(),
            round_trip: self.channel.round_trip(),
        }
    }
}

impl Tunnel {
    fn session_info(&self, id: SessionId, session: &Session) -> SessionInfo {
        SessionInfo {
            session: self.session_key(id, session),
            state: session.state,
            peer_session: session.peer_id,
            serial: session.serial,
            direction: session.machine.direction,
            role: session.role(),
            pseudowire: session.pseudowire,
            cookies: (session.cookie, session.peer.cookie),
            circuits: (session.config.circuit, session.peer.circuit),
            since: (session.state == SessionState::Established)
                .then(|| Instant::new(Duration::from_secs(session.since.into()))),
        }
    }
}

impl Node {
    /// The tunnels, those that linger included, by their ids.
    pub fn tunnels(&self) -> impl Iterator<Item = TunnelInfo> {
        self.tunnels.values().map(|tunnel| tunnel.info())
    }

    /// A tunnel.
    pub fn tunnel(&self, key: TunnelKey) -> Option<TunnelInfo> {
        Some(self.by_key(key)?.info())
    }

    /// The sessions of a tunnel, by their ids.
    pub fn sessions(&self, key: TunnelKey) -> impl Iterator<Item = SessionInfo> {
        self.by_key(key).into_iter().flat_map(|tunnel| {
            let sessions = tunnel.sessions.iter();
            sessions.map(|(id, session)| tunnel.session_info(*id, session))
        })
    }

    /// A session.
    pub fn session(&self, key: SessionKey) -> Option<SessionInfo> {
        let tunnel = self.by_key(key.tunnel)?;
        let session = tunnel.sessions.get(&key.id);
        let session = session.filter(|session| session.serial == key.serial)?;
        Some(tunnel.session_info(key.id, session))
    }

    fn by_key(&self, key: TunnelKey) -> Option<&Tunnel> {
        let tunnel = self.tunnels.get(&key.id).map(|tunnel| &**tunnel);
        tunnel.filter(|tunnel| tunnel.key == key)
    }
}
