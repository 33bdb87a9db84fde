//! Tunnels that this host opens: whom to call, when, and what to do when it fails.

mod agenda;
mod calls;
mod choice;
mod open;
mod view;

pub(super) use agenda::Agenda;
pub(super) use view::Intent;

use crate::policy::{Candidate, Connection, TunnelTerms};
use adit_datapath::Error;
use adit_proto::l2tp::{SessionKey, TunnelKey};
use adit_wire::netlink::Errno;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

/// A name to be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// For which connection.
    pub connection: String,
    /// For which attempt.
    pub attempt: u64,
    /// The name.
    pub name: String,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The question.
    pub lookup: Lookup,
    /// The addresses, best first, or why there are none.
    pub outcome: Result<Vec<IpAddr>, String>,
}

/// A connection on its way up, or up.
#[derive(Debug)]
pub(super) struct Dial {
    connection: Connection,
    state: State,
    attempt: u64,
    failures: u32,
    /// Candidates that failed, and until when others go first.
    busy: BTreeMap<usize, Instant>,
    /// The candidate of this attempt.
    candidate: usize,
    /// Whether an automatic source port is the tunnel's own in this attempt.
    ephemeral: bool,
    /// Why it is not up.
    pub(super) problem: Option<String>,
    calls: BTreeMap<String, CallState>,
}

#[derive(Debug)]
enum State {
    /// Nobody wants it up.
    Idle,
    /// The next attempt is at this time.
    Waiting(Instant),
    /// A name is looked up.
    Resolving,
    /// There is a tunnel; since when it is established, if it is.
    Open(TunnelKey, Option<Instant>),
}

#[derive(Debug, Default)]
pub(super) struct CallState {
    session: Option<SessionKey>,
    up: Option<Instant>,
    failures: u32,
    due: Option<Instant>,
    /// Somebody stopped it.
    stopped: bool,
    /// Why it ended or was refused last.
    problem: Option<String>,
}

impl Dial {
    pub(super) fn new(connection: Connection, now: Instant) -> Dial {
        let state = match connection.persistent {
            true => State::Waiting(now),
            false => State::Idle,
        };
        let names = connection.calls.keys().cloned();
        let calls = names.map(|name| (name, CallState::default())).collect();
        Dial {
            connection,
            state,
            attempt: 0,
            failures: 0,
            busy: BTreeMap::new(),
            candidate: 0,
            ephemeral: false,
            problem: None,
            calls,
        }
    }

    /// The tunnel, if there is one.
    pub(super) fn tunnel(&self) -> Option<TunnelKey> {
        match self.state {
            State::Open(key, _) => Some(key),
            State::Idle | State::Waiting(_) | State::Resolving => None,
        }
    }

    /// Makes the next attempt now, if there is no tunnel.
    pub(super) fn start(&mut self, now: Instant) {
        if self.tunnel().is_none() {
            (self.failures, self.state) = (0, State::Waiting(now));
            self.busy.clear();
            for call in self.calls.values_mut() {
                call.stopped = false;
            }
        }
    }

    /// Makes no further attempt.
    pub(super) fn stop(&mut self) {
        if self.tunnel().is_none() {
            self.state = State::Idle;
        }
        self.connection.persistent = false;
    }

    /// Places a call now, if there is none.
    pub(super) fn start_call(&mut self, call: &str, now: Instant) -> Result<(), Error> {
        let state = self.calls.get_mut(call).ok_or_else(|| no_call(call))?;
        if state.session.is_none() {
            (state.failures, state.due, state.stopped) = (0, Some(now), false);
        }
        Ok(())
    }

    /// Does not place a call again. Gives its session, if there is one.
    pub(super) fn stop_call(&mut self, call: &str) -> Result<Option<SessionKey>, Error> {
        let state = self.calls.get_mut(call).ok_or_else(|| no_call(call))?;
        (state.due, state.stopped) = (None, true);
        Ok(state.session)
    }

    /// Whether the tunnel can stay when the connection becomes `wanted`: calls, timers and limits may
    /// differ, and whom else it may be opened to, now or when it is next opened.
    pub(super) fn can_become(&self, wanted: &Connection) -> bool {
        let old = &self.connection;
        let new = &wanted.tunnel;
        let tunnel = TunnelTerms {
            hello: new.hello,
            retransmit: new.retransmit,
            retransmit_cap: new.retransmit_cap,
            retries: new.retries,
            setup_timeout: new.setup_timeout,
            max_sessions: new.max_sessions,
            source_port: new.source_port,
            roaming: new.roaming,
            ..old.tunnel.clone()
        };
        let called = old.peers.get(self.candidate);
        let stays = called.is_some_and(|called| place_of(called, &wanted.peers).is_some());
        stays && old.listener == wanted.listener && tunnel == *new
    }

    /// Takes over what the policy says now, where the tunnel can stay. Gives the sessions whose
    /// calls are no longer in it, or on other terms.
    pub(super) fn adjust(&mut self, wanted: Connection, now: Instant) -> Vec<SessionKey> {
        let same = |name: &String| self.connection.calls.get(name) == wanted.calls.get(name);
        let mut gone = Vec::new();
        let changed: Vec<String> = self
            .calls
            .keys()
            .filter(|name| !same(name))
            .cloned()
            .collect();
        for name in changed {
            gone.extend(self.calls.remove(&name).and_then(|state| state.session));
        }
        let up = matches!(self.state, State::Open(_, Some(_)));
        for name in wanted.calls.keys() {
            self.calls.entry(name.clone()).or_insert_with(|| CallState {
                due: up.then_some(now),
                ..CallState::default()
            });
        }
        let place = |at: usize| place_of(self.connection.peers.get(at)?, &wanted.peers);
        let busy = self.busy.iter();
        let busy = busy.filter_map(|(at, until)| Some((place(*at)?, *until)));
        (self.candidate, self.busy) = (place(self.candidate).unwrap_or(0), busy.collect());
        let woken = wanted.persistent && matches!(self.state, State::Idle);
        self.connection = wanted;
        if woken {
            self.state = State::Waiting(now);
        }
        gone
    }

    /// When there is something to do.
    #[cfg(test)]
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting(due) => Some(*due),
            State::Idle | State::Resolving => None,
            State::Open(_, None) => None,
            State::Open(_, Some(_)) => self.calls.values().filter_map(|call| call.due).min(),
        }
    }

    /// Notes all that there is to do.
    pub(super) fn note(&self, agenda: &mut Agenda) {
        let name = &self.connection.name;
        match &self.state {
            State::Waiting(due) => agenda.attempt(*due, name),
            State::Idle | State::Resolving | State::Open(_, None) => {}
            State::Open(_, Some(_)) => {
                for (call, state) in &self.calls {
                    if let Some(due) = state.due {
                        agenda.call(due, name, call);
                    }
                }
            }
        }
    }
}

/// Where among `peers` the one is that is called as `one` is.
fn place_of(one: &Candidate, peers: &[Candidate]) -> Option<usize> {
    let same = |other: &Candidate| other.host == one.host && other.port == one.port;
    peers.iter().position(same)
}

fn no_call(call: &str) -> Error {
    let text = format!("{call} is no call of the connection; give one that is");
    Error::new(Errno::ENOENT, "call", text)
}

#[cfg(test)]
mod tests;
