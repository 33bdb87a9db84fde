mod units;

use super::channel::{Channel, Ending, Stage};
use super::end::{End, OnClose};
use super::file::{File, Role, Shared};
use super::unit::{Unit, UnitStatistics};
use super::worker::{EndOrder, Owner};
use crate::limits::Without;
use crate::spec::SessionKey;
use crate::user::devices::Devices;
use crate::user::port::Interface;
use crate::user::watch::Watched;
use crate::user::workers::Workers;
use adit_wire::netlink::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// How long a new unit waits for the devices of former ones to be gone.
const PATIENCE: Duration = Duration::from_millis(500);

/// The PPP of a data path, for any number of users and threads.
#[derive(Debug, Clone)]
pub struct Ppp(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Mutex<Registry>,
    /// Rung when a unit's device is gone.
    reaped: Condvar,
    reaper: Sender<(u32, Arc<Interface>)>,
    workers: OnceLock<Weak<Workers>>,
    devices: Mutex<Devices>,
    watched: Watched,
}

/// Everything there is. Whoever changes it holds its lock; packets do not take it.
#[derive(Debug, Default)]
pub(super) struct Registry {
    pub(super) sessions: BTreeMap<SessionKey, Arc<Channel>>,
    /// By PPP's number, once claimed.
    pub(super) channels: BTreeMap<u32, Arc<Channel>>,
    last_channel: u32,
    pub(super) units: BTreeMap<u32, Arc<Unit>>,
    /// Numbers of units whose devices are about to go.
    dying: BTreeSet<u32>,
    sockets: BTreeMap<SessionKey, (Arc<End>, Ending)>,
}

impl Ppp {
    pub(crate) fn new(watched: Watched, without: Without) -> io::Result<Ppp> {
        let (reaper, ended) = channel();
        let ppp = Ppp(Arc::new(Inner {
            registry: Mutex::default(),
            reaped: Condvar::new(),
            reaper,
            workers: OnceLock::new(),
            devices: Mutex::new(Devices::open(1, without)?),
            watched,
        }));
        let inner = Arc::downgrade(&ppp.0);
        // Removing a device takes the kernel long, which nobody else shall wait for.
        std::thread::Builder::new()
            .name("units".into())
            .spawn(move || {
                for (index, device) in ended {
                    let Some(inner) = inner.upgrade() else { return };
                    Ppp(inner).reap(index, device);
                }
            })?;
        Ok(ppp)
    }

    /// Tells which threads move the packets.
    pub(crate) fn employ(&self, workers: &Arc<Workers>) {
        let _ = self.0.workers.set(Arc::downgrade(workers));
    }

