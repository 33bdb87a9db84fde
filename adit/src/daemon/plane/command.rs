//! What people ask of tunnels and calls: start, stop, drain.

use super::{Origin, Plane};
use crate::daemon::engine::Engine;
use adit_datapath::Error;
use adit_datapath::spec::SessionKey as DataKey;
use adit_proto::l2tp::{Refused, ResultCode, SessionKey, TunnelKey};
use adit_wire::l2tp::TunnelId;
use adit_wire::l2tp::avp::{DisconnectCode, StopCode};
use adit_wire::netlink::Errno;
use std::time::Instant;

/// What is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A connection of the configuration file, by name.
    Connection(String),
    /// A call of a connection, by their names.
    Call(String, String),
    /// A tunnel, by its id.
    Tunnel(TunnelId),
    /// A session, by its ids.
    Session(DataKey),
    /// All that is set up by protocol.
    Everything,
}

impl Plane {
    /// Opens a connection's tunnel, or places a call of its, now.
    pub fn start(&mut self, target: &Target, engine: &mut Engine) -> Result<(), Error> {
        let now = Instant::now();
        match target {
            Target::Connection(name) => {
                self.dial(name)?.start(now);
                self.note(name);
            }
            Target::Call(name, call) => {
                let tunnel = self.dial(name)?.tunnel();
                let tunnel = tunnel.ok_or_else(|| not_up(name))?;
                self.dial(name)?.start_call(call, now)?;
                self.place_due(name, tunnel, now);
            }
            Target::Tunnel(_) | Target::Session(_) | Target::Everything => {
                let text = "cannot be started by its id; give connection NAME";
                return Err(Error::new(Errno::EINVAL, "tunnel_id", text));
            }
        }
        self.dial_due(now, engine);
        self.settle(engine);
        Ok(())
    }

    /// Closes a tunnel or ends a call. A connection is not opened again before it is started.
    pub fn stop(&mut self, target: &Target, engine: &mut Engine) -> Result<(), Error> {
        let (now, code) = (self.now(), ResultCode::stop(StopCode::GENERAL_REQUEST));
        let stopped = match target {
            Target::Connection(name) => {
                let dial = self.dial(name)?;
                dial.stop();
                match dial.tunnel() {
                    Some(key) => self.node.close_tunnel(now, key, code),
                    None => Ok(()),
                }
            }
            Target::Tunnel(id) => {
                let key = self.tunnel_of(*id)?;
                if let Some(Origin::Connection(name)) = self.origin(key) {
                    self.dial(&name)?.stop();
                }
                self.node.close_tunnel(now, key, code)
            }
            Target::Call(name, call) => {
                let session = self.dial(name)?.stop_call(call)?;
                session.map_or(Ok(()), |key| self.end_call(key))
            }
            Target::Session(key) => {
                let key = self.session_of(*key)?;
                if let Some((name, call)) = self.call_of(key) {
                    self.dial(&name)?.stop_call(&call)?;
                }
                self.end_call(key)
            }
            Target::Everything => {
                let text = "nothing is named; give connection NAME or tunnel_id ID";
                return Err(Error::new(Errno::EINVAL, "tunnel", text));
            }
        };
        self.settle(engine);
        stopped.map_err(why)
    }

    /// Lets a tunnel take no further calls, and closes it when the last one has ended.
    pub fn drain(&mut self, target: &Target, engine: &mut Engine) -> Result<(), Error> {
        let key = match target {
            Target::Connection(name) => {
                let dial = self.dial(name)?;
                dial.stop();
                match dial.tunnel() {
                    Some(key) => key,
                    None => return Ok(()),
                }
            }
            Target::Tunnel(id) => {
                let key = self.tunnel_of(*id)?;
                if let Some(Origin::Connection(name)) = self.origin(key) {
                    self.dial(&name)?.stop();
                }
                key
            }
            Target::Everything => {
                self.retire(engine);
                return Ok(());
            }
            Target::Call(..) | Target::Session(_) => {
                let text = "only a tunnel can be drained; stop the session";
                return Err(Error::new(Errno::EINVAL, "session_id", text));
            }
        };
        if let Some(tunnel) = self.tunnels.get_mut(&key) {
            tunnel.draining = true;
        }
        self.close_when_empty(key);
        self.settle(engine);
        Ok(())
    }

    /// Takes no further tunnels and calls. [`Plane::is_retired`] tells when the last one has ended.
    fn retire(&mut self, engine: &mut Engine) {
        self.retiring = true;
        self.node.close_to_new(true);
        for dial in self.dials.values_mut() {
            dial.stop();
        }
        for key in self.tunnels.keys().copied().collect::<Vec<_>>() {
            if let Some(tunnel) = self.tunnels.get_mut(&key) {
                tunnel.draining = true;
            }
            self.close_when_empty(key);
        }
        tracing::info!("draining: the daemon ends after the last call");
        self.settle(engine);
    }

    /// Whether nothing is left after all was drained.
    pub fn is_retired(&self) -> bool {
        self.retiring && self.tunnels.is_empty()
    }

    fn end_call(&mut self, key: SessionKey) -> Result<(), Refused> {
        let (now, code) = (
            self.now(),
            ResultCode::disconnect(DisconnectCode::ADMINISTRATIVE),
        );
        self.node.close_session(now, key, code)
    }

    fn dial(&mut self, name: &str) -> Result<&mut super::Dial, Error> {
        let absent = || {
            let text = format!("{name} is not in the configuration file; give one that is");
            Error::new(Errno::ENOENT, "connection", text)
        };
        self.dials.get_mut(name).ok_or_else(absent)
    }

    fn origin(&self, key: TunnelKey) -> Option<Origin> {
        self.tunnels.get(&key).map(|tunnel| tunnel.origin.clone())
    }

    /// The connection and the call that a session belongs to, if it is one of those.
    fn call_of(&self, key: SessionKey) -> Option<(String, String)> {
        let call = self.sessions.get(&key)?.call.clone()?;
        match self.origin(key.tunnel())? {
            Origin::Connection(name) => Some((name, call)),
            Origin::Peer(_) => None,
        }
    }

    pub(super) fn tunnel_of(&self, id: TunnelId) -> Result<TunnelKey, Error> {
        self.by_id.get(&id).copied().ok_or_else(|| {
            let text =
                format!("no tunnel {id} was set up by protocol; list them: adit show tunnel");
            Error::new(Errno::ENODEV, "tunnel_id", text)
        })
    }

    pub(super) fn session_of(&self, key: DataKey) -> Result<SessionKey, Error> {
        self.by_ids.get(&key).copied().ok_or_else(|| {
            let DataKey { tunnel, session } = key;
            let text = format!(
                "no session {session} of tunnel {tunnel} was set up by protocol; \
                 list them: adit show session"
            );
            Error::new(Errno::ENODEV, "session_id", text)
        })
    }
}

fn not_up(name: &str) -> Error {
    let text = format!("{name} is not up; start it first: adit start tunnel connection {name}");
    Error::new(Errno::ENODEV, "connection", text)
}

fn why(refused: Refused) -> Error {
    Error::new(Errno::EBUSY, "tunnel", format!("{refused}; try again"))
}
