//! Sequence numbers beyond the end of the process.
//!
//! A peer may discard every number behind the one that it expects, and every one half the space
//! ahead, for ever. So what a killed process leaves behind has to tell a number that is ahead of
//! all it sent, and not by far.

use super::{Edit, Engine, Object};
use adit_datapath::spec::{Retuning, Sequencing, SessionKey, SessionSpec};
use adit_wire::l2tp::Sublayer;
use std::collections::BTreeSet;

/// A number is written down once it is this far behind.
const STEP: u32 = 1 << 18;
/// A successor begins this far ahead of what is written down: by more than a step and all that a
/// session can send between two looks, and by a quarter of what its peer accepts.
const LEAP: u32 = 1 << 21;

/// Which sessions are looked at: to look at every one of thousands would take milliseconds each
/// time, and nearly all of them number nothing.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    /// Those that did when all were looked at.
    sessions: BTreeSet<SessionKey>,
    /// What the data path told then; nothing when all have to be looked at again.
    followed: Option<u64>,
}

impl Numbering {
    /// A session has come, or changed.
    pub(super) fn look_again(&mut self) {
        self.followed = None;
    }

    /// A session has gone.
    pub(super) fn forget(&mut self, key: SessionKey) {
        self.sessions.remove(&key);
    }
}

impl Engine {
    /// Writes down how the sessions number their packets, as far as a successor has to know it;
    /// to be called about once a second. What cannot be written is tried again the next time.
    pub fn save_numbers(&mut self) {
        let followed = self.datapath.followed();
        let all = followed.is_none() || followed != self.numbering.followed;
        let keys: Vec<SessionKey> = match all {
            true => {
                let kept = |key: &&SessionKey| !self.is_negotiated(Object::Session(**key));
                let keys = self.desired.sessions.keys().filter(kept);
                keys.copied().collect()
            }
            false => self.numbering.sessions.iter().copied().collect(),
        };
        if all {
            let numbers = |key: &SessionKey| {
                let now = self.datapath.sequencing(*key);
                now.is_ok_and(|now| now.send_seq)
            };
            self.numbering.sessions = keys.iter().copied().filter(numbers).collect();
            self.numbering.followed = followed;
        }
        let stale = |key| self.stale_numbers(key);
        let stale = keys.into_iter().filter_map(stale).collect();
        self.write_numbers(stale);
    }

    /// Writes down what a change has made of a session's numbers; a session that waits will begin
    /// with it.
    pub(super) fn renumber(&mut self, key: SessionKey, change: &Retuning) {
        if self.is_negotiated(Object::Session(key)) {
            return;
        }
        let waiting = self.numbers.get_mut(&key);
        if let (Err(_), Some(saved), Some(on)) =
            (self.datapath.sequencing(key), waiting, change.send_seq)
        {
            let now = Sequencing {
                send_seq: on,
                ..*saved
            };
            return self.write_numbers(vec![(key, now)]);
        }
        let stale = self.stale_numbers(key).into_iter().collect();
        self.write_numbers(stale);
    }

    /// Where a session that an earlier process had begins, or a new one.
    pub(super) fn saved_numbers(&self, spec: &SessionSpec) -> Sequencing {
        let saved = self.numbers.get(&spec.key).copied();
        saved.unwrap_or_else(|| spec.sequencing())
    }

    /// Puts the numbers of what was restored ahead of all that the killed process may have sent,
    /// and writes that down before the first one is used. A session that did not number its
    /// packets stays where it was: else it would leave its peer's window by and by.
    pub(super) fn leap(&mut self) {
        let numbering = |spec: &&SessionSpec| match self.numbers.get(&spec.key) {
            Some(saved) => saved.send_seq,
            // It may have begun after the last look.
            None => spec.sublayer == Sublayer::Default,
        };
        let leapt = |spec: &SessionSpec| {
            let saved = self.saved_numbers(spec);
            let next_ns = saved.next_ns.plus(LEAP);
            (spec.key, Sequencing { next_ns, ..saved })
        };
        let sessions = self.desired.sessions.values();
        let numbers: Vec<_> = sessions.filter(numbering).map(leapt).collect();
        self.numbers.extend(numbers.iter().copied());
        self.write_numbers(numbers);
    }

    /// A session's numbers, where what is written down would not do for a successor.
    fn stale_numbers(&mut self, key: SessionKey) -> Option<(SessionKey, Sequencing)> {
        let now = self.datapath.sequencing(key).ok()?;
        let saved = self.saved_numbers(self.desired.sessions.get(&key)?);
        let sent = now.next_ns.since(saved.next_ns);
        (now.send_seq != saved.send_seq || sent >= STEP).then_some((key, now))
    }

    fn write_numbers(&mut self, numbers: Vec<(SessionKey, Sequencing)>) {
        if numbers.is_empty() {
            return;
        }
        let edit = Edit::Numbers(numbers);
        match self.store.write(&edit) {
            Ok(()) => {
                self.unsaved = false;
                self.record(edit);
            }
            Err(unwritten) => {
                self.numbering.look_again();
                if !std::mem::replace(&mut self.unsaved, true) {
                    tracing::warn!("sequence numbers: {unwritten}");
                }
            }
        }
    }
}
