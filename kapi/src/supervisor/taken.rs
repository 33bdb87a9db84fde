//! Which calls have been taken from the listener and not been answered. They are told nobody else
//! when this process dies, so it leaves word of them in memory that its keeper sees too.

use crate::sys::shared;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the keeper knows of its supervisor's calls. The kernel numbers a filter's calls one by one,
/// from anywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word {
    /// The last call that was taken.
    last: &'static AtomicU64,
    /// No call before this one waits.
    first: &'static AtomicU64,
}

impl Word {
    /// In memory that is shared with copies of this process. `id` is a call that has been taken and
    /// answered.
    pub(crate) fn new(id: u64) -> io::Result<Word> {
        let [last, first] = shared::words()?;
        last.store(id, Ordering::Relaxed);
        first.store(id, Ordering::Relaxed);
        Ok(Word { last, first })
    }

    /// Every call that may wait for an answer, and maybe some that do not. The last may have been
    /// taken and not been noted.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = u64> {
        let first = self.first.load(Ordering::Relaxed);
        let last = self.last.load(Ordering::Relaxed);
        let many = last.wrapping_add(2).wrapping_sub(first);
        (0..many).map(move |offset| first.wrapping_add(offset))
    }
}

/// The supervisor's own account.
#[derive(Debug)]
pub(super) struct Taken {
    waiting: RefCell<BTreeSet<u64>>,
    word: Word,
}

impl Taken {
    pub(super) fn new(word: Word) -> Taken {
        Taken {
            waiting: RefCell::default(),
            word,
        }
    }

    /// A call has been taken.
    pub(super) fn note(&self, id: u64) {
        // The first to wait is this one or an earlier one: what was said of that stays true.
        self.word.last.store(id, Ordering::Relaxed);
        self.waiting.borrow_mut().insert(id);
    }

    /// It has been answered.
    pub(super) fn settle(&self, id: u64) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.remove(&id);
        let last = self.word.last.load(Ordering::Relaxed);
        let first = waiting.first().copied();
        let first = first.unwrap_or(last.wrapping_add(1));
        self.word.first.store(first, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
