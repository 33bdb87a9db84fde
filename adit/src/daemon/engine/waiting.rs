//! Objects that are desired and cannot be had at the moment.

use super::{Edit, Engine, Object, SessionKey, TunnelId};
use adit_datapath::Error;
use adit_datapath::spec::Change;
use adit_wire::netlink::Errno;
use std::time::{Duration, Instant};

/// How long the first repetition waits; every further one waits twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest interval between repetitions.
const LAST: Duration = Duration::from_secs(30);
/// How long a session whose device was deleted waits for a new one: whoever deletes devices in a
/// loop shall not keep the daemon busy.
const REVIVAL: Duration = Duration::from_millis(250);

/// Why an object waits, and until when.
#[derive(Debug, Clone)]
pub(super) struct Wait {
    problem: String,
    interval: Duration,
    due: Instant,
}

impl Wait {
    pub(super) fn new(refused: &Error, now: Instant) -> Wait {
        Wait {
            problem: refused.to_string(),
            interval: FIRST,
            due: now + FIRST,
        }
    }

    fn again(&mut self, refused: &Error, now: Instant) {
        self.problem = refused.to_string();
        self.due = now + self.interval;
        self.interval = LAST.min(self.interval * 2);
    }
}

impl Engine {
    /// Why an object carries nothing yet; a session also waits for its tunnel.
    pub fn problem(&self, object: Object) -> Option<String> {
        if let Object::Session(key) = object
            && let Some(wait) = self.waiting.get(&Object::Tunnel(key.tunnel))
        {
            return Some(format!("tunnel {}: {}", key.tunnel, wait.problem));
        }
        self.waiting.get(&object).map(|wait| wait.problem.clone())
    }

    pub(super) fn waits(&self, object: Object) -> bool {
        let with_tunnel = match object {
            Object::Tunnel(_) => false,
            Object::Session(key) => self.waiting.contains_key(&Object::Tunnel(key.tunnel)),
        };
        with_tunnel || self.waiting.contains_key(&object)
    }

    /// When [`Engine::retry`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.values().map(|wait| wait.due).min()
    }

    /// Tries what is due. Success and failure are logged; the state tells both.
    pub fn retry(&mut self, now: Instant) {
        let due = |(object, wait): (&Object, &super::Wait)| (wait.due <= now).then_some(*object);
        let due: Vec<Object> = self.waiting.iter().filter_map(due).collect();
        for object in due {
            match object {
                Object::Tunnel(id) => self.raise_tunnel(id, now),
                Object::Session(key) => self.raise_session(key, now),
            }
        }
    }

    /// Notes that a session's device has gone without having been asked to.
    pub fn device_lost(&mut self, key: SessionKey, now: Instant) {
        let object = Object::Session(key);
        if !self.desired.sessions.contains_key(&key) || self.waits(object) {
            return;
        }
        let (tunnel, session) = (key.tunnel, key.session);
        tracing::warn!("session {session} in tunnel {tunnel}: its device has gone, making it anew");
        self.devices.remove(&key);
        let wait = Wait {
            problem: "its device has gone".to_owned(),
            interval: FIRST,
            due: now + REVIVAL,
        };
        self.waiting.insert(object, wait);
    }

    /// Opens a tunnel that is part of the state, and its sessions with it, or lets it wait.
    pub(super) fn raise_tunnel(&mut self, id: TunnelId, now: Instant) {
        let Some(spec) = self.desired.tunnels.get(&id).copied() else {
            return;
        };
        let outcome = self.datapath.apply(&Change::AddTunnel(spec));
        if self.await_outcome(Object::Tunnel(id), outcome, now) {
            for key in self.sessions_of(id) {
                self.raise_session(key, now);
            }
        }
    }

    /// Makes a session that is part of the state, on the device it had if there is one left, or
    /// lets it wait.
    pub(super) fn raise_session(&mut self, key: SessionKey, now: Instant) {
        let Some(spec) = self.desired.sessions.get(&key).cloned() else {
            return;
        };
        if self.waits(Object::Tunnel(key.tunnel)) {
            return;
        }
        let from = self.saved_numbers(&spec);
        let adopted = match self.devices.get(&key) {
            Some(device) => self.datapath.resume(&spec, Some(device), from),
            None => Err(super::gone()),
        };
        let outcome = match adopted {
            Err(refused) if refused.errno == Errno::ENODEV => {
                self.datapath.resume(&spec, None, from)
            }
            outcome => outcome,
        };
        if !self.await_outcome(Object::Session(key), outcome, now) {
            return;
        }
        self.numbering.look_again();
        let device = self.datapath.device(key).ok().flatten();
        if device.as_ref() == self.devices.get(&key) {
            return;
        }
        let edit = Edit::Session(spec, self.origin(Object::Session(key)), device);
        if let Err(unwritten) = self.write_down(&edit) {
            tracing::warn!("{unwritten}");
        }
        self.record(edit);
    }

    /// Ends or prolongs the waiting of `object`; tells whether it is up.
    fn await_outcome(&mut self, object: Object, outcome: Result<(), Error>, now: Instant) -> bool {
        match (outcome, self.waiting.get_mut(&object)) {
            (Ok(()), waited) => {
                if waited.is_some() {
                    tracing::info!("{object}: is up");
                }
                self.waiting.remove(&object);
                true
            }
            (Err(refused), Some(wait)) => {
                tracing::debug!("{object}: {refused}");
                wait.again(&refused, now);
                false
            }
            (Err(refused), None) => {
                tracing::warn!("{object}: {refused}; trying again");
                self.waiting.insert(object, Wait::new(&refused, now));
                false
            }
        }
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Object::Tunnel(id) => write!(f, "tunnel {id}"),
            Object::Session(key) => write!(f, "session {} in tunnel {}", key.session, key.tunnel),
        }
    }
}
