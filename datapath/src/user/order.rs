//! Sequence numbers at the receiver: the window, resynchronisation and the reorder queue
//! (RFC 2661 §5.4, RFC 3931 §4.6.1, by the rules of Linux's driver, but safe at the wrap and driven
//! by the clock).

use adit_wire::l2tp::Sequence;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Deref;
use std::time::{Duration, Instant};

/// How many bits a sequence number has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// L2TPv2's Ns.
    Bits16,
    /// The default sublayer's of L2TPv3.
    Bits24,
}

impl Width {
    /// The largest number; the next one is 0.
    pub(crate) const fn mask(self) -> u32 {
        match self {
            Width::Bits16 => 0xffff,
            Width::Bits24 => Sequence::MAX,
        }
    }

    /// A number is acceptable when it lies less than this far ahead of the expected one.
    const fn window(self) -> u32 {
        self.mask() / 2
    }
}

/// What a session's packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload<'a> {
    pub(crate) octets: Cow<'a, [u8]>,
    /// Octets of the packet in front of it.
    pub(crate) header: usize,
    /// The TOS octet or traffic class of the outer packet.
    pub(crate) class: u8,
}

impl Payload<'_> {
    /// Octets of the whole L2TP packet.
    pub(crate) fn packet_len(&self) -> usize {
        self.header + self.octets.len()
    }

    /// Leaves the first octets out; they count as header.
    pub(crate) fn skip(&mut self, count: usize) {
        let count = count.min(self.octets.len());
        self.header += count;
        match &mut self.octets {
            Cow::Borrowed(octets) => *octets = &octets[count..],
            Cow::Owned(octets) => drop(octets.drain(..count)),
        }
    }

    /// This without its first octets.
    pub(crate) fn behind(mut self, count: usize) -> Self {
        self.skip(count);
        self
    }

    /// Other octets that came so.
    pub(crate) fn replaced(self, octets: Vec<u8>) -> Self {
        Payload {
            octets: Cow::Owned(octets),
            ..self
        }
    }

    fn into_owned(self) -> Payload<'static> {
        Payload {
            octets: Cow::Owned(self.octets.into_owned()),
            header: self.header,
            class: self.class,
        }
    }
}

/// After more than this many consecutive numbers at a wrong place, that place is the right one.
const RESYNC_AFTER: u32 = 4;
/// Packets held per session; when one more comes, the gap before the first is given up.
const MAX_HELD: usize = 256;
/// How long a packet without a number waits behind a gap when no reorder timeout is set.
const UNNUMBERED_WAIT: Duration = Duration::from_secs(1);

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.octets
    }
}

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
    width: Width,
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
    payload: Payload<'static>,
}

impl Order {
    pub(crate) fn new(width: Width) -> Order {
        Order {
            width,
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
    /// `deliver` gets every payload whose turn has come.
    pub(crate) fn numbered<'a>(
        &mut self,
        now: Instant,
        Sequence(number): Sequence,
        timeout: Duration,
        payload: Payload<'a>,
        deliver: &mut impl FnMut(Payload<'a>),
    ) -> Fate {
        if self.ahead(number) >= self.width.window() && !self.resynchronise(number, deliver) {
            return Fate::OutsideWindow;
        }
        if self.is_next(number) {
            let waited_for = !self.held.is_empty();
            self.pass(number);
            deliver(payload);
            self.release(deliver);
            return if waited_for {
                Fate::FilledGap
            } else {
                Fate::Delivered
            };
        }
        if !timeout.is_zero() {
            return self.hold(now + timeout, number, payload, deliver);
        }
        if !self.resynchronise(number, deliver) {
            return Fate::OutOfOrder;
        }
        self.pass(number);
        deliver(payload);
        Fate::Delivered
    }

    /// Takes a packet without a number: it goes after everything that waits.
    pub(crate) fn unnumbered<'a>(
        &mut self,
        now: Instant,
        timeout: Duration,
        payload: Payload<'a>,
        deliver: &mut impl FnMut(Payload<'a>),
    ) -> Fate {
        if self.held.is_empty() {
            deliver(payload);
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
            payload: payload.into_owned(),
        });
        self.release(deliver);
        Fate::Held { late: false }
    }

    /// Gives up waiting for what should have come before the packets whose time is over by `now`,
    /// and delivers them in order.
    pub(crate) fn expire<'a>(&mut self, now: Instant, deliver: &mut impl FnMut(Payload<'a>)) {
        if let Some(last) = self.held.iter().rposition(|held| held.until <= now) {
            self.flush(last + 1, deliver);
        }
    }

    /// Delivers everything that waits, as when the session stops reordering.
    pub(crate) fn drain<'a>(&mut self, deliver: &mut impl FnMut(Payload<'a>)) {
        self.flush(self.held.len(), deliver);
    }

    fn flush<'a>(&mut self, count: usize, deliver: &mut impl FnMut(Payload<'a>)) {
        for held in self.held.drain(..count) {
            if let Some(number) = held.number {
                self.expected = (number + 1) & self.width.mask();
            }
            deliver(held.payload);
        }
        self.release(deliver);
    }

    fn ahead(&self, number: u32) -> u32 {
        number.wrapping_sub(self.expected) & self.width.mask()
    }

    fn is_next(&self, number: u32) -> bool {
        number == self.expected || self.take_next
    }

    fn pass(&mut self, number: u32) {
        self.expected = (number + 1) & self.width.mask();
        self.take_next = false;
        self.stray = None;
    }

    /// Counts consecutive numbers at a wrong place; true once there are enough to believe them.
    /// What waited was sent before the peer's jump, so it goes out first.
    fn resynchronise<'a>(&mut self, number: u32, deliver: &mut impl FnMut(Payload<'a>)) -> bool {
        let consecutive = match self.stray {
            Some(stray) if (stray.last + 1) & self.width.mask() == number => stray.consecutive + 1,
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
        payload: Payload<'a>,
        deliver: &mut impl FnMut(Payload<'a>),
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
                payload: payload.into_owned(),
            },
        );
        self.make_room(deliver);
        Fate::Held {
            late: before.is_some(),
        }
    }

    fn make_room<'a>(&mut self, deliver: &mut impl FnMut(Payload<'a>)) {
        if self.held.len() >= MAX_HELD {
            self.flush(1, deliver);
        }
    }

    /// Delivers from the front of the queue while the front's turn has come.
    fn release<'a>(&mut self, deliver: &mut impl FnMut(Payload<'a>)) {
        while let Some(held) = self.held.front() {
            match held.number {
                Some(number) if number != self.expected => break,
                Some(number) => self.pass(number),
                None => {}
            }
            if let Some(held) = self.held.pop_front() {
                deliver(held.payload);
            }
        }
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
