//! The probing of one path by echo requests to the peer.
//!
//! What a probe needs is an answer, and a peer with Linux's driver answers nothing inside a static
//! tunnel. But every host answers echo requests (RFC 1122 §3.2.2.6, RFC 4443 §4.2), which are not
//! fragmented on the way there when they must not be. A peer or a firewall that does not let them
//! through is as if nobody probed.

use super::search::{Finding, Search};
use super::{Path, UNKNOWN};
use crate::sys::echo::Echo;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Probes one path.
#[derive(Debug)]
pub(super) struct Prober {
    pub(super) echo: Echo,
    search: Search,
    /// Whether the last that was heard of the peer is nothing.
    silent: bool,
}

impl Prober {
    /// Begins to probe.
    pub(super) fn start(path: &Path, now: Instant) -> io::Result<Prober> {
        let ends = path.ends().clone();
        let token = RandomState::new().hash_one(now);
        let interface = ends.interface.as_deref();
        Ok(Prober {
            echo: Echo::open(ends.local, ends.remote, interface, token)?,
            search: Search::new(ends.remote.is_ipv4(), now),
            silent: false,
        })
    }

    /// When to call [`Prober::step`].
    pub(super) fn due(&self) -> Instant {
        self.search.due()
    }

    /// Sends what is due. Tells whether something was found out.
    pub(super) fn step(&mut self, path: &Path, now: Instant) -> bool {
        let (most, every) = (path.mtu.load(Relaxed), every(path));
        let (probe, finding) = self.search.step(now, most, every);
        if let Some(size) = probe {
            // What cannot leave is as good as lost.
            let _ = self.echo.ask(size);
        }
        self.learn(path, finding)
    }

    /// Takes answers. Tells whether something was found out.
    pub(super) fn take(&mut self, path: &Path, now: Instant) -> bool {
        let (most, every) = (path.mtu.load(Relaxed), every(path));
        let answers = self.echo.answers();
        answers.into_iter().fold(false, |found, size| {
            let finding = self.search.answered(size, now, most, every);
            self.learn(path, finding) | found
        })
    }

    /// What routers say is where to look next.
    pub(super) fn told(&mut self, mtu: u32, now: Instant) {
        self.search.told(mtu, now);
    }

    fn learn(&mut self, path: &Path, finding: Finding) -> bool {
        let remote = path.ends().remote;
        let size = match finding {
            Finding::Nothing => return false,
            Finding::Size(size) => size,
            Finding::Silence => {
                if !self.silent {
                    tracing::info!(%remote, "answers no probes; its path has the MTU that routers tell");
                }
                UNKNOWN
            }
        };
        self.silent = finding == Finding::Silence;
        path.probed.swap(size, Relaxed) != size
    }
}

fn every(path: &Path) -> Duration {
    Duration::from_secs(path.probing.load(Relaxed).max(1).into())
}
