//! From the network to the devices: one thread for a share of the sockets.

use crate::counters::DropReason;
use crate::ppp::Channel;
use crate::sys::batch::{self, BATCH, Received};
use crate::user::Notify;
use crate::user::carrier::Carrier;
use crate::user::decap::{self, Receiver};
use crate::user::delivery::Delivery;
use crate::user::key::Key;
use crate::user::line::Line;
use crate::user::order::Payload;
use crate::user::outbox::Outbox;
use crate::user::port::Port;
use crate::user::worker::{Poll, Work};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::hash_map::Entry;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Room for the longest datagram, or for datagrams that come as one, and how many of these.
const SLOT: usize = 1 << 16;
const SLOTS: usize = 32;

/// Batches that one socket may have in a row before others get their turn.
const BATCHES_A_TURN: usize = 8;

/// A turn that took so many messages from a socket was a busy one. When the next turn comes within
/// [`SOON`], it starts with a [`PAUSE`] (to which the kernel's timers add 50 µs), in which packets
/// gather: a few at a time cost more than twice what many cost. A lone packet never waits, and
/// neither does a socket whose packets the kernel gathers.
const BUSY: usize = 4;
const SOON: Duration = Duration::from_micros(100);
const PAUSE: Duration = Duration::from_micros(30);

/// What a receiving thread can be told. Carriers go by their number.
#[derive(Debug)]
pub(crate) enum RxOrder {
    /// Serve a socket.
    Listen(u64, Arc<Carrier>),
    /// Serve it no longer, and none of its sessions.
    Unlisten(u64),
    /// Deliver a session's packets, or deliver them to another taker.
    Attach(u64, Key, Taker),
    /// Deliver them no longer.
    Detach(u64, Key),
}

/// What takes a session's payloads.
#[derive(Debug)]
pub(crate) enum Taker {
    /// The session's device.
    Device(Arc<Port>),
    /// PPP.
    Channel(Arc<Channel>),
}

impl Taker {
    fn line(&self) -> &Line {
        match self {
            Taker::Device(port) => &port.line,
            Taker::Channel(channel) => &channel.line,
        }
    }

    fn take<'a>(&self, payload: Payload<'a>, delivery: &mut Delivery<'a>) {
        match self {
            Taker::Device(port) => delivery.take_frame(port, payload),
            Taker::Channel(channel) => channel.receive(payload, delivery),
        }
    }
}

/// The receiving thread's state.
pub(crate) struct Rx {
    ears: FxHashMap<u64, Ear>,
    /// When a packet that waits in a reorder queue is due, and whose it is.
    due: BinaryHeap<Reverse<(Instant, u64, Key)>>,
    arena: Box<[u8]>,
    /// For frames that leave again.
    outbox: Outbox,
    notify: Notify,
}

/// A socket and the sessions that it carries.
struct Ear {
    carrier: Arc<Carrier>,
    sessions: FxHashMap<Key, Served>,
    /// When the last turn ended, if it was a busy one.
    busy: Option<Instant>,
}

struct Served {
    taker: Taker,
    receiver: Receiver,
}

impl Rx {
    pub(crate) fn new(notify: Notify) -> Rx {
        Rx {
            ears: FxHashMap::default(),
            due: BinaryHeap::new(),
            arena: vec![0; SLOTS * SLOT].into(),
            outbox: Outbox::new(),
            notify,
        }
    }
}

impl Work for Rx {
    type Order = RxOrder;

    fn obey(&mut self, poll: &Poll, order: RxOrder) {
        match order {
            RxOrder::Listen(number, carrier) => {
                if let Err(error) = poll.add(&*carrier, number) {
                    tracing::error!(%error, "cannot wait for a tunnel's socket");
                }
                self.ears.insert(
                    number,
                    Ear {
                        carrier,
                        sessions: FxHashMap::default(),
                        busy: None,
                    },
                );
            }
            RxOrder::Unlisten(number) => {
                if let Some(ear) = self.ears.remove(&number) {
                    poll.remove(&*ear.carrier);
                }
            }
            RxOrder::Attach(number, key, taker) => {
                let Some(ear) = self.ears.get_mut(&number) else {
                    return;
                };
                match ear.sessions.entry(key) {
                    // The peer goes on counting when a device comes back.
                    Entry::Occupied(mut served) => served.get_mut().taker = taker,
                    Entry::Vacant(free) => {
                        let receiver = Receiver::new(&taker.line().session);
                        free.insert(Served { taker, receiver });
                    }
                }
            }
            RxOrder::Detach(number, key) => {
                if let Some(ear) = self.ears.get_mut(&number) {
                    ear.sessions.remove(&key);
                }
            }
        }
    }

