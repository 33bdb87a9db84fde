//! The MTU of the paths to peers. Routers and routes tell the kernel of it, which keeps what it
//! was told for a while; here it is asked again and again, and the devices whose MTU nobody set by
//! hand follow.

mod follow;
mod prober;
mod search;

use crate::spec::Encap;
use crate::sys::socket;
use crate::user::port::Port;
use crate::user::worker::Handle;
use follow::Follower;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// No path's MTU.
const UNKNOWN: u32 = u32::MAX;

/// The MTU that a path has when there is none.
const NO_ROUTE_MTU: u32 = 1500;

/// The way from one address to another, which tunnels may share.
#[derive(Debug)]
pub(crate) struct Path {
    ends: Mutex<Ends>,
    /// What the kernel knows of its MTU.
    mtu: AtomicU32,
    /// What probes have found, [`UNKNOWN`] where they have found nothing.
    probed: AtomicU32,
    /// Seconds between probes; 0 sends none.
    probing: AtomicU16,
    /// Somebody has reason to think that the MTU has changed, and nobody has looked since.
    stale: AtomicBool,
    follower: Weak<Handle<PathOrder>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Ends {
    local: IpAddr,
    remote: IpAddr,
    /// The device that packets leave by, where one is asked for.
    interface: Option<String>,
}

/// What the thread that follows paths can be told.
#[derive(Debug)]
pub(crate) enum PathOrder {
    /// Let a device follow its path.
    Follow(Arc<Port>),
    /// Do no longer.
    Forget(Arc<Port>),
    /// Look at paths that are stale.
    Look,
}

/// All paths, and the thread that follows them.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) follower: Arc<Handle<PathOrder>>,
    known: BTreeMap<(IpAddr, IpAddr), Weak<Path>>,
}

impl Paths {
    /// Starts the thread, which looks from the namespace of the present one.
    pub(crate) fn start() -> io::Result<Paths> {
        let follower = Handle::start("paths".to_owned(), Follower::open()?)?;
        Ok(Paths {
            follower: Arc::new(follower),
            known: BTreeMap::new(),
        })
    }

    /// The path of a tunnel, which it has in common with others of the same ends.
    pub(crate) fn of(&mut self, encap: &Encap) -> Arc<Path> {
        let ends = (encap.local(), encap.remote());
        if let Some(path) = self.known.get(&ends).and_then(Weak::upgrade) {
            return path;
        }
        self.known.retain(|_, path| path.strong_count() > 0);
        let path = self.movable(encap, None);
        self.known.insert(ends, Arc::downgrade(&path));
        path
    }

    /// The path of a tunnel whose peer may move, by this device where there is one.
    pub(crate) fn movable(&self, encap: &Encap, interface: Option<&str>) -> Arc<Path> {
        let ends = Ends {
            local: encap.local(),
            remote: encap.remote(),
            interface: interface.map(str::to_owned),
        };
        Arc::new(Path {
            ends: Mutex::new(ends),
            mtu: NO_ROUTE_MTU.into(),
            probed: UNKNOWN.into(),
            probing: 0.into(),
            stale: false.into(),
            follower: Arc::downgrade(&self.follower),
        })
    }
}

impl Path {
    /// The outer IP packets that go through have at most so many octets, as far as is known.
    pub(crate) fn mtu(&self) -> u32 {
        self.mtu.load(Relaxed).min(self.probed.load(Relaxed))
    }

    /// What probes have found.
    pub(crate) fn probed_mtu(&self) -> Option<u32> {
        Some(self.probed.load(Relaxed)).filter(|mtu| *mtu != UNKNOWN)
    }

    /// Has it probed every so many seconds; 0 ends that.
    pub(crate) fn probe(&self, every: u16) {
        if self.probing.swap(every, Relaxed) != every {
            self.suspect();
        }
    }

    /// Asks the kernel, and gives what is known then. While there is no route, what was known
    /// before stands.
    pub(crate) fn look(&self) -> u32 {
        let ends = self.ends().clone();
        let end = |ip| SocketAddr::new(ip, 0);
        let found = socket::route(end(ends.local), end(ends.remote), ends.interface.as_deref());
        if let Ok((_, mtu)) = found {
            self.mtu.store(mtu, Relaxed);
        }
        self.mtu()
    }

    /// Leads somewhere else.
    pub(crate) fn move_to(&self, encap: &Encap) {
        let mut ends = self.ends();
        (ends.local, ends.remote) = (encap.local(), encap.remote());
        drop(ends);
        self.suspect();
    }

    /// The device that packets leave by, where one is asked for.
    pub(crate) fn interface(&self) -> Option<String> {
        self.ends().interface.clone()
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has it looked at soon. Never blocks.
    pub(crate) fn suspect(&self) {
        if !self.stale.swap(true, Relaxed)
            && let Some(follower) = self.follower.upgrade()
        {
            follower.order(PathOrder::Look);
        }
    }
}