    pub(super) fn workers(&self) -> Result<Arc<Workers>, Errno> {
        let workers = self.0.workers.get().and_then(Weak::upgrade);
        workers.ok_or(Errno::ENODEV)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a session that has come.
    pub(crate) fn add(&self, channel: Arc<Channel>) {
        let key = channel.line.session.key;
        self.lock().sessions.insert(key, channel);
    }

    /// Makes `end` the socket of a PPP session: its frames go there until the channel is bound,
    /// and what comes from there is sent. Gives the channel's number. ENODEV when there is no such
    /// PPP session, EEXIST when it has a user.
    ///
    /// When the program has closed its last copy, the session's channel is hung up; whoever
    /// connected it then removes the session. What happens when the session goes first is up to
    /// `ending`.
    pub fn connect(
        &self,
        session: SessionKey,
        end: End,
        ending: Ending,
        on_close: OnClose,
    ) -> Result<u32, Errno> {
        let workers = self.workers()?;
        let mut registry = self.lock();
        let channel = registry.claim(session)?;
        let end = Arc::new(end);
        channel.enter(Stage::Socket(end.clone()));
        registry.sockets.insert(session, (end.clone(), ending));
        let number = workers.end_number();
        let index = channel.number();
        let owner = Owner::Socket(channel, end);
        workers.ends.order(EndOrder::Serve(number, owner, on_close));
        Ok(index)
    }

    /// Somebody will take a session, if it is there: its first frames wait for the file that is
    /// attached to its channel.
    pub fn expect(&self, session: SessionKey) {
        if let Some(channel) = self.lock().sessions.get(&session) {
            channel.expect();
        }
    }

    /// Takes a PPP session without a socket; gives its bound channel. Refused as
    /// [`Ppp::connect`] is.
    pub fn claim(&self, session: SessionKey) -> Result<u32, Errno> {
        let mut registry = self.lock();
        let channel = registry.claim(session)?;
        channel.enter(Stage::Free);
        Ok(channel.number())
    }

    /// Binds a channel, as telling its number to a program does: frames no longer go to the
    /// session's socket (PPPIOCGCHAN). ENODEV when there is no such channel.
    pub fn bind(&self, channel: u32) -> Result<(), Errno> {
        let registry = self.lock();
        let channel = registry.channels.get(&channel).ok_or(Errno::ENODEV)?;
        if let Stage::Socket(_) = channel.stage() {
            channel.enter(Stage::Free);
        }
        Ok(())
    }

    /// Whether the session has a socket that its program has not closed; `on_close` may tell of that
    /// later.
    pub fn is_used(&self, session: SessionKey) -> bool {
        let registry = self.lock();
        let socket = registry.sockets.get(&session);
        socket.is_some_and(|(end, _)| !end.is_closed())
    }

    /// Whether the channel of a session is bound.
    pub fn is_bound(&self, session: SessionKey) -> bool {
        let channel = self.lock().sessions.get(&session).cloned();
        channel.is_some_and(|channel| match channel.stage() {
            Stage::Free
            | Stage::Unit(_)
            | Stage::Ended
            | Stage::Terminal(..)
            | Stage::Bridge(_) => true,
            Stage::Unclaimed | Stage::Socket(_) | Stage::Gone => false,
        })
    }

    /// The name of the device of the unit that a session belongs to.
    pub fn unit_name(&self, session: SessionKey) -> Option<String> {
        let channel = self.lock().sessions.get(&session).cloned()?;
        match channel.stage() {
            Stage::Unit(port) => Some(port.device.link().name),
            Stage::Unclaimed
            | Stage::Socket(_)
            | Stage::Free
            | Stage::Ended
            | Stage::Terminal(..)
            | Stage::Bridge(_)
            | Stage::Gone => None,
        }
    }

    /// Opens what `/dev/ppp` is in Linux, not attached to anything. Closed by dropping it, or by
    /// the program's closing its last copy of the other end, after which `on_close` is called.
    pub fn open(&self, end: End, on_close: OnClose) -> Result<File, Errno> {
        let workers = self.workers()?;
        let shared = Arc::new(Shared::new(workers.end_number(), end));
        let owner = Owner::File(shared.clone());
        let number = shared.number;
        workers.ends.order(EndOrder::Serve(number, owner, on_close));
        Ok(File::new(shared, self.clone()))
    }

    /// What the unit of the device of this interface index has carried.
    pub fn statistics(&self, ifindex: u32) -> Option<UnitStatistics> {
        let registry = self.lock();
        let mut units = registry.units.values();
        let unit = units.find(|unit| unit.ifindex == ifindex)?;
        Some(unit.statistics())
    }

    /// The session is gone: hangs its channel up, or cuts it off until its socket is closed.
    pub(crate) fn remove(&self, session: SessionKey) {
        let mut registry = self.lock();
        let Some(channel) = registry.sessions.remove(&session) else {
            return;
        };
        match registry.sockets.remove(&session) {
            Some((_, Ending::Silent)) => {
                channel.cut();
                if let Stage::Unit(port) = channel.stage()
                    && let Some(unit) = port.unit()
                {
                    let _ = self.redirect(unit);
                }
                return;
            }
            Some((end, Ending::HangUp)) => end.hang_up(),
            None => {}
        }
        self.hang_up(&mut registry, &channel);
    }

    /// Ends a channel, and what is read from it.
    fn hang_up(&self, registry: &mut Registry, channel: &Arc<Channel>) {
        if let Some(index) = channel.index.get() {
            registry.channels.remove(index);
        }
        match channel.enter(Stage::Gone) {
            Stage::Unit(port) => self.leave(channel, &port),
            Stage::Bridge(other) => drop(other.enter(Stage::Free)),
            Stage::Terminal(_, number) => {
                if let Ok(workers) = self.workers() {
                    workers.ends.order(EndOrder::Forget(number));
                }
            }
            Stage::Unclaimed | Stage::Socket(_) | Stage::Free | Stage::Ended | Stage::Gone => {}
        }
        channel.readers.hang_up();
    }

    /// Lets go of what a file was attached to.
    pub(super) fn release(&self, file: &Shared) {
        let mut registry = self.lock();
        match file.enter(Role::Closed) {
            Role::None | Role::Closed => {}
            Role::Channel(channel) => channel.readers.remove(file.number),
            Role::Unit(unit, owner) => {
                unit.readers.remove(file.number);
                if owner {
                    self.end_unit(&mut registry, &unit);
                }
            }
        }
    }

    /// The program has closed the socket of a session.
    pub(super) fn close_socket(&self, channel: &Arc<Channel>) {
        let key = channel.line.session.key;
        let mut registry = self.lock();
        let current = registry.sessions.get(&key);
        if current.is_some_and(|current| Arc::ptr_eq(current, channel)) {
            registry.sessions.remove(&key);
            registry.sockets.remove(&key);
        }
        self.hang_up(&mut registry, channel);
    }
}

impl Registry {
    fn claim(&mut self, session: SessionKey) -> Result<Arc<Channel>, Errno> {
        let channel = self.sessions.get(&session).ok_or(Errno::ENODEV)?.clone();
        if channel.index.get().is_some() {
            return Err(Errno::EEXIST);
        }
        self.last_channel += 1;
        let _ = channel.index.set(self.last_channel);
        self.channels.insert(self.last_channel, channel.clone());
        Ok(channel)
    }
}
