//! What is to be done about connections and their calls, by time.

use std::collections::BTreeSet;
use std::time::Instant;

/// Times at which something may be due. An entry that no longer holds does no harm: who takes it
/// out looks whether it does.
#[derive(Debug, Default)]
pub(in crate::daemon::plane) struct Agenda {
    /// Attempts to open a connection, by its name.
    attempts: BTreeSet<(Instant, String)>,
    /// Calls to place, by the names of connection and call.
    calls: BTreeSet<(Instant, String, String)>,
}

impl Agenda {
    /// Notes an attempt to open a connection.
    pub(in crate::daemon::plane) fn attempt(&mut self, at: Instant, connection: &str) {
        self.attempts.insert((at, connection.to_owned()));
    }

    /// Notes a call to place.
    pub(in crate::daemon::plane) fn call(&mut self, at: Instant, connection: &str, call: &str) {
        let entry = (at, connection.to_owned(), call.to_owned());
        self.calls.insert(entry);
    }

    /// When to look; at attempts only while one `may_open`.
    pub(in crate::daemon::plane) fn due(&self, may_open: bool) -> Option<Instant> {
        let attempt = self.attempts.first().filter(|_| may_open);
        let attempt = attempt.map(|(at, _)| *at);
        let call = self.calls.first().map(|(at, ..)| *at);
        attempt.into_iter().chain(call).min()
    }

    /// Takes out the next attempt that is due.
    pub(in crate::daemon::plane) fn next_attempt(&mut self, now: Instant) -> Option<String> {
        let (at, _) = self.attempts.first()?;
        let due = *at <= now;
        let first = due.then(|| self.attempts.pop_first()).flatten();
        first.map(|(_, connection)| connection)
    }

    /// Takes out the next call that is due: the names of connection and call.
    pub(in crate::daemon::plane) fn next_call(&mut self, now: Instant) -> Option<(String, String)> {
        let (at, ..) = self.calls.first()?;
        let due = *at <= now;
        let first = due.then(|| self.calls.pop_first()).flatten();
        first.map(|(_, connection, call)| (connection, call))
    }
}
