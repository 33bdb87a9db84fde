//! A thread that follows what others do to the sessions' devices.

use crate::fast::FastOrder;
use crate::link::{Link, LinkEvent, LinkMonitor, Links};
use crate::user::port::Interface;
use crate::user::worker::Handle;
use crate::user::{Event, Notify};
use rustc_hash::FxHashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The devices that are followed, by interface index.
#[derive(Clone)]
pub(crate) struct Watched {
    devices: Arc<Mutex<FxHashMap<u32, Arc<Interface>>>>,
    notify: Notify,
    /// Looks at a session's device when it has changed.
    fast: Option<Weak<Handle<FastOrder>>>,
}

impl Watched {
    pub(crate) fn new(notify: Notify, fast: Option<&Arc<Handle<FastOrder>>>) -> Watched {
        Watched {
            devices: Arc::default(),
            notify,
            fast: fast.map(Arc::downgrade),
        }
    }

    /// Notes what a device is now, and tells when it was brought up or down.
    pub(crate) fn see(&self, device: &Interface, link: Link) {
        let up = link.up;
        if let Some(session) = device.see(link) {
            (self.notify)(Event::DeviceSwitched(session, up));
        }
        if let Some(fast) = self.fast.as_ref().and_then(Weak::upgrade) {
            fast.order(FastOrder::Suspect(device.index));
        }
    }

    pub(crate) fn add(&self, device: Arc<Interface>) {
        self.with(|devices| devices.insert(device.index, device));
    }

    pub(crate) fn remove(&self, index: u32) {
        self.with(|devices| devices.remove(&index));
    }

    /// Starts the thread. It lives as long as the process: it holds a socket and nothing else
    /// that anybody could want back.
    pub(crate) fn follow(&self) -> io::Result<()> {
        let monitor = LinkMonitor::open()?;
        let mut links = Links::open()?;
        let watched = self.clone();
        let follow = move || {
            while monitor
                .wait(|event| watched.take(event, &mut links))
                .is_ok()
            {}
        };
        std::thread::Builder::new()
            .name("links".into())
            .spawn(follow)?;
        Ok(())
    }

    fn take(&self, event: LinkEvent, links: &mut Links) {
        match event {
            LinkEvent::Changed(link) => {
                let device = self.with(|devices| devices.get(&link.index).cloned());
                if let Some(device) = device {
                    self.see(&device, link);
                }
            }
            LinkEvent::Gone(index) => self.remove(index),
            LinkEvent::Overrun => {
                let all = self.with(|devices| devices.values().cloned().collect::<Vec<_>>());
                for device in all {
                    if let Ok(link) = links.by_index(device.index) {
                        self.see(&device, link);
                    }
                }
            }
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut FxHashMap<u32, Arc<Interface>>) -> T) -> T {
        f(&mut self.devices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched(..)")
    }
}
