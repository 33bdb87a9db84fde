//! Tunnels that this host opens: whom to call, when, and what to do when it fails.

use super::{Origin, Plane, Tunnel, terms};
use crate::daemon::engine::Engine;
use crate::policy::{Call, Connection, Host, SourcePort};
use adit_datapath::Error;
use adit_datapath::spec::ListenerId;
use adit_proto::Random;
use adit_proto::l2tp::{SessionKey, TunnelKey};
use adit_wire::netlink::Errno;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The wait after a first failure; every further one waits twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// Tunnels that are opened at a time. Who is called by very many at once takes them for an attack
/// and lets some wait for seconds.
const OPENING: usize = 100;

/// A tunnel or call that lived so long has not failed.
const STABLE: Duration = Duration::from_secs(30);

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
struct CallState {
    session: Option<SessionKey>,
    up: Option<Instant>,
    failures: u32,
    due: Option<Instant>,
    /// Somebody stopped it.
    stopped: bool,
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

    /// What the policy says of it.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
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
        let woken = wanted.persistent && matches!(self.state, State::Idle);
        self.connection = wanted;
        if woken {
            self.state = State::Waiting(now);
        }
        gone
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting(due) => Some(*due),
            State::Idle | State::Resolving => None,
            State::Open(_, None) => None,
            State::Open(_, Some(_)) => self.calls.values().filter_map(|call| call.due).min(),
        }
    }

    /// The candidate to try: of those that have not failed lately the ones with the lowest
    /// priority number, and of these one by weight. When all have failed, the one that is to be
    /// tried first again.
    fn choose(&self, now: Instant, random: &mut Random) -> usize {
        let peers = &self.connection.peers;
        let free = |at: &usize| self.busy.get(at).is_none_or(|until| *until <= now);
        let free: Vec<usize> = (0..peers.len()).filter(free).collect();
        let Some(best) = free.iter().map(|at| peers[*at].priority).min() else {
            let first = self.busy.iter().min_by_key(|(_, until)| **until);
            return first.map_or(0, |(at, _)| *at);
        };
        let equals: Vec<usize> = free
            .into_iter()
            .filter(|at| peers[*at].priority == best)
            .collect();
        let total = equals.iter().map(|at| u32::from(peers[*at].weight)).sum();
        let mut point = random.below(total);
        for at in &equals {
            let weight = u32::from(peers[*at].weight);
            if point < weight {
                return *at;
            }
            point -= weight;
        }
        equals.first().copied().unwrap_or(0)
    }

    /// Notes that the attempt failed, or that the tunnel is gone, and plans the next one.
    fn failed(&mut self, problem: &str, now: Instant, random: &mut Random) {
        let stable = matches!(self.state, State::Open(_, Some(up)) if now - up >= STABLE);
        self.failures = if stable {
            0
        } else {
            self.failures.saturating_add(1)
        };
        self.problem = Some(problem.to_owned());
        for call in self.calls.values_mut() {
            *call = CallState {
                stopped: call.stopped,
                ..CallState::default()
            };
        }
        if !self.connection.persistent {
            self.state = State::Idle;
            return;
        }
        let wait = backoff(self.failures, self.connection.redial, random);
        self.busy.retain(|_, until| *until > now);
        self.busy.insert(self.candidate, now + wait);
        self.ephemeral = !self.ephemeral;
        // Another candidate need not wait for this one's recovery.
        let others = self.busy.len() < self.connection.peers.len();
        let wait = if others {
            random.jitter(FIRST / 10)
        } else {
            wait
        };
        self.state = State::Waiting(now + wait);
    }
}

/// A wait that doubles with every failure up to `most`, and differs from host to host.
fn backoff(failures: u32, most: Duration, random: &mut Random) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    random.jitter(doubled.min(most))
}

fn no_call(call: &str) -> Error {
    let text = format!("{call} is no call of the connection; give one that is");
    Error::new(Errno::ENOENT, "call", text)
}

impl Plane {
    /// Makes the attempts that are due.
    pub(super) fn dial_due(&mut self, now: Instant, engine: &mut Engine) {
        let due = |(name, dial): (&String, &Dial)| {
            let due = dial.due().is_some_and(|due| due <= now);
            due.then(|| name.clone())
        };
        let due: Vec<String> = self.dials.iter().filter_map(due).collect();
        for name in due {
            match self.dials.get(&name).and_then(Dial::tunnel) {
                Some(tunnel) => self.place_due(&name, tunnel, now),
                None if self.may_open() => self.attempt(&name, now, engine),
                None => {}
            }
        }
    }

