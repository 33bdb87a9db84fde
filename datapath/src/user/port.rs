use crate::link::Link;
use crate::sys::tap::Tap;
use crate::user::line::Line;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, PoisonError};

/// A session's device and the way to its peer.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) line: Arc<Line>,
    pub(crate) device: Arc<Interface>,
}

/// A network device whose other side is here.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) tap: Tap,
    /// Interface index, in the namespace where the device was made.
    pub(crate) index: u32,
    pub(crate) mtu: AtomicU32,
    /// The device as it was last seen.
    link: Mutex<Link>,
    lost: AtomicBool,
}

impl Interface {
    pub(crate) fn new(tap: Tap, link: Link) -> Interface {
        Interface {
            tap,
            index: link.index,
            mtu: AtomicU32::new(link.mtu),
            link: Mutex::new(link),
            lost: AtomicBool::new(false),
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
}
