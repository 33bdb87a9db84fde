//! From the devices to the network: one thread for a share of the sessions.

use crate::user::outbox::{Outbox, Supply};
use crate::user::port::Port;
use crate::user::worker::{Poll, Work};
use crate::user::{Event, Notify};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Batches that one device may have in a row before others get their turn.
const BATCHES_A_TURN: usize = 16;

/// What a sending thread can be told. Ports go by their number.
#[derive(Debug)]
pub(crate) enum TxOrder {
    /// Serve a device.
    Attach(u64, Arc<Port>),
    /// Serve it no longer.
    Detach(u64),
}

/// The sending thread's state.
pub(crate) struct Tx {
    ports: FxHashMap<u64, Arc<Port>>,
    outbox: Outbox,
    notify: Notify,
}

impl Tx {
    pub(crate) fn new(notify: Notify) -> Tx {
        Tx {
            ports: FxHashMap::default(),
            outbox: Outbox::new(),
            notify,
        }
    }
}

impl Work for Tx {
    type Order = TxOrder;

    fn obey(&mut self, poll: &Poll, order: TxOrder) {
        match order {
            TxOrder::Attach(number, port) => {
                if let Err(error) = poll.add(&port.device.tap, number) {
                    tracing::error!(%error, "cannot wait for a session's device");
                }
                self.ports.insert(number, port);
            }
            TxOrder::Detach(number) => {
                if let Some(port) = self.ports.remove(&number) {
                    poll.remove(&port.device.tap);
                }
            }
        }
    }

    fn serve(&mut self, poll: &Poll, token: u64) {
        let Some(port) = self.ports.get(&token) else {
            return;
        };
        for _ in 0..BATCHES_A_TURN {
            let supply = self.outbox.fill(port);
            self.outbox.send(port);
            match supply {
                Supply::More => {}
                Supply::Dry => return,
                Supply::Gone => {
                    if port.device.lose() {
                        (self.notify)(Event::DeviceLost(port.line.session.key));
                    }
                    poll.remove(&port.device.tap);
                    self.ports.remove(&token);
                    return;
                }
            }
        }
    }
}
