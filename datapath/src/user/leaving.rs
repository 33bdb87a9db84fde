//! Devices of sessions that are gone, on their way out.
//!
//! To remove a device the kernel waits for its readers: some 20 ms, whether one goes or hundreds do
//! together, and 12 ms more for each that has a program, in which nobody else can change a device. So a
//! thread of its own removes them, those that wait together, and has programs detached one by one
//! before, with room for others in between. Control waits only where it wants a name that is not free
//! yet.

use crate::departure::Departure;
use crate::link::Links;
use crate::user::devices::is_near;
use crate::user::gate::Gate;
use crate::user::port::Interface;
use crate::user::worker::{Handle, Poll, Work};
use netlink_packet_route::link::LinkAttribute;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Devices that go together: how many at most, and how long programs are detached before.
const TOGETHER: usize = 256;
const SLICE: Duration = Duration::from_millis(100);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Leaving {
    names: Arc<Names>,
    gate: Gate,
    remover: Handle<Order>,
}

/// Names of devices that are still there, and of how many each is: one may be elsewhere.
#[derive(Debug, Default)]
struct Names {
    taken: Mutex<FxHashMap<String, usize>>,
    freed: Condvar,
}

#[derive(Debug)]
enum Order {
    Remove(VecDeque<Leaver>),
    /// Somebody waits for this name.
    Hurry(String),
}

/// A device. Dropped, it is gone.
#[derive(Debug)]
struct Leaver {
    /// Always there until then.
    device: Option<Arc<Interface>>,
    name: String,
    names: Arc<Names>,
    departure: Departure,
}

/// The thread's state.
struct Remover {
    links: Links,
    gate: Gate,
    /// Those of one order together. Orders take turns, lest one device wait for thousands.
    queue: VecDeque<VecDeque<Leaver>>,
}

impl Leaving {
    /// Starts the thread, for devices of the present thread's namespace. It waits at `gate`.
    pub(crate) fn start(gate: Gate) -> io::Result<Leaving> {
        let remover = Remover {
            links: Links::open()?,
            gate: gate.clone(),
            queue: VecDeque::new(),
        };
        Ok(Leaving {
            names: Arc::default(),
            gate,
            remover: Handle::start("leaving".to_owned(), remover)?,
        })
    }

    /// Has devices removed that no thread uses any more. From now on none of them outlives the
    /// process.
    pub(crate) fn remove(&self, devices: Vec<Arc<Interface>>, departure: &Departure) {
        let leaver = |device: Arc<Interface>| {
            let name = device.link().name;
            *self.names.taken().entry(name.clone()).or_default() += 1;
            departure.expect();
            Leaver {
                device: Some(device),
                name,
                names: self.names.clone(),
                departure: departure.clone(),
            }
        };
        let closed = self.gate.close();
        for device in &devices {
            // Fails on a device that is gone, which is what is wanted.
            let _ = device.tap.forget();
        }
        drop(closed);
        let leavers = devices.into_iter().map(leaver).collect();
        self.remover.order(Order::Remove(leavers));
    }

    /// Returns when no device is on its way out that has this name, which goes before the others.
    pub(crate) fn await_name(&self, name: &str) {
        let taken = self.names.taken();
        if !taken.contains_key(name) {
            return;
        }
        self.remover.order(Order::Hurry(name.to_owned()));
        let still = |taken: &mut FxHashMap<String, usize>| taken.contains_key(name);
        let freed = self.names.freed.wait_while(taken, still);
        drop(freed.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Names {
    fn taken(&self) -> MutexGuard<'_, FxHashMap<String, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free(&self, name: &str) {
        let mut taken = self.taken();
        if let Some(count) = taken.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                taken.remove(name);
                self.freed.notify_all();
            }
        }
    }
}

impl Drop for Leaver {
    fn drop(&mut self) {
        // Closed, it goes if it has not gone before.
        self.device = None;
        self.names.free(&self.name);
        self.departure.note();
    }
}

impl Remover {
    /// Removes the first devices, together.
    fn step(&mut self) {
        let end = Instant::now() + SLICE;
        let mut first = Vec::new();
        while first.len() < TOGETHER
            && Instant::now() < end
            && let Some(leaver) = self.next()
        {
            if let Some(program) = leaver.device.as_ref().and_then(|device| device.unpark()) {
                self.gate.pass();
                drop(program);
            }
            first.push(leaver);
        }
        self.gate.pass();
        self.remove(&first);
    }

    fn next(&mut self) -> Option<Leaver> {
        let mut order = self.queue.pop_front()?;
        let leaver = order.pop_front();
        if !order.is_empty() {
            self.queue.push_back(order);
        }
        leaver
    }

    fn hurry(&mut self, name: &str) {
        for order in &mut self.queue {
            let place = order.iter().position(|leaver| leaver.name == name);
            if let Some(leaver) = place.and_then(|place| order.remove(place)) {
                self.queue.push_front(VecDeque::from([leaver]));
                return;
            }
        }
    }

    fn remove(&mut self, leavers: &[Leaver]) {
        let group = unused_group();
        let mut any = false;
        let devices = leavers.iter().filter_map(|leaver| leaver.device.as_ref());
        for device in devices.filter(|device| is_near(device)) {
            let group = vec![LinkAttribute::Group(group)];
            any |= self.links.set(device.index, group).is_ok();
        }
        if any && let Err(error) = self.links.delete_group(group) {
            tracing::debug!(%error, "devices are removed one by one");
        }
    }
}

impl Work for Remover {
    type Order = Order;

    fn obey(&mut self, _poll: &Poll, order: Order) {
        match order {
            Order::Remove(leavers) => self.queue.push_back(leavers),
            Order::Hurry(name) => self.hurry(&name),
        }
    }

    fn serve(&mut self, _poll: &Poll, _token: u64) {}

    fn tick(&mut self, now: Instant) -> Option<Instant> {
        if !self.queue.is_empty() {
            self.step();
        }
        (!self.queue.is_empty()).then_some(now)
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        while !self.queue.is_empty() {
            self.step();
        }
    }
}

/// A device group that nobody else uses: groups of people and tools are small numbers.
fn unused_group() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()) as u32 | 0x4000_0000
}
