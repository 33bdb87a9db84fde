//! What the driver wants.

use super::super::auth::Auth;
use super::super::tunnel::TunnelEvent;
use super::super::{CallAnswer, CallRequest, Connected, Encapsulation, LinkInfo, Path, Policy};
use super::super::{Refused, ResultCode, Saved, SessionKey, TunnelConfig, TunnelKey, Versions};
use super::Node;
use super::shared::Shared;
use super::tunnel::Tunnel;
use crate::Instant;
use adit_wire::l2tp::avp::CallErrors;
use adit_wire::l2tp::{SessionId, TunnelId, Version};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Node {
    /// Opens a tunnel to the peer at the other end of `path`, whose local port must be the one that
    /// datagrams will leave by.
    pub fn open_tunnel(
        &mut self,
        now: Instant,
        path: Path,
        config: Arc<TunnelConfig>,
    ) -> Result<TunnelKey, Refused> {
        self.set_time(now);
        if self.shared.closed_to_new {
            return Err(Refused::Draining);
        }
        if self.tunnels.len() >= self.shared.policy.limits.tunnels as usize {
            return Err(Refused::Limit);
        }
        if (config.authenticate || config.hide) && config.secrets.is_empty() {
            return Err(Refused::Config("authentication and hiding need a secret"));
        }
        let version = match (config.versions, path.encapsulation) {
            (Versions::V2, Encapsulation::Ip) => {
                return Err(Refused::Config("version 2 goes over UDP only"));
            }
            (Versions::V2 | Versions::Both, Encapsulation::Udp) => Version::V2,
            (Versions::V3, _) | (Versions::Both, Encapsulation::Ip) => Version::V3,
        };
        let id = self
            .free_tunnel_id(version == Version::V2)
            .ok_or(Refused::Limit)?;
        let serial = self.shared.next_serial();
        let key = TunnelKey { id, serial };
        let auth = Auth::new(&config, version, self.shared.mint());
        let mut tunnel = Tunnel::new(key, version, path, config, auth, self.shared.now);
        tunnel.open(&mut self.shared).map_err(|_| {
            Refused::Config("a name is empty or too long, or the receive window is 0")
        })?;
        let rival = path.host();
        tunnel.calling = Some(rival);
        self.calling.entry(rival).or_default().insert(id);
        self.tunnels.insert(id, Box::new(tunnel));
        self.shared.save(Saved::Tunnel {
            tunnel: key,
            path,
            version,
        });
        self.settle(id);
        Ok(key)
    }

    /// Closes a tunnel and its sessions with a StopCCN.
    pub fn close_tunnel(
        &mut self,
        now: Instant,
        key: TunnelKey,
        code: ResultCode,
    ) -> Result<(), Refused> {
        self.on_tunnel(now, key, |tunnel, shared| {
            tunnel.step(shared, TunnelEvent::Close, code);
            Ok(())
        })
    }

    /// Gives a tunnel that exists another configuration: secrets, timers, limits. What was agreed
    /// on with the peer stays.
    pub fn set_tunnel_config(
        &mut self,
        now: Instant,
        key: TunnelKey,
        config: Arc<TunnelConfig>,
    ) -> Result<(), Refused> {
        self.on_tunnel(now, key, |tunnel, _| {
            tunnel.auth.reconfigure(&config);
            tunnel.channel.set_retransmit(config.retransmit);
            tunnel.config = config;
            Ok(())
        })
    }

    /// Asks the peer for a session, as soon as the tunnel is established.
    pub fn open_session(
        &mut self,
        now: Instant,
        key: TunnelKey,
        request: CallRequest,
    ) -> Result<SessionKey, Refused> {
        self.on_tunnel(now, key, |tunnel, shared| {
            tunnel.open_session(shared, request)
        })
    }

    /// Answers `Event::CallOffered`. For an outgoing call that is accepted, [`connect`](Node::connect)
    /// follows once it is placed.
    pub fn answer(
        &mut self,
        now: Instant,
        key: SessionKey,
        answer: CallAnswer,
    ) -> Result<(), Refused> {
        self.on_tunnel(now, key.tunnel, |tunnel, shared| {
            tunnel.answer(shared, key, answer)
        })
    }

    /// The outgoing call that this end was asked to place is connected.
    pub fn connect(
        &mut self,
        now: Instant,
        key: SessionKey,
        connected: &Connected,
    ) -> Result<(), Refused> {
        self.on_tunnel(now, key.tunnel, |tunnel, shared| {
            tunnel.connect(shared, key, connected)
        })
    }

    /// Closes a session with a CDN.
    pub fn close_session(
        &mut self,
        now: Instant,
        key: SessionKey,
        code: ResultCode,
    ) -> Result<(), Refused> {
        self.on_tunnel(now, key.tunnel, |tunnel, shared| {
            tunnel.close_session(shared, key, code)
        })
    }

    /// Sends a Set-Link-Info. The state of a circuit (v3) that is given before the session is
    /// established is told as soon as that can be.
    pub fn set_link(
        &mut self,
        now: Instant,
        key: SessionKey,
        info: LinkInfo,
    ) -> Result<(), Refused> {
        self.on_tunnel(now, key.tunnel, |tunnel, shared| {
            tunnel.set_link(shared, key, info)
        })
    }

    /// Sends a WAN-Error-Notify.
    pub fn report_errors(
        &mut self,
        now: Instant,
        key: SessionKey,
        errors: CallErrors,
    ) -> Result<(), Refused> {
        self.on_tunnel(now, key.tunnel, |tunnel, shared| {
            tunnel.report_errors(shared, key, errors)
        })
    }

    /// Replaces what the node admits. Tunnels that exist are not touched.
    pub fn set_policy(&mut self, policy: Policy) {
        self.shared.policy = policy;
    }

    /// Which tunnel ids and v3 session ids are in use on this host by others, so that they are not
    /// given to tunnels and sessions of the node. Replaces what was said before.
    pub fn reserve(&mut self, tunnels: BTreeSet<TunnelId>, sessions: BTreeSet<SessionId>) {
        self.shared.reserved_tunnels = tunnels;
        self.shared.reserved_sessions = sessions;
    }

    /// Whether new tunnels and sessions are refused, in both directions, while others go on.
    pub fn close_to_new(&mut self, closed: bool) {
        self.shared.closed_to_new = closed;
    }

    /// Closes all tunnels and takes no new ones; `Event::Drained` tells when the last one is done
    /// with.
    pub fn drain(&mut self, now: Instant, code: &ResultCode) {
        self.set_time(now);
        self.shared.closed_to_new = true;
        self.draining = true;
        for id in self.tunnels.keys().copied().collect::<Vec<_>>() {
            if let Some(tunnel) = self.tunnels.get_mut(&id) {
                tunnel.step(&mut self.shared, TunnelEvent::Close, code.clone());
            }
            self.settle(id);
        }
        self.report_drained();
    }

    fn on_tunnel<T>(
        &mut self,
        now: Instant,
        key: TunnelKey,
        act: impl FnOnce(&mut Tunnel, &mut Shared) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        self.set_time(now);
        let tunnel = self.tunnels.get_mut(&key.id);
        let tunnel = tunnel.filter(|tunnel| tunnel.key == key && !tunnel.closed);
        let done = act(tunnel.ok_or(Refused::NoTunnel)?, &mut self.shared);
        self.settle(key.id);
        done
    }
}
