//! How orders come to a worker.

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// Letters that are read before the descriptors get their turn.
const LETTERS_A_TURN: usize = 64;

/// Where a worker's orders are sent to.
#[derive(Debug)]
pub(crate) struct Mailbox<O> {
    letters: Sender<Letter<O>>,
    bell: Arc<Bell>,
}

/// The worker's side.
#[derive(Debug)]
pub(super) struct Letters<O> {
    letters: Receiver<Letter<O>>,
    bell: Arc<Bell>,
}

#[derive(Debug)]
enum Letter<O> {
    Order(O),
    /// Answered when every order before it was obeyed.
    Barrier(SyncSender<()>),
    /// Nothing more is to be done.
    End,
}

/// Wakes the worker.
#[derive(Debug)]
struct Bell {
    wake: OwnedFd,
    /// It was rung, and the worker has not looked since.
    rung: AtomicBool,
}

impl<O> Mailbox<O> {
    pub(super) fn new() -> io::Result<(Mailbox<O>, Letters<O>)> {
        let bell = Arc::new(Bell {
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            rung: AtomicBool::new(false),
        });
        let (sender, receiver) = channel();
        let letters = Letters {
            letters: receiver,
            bell: bell.clone(),
        };
        let mailbox = Mailbox {
            letters: sender,
            bell,
        };
        Ok((mailbox, letters))
    }

    /// Sends an order. It is lost when the worker has ended.
    pub(crate) fn order(&self, order: O) {
        self.post(Letter::Order(order));
    }

    /// Returns when every order sent so far was obeyed.
    pub(super) fn settle(&self) {
        let (done, wait) = sync_channel(1);
        self.post(Letter::Barrier(done));
        // An error means that the thread is gone, and with it all that was ordered.
        let _ = wait.recv();
    }

    /// Has the worker end once it has obeyed what was ordered before.
    pub(super) fn end(&self) {
        self.post(Letter::End);
    }

    fn post(&self, letter: Letter<O>) {
        let _ = self.letters.send(letter);
        self.bell.ring();
    }
}

impl<O> Clone for Mailbox<O> {
    fn clone(&self) -> Mailbox<O> {
        Mailbox {
            letters: self.letters.clone(),
            bell: self.bell.clone(),
        }
    }
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, AcqRel) {
            let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        }
    }

    /// Who rings from now on is heard.
    fn hush(&self) {
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
        self.rung.swap(false, AcqRel);
    }
}

impl<O> Letters<O> {
    /// Has `obey` see the orders that have come, or as many as are good for one turn; false when
    /// there is nothing more to be done.
    pub(super) fn read(&self, mut obey: impl FnMut(O)) -> bool {
        self.bell.hush();
        for _ in 0..LETTERS_A_TURN {
            match self.letters.try_recv() {
                Ok(Letter::Order(order)) => obey(order),
                Ok(Letter::Barrier(done)) => drop(done.send(())),
                Ok(Letter::End) => return false,
                // The last mailbox is that of the handle, which says so when it goes.
                Err(_) => return true,
            }
        }
        self.bell.ring();
        true
    }
}

impl<O> AsFd for Letters<O> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.wake.as_fd()
    }
}
