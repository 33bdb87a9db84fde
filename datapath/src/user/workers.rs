//! The threads of a data path.

use crate::ppp::{EndOrder, Ends, Ppp};
use crate::user::Notify;
use crate::user::deal::Colleague;
use crate::user::key::Key;
use crate::user::rx::{Rx, RxOrder, Taker};
use crate::user::tx::{Tx, TxOrder};
use crate::user::worker::Handle;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// So many receiving threads share the sessions of one socket. Where one processor reads and the
/// other one is as busy with the senders, to hand packets over costs more than it gains.
const SPREADING: usize = 3;

/// See the [module](self). Sockets and devices go by numbers, each served by one thread.
#[derive(Debug)]
pub(crate) struct Workers {
    rx: Vec<Handle<RxOrder>>,
    tx: Vec<Handle<TxOrder>>,
    /// Reads what programs write to PPP's sockets and files.
    pub(crate) ends: Handle<EndOrder>,
    sockets: AtomicU64,
    devices: AtomicU64,
    programs: AtomicU64,
}

impl Workers {
    /// Starts so many threads a direction, and what else there is.
    pub(crate) fn start(count: usize, notify: &Notify, ppp: &Ppp) -> io::Result<Arc<Workers>> {
        let rx = |n| Handle::start(format!("rx{n}"), Rx::new(notify.clone()));
        let tx = |n| Handle::start(format!("tx{n}"), Tx::new(notify.clone()));
        let workers = Arc::new(Workers {
            rx: (0..count).map(rx).collect::<Result<_, _>>()?,
            tx: (0..count).map(tx).collect::<Result<_, _>>()?,
            ends: Handle::start("ends".into(), Ends::new(ppp.clone()))?,
            sockets: AtomicU64::new(0),
            devices: AtomicU64::new(0),
            programs: AtomicU64::new(0),
        });
        let rx = workers.rx.iter().map(Handle::mailbox);
        let colleagues: Vec<_> = rx.map(Colleague::new).collect();
        for rx in &workers.rx {
            let copies = colleagues.iter().map(Colleague::copy);
            rx.order(RxOrder::Meet(copies.collect()));
        }
        ppp.employ(&workers);
        Ok(workers)
    }

    /// How many threads each direction has.
    pub(crate) fn count(&self) -> usize {
        self.rx.len()
    }

    /// A number that no socket has had. Sockets, devices and the ends that programs have are counted
    /// each for themselves: a tunnel takes some of each, and with one count for all of them every
    /// tunnel's device would come to the same threads.
    pub(crate) fn socket_number(&self) -> u64 {
        next(&self.sockets)
    }

    /// A number that no queue of a device has had.
    pub(crate) fn device_number(&self) -> u64 {
        next(&self.devices)
    }

    /// A number that no socket or file of a program's has had.
    pub(crate) fn end_number(&self) -> u64 {
        next(&self.programs)
    }

    /// The thread that reads a socket.
    pub(crate) fn rx_of(&self, number: u64) -> &Handle<RxOrder> {
        &self.rx[self.home(number, 0)]
    }

    /// The place among the receiving threads of the one that delivers the packets of a session of
    /// a socket, which has so many others. The first session's is the one that reads the socket.
    pub(crate) fn home(&self, number: u64, others: usize) -> usize {
        let count = self.rx.len();
        let others = if count < SPREADING { 0 } else { others };
        (number as usize + others) % count
    }

    /// Has a receiving thread deliver a session's packets.
    pub(crate) fn attach(&self, home: usize, number: u64, key: Key, taker: Taker) {
        let (reader, line) = (self.home(number, 0), taker.line().clone());
        self.rx[home].order(RxOrder::Attach(number, key, taker));
        self.rx[home].settle();
        if home != reader {
            self.rx[reader].order(RxOrder::Refer(number, key, home, line));
            self.rx[reader].settle();
        }
    }

    /// Has a session's packets delivered no longer.
    pub(crate) fn detach(&self, home: usize, number: u64, key: Key) {
        let reader = self.home(number, 0);
        self.rx[reader].order(RxOrder::Detach(number, key));
        if home != reader {
            self.rx[home].order(RxOrder::Detach(number, key));
        }
    }

    /// The thread of a device.
    pub(crate) fn tx_of(&self, number: u64) -> &Handle<TxOrder> {
        &self.tx[number as usize % self.tx.len()]
    }

    /// Returns when every order to the receiving and sending threads was obeyed.
    pub(crate) fn settle(&self) {
        // What one receiving thread has dealt to another is obeyed then, too.
        for _ in 0..self.rx.len().min(2) {
            self.rx.iter().for_each(Handle::settle);
        }
        self.tx.iter().for_each(Handle::settle);
    }
}

fn next(count: &AtomicU64) -> u64 {
    count.fetch_add(1, Relaxed) + 1
}
