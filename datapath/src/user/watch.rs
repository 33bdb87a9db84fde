//! A thread that follows what others do to the sessions' devices.

use crate::link::{LinkEvent, LinkMonitor, Links};
use crate::user::port::Interface;
use rustc_hash::FxHashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// The devices that are followed, by interface index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    devices: Arc<Mutex<FxHashMap<u32, Arc<Interface>>>>,
}

impl Watched {
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
                    device.see(link);
                }
            }
            LinkEvent::Gone(index) => self.remove(index),
            LinkEvent::Overrun => {
                let all = self.with(|devices| devices.values().cloned().collect::<Vec<_>>());
                for device in all {
                    if let Ok(link) = links.by_index(device.index) {
                        device.see(link);
                    }
                }
            }
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut FxHashMap<u32, Arc<Interface>>) -> T) -> T {
        f(&mut self.devices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
