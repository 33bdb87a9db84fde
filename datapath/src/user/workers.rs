//! The threads of a data path.

use crate::ppp::{EndOrder, Ends, Ppp};
use crate::user::Notify;
use crate::user::rx::{Rx, RxOrder};
use crate::user::tx::{Tx, TxOrder};
use crate::user::worker::Handle;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// See the [module](self). Sockets and devices go by numbers, each served by one thread.
#[derive(Debug)]
pub(crate) struct Workers {
    rx: Vec<Handle<RxOrder>>,
    tx: Vec<Handle<TxOrder>>,
    /// Reads what programs write to PPP's sockets and files.
    pub(crate) ends: Handle<EndOrder>,
    last_number: AtomicU64,
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
            last_number: AtomicU64::new(0),
        });
        ppp.employ(&workers);
        Ok(workers)
    }

    /// How many threads each direction has.
    pub(crate) fn count(&self) -> usize {
        self.rx.len()
    }

    /// A number that nothing has had.
    pub(crate) fn number(&self) -> u64 {
        self.last_number.fetch_add(1, Relaxed) + 1
    }

    /// The thread of a socket.
    pub(crate) fn rx_of(&self, number: u64) -> &Handle<RxOrder> {
        &self.rx[number as usize % self.rx.len()]
    }

    /// The thread of a device.
    pub(crate) fn tx_of(&self, number: u64) -> &Handle<TxOrder> {
        &self.tx[number as usize % self.tx.len()]
    }

    /// Returns when every order to the receiving and sending threads was obeyed.
    pub(crate) fn settle(&self) {
        self.rx.iter().for_each(Handle::settle);
        self.tx.iter().for_each(Handle::settle);
    }
}
