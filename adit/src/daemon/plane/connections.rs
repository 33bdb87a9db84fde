//! What is told of the configuration's connections: those that are up, and those that are not.

use super::Plane;
use super::dial::{Dial, Intent};
use adit_wire::l2tp::{SessionId, TunnelId};
use std::time::{Duration, Instant};

/// A connection of the configuration file as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionDetails {
    /// Its name.
    pub name: String,
    /// `idle`, `waiting`, `resolving`, `opening`, `up` or `draining`.
    pub state: &'static str,
    /// Its tunnel, if it has one.
    pub tunnel: Option<TunnelId>,
    /// How long that has been established.
    pub uptime: Option<Duration>,
    /// Why it is not up, or what the last attempt met.
    pub problem: Option<String>,
    /// The time until the next attempt.
    pub next: Option<Duration>,
    /// Failures in a row.
    pub failures: u32,
    /// Whom it may be opened to, in the order of their priorities.
    pub peers: Vec<PeerDetails>,
    /// Its calls, by name.
    pub calls: Vec<CallDetails>,
}

/// A peer that a connection may be opened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerDetails {
    /// Its address or name.
    pub host: String,
    /// Its port, over UDP.
    pub port: u16,
    /// Lower ones go first.
    pub priority: u16,
    /// Its share among equals.
    pub weight: u16,
    /// It was called last.
    pub called: bool,
    /// How long it still lets others go first, after it failed.
    pub avoided: Option<Duration>,
}

/// A call of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallDetails {
    /// Its name.
    pub name: String,
    /// `idle`, `stopped`, `waiting`, `placed` or `up`.
    pub state: &'static str,
    /// Its session, if it has one.
    pub session: Option<SessionId>,
    /// Why it ended or was refused last.
    pub problem: Option<String>,
    /// The time until it is placed again.
    pub next: Option<Duration>,
}

impl Plane {
    /// The connections by their names.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionDetails> {
        let now = Instant::now();
        let dials = self.dials.iter();
        dials.map(move |(name, dial)| self.connection(name, dial, now))
    }

    fn connection(&self, name: &str, dial: &Dial, now: Instant) -> ConnectionDetails {
        let tunnel = dial.tunnel();
        let draining = tunnel.and_then(|key| self.tunnels.get(&key));
        let (state, next, up) = match dial.intent() {
            Intent::Idle => ("idle", None, None),
            Intent::Wait(due) => ("waiting", Some(due), None),
            Intent::Resolve => ("resolving", None, None),
            Intent::Open(None) => ("opening", None, None),
            Intent::Open(Some(up)) => match draining.is_some_and(|tunnel| tunnel.draining) {
                true => ("draining", None, Some(up)),
                false => ("up", None, Some(up)),
            },
        };
        let peers = dial.candidates(now).map(|one| PeerDetails {
            host: one.candidate.host.to_string(),
            port: one.candidate.port,
            priority: one.candidate.priority,
            weight: one.candidate.weight,
            called: one.called,
            avoided: one.until.map(|until| until - now),
        });
        let calls = dial.calls().map(|(name, call)| CallDetails {
            name: name.to_owned(),
            state: call.word(),
            session: call.session().map(|key| key.id()),
            problem: call.problem().map(str::to_owned),
            next: call.due().map(|due| due.saturating_duration_since(now)),
        });
        ConnectionDetails {
            name: name.to_owned(),
            state,
            tunnel: tunnel.map(|key| key.id()),
            uptime: up.map(|up| now - up),
            problem: dial.problem.clone(),
            next: next.map(|due| due.saturating_duration_since(now)),
            failures: dial.failures(),
            peers: peers.collect(),
            calls: calls.collect(),
        }
    }
}
