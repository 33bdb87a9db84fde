use adit_datapath::spec::SessionKey;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// What others did to sessions' devices, on the way from the data path's threads to the engine.
/// A session whose device changes faster than it is looked at takes one place.
#[derive(Debug, Default)]
pub(super) struct Devices {
    news: Mutex<News>,
    wake: Notify,
}

/// See [`Devices`].
#[derive(Debug, Default)]
pub(super) struct News {
    /// Sessions whose device has gone.
    pub(super) lost: BTreeSet<SessionKey>,
    /// Sessions whose device was brought up or down, and which.
    pub(super) switched: BTreeMap<SessionKey, bool>,
}

impl Devices {
    /// Notes a session whose device has gone; never blocks for longer than an insertion takes.
    pub(super) fn lost(&self, session: SessionKey) {
        self.note(|news| {
            news.switched.remove(&session);
            news.lost.insert(session);
        });
    }

    /// Notes a session whose device was brought up or down, as quickly.
    pub(super) fn switched(&self, session: SessionKey, up: bool) {
        self.note(|news| {
            news.switched.insert(session, up);
        });
    }

    fn note(&self, what: impl FnOnce(&mut News)) {
        what(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_one();
    }

    /// What was noted since the last call, when there is anything.
    pub(super) async fn take(&self) -> News {
        self.wake.notified().await;
        mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
