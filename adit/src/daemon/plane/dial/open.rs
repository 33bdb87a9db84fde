//! Opening a connection's tunnel.

use super::{Dial, Lookup, Resolved, State};
use crate::daemon::engine::Engine;
use crate::daemon::plane::{Origin, Plane, Tunnel, terms};
use crate::policy::{Host, SourcePort};
use adit_datapath::spec::ListenerId;
use adit_proto::l2tp::TunnelKey;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// Tunnels that are opened at a time. Who is called by very many at once takes them for an attack
/// and lets some wait for seconds.
const OPENING: usize = 100;

impl Plane {
    /// Makes the attempts that are due.
    pub(in crate::daemon::plane) fn dial_due(&mut self, now: Instant, engine: &mut Engine) {
        while let Some((name, call)) = self.agenda.next_call(now) {
            self.place_one(&name, &call, now);
        }
        while self.may_open() {
            let Some(name) = self.agenda.next_attempt(now) else {
                return;
            };
            let dial = self.dials.get(&name);
            if dial.is_some_and(|dial| matches!(dial.state, State::Waiting(due) if due <= now)) {
                self.attempt(&name, now, engine);
            }
        }
    }

    /// Notes what is to be done about a connection.
    pub(in crate::daemon::plane) fn note(&mut self, name: &str) {
        if let Some(dial) = self.dials.get(name) {
            dial.note(&mut self.agenda);
        }
    }

    /// Whether one more tunnel may be opened now.
    pub(in crate::daemon::plane) fn may_open(&self) -> bool {
        self.opening.len() < OPENING
    }

    /// Notes that a tunnel is no longer being opened. When half of them are done, others follow.
    pub(in crate::daemon::plane) fn opened(&mut self, key: TunnelKey, engine: &mut Engine) {
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
        // After each failure the name's next address has its turn.
        let turn = usize::try_from(dial.failures).unwrap_or(0);
        match &answer.outcome {
            Ok(addresses) => match turn_of(addresses.iter().filter(reachable), turn)
                .or(addresses.first())
            {
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
            self.note(name);
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
    pub(in crate::daemon::plane) fn connected(&mut self, name: &str, key: TunnelKey) {
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
    pub(in crate::daemon::plane) fn disconnected(&mut self, name: &str, key: TunnelKey, why: &str) {
        if self.dials.get(name).and_then(Dial::tunnel) == Some(key) {
            let now = Instant::now();
            if let Some(dial) = self.dials.get_mut(name) {
                dial.failed(why, now, &mut self.random);
            }
            self.note(name);
        }
    }

    /// The listener that a private socket stands beside goes when its tunnel does.
    pub(in crate::daemon::plane) fn uses(
        &self,
        listener: ListenerId,
    ) -> impl Iterator<Item = TunnelKey> + '_ {
        let by = move |tunnel: &Tunnel| tunnel.path.socket == listener.0;
        let tunnels = self.tunnels.iter().filter(move |(_, tunnel)| by(tunnel));
        tunnels.map(|(key, _)| *key)
    }
}

/// The one whose turn it is.
fn turn_of<'a>(
    addresses: impl Iterator<Item = &'a IpAddr> + Clone,
    turn: usize,
) -> Option<&'a IpAddr> {
    let count = addresses.clone().count();
    addresses.clone().nth(turn.checked_rem(count)?)
}
