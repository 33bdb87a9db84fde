//! Which of a connection's peers is called, and how long it waits.

use super::{CallState, Dial, State};
use adit_proto::Random;
use std::time::{Duration, Instant};

/// The wait after a first failure; every further one waits twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// A tunnel or call that lived so long has not failed.
const STABLE: Duration = Duration::from_secs(30);

/// Whether what was established at `up` has lived long enough not to count as a failure.
pub(super) fn is_stable(up: Instant, now: Instant) -> bool {
    now - up >= STABLE
}

impl Dial {
    /// The candidate to try: of those that have not failed lately the ones with the lowest
    /// priority number, and of these one by weight. When all have failed, the one that is to be
    /// tried first again.
    pub(super) fn choose(&self, now: Instant, random: &mut Random) -> usize {
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
    pub(super) fn failed(&mut self, problem: &str, now: Instant, random: &mut Random) {
        let stable = matches!(self.state, State::Open(_, Some(up)) if is_stable(up, now));
        if matches!(self.state, State::Open(_, None)) {
            // Nobody answered, or not favourably; what has worked is tried first again.
            self.ephemeral = !self.ephemeral;
        }
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
pub(super) fn backoff(failures: u32, most: Duration, random: &mut Random) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    random.jitter(doubled.min(most))
}
