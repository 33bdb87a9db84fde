use adit_datapath::spec::SessionKey;
use std::collections::BTreeSet;
use std::mem;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Sessions whose device has gone, on the way from the data path's threads to the engine. A
/// session that loses devices faster than it is looked at takes one place.
#[derive(Debug, Default)]
pub(super) struct Lost {
    sessions: Mutex<BTreeSet<SessionKey>>,
    wake: Notify,
}

impl Lost {
    /// Notes a session; never blocks for longer than a set's insertion takes.
    pub(super) fn note(&self, session: SessionKey) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(session);
        drop(sessions);
        self.wake.notify_one();
    }

    /// The sessions noted since the last call, when there are any.
    pub(super) async fn take(&self) -> BTreeSet<SessionKey> {
        self.wake.notified().await;
        mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
