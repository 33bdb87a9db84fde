use crate::counters::DropReason;
use crate::link::Link;
use crate::spec::{DebugMask, SessionKey};
use crate::sys::tap::Tap;
use crate::user::carrier::Carrier;
use crate::user::session::Session;
use adit_wire::l2tp::Sequence;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, PoisonError};

/// A session's device and the socket that it reaches its peer by.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) session: Arc<Session>,
    pub(crate) carrier: Arc<Carrier>,
    pub(crate) tap: Tap,
    /// Interface index, in the namespace where the device was made.
    pub(crate) index: u32,
    pub(crate) mtu: AtomicU32,
    /// The device as it was last seen.
    link: Mutex<Link>,
    lost: AtomicBool,
}

impl Port {
    pub(crate) fn new(session: Arc<Session>, carrier: Arc<Carrier>, tap: Tap, link: Link) -> Port {
        let (index, mtu) = (link.index, AtomicU32::new(link.mtu));
        let (link, lost) = (Mutex::new(link), AtomicBool::new(false));
        Port {
            session,
            carrier,
            tap,
            index,
            mtu,
            link,
            lost,
        }
    }

    /// The device as it was last seen.
    pub(crate) fn link(&self) -> Link {
        self.link
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes what the device is now.
    pub(crate) fn see(&self, link: Link) {
        self.mtu.store(link.mtu, Relaxed);
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = link;
    }

    /// Notes that the device has gone; true the first time.
    pub(crate) fn lose(&self) -> bool {
        !self.lost.swap(true, Relaxed)
    }

    /// Whether the device has gone. One in another namespace has not.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Relaxed) || self.tap.name().is_err()
    }

    /// Counts `count` packets that were received and dropped, and says so where that is wanted:
    /// with a sequence number the line is about sequences, else about data.
    pub(crate) fn drop_received(&self, reason: DropReason, count: usize, number: Option<Sequence>) {
        self.session.rx.drop(reason, count as u64);
        let class = number.map_or(DebugMask::DATA, |_| DebugMask::SEQ);
        if self.session.logs(class, &self.carrier) {
            let SessionKey { tunnel, session } = self.session.key;
            let (number, reason) = (number.map(|number| number.0), reason.name());
            tracing::debug!(%tunnel, %session, count, number, reason, "dropped");
        }
    }

    /// Counts `count` packets that could not be sent, and says so where that is wanted.
    pub(crate) fn drop_unsent(&self, reason: DropReason, count: usize) {
        self.session.tx.drop(reason, count as u64);
        if count > 0 && self.session.logs(DebugMask::DATA, &self.carrier) {
            let SessionKey { tunnel, session } = self.session.key;
            tracing::debug!(%tunnel, %session, count, reason = reason.name(), "dropped");
        }
    }
}
