//! What is told of the control protocol as a whole: what it has counted, and whose messages it
//! dropped.

use super::Plane;
use crate::daemon::engine::Engine;
use adit_datapath::counters::Counters;
use adit_proto::l2tp::MessageDrop;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Counters by their names.
    pub totals: Vec<(&'static str, u64)>,
    /// Messages that were dropped, by reason.
    pub drops: Vec<DropCount>,
    /// The listeners of the configuration file.
    pub listeners: Vec<ListenerCounts>,
}

/// Messages that were dropped for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropCount {
    /// Why.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
    /// Who sent the last one, and how long ago that was.
    pub latest: Option<(SocketAddr, Duration)>,
}

/// A listener and what came to it that is nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerCounts {
    /// Its name.
    pub name: String,
    /// What it is bound to, or shall be.
    pub local: String,
    /// Why it is not open.
    pub problem: Option<String>,
    /// Packets of no tunnel, and control messages for which there was no room.
    pub counters: Counters,
}

/// The least time between lines in the log about one reason.
const PAUSE: Duration = Duration::from_secs(60);

/// Who sent what was dropped last, by reason.
#[derive(Debug, Default)]
pub(super) struct Drops {
    latest: BTreeMap<MessageDrop, (SocketAddr, Instant)>,
    /// When the log last told of a reason.
    told: BTreeMap<MessageDrop, Instant>,
    /// Messages that came by a socket that is closed by now.
    closed: u64,
}

impl Drops {
    /// Notes that a message of `peer` was dropped.
    pub(super) fn note(&mut self, reason: MessageDrop, peer: SocketAddr) {
        let now = Instant::now();
        let told = self.told.get(&reason);
        let told = told.is_some_and(|at| now.duration_since(*at) < PAUSE);
        match remedy(reason) {
            Some(remedy) if !told => {
                tracing::info!("{peer}: control message dropped: {reason}; {remedy}");
                self.told.insert(reason, now);
            }
            Some(_) | None => tracing::debug!("{peer}: control message dropped: {reason}"),
        }
        self.latest.insert(reason, (peer, now));
    }

    /// Notes that a message came by a socket that is closed by now.
    pub(super) fn note_closed(&mut self) {
        self.closed += 1;
    }
}

/// What to look at when messages of honest peers are dropped for this reason, where it is the
/// configuration.
fn remedy(reason: MessageDrop) -> Option<&'static str> {
    match reason {
        MessageDrop::Unauthentic => Some("compare the secrets at both ends"),
        MessageDrop::Stranger => Some("no [[peer]] that may call matches it"),
        MessageDrop::WrongPeer => Some("if a translator moved its peer, see roaming"),
        MessageDrop::TooManyRequests | MessageDrop::TunnelLimit => Some("see [limits]"),
        MessageDrop::Header
        | MessageDrop::Data
        | MessageDrop::UnknownTunnel
        | MessageDrop::Reflected
        | MessageDrop::InvalidNr
        | MessageDrop::Duplicate
        | MessageDrop::BeyondWindow
        | MessageDrop::Backlog
        | MessageDrop::NotARequest
        | MessageDrop::BadRequest
        | MessageDrop::LostTie
        | MessageDrop::UnknownType
        | MessageDrop::Malformed
        | MessageDrop::OutOfPlace
        | MessageDrop::UnknownSession
        | MessageDrop::Closed => None,
    }
}

impl Plane {
    /// What was counted since the daemon began.
    pub fn counts(&self, engine: &mut Engine) -> Counts {
        let counters = self.node.counters();
        let drop = |reason: &MessageDrop| DropCount {
            reason: reason.name(),
            count: counters.dropped(*reason),
            latest: self
                .drops
                .latest
                .get(reason)
                .map(|(from, at)| (*from, at.elapsed())),
        };
        let closed = DropCount {
            reason: "closed_listener",
            count: self.drops.closed,
            latest: None,
        };
        let drops = MessageDrop::ALL.iter().map(drop).chain([closed]);
        let mut totals = counters.totals().to_vec();
        totals.push(("half_open", saturating(self.node.half_open())));
        Counts {
            totals,
            drops: drops.filter(|drop| drop.count > 0).collect(),
            listeners: self.listeners.counts(engine),
        }
    }
}

fn saturating(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
