//! From the devices to the network: one thread for a share of the sessions.

use crate::ppp::Unit;
use crate::user::outbox::{Outbox, Supply};
use crate::user::port::{Interface, Port};
use crate::user::worker::{Poll, Work};
use crate::user::{Event, Notify};
use rustc_hash::FxHashMap;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Batches that one device may have in a row before others get their turn.
const BATCHES_A_TURN: usize = 16;

/// What a sending thread can be told. Devices go by the number of their port or unit.
#[derive(Debug)]
pub(crate) enum TxOrder {
    /// Serve a device.
    Attach(u64, Source),
    /// Serve it no longer.
    Detach(u64),
}

/// A device, and what becomes of its packets.
#[derive(Debug)]
pub(crate) enum Source {
    /// Those of a queue of it go to a peer.
    Port(Arc<Port>, usize),
    /// The device is of a PPP unit that has no channel.
    Idle(Arc<Unit>, Arc<Interface>),
}

/// The sending thread's state.
pub(crate) struct Tx {
    sources: FxHashMap<u64, Source>,
    outbox: Outbox,
    notify: Notify,
}

impl Tx {
    pub(crate) fn new(notify: Notify) -> Tx {
        Tx {
            sources: FxHashMap::default(),
            outbox: Outbox::new(),
            notify,
        }
    }
}

impl Work for Tx {
    type Order = TxOrder;

    fn obey(&mut self, poll: &Poll, order: TxOrder) {
        match order {
            TxOrder::Attach(number, source) => {
                if let Err(error) = poll.add(source.queue(), number) {
                    tracing::error!(%error, "cannot wait for a session's device");
                }
                self.sources.insert(number, source);
            }
            TxOrder::Detach(number) => {
                if let Some(source) = self.sources.remove(&number) {
                    poll.remove(source.queue());
                }
            }
        }
    }

    fn serve(&mut self, poll: &Poll, token: u64) {
        let Some(source) = self.sources.get(&token) else {
            return;
        };
        for _ in 0..BATCHES_A_TURN {
            let supply = match source {
                Source::Port(port, queue) => {
                    // Numbers that one thread has given leave before another gives some.
                    let _turn = port.turn();
                    let supply = self.outbox.fill(port, *queue);
                    self.outbox.send(&port.line, Some(port));
                    supply
                }
                Source::Idle(unit, device) => self.outbox.drain(unit, device),
            };
            match supply {
                Supply::More => {}
                Supply::Dry => return,
                Supply::Gone => {
                    source.lose(&self.notify);
                    poll.remove(source.queue());
                    self.sources.remove(&token);
                    return;
                }
            }
        }
    }
}

impl Source {
    fn device(&self) -> &Interface {
        match self {
            Source::Port(port, _) => &port.device,
            Source::Idle(_, device) => device,
        }
    }

    fn queue(&self) -> BorrowedFd<'_> {
        let queue = match self {
            Source::Port(_, queue) => *queue,
            Source::Idle(..) => 0,
        };
        self.device().tap.queue(queue)
    }

    /// Notes that the device has gone. That of a unit is not anybody's to bring back.
    fn lose(&self, notify: &Notify) {
        let first = self.device().lose();
        match self {
            Source::Port(port, _) if first && port.unit().is_none() => {
                notify(Event::DeviceLost(port.line.session.key));
            }
            Source::Port(..) | Source::Idle(..) => {}
        }
    }
}
