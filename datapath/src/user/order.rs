//! Sequence numbers at the receiver: the window, resynchronisation and the reorder queue
//! (RFC 3931 §4.6.1, by the rules of Linux's driver, but safe at the wrap and driven by the clock).

use adit_wire::l2tp::Sequence;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Sequence numbers count modulo 2^24.
const MASK: u32 = 0x00ff_ffff;
/// A number is acceptable when it lies less than this far ahead of the expected one.
const WINDOW: u32 = (1 << 23) - 1;
/// After more than this many consecutive numbers at a wrong place, that place is the right one.
const RESYNC_AFTER: u32 = 4;
/// Packets held per session; when one more comes, the gap before the first is given up.
const MAX_HELD: usize = 256;
/// How long a packet without a number waits behind a gap when no reorder timeout is set.
const UNNUMBERED_WAIT: Duration = Duration::from_secs(1);

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was handed on, and with it every packet that had waited for it.
    Delivered,
    /// It was handed on before packets that came earlier and had waited for it.
    FilledGap,
    /// It waits for those before it; `late` when it goes before one that came earlier.
    Held { late: bool },
    /// Its number lies outside the window.
    OutsideWindow,
    /// It is out of sequence, and packets are not reordered.
    OutOfOrder,
    /// Its number is waiting already.
    Duplicate,
}

/// The receiving side of one session's sequence.
#[derive(Debug)]
pub(crate) struct Order {
    expected: u32,
    /// Whether the next number is taken whatever it is: at the start, and after giving up a gap.
    take_next: bool,
    stray: Option<Stray>,
    held: VecDeque<Held>,
}

/// A run of consecutive numbers at a place where they are not expected.
#[derive(Debug, Clone, Copy)]
struct Stray {
    last: u32,
    consecutive: u32,
}

#[derive(Debug)]
struct Held {
    number: Option<u32>,
    until: Instant,
    frame: Box<[u8]>,
}

impl Order {
    pub(crate) fn new() -> Order {
        Order {
            expected: 0,
            take_next: true,
            stray: None,
            held: VecDeque::new(),
        }
    }

    /// The number expected next.
    pub(crate) fn expected(&self) -> u32 {
        self.expected
    }

    /// When to call [`Order::expire`], if anything waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.until).min()
    }

    /// Takes the packet with `number` received at `now`; a zero `timeout` does not reorder.
    /// `deliver` gets every frame whose turn has come.
    pub(crate) fn numbered<'a>(
        &mut self,
        now: Instant,
        Sequence(number): Sequence,
        timeout: Duration,
        frame: &'a [u8],
        deliver: &mut impl FnMut(Cow<'a, [u8]>),
    ) -> Fate {
        if self.ahead(number) >= WINDOW && !self.resynchronise(number, deliver) {
            return Fate::OutsideWindow;
        }
        if self.is_next(number) {
            let waited_for = !self.held.is_empty();
            self.pass(number);
            deliver(Cow::Borrowed(frame));
            self.release(deliver);
            return if waited_for {
                Fate::FilledGap
            } else {
                Fate::Delivered
            };
        }
        if !timeout.is_zero() {
            return self.hold(now + timeout, number, frame, deliver);
        }
        if !self.resynchronise(number, deliver) {
            return Fate::OutOfOrder;
        }
        self.pass(number);
        deliver(Cow::Borrowed(frame));
        Fate::Delivered
    }

    /// Takes a packet without a number: it goes after everything that waits.
    pub(crate) fn unnumbered<'a>(
        &mut self,
        now: Instant,
        timeout: Duration,
        frame: &'a [u8],
        deliver: &mut impl FnMut(Cow<'a, [u8]>),
    ) -> Fate {
        if self.held.is_empty() {
            deliver(Cow::Borrowed(frame));
            return Fate::Delivered;
        }
        self.make_room(deliver);
        let wait = if timeout.is_zero() {
            UNNUMBERED_WAIT
        } else {
            timeout
        };
        self.held.push_back(Held {
            number: None,
            until: now + wait,
            frame: frame.into(),
        });
        self.release(deliver);
        Fate::Held { late: false }
    }

    /// Gives up waiting for what should have come before the packets whose time is over by `now`,
    /// and delivers them in order.
    pub(crate) fn expire<'a>(&mut self, now: Instant, deliver: &mut impl FnMut(Cow<'a, [u8]>)) {
        if let Some(last) = self.held.iter().rposition(|held| held.until <= now) {
            self.flush(last + 1, deliver);
        }
    }

    /// Delivers everything that waits, as when the session stops reordering.
    pub(crate) fn drain<'a>(&mut self, deliver: &mut impl FnMut(Cow<'a, [u8]>)) {
        self.flush(self.held.len(), deliver);
    }

    fn flush<'a>(&mut self, count: usize, deliver: &mut impl FnMut(Cow<'a, [u8]>)) {
        for held in self.held.drain(..count) {
            if let Some(number) = held.number {
                self.expected = (number + 1) & MASK;
            }
            deliver(Cow::Owned(held.frame.into_vec()));
        }
        self.release(deliver);
    }

    fn ahead(&self, number: u32) -> u32 {
        number.wrapping_sub(self.expected) & MASK
    }

    fn is_next(&self, number: u32) -> bool {
        number == self.expected || self.take_next
    }

    fn pass(&mut self, number: u32) {
        self.expected = (number + 1) & MASK;
        self.take_next = false;
        self.stray = None;
    }

    /// Counts consecutive numbers at a wrong place; true once there are enough to believe them.
    /// What waited was sent before the peer's jump, so it goes out first.
    fn resynchronise<'a>(&mut self, number: u32, deliver: &mut impl FnMut(Cow<'a, [u8]>)) -> bool {
        let consecutive = match self.stray {
            Some(stray) if (stray.last + 1) & MASK == number => stray.consecutive + 1,
            Some(_) | None => 0,
        };
        self.stray = Some(Stray {
            last: number,
            consecutive,
        });
        if consecutive <= RESYNC_AFTER {
            return false;
        }
        self.drain(deliver);
        self.take_next = true;
        true
    }

    fn hold<'a>(
        &mut self,
        until: Instant,
        number: u32,
        frame: &'a [u8],
        deliver: &mut impl FnMut(Cow<'a, [u8]>),
    ) -> Fate {
        let ahead = self.ahead(number);
        let place = |held: &Held| held.number.map(|number| self.ahead(number));
        if self.held.iter().any(|held| place(held) == Some(ahead)) {
            return Fate::Duplicate;
        }
        let before = self
            .held
            .iter()
            .position(|held| place(held).is_some_and(|at| at > ahead));
        let at = before.unwrap_or(self.held.len());
        self.held.insert(
            at,
            Held {
                number: Some(number),
                until,
                frame: frame.into(),
            },
        );
        self.make_room(deliver);
        Fate::Held {
            late: before.is_some(),
        }
    }

    fn make_room<'a>(&mut self, deliver: &mut impl FnMut(Cow<'a, [u8]>)) {
        if self.held.len() >= MAX_HELD {
            self.flush(1, deliver);
        }
    }

    /// Delivers from the front of the queue while the front's turn has come.
    fn release<'a>(&mut self, deliver: &mut impl FnMut(Cow<'a, [u8]>)) {
        while let Some(held) = self.held.front() {
            match held.number {
                Some(number) if number != self.expected => break,
                Some(number) => self.pass(number),
                None => {}
            }
            if let Some(held) = self.held.pop_front() {
                deliver(Cow::Owned(held.frame.into_vec()));
            }
        }
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
