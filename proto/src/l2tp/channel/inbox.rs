use super::Received;
use std::collections::BTreeMap;

/// What is received: the number that is expected, and what came before its turn.
#[derive(Debug)]
pub(super) struct Inbox<R> {
    /// The next number to deliver.
    next: u16,
    window: u16,
    /// Messages that wait, `next` among them once it came.
    waiting: BTreeMap<u16, R>,
    /// How many of `waiting` follow each other from `next` on.
    complete: u16,
}

impl<R> Inbox<R> {
    pub(super) fn new(window: u16) -> Inbox<R> {
        Inbox {
            next: 0,
            window: window.max(1),
            waiting: BTreeMap::new(),
            complete: 0,
        }
    }

    pub(super) fn set_window(&mut self, window: u16) {
        self.window = window.max(1);
    }

    /// The number of the message that is expected next from the peer.
    pub(super) fn nr(&self) -> u16 {
        self.next.wrapping_add(self.complete)
    }

    pub(super) fn receive(&mut self, ns: u16, content: R) -> Received {
        // RFC 2661 §5.8: the last received number and the 32767 before it are duplicates.
        let ahead = ns.wrapping_sub(self.nr());
        if ahead >= 0x8000 || self.waiting.contains_key(&ns) {
            return Received::Duplicate;
        }
        if u32::from(ahead) + u32::from(self.complete) >= u32::from(self.window) {
            return Received::BeyondWindow;
        }
        self.waiting.insert(ns, content);
        if ahead > 0 {
            return Received::Early;
        }
        while self.waiting.contains_key(&self.nr()) {
            self.complete += 1;
        }
        Received::InOrder
    }

    pub(super) fn deliver(&mut self) -> Option<R> {
        self.complete = self.complete.checked_sub(1)?;
        let content = self.waiting.remove(&self.next);
        self.next = self.next.wrapping_add(1);
        content
    }
}
