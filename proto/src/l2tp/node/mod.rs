//! A node: one end of any number of tunnels.

mod admission;
mod bucket;
mod call_set_up;
mod calls;
mod compose;
mod compose_call;
mod counters;
mod establish;
mod info;
mod on_call;
mod opening;
mod receive;
mod request;
mod rival;
mod session;
mod sessions;
mod shared;
mod timers;
mod tunnel;
mod verbs;

use super::path::Host;
use super::{Event, Input, Output, Path, Policy};
use crate::Instant;
use adit_wire::l2tp::{SessionId, TunnelId};
use admission::Admission;
use bucket::Bucket;
pub use counters::{Counters, MessageDrop};
pub use info::{SessionInfo, TunnelInfo};
use shared::Shared;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tunnel::Tunnel;

/// One end of any number of tunnels and their sessions.
///
/// After each call that changes it ([`handle`](Node::handle) and the verbs), take out what is to be
/// done with [`poll`](Node::poll) until there is nothing left. Then wait for something to happen, at
/// most until [`deadline`](Node::deadline).
#[derive(Debug)]
pub struct Node {
    shared: Shared,
    /// By this end's id, those included that linger.
    tunnels: BTreeMap<TunnelId, Box<Tunnel>>,
    /// Tunnels that peers asked for, by the way there and the peer's id.
    requesters: BTreeMap<(Path, TunnelId), TunnelId>,
    /// Tunnels whose SCCRQ waits for its reply, by whom it was sent to.
    calling: BTreeMap<Host, BTreeSet<TunnelId>>,
    /// How many tunnels each profile accepted.
    per_profile: BTreeMap<Arc<str>, u32>,
    admission: Admission,
    /// When which tunnel has something to do, at the latest.
    timers: BTreeSet<(Instant, TunnelId)>,
    /// Tunnels with something to send, each once: they take turns.
    ready: VecDeque<TunnelId>,
    /// Messages of no tunnel.
    strays: VecDeque<(Path, Vec<u8>)>,
    /// What may be sent.
    budget: Bucket,
    /// The driver waits for the end of all tunnels.
    draining: bool,
}

/// Messages of no tunnel that wait to be sent, at most.
const MOST_STRAYS: usize = 256;

impl Node {
    /// A node without tunnels. `seed` should come from the host's entropy source; whoever knows it
    /// knows all ids and cookies.
    pub fn new(seed: [u8; 32], policy: Policy) -> Node {
        Node {
            shared: Shared::new(seed, policy),
            tunnels: BTreeMap::new(),
            requesters: BTreeMap::new(),
            calling: BTreeMap::new(),
            per_profile: BTreeMap::new(),
            admission: Admission::default(),
            timers: BTreeSet::new(),
            ready: VecDeque::new(),
            strays: VecDeque::new(),
            budget: Bucket::full(Instant::EPOCH),
            draining: false,
        }
    }

    /// Takes in what happened, and lets the time be `now`.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.set_time(now);
        match input {
            Input::Time => {}
            Input::Datagram { path, payload } => self.receive(path, payload),
            Input::Traffic(key) => {
                let now = self.shared.now;
                if let Some(tunnel) = self.tunnels.get_mut(&key.id).filter(|one| one.key == key) {
                    tunnel.data = now;
                }
            }
            Input::Installed { session, outcome } => {
                if let Err(code) = outcome {
                    // It may have ended in the meantime.
                    let _ = self.close_session(now, session, code);
                }
            }
        }
        self.expire();
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.shared.outputs.pop_front() {
            return Some(output);
        }
        self.transmit()
    }

    /// When [`handle`](Node::handle) is to be called at the latest, with [`Input::Time`] if there is
    /// nothing else, and what for.
    pub fn deadline(&self) -> Option<(Instant, &'static str)> {
        let timer = self.timers.first().map(|(at, id)| {
            let tunnel = self.tunnels.get(id).and_then(|tunnel| tunnel.deadline());
            (*at, tunnel.map_or("a tunnel", |(_, why)| why))
        });
        let waits = !self.ready.is_empty() || !self.strays.is_empty();
        let budget = waits.then(|| {
            let rate = self.shared.policy.limits.transmit;
            (self.budget.available_at(rate), "transmit budget")
        });
        timer.into_iter().chain(budget).min_by_key(|(at, _)| *at)
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Why a message was dropped since this was last asked: the latest reason, if there was one. Asked
    /// after each [`Input::Datagram`], it is about that.
    pub fn take_dropped(&mut self) -> Option<MessageDrop> {
        self.shared.counters.take_latest()
    }

    /// Sessions in any state, of all tunnels.
    pub fn session_count(&self) -> usize {
        self.shared.sessions as usize
    }

    /// Tunnels of peers that have not proved yet that they receive at their address.
    pub fn half_open(&self) -> usize {
        self.admission.half_open()
    }

    /// The tunnel of a v3 session, by whose id alone data messages over IP are told apart.
    pub fn tunnel_of_session(&self, id: SessionId) -> Option<TunnelId> {
        self.shared.v3_sessions.get(&id).copied()
    }

    /// The next datagram, of the tunnels in turn, as far as the budget goes.
    fn transmit(&mut self) -> Option<Output> {
        let now = self.shared.now;
        let rate = self.shared.policy.limits.transmit;
        loop {
            if self.ready.is_empty() && self.strays.is_empty() {
                return None;
            }
            if self.budget.available_at(rate) > now {
                return None;
            }
            if let Some((path, payload)) = self.strays.pop_front() {
                self.budget.take(now, rate);
                self.shared.counters.transmitted += 1;
                return Some(Output::Transmit { path, payload });
            }
            let id = self.ready.pop_front()?;
            let Some(tunnel) = self.tunnels.get_mut(&id) else {
                continue;
            };
            tunnel.queued = false;
            let sent = tunnel.transmit(now, &mut self.shared.random);
            self.settle(id);
            if let Some((path, payload, again)) = sent {
                self.budget.take(now, rate);
                self.shared.counters.transmitted += 1;
                self.shared.counters.retransmitted += u64::from(again);
                return Some(Output::Transmit { path, payload });
            }
        }
    }

    /// Sends a message of no tunnel, unless too many wait.
    fn transmit_later(&mut self, path: Path, payload: Vec<u8>) {
        match self.strays.len() < MOST_STRAYS {
            true => self.strays.push_back((path, payload)),
            false => self.shared.counters.unsent += 1,
        }
    }

    /// An id that no tunnel has; of 16 bits if a v2 tunnel is to have it.
    fn free_tunnel_id(&mut self, narrow: bool) -> Option<TunnelId> {
        let max = match narrow {
            true => u16::MAX.into(),
            false => u32::MAX,
        };
        let tunnels = &self.tunnels;
        let reserved = std::mem::take(&mut self.shared.reserved_tunnels);
        let id = self.shared.free_id(max, |id| {
            tunnels.contains_key(&TunnelId(id)) || reserved.contains(&TunnelId(id))
        });
        self.shared.reserved_tunnels = reserved;
        id.map(TunnelId)
    }

    /// Says so if the node was told to drain and nothing is left.
    fn report_drained(&mut self) {
        if self.draining && self.tunnels.is_empty() {
            self.draining = false;
            self.shared.notify(Event::Drained);
        }
    }
}