    /// Whether one more tunnel may be opened now.
    pub(super) fn may_open(&self) -> bool {
        self.opening.len() < OPENING
    }

    /// Notes that a tunnel is no longer being opened. When half of them are done, others follow.
    pub(super) fn opened(&mut self, key: TunnelKey, engine: &mut Engine) {
        if self.opening.remove(&key) && self.opening.len() == OPENING / 2 {
            self.dial_due(Instant::now(), engine);
        }
    }

    fn attempt(&mut self, name: &str, now: Instant, engine: &mut Engine) {
        let Some(dial) = self.dials.get_mut(name) else {
            return;
        };
        dial.attempt += 1;
        dial.candidate = dial.choose(now, &mut self.random);
        let candidate = &dial.connection.peers[dial.candidate];
        match &candidate.host {
            Host::Address(address) => {
                let address = *address;
                self.open(name, address, engine);
            }
            Host::Name(host) => {
                self.lookups.push(Lookup {
                    connection: name.to_owned(),
                    attempt: dial.attempt,
                    name: host.clone(),
                });
                dial.state = State::Resolving;
            }
        }
    }

    /// Takes the answer to a lookup.
    pub fn resolved(&mut self, answer: &Resolved, engine: &mut Engine) {
        let Lookup {
            connection,
            attempt,
            name,
        } = &answer.lookup;
        let Some(dial) = self.dials.get(connection) else {
            return;
        };
        if dial.attempt != *attempt || !matches!(dial.state, State::Resolving) {
            return;
        }
        let listener = dial.connection.listener.as_deref();
        let reachable = |address: &&IpAddr| self.listeners.towards(listener, **address).is_some();
        match &answer.outcome {
            Ok(addresses) => match addresses.iter().find(reachable).or(addresses.first()) {
                Some(address) => self.open(connection, *address, engine),
                None => self.attempt_failed(connection, &format!("host: {name} has no address")),
            },
            Err(problem) => self.attempt_failed(connection, &format!("host: {name}: {problem}")),
        }
        self.settle(engine);
    }

    fn attempt_failed(&mut self, name: &str, problem: &str) {
        let now = Instant::now();
        if let Some(dial) = self.dials.get_mut(name) {
            if dial.problem.as_deref() == Some(problem) {
                tracing::debug!("connection {name}: {problem}");
            } else {
                tracing::warn!("connection {name}: {problem}");
            }
            dial.failed(problem, now, &mut self.random);
        }
    }

    /// Opens the connection's tunnel to `remote`.
    fn open(&mut self, name: &str, remote: IpAddr, engine: &mut Engine) {
        if let Err(problem) = self.try_open(name, remote, engine) {
            self.attempt_failed(name, &problem);
        }
    }

    fn try_open(&mut self, name: &str, remote: IpAddr, engine: &mut Engine) -> Result<(), String> {
        let Some(dial) = self.dials.get(name) else {
            return Ok(());
        };
        let terms = &dial.connection.tunnel;
        let own_port = match terms.source_port {
            SourcePort::Listener => false,
            SourcePort::Ephemeral => true,
            SourcePort::Automatic => dial.ephemeral,
        };
        let port = dial.connection.peers[dial.candidate].port;
        let config = Arc::new(terms::tunnel(terms, &self.host_name));
        let listener = self
            .listeners
            .towards(dial.connection.listener.as_deref(), remote)
            .ok_or_else(|| format!("listener: none is open that leads to {remote}"))?;
        let listener = match own_port {
            true => self
                .listeners
                .add_private(listener, engine)
                .map_err(|e| e.to_string())?,
            false => listener,
        };
        let opened = self
            .listeners
            .way(listener, remote, port, engine)
            .map_err(|error| error.to_string())
            .and_then(|path| {
                let now = self.now();
                let key = self.node.open_tunnel(now, path, config);
                key.map(|key| (key, path))
                    .map_err(|refused| refused.to_string())
            });
        let (key, path) = opened.inspect_err(|_| self.listeners.close_private(listener, engine))?;
        let origin = Origin::Connection(name.to_owned());
        self.add_tunnel(key, Tunnel::new(origin, path));
        self.opening.insert(key);
        if let Some(dial) = self.dials.get_mut(name) {
            dial.state = State::Open(key, None);
        }
        Ok(())
    }

