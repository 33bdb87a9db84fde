//! What the node tells, and what comes of it.

use super::carry::Agreed;
use super::{Origin, Plane, Tunnel};
use crate::daemon::engine::Engine;
use crate::policy::TunnelTerms;
use adit_proto::l2tp::{Event, Path, ResultCode, SessionEnd, SessionKey, TunnelEnd, TunnelKey};
use adit_wire::l2tp::Version;
use adit_wire::l2tp::avp::{ErrorCode, StopCode};
use std::time::Instant;

impl Plane {
    pub(super) fn event(&mut self, event: Event, engine: &mut Engine) {
        match event {
            Event::TunnelAccepted {
                tunnel,
                profile,
                path,
                ..
            } => {
                tracing::debug!("{tunnel}: asked for by {}, peer {profile}", path.remote);
                let origin = Origin::Peer(profile.to_string());
                let mut accepted = Tunnel::new(origin, path);
                accepted.draining = self.retiring;
                self.add_tunnel(tunnel, accepted);
            }
            Event::TunnelUp {
                tunnel,
                version,
                peer_tunnel,
                path,
                peer,
            } => {
                let agreed = Agreed {
                    version,
                    peer_id: peer_tunnel,
                    path,
                    ecn: peer.ecn,
                };
                self.tunnel_up(tunnel, agreed, &peer.host_name, engine);
            }
            Event::TunnelDown { tunnel, end } => self.tunnel_down(tunnel, &end, engine),
            Event::PeerMoved { tunnel, path } => self.peer_moved(tunnel, path, engine),
            Event::CallOffered {
                session,
                direction,
                pseudowire,
                details,
            } => self.call_offered(session, direction, pseudowire, &details),
            Event::SessionUp { session, .. } => self.session_up(session),
            Event::SessionDown { session, end } => self.session_down(session, &end),
            Event::LinkInfo { session, info } => self.link_info(session, info, engine),
            Event::WanErrors { session, errors } => tracing::debug!("{session}: {errors:?}"),
            Event::Drained => self.drained = true,
        }
    }

    fn tunnel_up(&mut self, key: TunnelKey, agreed: Agreed, peer: &str, engine: &mut Engine) {
        let Some(tunnel) = self.tunnels.get_mut(&key) else {
            return;
        };
        tunnel.up = Some(Instant::now());
        let (version, path) = (agreed.version, agreed.path);
        tunnel.path = path;
        let (origin, name) = (tunnel.origin.clone(), peer.escape_debug());
        tracing::info!(
            "{key}: up, L2TP{}, {origin} at {}, {name}",
            match version {
                Version::V2 => "v2",
                Version::V3 => "v3",
            },
            path.remote
        );
        if let Err(error) = self.install_tunnel(key, agreed, engine) {
            tracing::warn!("{key}: {error}");
            let (now, text) = (self.now(), error.to_string());
            // A tunnel that has gone meanwhile needs no closing.
            let code = ResultCode::error(ErrorCode::NO_RESOURCES, text);
            let _ = self.node.close_tunnel(now, key, code);
            return;
        }
        let now = self.now();
        self.traffic.watch(key, now);
        if let Origin::Connection(name) = origin {
            self.connected(&name, key);
            self.opened(key, engine);
        }
        self.close_when_empty(key);
    }

    fn tunnel_down(&mut self, key: TunnelKey, end: &TunnelEnd, engine: &mut Engine) {
        let Some(tunnel) = self.tunnels.get(&key) else {
            return;
        };
        let (origin, remote, was_up) = (
            tunnel.origin.clone(),
            tunnel.path.remote,
            tunnel.up.is_some(),
        );
        match (&origin, was_up) {
            // Anybody can ask for a tunnel and go away.
            (Origin::Peer(_), false) => tracing::debug!("{key}: down, {origin} at {remote}: {end}"),
            (Origin::Peer(_) | Origin::Connection(_), _) => {
                tracing::info!("{key}: down, {origin} at {remote}: {end}");
            }
        }
        self.remove_tunnel(key, engine);
        if let Origin::Connection(name) = origin {
            self.disconnected(&name, key, &end.to_string());
            self.opened(key, engine);
        }
    }

    fn peer_moved(&mut self, key: TunnelKey, path: Path, engine: &mut Engine) {
        let Some(tunnel) = self.tunnels.get_mut(&key) else {
            return;
        };
        tracing::info!(
            "{key}: its peer moved from {} to {}",
            tunnel.path.remote,
            path.remote
        );
        tunnel.path = path;
        if tunnel.installed
            && let Err(error) = engine.follow(key.id(), path.remote)
        {
            tracing::warn!("{key}: {error}");
        }
    }

    fn session_up(&mut self, key: SessionKey) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.up = Some(Instant::now());
            tracing::info!("{key}: up");
            self.call_connected(key);
            self.ppp_up(key);
        }
    }

    fn session_down(&mut self, key: SessionKey, end: &SessionEnd) {
        let Some(session) = self.sessions.remove(&key) else {
            return;
        };
        self.by_ids.remove(&super::carry::data_key(key));
        match session.up {
            Some(_) => {
                tracing::info!("{key}: down: {end}");
                self.ppp_down(key, &session);
            }
            None => tracing::info!("{key}: failed: {end}"),
        }
        if let Some(call) = &session.call {
            self.call_ended(key, call, &end.to_string());
        }
        self.close_when_empty(key.tunnel());
    }

    /// Closes a tunnel that is being drained, once it has no session left.
    pub(super) fn close_when_empty(&mut self, key: TunnelKey) {
        let draining = self.tunnels.get(&key).is_some_and(|tunnel| tunnel.draining);
        if draining && !self.sessions.keys().any(|session| session.tunnel() == key) {
            let now = self.now();
            let code = ResultCode::stop(StopCode::GENERAL_REQUEST);
            // A tunnel that has gone meanwhile needs no closing.
            let _ = self.node.close_tunnel(now, key, code);
        }
    }

    /// The terms of a tunnel.
    pub(super) fn tunnel_terms(&self, key: TunnelKey) -> Option<&TunnelTerms> {
        match &self.tunnels.get(&key)?.origin {
            Origin::Connection(name) => {
                let connection = self.policy.connections.get(name)?;
                Some(&connection.tunnel)
            }
            Origin::Peer(name) => {
                let peer = self.policy.peers.iter().find(|peer| peer.name == *name)?;
                Some(&peer.tunnel)
            }
        }
    }
}

impl Tunnel {
    pub(super) fn new(origin: Origin, path: Path) -> Tunnel {
        Tunnel {
            origin,
            path,
            up: None,
            installed: false,
            received: 0,
            draining: false,
        }
    }
}

impl Origin {
    /// The name that the configuration file has for it.
    pub(super) fn name(&self) -> &str {
        match self {
            Origin::Connection(name) | Origin::Peer(name) => name,
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Connection(name) => write!(f, "connection {name}"),
            Origin::Peer(name) => write!(f, "peer {name}"),
        }
    }
}
