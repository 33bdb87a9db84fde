//! From the network to the devices: one thread for a share of the sockets.

use crate::counters::DropReason;
use crate::ppp::Channel;
use crate::sys::batch::{BATCH, Received};
use crate::user::Notify;
use crate::user::carrier::Carrier;
use crate::user::deal::{Colleague, Dealer, Parcel};
use crate::user::decap::Receiver;
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
use std::io::IoSliceMut;
use std::sync::Arc;
use std::time::{Duration, Instant};

mod ear;

use ear::{Ear, Place, Served, Way};

/// Room for the longest datagram, or for datagrams that come as one, and how many of these: as many
/// MTU-sized frames as one super-frame may stand for come in one call.
const SLOT: usize = 1 << 16;
const SLOTS: usize = BATCH;

/// From one slot to the next. A round number would put the beginnings of all slots into few lines
/// of the processor's caches.
const STRIDE: usize = SLOT + 33 * 64;

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
    /// Deliver a session's packets, or deliver them to another taker. Another thread may be the
    /// one that reads the socket.
    Attach(u64, Key, Taker),
    /// Leave them to the thread of this number.
    Refer(u64, Key, usize, Arc<Line>),
    /// Neither deliver them any longer nor leave them to anybody.
    Detach(u64, Key),
    /// Deliver packets that another thread has read.
    Take(Box<Parcel>),
    /// Know all receiving threads, in order.
    Meet(Vec<Colleague>),
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
    pub(crate) fn line(&self) -> &Arc<Line> {
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
    /// For packets that other threads deliver.
    dealer: Dealer,
    notify: Notify,
}

impl Rx {
    pub(crate) fn new(notify: Notify) -> Rx {
        Rx {
            ears: FxHashMap::default(),
            due: BinaryHeap::new(),
            arena: vec![0; SLOTS * STRIDE].into(),
            outbox: Outbox::new(),
            dealer: Dealer::default(),
            notify,
        }
    }

    /// What the thread knows of a socket.
    fn ear(&mut self, number: u64, carrier: &Arc<Carrier>) -> &mut Ear {
        let ear = self.ears.entry(number);
        ear.or_insert_with(|| Ear::new(number, carrier.clone()))
    }

    fn attach(&mut self, number: u64, key: Key, taker: Taker) {
        let ear = self.ear(number, &taker.line().carrier);
        match ear.served(key) {
            // The peer goes on counting when a device comes back.
            Some(served) => served.taker = taker,
            None => {
                let receiver = Receiver::new(&taker.line().session);
                let served = Served { taker, receiver };
                ear.sessions.insert(key, Place::Here(served));
            }
        }
    }

    fn detach(&mut self, number: u64, key: Key) {
        if let Entry::Occupied(mut ear) = self.ears.entry(number) {
            ear.get_mut().sessions.remove(&key);
            if !ear.get().listens && ear.get().sessions.is_empty() {
                ear.remove();
            }
        }
    }

    /// Delivers what another thread has read.
    fn take(&mut self, parcel: &Parcel) {
        let mut delivery = Delivery::new(&self.notify);
        let mut way = Way {
            now: Instant::now(),
            delivery: &mut delivery,
            dealer: &mut self.dealer,
        };
        for (packet, received) in parcel.packets() {
            let Some(ear) = self.ears.get_mut(&parcel.number) else {
                // Its session has gone meanwhile.
                let unknown = DropReason::UnknownSession;
                parcel.carrier.drop_stray(unknown, packet.len());
                continue;
            };
            let due = ear.take_opened(packet, &received, &mut way);
            let due = due.map(|(at, key)| Reverse((at, parcel.number, key)));
            self.due.extend(due);
        }
        delivery.finish(&mut self.outbox);
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
                self.ear(number, &carrier).listens = true;
            }
            RxOrder::Unlisten(number) => {
                if let Some(ear) = self.ears.remove(&number) {
                    poll.remove(&*ear.carrier);
                }
            }
            RxOrder::Attach(number, key, taker) => self.attach(number, key, taker),
            RxOrder::Refer(number, key, home, line) => {
                let ear = self.ear(number, &line.carrier);
                ear.sessions.insert(key, Place::There(home, line));
            }
            RxOrder::Detach(number, key) => self.detach(number, key),
            RxOrder::Take(parcel) => self.take(&parcel),
            RxOrder::Meet(colleagues) => self.dealer.meet(colleagues),
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
        let slots = self.arena.chunks_exact_mut(STRIDE);
        let mut slots: Vec<_> = slots.map(IoSliceMut::new).collect();
        for _ in 0..BATCHES_A_TURN {
            let mut received = [Received::default(); BATCH];
            let Some(count) = ear.receive(&mut slots, &mut received) else {
                break;
            };
            let mut delivery = Delivery::new(&self.notify);
            let mut way = Way {
                now: Instant::now(),
                delivery: &mut delivery,
                dealer: &mut self.dealer,
            };
            for (slot, received) in slots.iter().zip(&received[..count]) {
                for packet in received.datagrams(slot) {
                    let due = ear.take(packet, received, &mut way);
                    let due = due.map(|(at, key)| Reverse((at, token, key)));
                    self.due.extend(due);
                }
            }
            self.dealer.send();
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
            let ear = self.ears.get_mut(&number);
            if let Some(Served { taker, receiver }) = ear.and_then(|ear| ear.served(key)) {
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
