//! The search for the largest packet that goes through a path, by the rules of RFC 8899: a packet
//! counts as gone through when it was answered, and as lost when it was not, three times. Nothing
//! here has a clock or a socket.

use std::time::{Duration, Instant};

/// How long an answer may take: no less than a second (RFC 8899 §5.1.1).
const ANSWER: Duration = Duration::from_secs(1);
/// MAX_PROBES: so many must be lost for one size to count as too large.
const MAX_PROBES: u32 = 3;
/// The search is over when sizes are known to this many octets.
const GRAIN: u32 = 8;
/// After so many confirmations something larger is tried.
const CONFIRMATIONS: u32 = 20;

/// See the [module](self). Sizes are octets of IP packets.
#[derive(Debug)]
pub(super) struct Search {
    /// BASE_PLPMTU: what every path of today carries.
    base: u32,
    /// The largest size that was answered, and the smallest that is too large.
    low: u32,
    high: u32,
    phase: Phase,
    /// The size that is asked about, and how often it has been.
    size: u32,
    attempts: u32,
    due: Instant,
    confirmed: u32,
}

/// The phases of RFC 8899 §5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody has answered yet, or nobody does any more.
    Base,
    Search,
    /// The size is known, and confirmed now and then.
    Complete,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing new.
    Nothing,
    /// The largest packet has this size.
    Size(u32),
    /// Nobody answers, so nothing is known.
    Silence,
}

impl Search {
    /// A search that begins `now`, with the size that an IPv4 or IPv6 path begins with.
    pub(super) fn new(v4: bool, now: Instant) -> Search {
        let base = if v4 { 1200 } else { 1280 };
        Search {
            base,
            low: base,
            high: base + 1,
            phase: Phase::Base,
            size: base,
            attempts: 0,
            due: now,
            confirmed: 0,
        }
    }

    /// When to call [`Search::step`].
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Does what is due: gives the size of the probe to send, if any. `most` is what the path
    /// carries by what routers and routes say, `every` the time between confirmations.
    pub(super) fn step(
        &mut self,
        now: Instant,
        most: u32,
        every: Duration,
    ) -> (Option<u32>, Finding) {
        if now < self.due {
            return (None, Finding::Nothing);
        }
        if self.phase == Phase::Search && most < self.size {
            // Routers say less than before. What was found out may not hold.
            self.phase = Phase::Base;
            self.ask(self.base, now);
        }
        let mut finding = Finding::Nothing;
        if self.attempts >= MAX_PROBES {
            finding = self.lost(now, most, every);
            if now < self.due {
                return (None, finding);
            }
        }
        self.attempts += 1;
        self.due = now + ANSWER;
        (Some(self.size.min(most)), finding)
    }

    /// A probe of this size was answered.
    pub(super) fn answered(
        &mut self,
        size: u32,
        now: Instant,
        most: u32,
        every: Duration,
    ) -> Finding {
        if self.attempts == 0 || size != self.size.min(most) {
            return Finding::Nothing;
        }
        match self.phase {
            Phase::Base => {
                (self.low, self.high) = (size, most + 1);
                self.phase = Phase::Search;
                // Most paths carry what they seem to.
                self.ask(most.max(size), now);
                self.conclude(now, every)
            }
            Phase::Search => {
                self.low = self.low.max(size);
                self.ask(self.middle(), now);
                self.conclude(now, every)
            }
            Phase::Complete => {
                self.confirmed += 1;
                if self.confirmed.is_multiple_of(CONFIRMATIONS) && most > self.low {
                    self.phase = Phase::Search;
                    self.high = most + 1;
                    self.ask(most, now);
                } else {
                    self.rest(now, every);
                }
                Finding::Nothing
            }
        }
    }

    /// Somebody says that the path carries `mtu` (RFC 8899 §4.6.2), which is believed as far as
    /// it lies where the answer is looked for.
    pub(super) fn told(&mut self, mtu: u32, now: Instant) {
        if self.phase == Phase::Search && self.low < mtu && mtu < self.size {
            self.high = mtu + 1;
            self.ask(mtu, now);
        }
    }

    /// The size was asked about often enough without an answer.
    fn lost(&mut self, now: Instant, most: u32, every: Duration) -> Finding {
        match self.phase {
            Phase::Base => {
                self.attempts = 0;
                self.due = now + every;
                Finding::Silence
            }
            Phase::Search => {
                self.high = self.high.min(self.size);
                self.ask(self.middle(), now);
                self.conclude(now, every)
            }
            Phase::Complete => {
                // What went through does so no more: a black hole, or nobody is there.
                self.phase = Phase::Base;
                self.ask(self.base.min(most), now);
                Finding::Nothing
            }
        }
    }

    fn middle(&self) -> u32 {
        self.low + (self.high - self.low) / 2
    }

    fn ask(&mut self, size: u32, now: Instant) {
        (self.size, self.attempts, self.due) = (size, 0, now);
    }

    /// Ends the search when there is nothing between what goes through and what does not.
    fn conclude(&mut self, now: Instant, every: Duration) -> Finding {
        if self.high - self.low > GRAIN {
            return Finding::Nothing;
        }
        self.phase = Phase::Complete;
        self.confirmed = 0;
        self.rest(now, every);
        Finding::Size(self.low)
    }

    fn rest(&mut self, now: Instant, every: Duration) {
        (self.size, self.attempts, self.due) = (self.low, 0, now + every);
    }
}

#[cfg(test)]
mod tests;
