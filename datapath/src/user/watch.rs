//! A thread that follows what others do to the sessions' devices.

use crate::link::{LinkEvent, LinkMonitor, Links};
use crate::user::port::Port;
use rustc_hash::FxHashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// The ports whose devices are followed, by interface index.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    ports: Arc<Mutex<FxHashMap<u32, Arc<Port>>>>,
}

impl Watched {
    pub(crate) fn add(&self, port: Arc<Port>) {
        self.with(|ports| ports.insert(port.index, port));
    }

    pub(crate) fn remove(&self, index: u32) {
        self.with(|ports| ports.remove(&index));
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
                let port = self.with(|ports| ports.get(&link.index).cloned());
                if let Some(port) = port {
                    port.see(link);
                }
            }
            LinkEvent::Gone(index) => self.remove(index),
            LinkEvent::Overrun => {
                let all = self.with(|ports| ports.values().cloned().collect::<Vec<_>>());
                for port in all {
                    if let Ok(link) = links.by_index(port.index) {
                        port.see(link);
                    }
                }
            }
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut FxHashMap<u32, Arc<Port>>) -> T) -> T {
        f(&mut self.ports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