    fn serve(&mut self, _poll: &Poll, token: u64) {
        let Some(ear) = self.ears.get_mut(&token) else {
            return;
        };
        let soon = ear.busy.take().is_some_and(|end| end.elapsed() < SOON);
        if soon && !ear.carrier.joins() {
            std::thread::sleep(PAUSE);
        }
        let mut messages = 0;
        let slots = self.arena.chunks_exact_mut(SLOT);
        let mut slots: Vec<_> = slots.map(IoSliceMut::new).collect();
        for _ in 0..BATCHES_A_TURN {
            let mut received = [Received::default(); BATCH];
            let Some(count) = ear.receive(&mut slots, &mut received) else {
                break;
            };
            let now = Instant::now();
            let mut delivery = Delivery::new(&self.notify);
            for (slot, received) in slots.iter().zip(&received[..count]) {
                for packet in received.datagrams(slot) {
                    let due = ear.take(now, packet, received, &mut delivery);
                    self.due
                        .extend(due.map(|(at, key)| Reverse((at, token, key))));
                }
            }
            delivery.finish(&mut self.outbox);
            messages += count;
            if count < SLOTS {
                break;
            }
        }
        ear.busy = (messages >= BUSY).then(Instant::now);
    }

    fn tick(&mut self, now: Instant) -> Option<Instant> {
        while let Some(Reverse((at, number, key))) = self.due.peek().copied() {
            if at > now {
                return Some(at);
            }
            self.due.pop();
            let served = self
                .ears
                .get_mut(&number)
                .and_then(|ear| ear.sessions.get_mut(&key));
            if let Some(Served { taker, receiver }) = served {
                let mut delivery = Delivery::new(&self.notify);
                receiver.expire(taker.line(), now, &mut |payload| {
                    taker.take(payload, &mut delivery);
                });
                delivery.finish(&mut self.outbox);
                let next = receiver.deadline().map(|at| Reverse((at, number, key)));
                self.due.extend(next);
            }
        }
        None
    }
}

impl Ear {
    /// Receives a batch; nothing when there is none.
    fn receive(
        &self,
        slots: &mut [IoSliceMut<'_>],
        received: &mut [Received; BATCH],
    ) -> Option<usize> {
        for _ in 0..BATCHES_A_TURN {
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
        for served in self.sessions.values() {
            served.taker.line().outer.path.suspect();
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

    /// Takes one received packet. Gives the session and its deadline when the packet is the one
    /// that made its reorder queue wait.
    fn take<'a>(
        &mut self,
        now: Instant,
        packet: &'a [u8],
        received: &Received,
        delivery: &mut Delivery<'a>,
    ) -> Option<(Instant, Key)> {
        let (packet, from) = match self.open(packet, received) {
            Ok(opened) => opened,
            Err(reason) => {
                self.carrier.drop_stray(reason, packet.len());
                return None;
            }
        };
        let mut data = match decap::data(self.carrier.framing(), packet) {
            Ok(data) => data,
            Err(DropReason::Control) => {
                self.carrier.hand_up(packet, from, received.to);
                return None;
            }
            Err(reason) => {
                self.carrier.drop_stray(reason, packet.len());
                return None;
            }
        };
        let Some(Served { taker, receiver }) = self.sessions.get_mut(&data.key) else {
            self.carrier.drop_unknown(data.key, packet.len());
            return None;
        };
        let line = taker.line();
        if !line.admits(from) {
            line.drop_received(DropReason::PeerAddress, 1, None);
            return None;
        }
        data.class = received.class;
        let before = receiver.deadline();
        receiver.take(line, now, &data, &mut |payload| {
            taker.take(payload, delivery);
        });
        let after = receiver.deadline();
        after
            .filter(|at| before.is_none_or(|before| *at < before))
            .map(|at| (at, data.key))
    }
}
