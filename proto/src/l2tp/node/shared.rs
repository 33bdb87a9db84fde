use super::super::auth::Mint;
use super::super::config::Policy;
use super::super::{Event, Output, Saved};
use super::bucket::Bucket;
use super::counters::{Counters, MessageDrop};
use super::opening::Opening;
use crate::{Instant, Random};
use adit_wire::l2tp::{SessionId, TunnelId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What the tunnels of a node have in common. Its two faces: a tunnel reads the time, takes
/// numbers and adds outputs; only the node takes them out.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) now: Instant,
    pub(super) random: Random,
    mint: Mint,
    pub(super) policy: Policy,
    pub(super) counters: Counters,
    pub(super) outputs: VecDeque<Output>,
    /// Sessions of version 3, whose ids are the node's: over IP, data messages name nothing else.
    pub(super) v3_sessions: BTreeMap<SessionId, TunnelId>,
    /// Ids that are in use outside of the node.
    pub(super) reserved_tunnels: BTreeSet<TunnelId>,
    pub(super) reserved_sessions: BTreeSet<SessionId>,
    /// Sessions of both versions.
    pub(super) sessions: u32,
    /// The calls of all peers.
    calls: Bucket,
    /// The last serial number given.
    serial: u32,
    /// Room for a message that is being written.
    pub(super) plain: Vec<u8>,
    /// No further tunnels and sessions.
    pub(super) closed_to_new: bool,
}

impl Shared {
    pub(super) fn new(seed: [u8; 32], policy: Policy) -> Shared {
        let mut random = Random::new(seed);
        Shared {
            now: Instant::EPOCH,
            mint: Mint::new(&mut random),
            random,
            policy,
            counters: Counters::default(),
            outputs: VecDeque::new(),
            v3_sessions: BTreeMap::new(),
            reserved_tunnels: BTreeSet::new(),
            reserved_sessions: BTreeSet::new(),
            sessions: 0,
            calls: Bucket::full(Instant::EPOCH),
            serial: 0,
            plain: Vec::new(),
            closed_to_new: false,
        }
    }

    pub(super) fn notify(&mut self, event: Event) {
        self.outputs.push_back(Output::Notify(event));
    }

    pub(super) fn save(&mut self, saved: Saved) {
        self.outputs.push_back(Output::Save(saved));
    }

    pub(super) fn drop(&mut self, reason: MessageDrop) {
        self.counters.drop(reason);
    }

    /// Whether the node may take another call of a peer now; counts it if so.
    pub(super) fn may_take_call(&mut self) -> bool {
        let rate = self.policy.limits.call_rate;
        rate.is_none_or(|rate| self.calls.take(self.now, rate))
    }

    /// A challenge or nonce.
    pub(super) fn mint(&mut self) -> [u8; 16] {
        self.mint.make(&mut self.random)
    }

    /// Whether the peer asks for proof with what this node asked for it with.
    pub(super) fn is_own_proof(&self, opening: &Opening<'_>) -> bool {
        let asked = opening.challenge.into_iter().chain(opening.nonce);
        asked.into_iter().any(|octets| self.mint.made(octets))
    }

    /// A number that no tunnel or session of this node has had.
    pub(super) fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// A random number that is not 0, at most `max`, and not `taken`; `None` when it finds none.
    pub(super) fn free_id(&mut self, max: u32, taken: impl Fn(u32) -> bool) -> Option<u32> {
        let any = |random: &mut Random| 1 + random.below(max);
        for _ in 0..32 {
            let id = any(&mut self.random);
            if !taken(id) {
                return Some(id);
            }
        }
        // So full that guessing takes long. 32 bits never are.
        let start = any(&mut self.random);
        (start..=max)
            .chain(1..start)
            .take(0x1_0000)
            .find(|id| !taken(*id))
    }
}
