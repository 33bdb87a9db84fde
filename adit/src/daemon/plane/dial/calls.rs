//! Placing a connection's calls.

use super::choice::{backoff, is_stable};
use super::{CallState, State};
use crate::daemon::plane::{Origin, Plane};
use adit_proto::l2tp::{SessionKey, TunnelKey};
use std::time::Instant;

impl Plane {
    /// Places the calls of a connection that are due.
    pub(in crate::daemon::plane) fn place_due(
        &mut self,
        name: &str,
        tunnel: TunnelKey,
        now: Instant,
    ) {
        let Some(dial) = self.dials.get(name) else {
            return;
        };
        let due = dial.calls.iter().filter(|(_, state)| state.is_due(now));
        let due: Vec<String> = due.map(|(call, _)| call.clone()).collect();
        for call in due {
            self.place_call(name, &call, tunnel, now);
        }
    }

    /// Places a call that is due, if it still is.
    pub(in crate::daemon::plane) fn place_one(&mut self, name: &str, call: &str, now: Instant) {
        let Some(dial) = self.dials.get(name) else {
            return;
        };
        let due = dial.calls.get(call).is_some_and(|state| state.is_due(now));
        if let (State::Open(tunnel, Some(_)), true) = (&dial.state, due) {
            self.place_call(name, call, *tunnel, now);
        }
    }

    fn place_call(&mut self, name: &str, call: &str, tunnel: TunnelKey, now: Instant) {
        let Some(dial) = self.dials.get_mut(name) else {
            return;
        };
        if let Some(state) = dial.calls.get_mut(call) {
            state.due = None;
        }
        let Some(terms) = dial
            .connection
            .calls
            .get(call)
            .map(|call| call.terms.clone())
        else {
            return;
        };
        let placed = self.place(tunnel, call, &terms);
        let Some(dial) = self.dials.get_mut(name) else {
            return;
        };
        let redial = dial.connection.redial;
        let Some(state) = dial.calls.get_mut(call) else {
            return;
        };
        match placed {
            Ok(key) => state.session = Some(key),
            Err(refused) => {
                tracing::warn!("connection {name}: call {call}: {refused}");
                state.failures = state.failures.saturating_add(1);
                let due = now + backoff(state.failures, redial, &mut self.random);
                state.due = Some(due);
                state.problem = Some(refused.to_string());
                self.agenda.call(due, name, call);
            }
        }
    }

    /// A call of a connection is established.
    pub(in crate::daemon::plane) fn call_connected(&mut self, key: SessionKey) {
        if let Some(state) = self.call_state(key) {
            state.up = Some(Instant::now());
            state.problem = None;
        }
    }

    /// A call of a connection has ended; it is placed again while the connection shall be up.
    pub(in crate::daemon::plane) fn call_ended(&mut self, key: SessionKey, call: &str, why: &str) {
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
        let stable = state.up.is_some_and(|up| is_stable(up, now));
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
                problem: Some(why.to_owned()),
                ..CallState::default()
            };
            if let Some(due) = due {
                self.agenda.call(due, &name, call);
            }
        }
    }

    fn call_state(&mut self, key: SessionKey) -> Option<&mut CallState> {
        let call = self.sessions.get(&key)?.call.as_deref()?;
        let Origin::Connection(name) = &self.tunnels.get(&key.tunnel())?.origin else {
            return None;
        };
        self.dials.get_mut(name)?.calls.get_mut(call)
    }
}

impl CallState {
    fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}
