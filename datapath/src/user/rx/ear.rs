//! A socket, or another thread's, and what is done with the packets that it gives.

use super::Taker;
use crate::counters::DropReason;
use crate::sys::batch::{self, BATCH, Received};
use crate::user::carrier::Carrier;
use crate::user::deal::Dealer;
use crate::user::decap::{self, Receiver};
use crate::user::delivery::Delivery;
use crate::user::key::Key;
use crate::user::line::Line;
use rustc_hash::FxHashMap;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

/// Attempts to read beyond errors that are only told.
const ATTEMPTS: usize = 8;

/// A socket and the sessions that it carries, as far as the thread has to do with them.
pub(super) struct Ear {
    pub(super) number: u64,
    pub(super) carrier: Arc<Carrier>,
    pub(super) sessions: FxHashMap<Key, Place>,
    /// Whether this thread reads it.
    pub(super) listens: bool,
    /// When the last turn ended, if it was a busy one.
    pub(super) busy: Option<Instant>,
}

/// Where a session's packets are delivered.
pub(super) enum Place {
    Here(Served),
    /// By the thread of this number.
    There(usize, Arc<Line>),
}

pub(super) struct Served {
    pub(super) taker: Taker,
    pub(super) receiver: Receiver,
}

/// Where packets go from an ear.
pub(super) struct Way<'w, 'a> {
    pub(super) now: Instant,
    pub(super) delivery: &'w mut Delivery<'a>,
    pub(super) dealer: &'w mut Dealer,
}

impl Ear {
    pub(super) fn new(number: u64, carrier: Arc<Carrier>) -> Ear {
        Ear {
            number,
            carrier,
            sessions: FxHashMap::default(),
            listens: false,
            busy: None,
        }
    }

    /// The state of a session that is delivered here.
    pub(super) fn served(&mut self, key: Key) -> Option<&mut Served> {
        match self.sessions.get_mut(&key)? {
            Place::Here(served) => Some(served),
            Place::There(..) => None,
        }
    }

    /// Receives a batch; nothing when there is none.
    pub(super) fn receive(
        &self,
        slots: &mut [IoSliceMut<'_>],
        received: &mut [Received; BATCH],
    ) -> Option<usize> {
        for _ in 0..ATTEMPTS {
            let (socket, senders) = (self.carrier.as_fd(), self.carrier.is_shared());
            match batch::receive(socket, slots, received, senders) {
                Ok(count) => return Some(count),
                Err(e) => {
                    // An ICMP error about an earlier packet, which reading has cleared, or one
                    // that only waits in the queue of errors.
                    self.take_errors();
                    if e.kind() == io::ErrorKind::WouldBlock {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Takes what is said of packets sent earlier. When one was too big, its path is looked at.
    fn take_errors(&self) {
        if !self.carrier.take_errors() {
            return;
        }
        for place in self.sessions.values() {
            place.line().outer.path.suspect();
        }
    }

    /// What is the socket's to read, and who sent it.
    fn open<'a>(
        &self,
        packet: &'a [u8],
        received: &Received,
    ) -> Result<(&'a [u8], Option<SocketAddr>), DropReason> {
        if !self.carrier.is_twin() {
            return Ok((packet, received.from));
        }
        let datagram = self.carrier.open_datagram(packet, received)?;
        Ok((datagram.payload, Some(datagram.from)))
    }

    /// Takes one packet that the socket gave. Gives the session and its deadline when the packet
    /// is the one that made its reorder queue wait.
    pub(super) fn take<'a>(
        &mut self,
        packet: &'a [u8],
        received: &Received,
        way: &mut Way<'_, 'a>,
    ) -> Option<(Instant, Key)> {
        match self.open(packet, received) {
            Ok((packet, from)) => self.take_opened(packet, &Received { from, ..*received }, way),
            Err(reason) => {
                self.carrier.drop_stray(reason, packet.len());
                None
            }
        }
    }

    /// As [`Ear::take`], for what was opened.
    pub(super) fn take_opened<'a>(
        &mut self,
        packet: &'a [u8],
        received: &Received,
        way: &mut Way<'_, 'a>,
    ) -> Option<(Instant, Key)> {
        let mut data = match decap::data(self.carrier.framing(), packet) {
            Ok(data) => data,
            Err(DropReason::Control) => {
                self.carrier.hand_up(packet, received);
                return None;
            }
            Err(reason) => {
                self.carrier.drop_stray(reason, packet.len());
                return None;
            }
        };
        let Served { taker, receiver } = match self.sessions.get_mut(&data.key) {
            Some(Place::Here(served)) => served,
            Some(Place::There(home, line)) => {
                let socket = (self.number, &self.carrier);
                way.dealer.deal(*home, socket, packet, received, line);
                return None;
            }
            None => {
                self.carrier.drop_unknown(data.key, packet.len());
                return None;
            }
        };
        let line = taker.line();
        if !line.admits(received.from) {
            line.drop_received(DropReason::PeerAddress, 1, None);
            return None;
        }
        data.class = received.class;
        let before = receiver.deadline();
        receiver.take(line, way.now, &data, &mut |payload| {
            taker.take(payload, way.delivery);
        });
        let after = receiver.deadline();
        after
            .filter(|at| before.is_none_or(|before| *at < before))
            .map(|at| (at, data.key))
    }
}

impl Place {
    fn line(&self) -> &Line {
        match self {
            Place::Here(served) => served.taker.line(),
            Place::There(_, line) => line,
        }
    }
}
