use super::prober::Prober;
use super::{Path, PathOrder, UNKNOWN};
use crate::link::Links;
use crate::user::devices::{is_here, mtu_of};
use crate::user::port::Port;
use crate::user::worker::{Poll, Work};
use netlink_packet_route::link::LinkAttribute;
use rustc_hash::{FxHashMap, FxHashSet};
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
    /// The names of those that are probed.
    probed: FxHashSet<usize>,
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
    prober: Option<Prober>,
}

impl Follower {
    pub(super) fn open() -> io::Result<Follower> {
        Ok(Follower {
            links: Links::open()?,
            paths: Vec::new(),
            places: FxHashMap::default(),
            probed: FxHashSet::default(),
            place: 0,
            next: Instant::now(),
        })
    }

    fn follow(&mut self, poll: &Poll, port: Arc<Port>) {
        let path = port.line.outer.path.clone();
        // What was suspected while nobody looked is known by now.
        path.stale.store(false, Relaxed);
        let place = *self.places.entry(name(&path)).or_insert_with(|| {
            self.paths.push(Followed {
                mtu: path.mtu(),
                path,
                ports: FxHashMap::default(),
                prober: None,
            });
            self.paths.len() - 1
        });
        let followed = &mut self.paths[place];
        adjust(&mut self.links, &port, followed.mtu);
        followed.ports.insert(port.device.index, port);
        followed.probe(poll, &mut self.probed);
    }

    fn forget(&mut self, poll: &Poll, port: &Port) {
        let path = &port.line.outer.path;
        let Some(place) = self.places.get(&name(path)).copied() else {
            return;
        };
        self.paths[place].ports.remove(&port.device.index);
        if !self.paths[place].ports.is_empty() {
            return;
        }
        let gone = self.paths.swap_remove(place);
        if let Some(prober) = gone.prober {
            poll.remove(&prober.echo);
            gone.path.probed.store(UNKNOWN, Relaxed);
            self.probed.remove(&name(&gone.path));
        }
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

    fn obey(&mut self, poll: &Poll, order: PathOrder) {
        match order {
            PathOrder::Follow(port) => self.follow(poll, port),
            PathOrder::Forget(port) => self.forget(poll, &port),
            PathOrder::Look => {
                let suspects = self.paths.iter_mut();
                for followed in suspects.filter(|one| one.path.stale.swap(false, Relaxed)) {
                    followed.probe(poll, &mut self.probed);
                    followed.look(&mut self.links);
                }
            }
        }
    }

    fn serve(&mut self, _poll: &Poll, token: u64) {
        let place = self.places.get(&(token as usize)).copied();
        if let Some(followed) = place.and_then(|place| self.paths.get_mut(place)) {
            followed.take_answers(&mut self.links);
        }
    }

    fn tick(&mut self, now: Instant) -> Option<Instant> {
        if self.paths.is_empty() {
            return None;
        }
        if now >= self.next {
            self.turn();
            self.next = now + TURN;
        }
        let mut next = self.next;
        for name in &self.probed {
            let place = self.places.get(name).copied();
            let due = place.and_then(|place| self.paths[place].step(&mut self.links, now));
            next = due.map_or(next, |due| next.min(due));
        }
        Some(next)
    }
}

impl Followed {
    /// Begins or ends to probe, as is wanted now.
    fn probe(&mut self, poll: &Poll, probed: &mut FxHashSet<usize>) {
        let wanted = self.path.probing.load(Relaxed) != 0;
        match (&self.prober, wanted) {
            (None, true) => {
                let prober = Prober::start(&self.path, Instant::now()).and_then(|prober| {
                    poll.add(&prober.echo, name(&self.path) as u64)?;
                    Ok(prober)
                });
                let remote = self.path.ends().remote;
                self.prober = prober
                    .inspect_err(|error| tracing::warn!(%remote, %error, "cannot be probed"))
                    .ok();
                probed.extend(self.prober.as_ref().map(|_| name(&self.path)));
            }
            (Some(prober), false) => {
                poll.remove(&prober.echo);
                self.prober = None;
                probed.remove(&name(&self.path));
                self.path.probed.store(UNKNOWN, Relaxed);
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// Sends a probe that is due; tells when the next one is.
    fn step(&mut self, links: &mut Links, now: Instant) -> Option<Instant> {
        let prober = self.prober.as_mut()?;
        let found = prober.step(&self.path, now);
        let due = prober.due();
        if found {
            self.look(links);
        }
        Some(due)
    }

    fn take_answers(&mut self, links: &mut Links) {
        let Some(prober) = &mut self.prober else {
            return;
        };
        if prober.take(&self.path, Instant::now()) {
            self.look(links);
        }
    }

    fn look(&mut self, links: &mut Links) {
        let (was, path_mtu) = (self.mtu, self.path.look());
        if path_mtu == was {
            return;
        }
        self.mtu = path_mtu;
        if let Some(prober) = &mut self.prober {
            prober.told(path_mtu, Instant::now());
        }
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
    let near = !device.is_away() && is_here(&device.tap);
    if !device.is_automatic() || device.mtu.load(Relaxed) == mtu || !near {
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
