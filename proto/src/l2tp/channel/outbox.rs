use super::rtt::RoundTrip;
use super::{Expired, Retransmit};
use crate::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// The peer's window as long as it has not told it (RFC 2661 §4.4.3, Receive Window Size).
const DEFAULT_PEER_WINDOW: u16 = 4;

/// How far an Nr may lie behind what is acknowledged. Whoever delays a message for longer has
/// to send it again; who guesses numbers hits one of few instead of half of them.
const OLD_ACKS: u16 = 256;

/// What is sent: messages until they are acknowledged, and the windows.
#[derive(Debug)]
pub(super) struct Outbox<S> {
    /// The messages from the oldest unacknowledged one on.
    queue: VecDeque<Pending<S>>,
    /// Ns of the front of the queue.
    oldest: u16,
    /// How many from the front are in flight. A time-out makes it 0: what followed the lost message
    /// counts as lost too.
    in_flight: usize,
    /// How many from the front were ever sent, so which Nr are valid.
    sent: usize,
    peer_window: u16,
    /// CWND of appendix A, in messages.
    congestion: u16,
    /// SSTHRESH of appendix A; `None` is the peer's window.
    threshold: Option<u16>,
    /// Acknowledgements since the congestion window last grew, in congestion avoidance.
    acks: u16,
    round_trip: RoundTrip,
    retransmit: Retransmit,
    /// Since when, and for how long, an acknowledgement is waited for.
    timer: Option<(Instant, Duration)>,
    /// Time-outs of the oldest message in a row, and for how long it was waited for in all.
    tries: u8,
    waited: Duration,
    retransmissions: u32,
}

#[derive(Debug)]
struct Pending<S> {
    message: S,
    /// When it was sent first; `None` once it was sent again, so that it measures nothing.
    sent_at: Option<Instant>,
}

impl<S> Outbox<S> {
    pub(super) fn new(retransmit: Retransmit) -> Outbox<S> {
        Outbox {
            queue: VecDeque::new(),
            oldest: 0,
            in_flight: 0,
            sent: 0,
            peer_window: DEFAULT_PEER_WINDOW,
            congestion: 1,
            threshold: None,
            acks: 0,
            round_trip: RoundTrip::default(),
            retransmit,
            timer: None,
            tries: 0,
            waited: Duration::ZERO,
            retransmissions: 0,
        }
    }

    pub(super) fn set_peer_window(&mut self, window: u16) {
        // Beyond half of the numbers, old and new could not be told apart.
        self.peer_window = window.clamp(1, 0x7fff);
        self.congestion = self.congestion.min(self.peer_window);
    }

    pub(super) fn set_retransmit(&mut self, retransmit: Retransmit) {
        self.retransmit = retransmit;
    }

    pub(super) fn push(&mut self, message: S) {
        self.queue.push_back(Pending {
            message,
            sent_at: None,
        });
    }

    /// Heeds an Nr; gives whether it is valid.
    pub(super) fn acknowledge(&mut self, now: Instant, nr: u16) -> bool {
        let count = nr.wrapping_sub(self.oldest);
        if count == 0 || count.wrapping_neg() <= OLD_ACKS {
            return true;
        }
        let count = usize::from(count);
        if count > self.sent {
            return false;
        }
        let last = self.queue.drain(..count).next_back();
        if let Some(sent_at) = last.and_then(|pending| pending.sent_at) {
            self.round_trip.measure(now.since(sent_at));
        }
        self.oldest = nr;
        self.sent -= count;
        self.in_flight = self.in_flight.saturating_sub(count);
        self.tries = 0;
        self.waited = Duration::ZERO;
        self.grow();
        self.timer = (self.in_flight > 0).then(|| (now, self.interval()));
        self.release();
        true
    }

    /// Appendix A: in slow start one more for each acknowledgement, later one more for each window.
    fn grow(&mut self) {
        let threshold = self.threshold.unwrap_or(self.peer_window);
        if self.congestion < threshold {
            self.congestion += 1;
        } else {
            self.acks += 1;
            if self.acks >= self.congestion {
                self.acks = 0;
                self.congestion += 1;
            }
        }
        self.congestion = self.congestion.min(self.peer_window);
    }

    /// Gives back the room of a queue that was long once.
    fn release(&mut self) {
        if self.queue.is_empty() && self.queue.capacity() > 16 {
            self.queue.shrink_to(4);
        }
    }

    pub(super) fn has_next(&self) -> bool {
        self.in_flight < self.queue.len() && self.in_flight < usize::from(self.window())
    }

    /// The next message to send, with its Ns and whether it was sent before.
    pub(super) fn next(&mut self, now: Instant) -> Option<(u16, &S, bool)> {
        let interval = self.interval();
        let ns = self.oldest.wrapping_add(self.in_flight as u16);
        let pending = self.queue.get_mut(self.in_flight)?;
        let again = self.in_flight < self.sent;
        pending.sent_at = (!again).then_some(now);
        self.retransmissions += u32::from(again);
        self.in_flight += 1;
        self.sent = self.sent.max(self.in_flight);
        self.timer = self.timer.or(Some((now, interval)));
        Some((ns, &pending.message, again))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timer.map(|(since, interval)| since + interval)
    }

    pub(super) fn expire(&mut self, now: Instant) -> Expired {
        let Some((since, interval)) = self.timer else {
            return Expired::No;
        };
        if now < since + interval {
            return Expired::No;
        }
        // What counts is the time that was meant to be waited: a host that slept for an hour has
        // not tried for an hour.
        self.waited += interval;
        self.timer = None;
        self.in_flight = 0;
        self.threshold = Some((self.congestion / 2).max(1));
        self.congestion = 1;
        self.acks = 0;
        if self.tries >= self.retransmit.tries && self.waited >= self.retransmit.cycle() {
            return Expired::GiveUp;
        }
        self.tries = self.tries.saturating_add(1);
        Expired::Retransmit
    }

    pub(super) fn persevere(&mut self) {
        self.waited = Duration::ZERO;
    }

    /// How long the next transmission waits: the estimate, doubled for each time-out, within the
    /// bounds.
    fn interval(&self) -> Duration {
        let Retransmit {
            initial, min, cap, ..
        } = self.retransmit;
        let cap = cap.max(min);
        let estimate = self.round_trip.timeout().unwrap_or(initial).clamp(min, cap);
        let doubled = 1u32.checked_shl(self.tries.into()).unwrap_or(u32::MAX);
        estimate.saturating_mul(doubled).min(cap)
    }

    pub(super) fn oldest(&self) -> Option<&S> {
        self.queue.front().map(|pending| &pending.message)
    }

    pub(super) fn retain_unsent(&mut self, mut keep: impl FnMut(&S) -> bool) {
        let mut place = 0;
        let sent = self.sent;
        self.queue.retain(|pending| {
            place += 1;
            place <= sent || keep(&pending.message)
        });
    }

    pub(super) fn clear(&mut self) {
        self.oldest = self.ns();
        self.queue = VecDeque::new();
        self.sent = 0;
        self.in_flight = 0;
        self.timer = None;
    }

    pub(super) fn backlog(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn window(&self) -> u16 {
        self.congestion.min(self.peer_window)
    }

    pub(super) fn retransmissions(&self) -> u32 {
        self.retransmissions
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.mean()
    }

    /// The number of the first message that was never sent.
    pub(super) fn ns(&self) -> u16 {
        self.oldest.wrapping_add(self.sent as u16)
    }
}
