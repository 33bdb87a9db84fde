//! A thread that follows what others do to the sessions' devices.

use crate::fast::FastOrder;
use crate::link::{Link, LinkEvent, LinkMonitor, Links};
use crate::user::devices::is_here;
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
        self.suspect(device.index);
    }

    /// Finds out why a device is no longer here.
    fn miss(&self, device: &Interface) {
        match device.is_lost() {
            true => self.remove(device.index),
            // It may be back by now.
            false => device.move_away(!is_here(&device.tap)),
        }
        self.suspect(device.index);
    }

    fn suspect(&self, index: u32) {
        if let Some(fast) = self.fast.as_ref().and_then(Weak::upgrade) {
            fast.order(FastOrder::Suspect(index));
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
                if let Some(device) = device.filter(|device| is_of(&link, device)) {
                    device.move_away(false);
                    self.see(&device, link);
                }
            }
            LinkEvent::Gone(index) => {
                if let Some(device) = self.with(|devices| devices.get(&index).cloned()) {
                    self.miss(&device);
                }
            }
            LinkEvent::Overrun => {
                let all = self.with(|devices| devices.values().cloned().collect::<Vec<_>>());
                for device in all {
                    match links.by_index(device.index) {
                        Ok(link) if is_of(&link, &device) => {
                            device.move_away(false);
                            self.see(&device, link);
                        }
                        Ok(_) | Err(_) => self.miss(&device),
                    }
                }
            }
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut FxHashMap<u32, Arc<Interface>>) -> T) -> T {
        f(&mut self.devices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether this is what a device is now. While it is in another namespace, something else may have
/// its index.
fn is_of(link: &Link, device: &Interface) -> bool {
    let back = || {
        let name = device.tap.name();
        is_here(&device.tap) && name.is_ok_and(|name| name == link.name)
    };
    !device.is_away() || back()
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched(..)")
    }
}
