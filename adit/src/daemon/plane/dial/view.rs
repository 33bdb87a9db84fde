//! A connection and its calls, to be shown.

use super::{CallState, Dial, State};
use crate::policy::Candidate;
use adit_proto::l2tp::SessionKey;
use std::time::Instant;

/// What is being done about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon::plane) enum Intent {
    /// Nothing.
    Idle,
    /// The next attempt is at this time.
    Wait(Instant),
    /// A name is looked up.
    Resolve,
    /// There is a tunnel; since when it is established, if it is.
    Open(Option<Instant>),
}

/// A peer that a connection may be opened to.
pub(in crate::daemon::plane) struct Choice<'a> {
    pub(in crate::daemon::plane) candidate: &'a Candidate,
    /// It was called last.
    pub(in crate::daemon::plane) called: bool,
    /// Until when it lets others go first.
    pub(in crate::daemon::plane) until: Option<Instant>,
}

impl Dial {
    /// What is being done about it.
    pub(in crate::daemon::plane) fn intent(&self) -> Intent {
        match self.state {
            State::Idle => Intent::Idle,
            State::Waiting(due) => Intent::Wait(due),
            State::Resolving => Intent::Resolve,
            State::Open(_, up) => Intent::Open(up),
        }
    }

    /// Failures in a row.
    pub(in crate::daemon::plane) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whom it may be opened to.
    pub(in crate::daemon::plane) fn candidates(
        &self,
        now: Instant,
    ) -> impl Iterator<Item = Choice<'_>> {
        let peers = self.connection.peers.iter().enumerate();
        peers.map(move |(at, candidate)| Choice {
            candidate,
            called: self.attempt > 0 && self.candidate == at,
            until: self.busy.get(&at).copied().filter(|until| *until > now),
        })
    }

    /// Its calls by name.
    pub(in crate::daemon::plane) fn calls(&self) -> impl Iterator<Item = (&str, &CallState)> {
        let calls = self.calls.iter();
        calls.map(|(name, call)| (name.as_str(), call))
    }
}

impl CallState {
    /// The word for its state.
    pub(in crate::daemon::plane) fn word(&self) -> &'static str {
        match (self.session, self.up, self.due) {
            (Some(_), Some(_), _) => "up",
            (Some(_), None, _) => "placed",
            (None, _, _) if self.stopped => "stopped",
            (None, _, Some(_)) => "waiting",
            (None, _, None) => "idle",
        }
    }

    /// Its session.
    pub(in crate::daemon::plane) fn session(&self) -> Option<SessionKey> {
        self.session
    }

    /// Why it ended or was refused last.
    pub(in crate::daemon::plane) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// When it is placed again.
    pub(in crate::daemon::plane) fn due(&self) -> Option<Instant> {
        self.due
    }
}
