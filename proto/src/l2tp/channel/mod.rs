//! The reliable control channel (RFC 2661 §5.8 and appendix A, RFC 3931 §4.2): sequence numbers,
//! the sliding window, retransmission. It knows nothing of what messages say.

mod inbox;
mod outbox;
mod rtt;

use super::config::Retransmit;
use crate::Instant;
use inbox::Inbox;
use outbox::Outbox;
pub use rtt::RoundTrip;
use std::time::Duration;

/// One end of a control channel. `S` is what is sent, `R` what is received.
#[derive(Debug)]
pub struct Channel<S, R> {
    outbox: Outbox<S>,
    inbox: Inbox<R>,
    /// Something was received that is not acknowledged yet.
    ack_due: bool,
}

/// What became of a received message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It was an acknowledgement and nothing else.
    Ack,
    /// It is the next one, or makes the next ones complete: [`Channel::deliver`] gives them.
    InOrder,
    /// It came before its turn and is kept.
    Early,
    /// It was received before. It is acknowledged again.
    Duplicate,
    /// Its Ns is beyond the receive window. It is dropped, and what is expected acknowledged again.
    BeyondWindow,
    /// Its Nr acknowledges what was never sent, or lies far in the past. It is dropped and changes
    /// nothing.
    InvalidNr,
}

/// What the retransmission timer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// It has not expired.
    No,
    /// The oldest message is to be sent again.
    Retransmit,
    /// The oldest message was sent as often as it may be.
    GiveUp,
}

/// What goes out next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a, S> {
    /// Ns. An acknowledgement has that of the next message and does not use it up.
    pub ns: u16,
    /// Nr.
    pub nr: u16,
    /// The message; `None` is an acknowledgement: a ZLB, or an ACK message.
    pub message: Option<&'a S>,
    /// Whether the message was sent before.
    pub again: bool,
}

impl<S, R> Channel<S, R> {
    /// A channel on which nothing was sent yet. At most `receive_window` messages are accepted
    /// ahead of what is delivered.
    pub fn new(retransmit: Retransmit, receive_window: u16) -> Channel<S, R> {
        Channel {
            outbox: Outbox::new(retransmit),
            inbox: Inbox::new(receive_window),
            ack_due: false,
        }
    }

    /// Heeds the peer's Receive Window Size; 0 counts as 1.
    pub fn set_peer_window(&mut self, window: u16) {
        self.outbox.set_peer_window(window);
    }

    /// Changes how many messages are accepted ahead of what is delivered.
    pub fn set_receive_window(&mut self, window: u16) {
        self.inbox.set_window(window);
    }

    /// Changes how messages are sent again.
    pub fn set_retransmit(&mut self, retransmit: Retransmit) {
        self.outbox.set_retransmit(retransmit);
    }

    /// Queues a message.
    pub fn push(&mut self, message: S) {
        self.outbox.push(message);
    }

    /// Takes in a message's header, and its content unless it is an acknowledgement.
    pub fn receive(&mut self, now: Instant, ns: u16, nr: u16, content: Option<R>) -> Received {
        if !self.outbox.acknowledge(now, nr) {
            return Received::InvalidNr;
        }
        let Some(content) = content else {
            return Received::Ack;
        };
        self.ack_due = true;
        self.inbox.receive(ns, content)
    }

    /// The next received message in order.
    pub fn deliver(&mut self) -> Option<R> {
        self.inbox.deliver()
    }

    /// Whether a message with this `ns` would be delivered at once.
    pub fn is_next(&self, ns: u16) -> bool {
        ns == self.inbox.nr()
    }

    /// Whether [`transmit`](Channel::transmit) would give something.
    pub fn has_to_transmit(&self) -> bool {
        self.ack_due || self.outbox.has_next()
    }

    /// What is to be sent now: the next message that the window admits, else an acknowledgement
    /// that is due.
    pub fn transmit(&mut self, now: Instant) -> Option<Segment<'_, S>> {
        let nr = self.inbox.nr();
        if self.outbox.has_next() {
            self.ack_due = false;
            let (ns, message, again) = self.outbox.next(now)?;
            return Some(Segment {
                ns,
                nr,
                message: Some(message),
                again,
            });
        }
        std::mem::take(&mut self.ack_due).then(|| Segment {
            ns: self.outbox.ns(),
            nr,
            message: None,
            again: false,
        })
    }

    /// When [`expire`](Channel::expire) is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.outbox.deadline()
    }

    /// Lets the retransmission timer expire if its time has come.
    pub fn expire(&mut self, now: Instant) -> Expired {
        self.outbox.expire(now)
    }

    /// After [`Expired::GiveUp`]: sends the oldest message once more all the same.
    pub fn persevere(&mut self) {
        self.outbox.persevere();
    }

    /// The oldest message that is not acknowledged, sent or not.
    pub fn oldest(&self) -> Option<&S> {
        self.outbox.oldest()
    }

    /// Drops the queued messages that were never sent and that `keep` does not want.
    pub fn retain_unsent(&mut self, keep: impl FnMut(&S) -> bool) {
        self.outbox.retain_unsent(keep);
    }

    /// Drops all messages that are not acknowledged yet: the peer is gone. What is received is
    /// acknowledged all the same.
    pub fn hang_up(&mut self) {
        self.outbox.clear();
    }

    /// Messages that are not acknowledged yet, sent or not.
    pub fn backlog(&self) -> usize {
        self.outbox.backlog()
    }

    /// Messages that wait for their acknowledgement.
    pub fn in_flight(&self) -> usize {
        self.outbox.in_flight()
    }

    /// How many messages may be in flight now: the smaller of the congestion window and the peer's
    /// Receive Window Size.
    pub fn window(&self) -> u16 {
        self.outbox.window()
    }

    /// Messages sent again since the channel began.
    pub fn retransmissions(&self) -> u32 {
        self.outbox.retransmissions()
    }

    /// The smoothed round-trip time, once one was measured.
    pub fn round_trip(&self) -> Option<Duration> {
        self.outbox.round_trip()
    }

    /// The next Ns and the Nr that go out.
    pub fn numbers(&self) -> (u16, u16) {
        (self.outbox.ns(), self.inbox.nr())
    }
}

#[cfg(test)]
mod tests;
