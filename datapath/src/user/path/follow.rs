use super::{Path, PathOrder};
use crate::link::Links;
use crate::user::devices::{is_here, mtu_of};
use crate::user::port::Port;
use crate::user::worker::{Poll, Work};
use netlink_packet_route::link::LinkAttribute;
use rustc_hash::FxHashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What the kernel is told about a path it tells nobody, and forgets after a while. So each path
/// is looked at this often, a share of them in each turn, and not more in a turn than bounds the
/// work.
const EVERY: Duration = Duration::from_secs(4);
const TURN: Duration = Duration::from_secs(1);
const MOST_A_TURN: usize = 256;

/// The thread that follows paths.
pub(super) struct Follower {
    links: Links,
    paths: Vec<Followed>,
    /// Where in `paths` each stands, by its name.
    places: FxHashMap<usize, usize>,
    /// Where the next turn begins, and when.
    place: usize,
    next: Instant,
}

/// A path and the devices that follow it, by interface index.
struct Followed {
    path: Arc<Path>,
    /// What the devices follow now.
    mtu: u32,
    ports: FxHashMap<u32, Arc<Port>>,
}

impl Follower {
    pub(super) fn open() -> io::Result<Follower> {
        Ok(Follower {
            links: Links::open()?,
            paths: Vec::new(),
            places: FxHashMap::default(),
            place: 0,
            next: Instant::now(),
        })
    }

    fn follow(&mut self, port: Arc<Port>) {
        let path = port.line.outer.path.clone();
        let place = *self.places.entry(name(&path)).or_insert_with(|| {
            self.paths.push(Followed {
                mtu: path.mtu(),
                path,
                ports: FxHashMap::default(),
            });
            self.paths.len() - 1
        });
        let followed = &mut self.paths[place];
        adjust(&mut self.links, &port, followed.mtu);
        followed.ports.insert(port.device.index, port);
    }

    fn forget(&mut self, port: &Port) {
        let path = &port.line.outer.path;
        let Some(place) = self.places.get(&name(path)).copied() else {
            return;
        };
        self.paths[place].ports.remove(&port.device.index);
        if !self.paths[place].ports.is_empty() {
            return;
        }
        self.paths.swap_remove(place);
        self.places.remove(&name(path));
        if let Some(Followed { path, .. }) = self.paths.get(place) {
            self.places.insert(name(path), place);
        }
    }

    fn turn(&mut self) {
        let turns = EVERY.as_secs().max(1) as usize;
        let share = self.paths.len().div_ceil(turns).min(MOST_A_TURN);
        for _ in 0..share {
            self.place = (self.place + 1) % self.paths.len();
            self.paths[self.place].look(&mut self.links);
        }
    }
}

impl Work for Follower {
    type Order = PathOrder;

    fn obey(&mut self, _poll: &Poll, order: PathOrder) {
        match order {
            PathOrder::Follow(port) => self.follow(port),
            PathOrder::Forget(port) => self.forget(&port),
            PathOrder::Look => {
                let suspects = self.paths.iter_mut();
                for followed in suspects.filter(|one| one.path.stale.swap(false, Relaxed)) {
                    followed.look(&mut self.links);
                }
            }
        }
    }

    fn serve(&mut self, _poll: &Poll, _token: u64) {}

    fn tick(&mut self, now: Instant) -> Option<Instant> {
        if self.paths.is_empty() {
            return None;
        }
        if now >= self.next {
            self.turn();
            self.next = now + TURN;
        }
        Some(self.next)
    }
}

impl Followed {
    fn look(&mut self, links: &mut Links) {
        let (was, path_mtu) = (self.mtu, self.path.look());
        if path_mtu == was {
            return;
        }
        self.mtu = path_mtu;
        let mut devices = 0;
        for port in self.ports.values() {
            port.line.carrier.forget_lengths();
            devices += usize::from(adjust(links, port, path_mtu));
        }
        let remote = self.path.ends().remote;
        tracing::info!(%remote, path_mtu, was, devices, "the path's MTU has changed");
    }
}

/// What tells a path from others as long as it is there.
fn name(path: &Arc<Path>) -> usize {
    Arc::as_ptr(path).addr()
}

/// Gives a device the MTU that its path admits, unless somebody has set another. Tells whether
/// it changed.
fn adjust(links: &mut Links, port: &Port, path_mtu: u32) -> bool {
    let device = &port.device;
    let mtu = mtu_of(&port.line, path_mtu);
    if !device.is_automatic() || device.mtu.load(Relaxed) == mtu || !is_here(&device.tap) {
        return false;
    }
    match links.set(device.index, vec![LinkAttribute::Mtu(mtu)]) {
        Ok(()) => {
            device.set_automatic(mtu);
            true
        }
        Err(error) => {
            let device = device.link().name;
            tracing::warn!(%error, device, mtu, "the device's MTU cannot follow the path's");
            false
        }
    }
}