    /// A connection's tunnel is established: its calls are placed.
    pub(super) fn connected(&mut self, name: &str, key: TunnelKey) {
        let now = Instant::now();
        let Some(dial) = self.dials.get_mut(name) else {
            return;
        };
        dial.state = State::Open(key, Some(now));
        dial.problem = None;
        for call in dial.calls.values_mut().filter(|call| !call.stopped) {
            call.due = Some(now);
        }
        self.place_due(name, key, now);
    }

    /// A connection's tunnel is gone.
    pub(super) fn disconnected(&mut self, name: &str, key: TunnelKey, why: &str) {
        if self.dials.get(name).and_then(Dial::tunnel) == Some(key) {
            let now = Instant::now();
            if let Some(dial) = self.dials.get_mut(name) {
                dial.failed(why, now, &mut self.random);
            }
        }
    }

    /// Places the calls of a connection that are due.
    pub(super) fn place_due(&mut self, name: &str, tunnel: TunnelKey, now: Instant) {
        let Some(dial) = self.dials.get_mut(name) else {
            return;
        };
        let mut due: Vec<Call> = Vec::new();
        for (call, state) in &mut dial.calls {
            if state.due.is_some_and(|due| due <= now) {
                state.due = None;
                due.extend(dial.connection.calls.get(call).cloned());
            }
        }
        for call in due {
            let placed = self.place(tunnel, &call.name, &call.terms);
            let Some(dial) = self.dials.get_mut(name) else {
                return;
            };
            let redial = dial.connection.redial;
            let Some(state) = dial.calls.get_mut(&call.name) else {
                continue;
            };
            match placed {
                Ok(key) => state.session = Some(key),
                Err(refused) => {
                    tracing::warn!("connection {name}: call {}: {refused}", call.name);
                    state.failures = state.failures.saturating_add(1);
                    state.due = Some(now + backoff(state.failures, redial, &mut self.random));
                }
            }
        }
    }

    /// A call of a connection is established.
    pub(super) fn call_connected(&mut self, key: SessionKey) {
        if let Some(state) = self.call_state(key) {
            state.up = Some(Instant::now());
        }
    }

    /// A call of a connection has ended; it is placed again while the connection shall be up.
    pub(super) fn call_ended(&mut self, key: SessionKey, call: &str, why: &str) {
        let Some(Origin::Connection(name)) = self
            .tunnels
            .get(&key.tunnel())
            .map(|tunnel| tunnel.origin.clone())
        else {
            return;
        };
        let now = Instant::now();
        let Some(dial) = self.dials.get_mut(&name) else {
            return;
        };
        let (persistent, redial) = (dial.connection.persistent, dial.connection.redial);
        let Some(state) = dial.calls.get_mut(call) else {
            return;
        };
        let stable = state.up.is_some_and(|up| now - up >= STABLE);
        let failures = if stable {
            1
        } else {
            state.failures.saturating_add(1)
        };
        let again = persistent && !state.stopped;
        let due = again.then(|| now + backoff(failures, redial, &mut self.random));
        tracing::debug!("connection {name}: call {call}: {why}");
        if state.session == Some(key) {
            *state = CallState {
                failures,
                due,
                stopped: state.stopped,
                ..CallState::default()
            };
        }
    }

    fn call_state(&mut self, key: SessionKey) -> Option<&mut CallState> {
        let call = self.sessions.get(&key)?.call.as_deref()?;
        let Origin::Connection(name) = &self.tunnels.get(&key.tunnel())?.origin else {
            return None;
        };
        self.dials.get_mut(name)?.calls.get_mut(call)
    }

    /// The listener that a private socket stands beside goes when its tunnel does.
    pub(super) fn uses(&self, listener: ListenerId) -> impl Iterator<Item = TunnelKey> + '_ {
        let by = move |tunnel: &Tunnel| tunnel.path.mark == listener.0;
        let tunnels = self.tunnels.iter().filter(move |(_, tunnel)| by(tunnel));
        tunnels.map(|(key, _)| *key)
    }
}

#[cfg(test)]
mod tests;
