use crate::counters::Counters;
use crate::fast::{FastOrder, FastPath, Keeper, Scope as FastScope};
use crate::limits::{Limit, Without};
use crate::link::Link;
use crate::ppp::{Channel, Ppp};
use crate::spec::{
    Change, Device, Inventory, ListenerAddress, ListenerId, ListenerSpec, Sequencing, SessionKey,
    SessionSpec, TunnelSpec,
};
use crate::user::Notify;
use crate::user::carrier::Carrier;
use crate::user::closing::Closing;
use crate::user::devices::Devices;
use crate::user::gate::Gate;
use crate::user::key::Key;
use crate::user::leaving::Leaving;
use crate::user::line::Line;
use crate::user::outer::Outer;
use crate::user::path::Paths;
use crate::user::port::Port;
use crate::user::remote::Remote;
use crate::user::session::FOLLOWED;
use crate::user::watch::Watched;
use crate::user::worker::Handle;
use crate::user::workers::Workers;
use crate::{ControlMessage, ControlSink, Datapath, Departure, Error, Route};
use adit_wire::l2tp::{Sequence, TunnelId};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::thread::available_parallelism;

mod adopted;
mod listeners;
mod refusal;
mod sessions;
mod tunnels;

use listeners::Listener;
use refusal::{no_session, no_tunnel};

/// Most threads a direction; more would only contend.
const MAX_WORKERS: usize = 16;

/// How a [`UserDatapath`] is set up.
pub struct Options {
    /// Threads for each direction; `None` takes as many as there are processors, at most 16.
    pub workers: Option<NonZeroUsize>,
    /// Queues of each device that sessions get, each with a sending thread as far as these reach;
    /// `None` is one.
    pub queues: Option<NonZeroUsize>,
    /// Where events go.
    pub notify: Notify,
    /// What to do without.
    pub without: Without,
    /// Over which devices sessions get a path inside the kernel, where they can; it passes the
    /// host's packet filters by on the outer side. `None` gives them none.
    pub fast_path: Option<FastScope>,
}

/// The data path in user space, in the network namespace of the thread that made it.
///
/// Dropped, it stops moving packets and leaves the devices behind, for [`Datapath::resume`].
#[derive(Debug)]
pub struct UserDatapath {
    tunnels: BTreeMap<TunnelId, Tunnel>,
    sessions: BTreeMap<SessionKey, Member>,
    /// Who gets the packets of this key that come to the socket of this number. Nothing but the
    /// key tells whose they are, even when several tunnels share the socket.
    keys: BTreeMap<(u64, Key), SessionKey>,
    listeners: BTreeMap<ListenerId, Listener>,
    devices: Devices,
    leaving: Leaving,
    /// Of the devices that went since somebody asked.
    departure: Departure,
    watched: Watched,
    closing: Closing,
    paths: Paths,
    without: Without,
    workers: Arc<Workers>,
    ppp: Ppp,
    /// Keeps the programs of the fast path, where that is wanted.
    fast: Option<Arc<Handle<FastOrder>>>,
}

#[derive(Debug)]
struct Tunnel {
    spec: TunnelSpec,
    carrier: Arc<Carrier>,
    carrier_number: u64,
    /// Where the peer is, on a listener's socket.
    remote: Option<Arc<Remote>>,
    outer: Arc<Outer>,
    /// What the sessions that are gone have counted.
    retired: Counters,
}

#[derive(Debug)]
struct Member {
    spec: SessionSpec,
    line: Arc<Line>,
    end: Attachment,
    carrier_number: u64,
    /// The receiving thread that delivers its packets.
    home: usize,
}

/// What a session carries frames for.
#[derive(Debug)]
enum Attachment {
    /// A device of its own, and the numbers of its queues.
    Device(Arc<Port>, Vec<u64>),
    /// PPP.
    Channel(Arc<Channel>),
}

/// Whether a session had a device before.
enum Old<'a> {
    None,
    /// An earlier process left it behind.
    Left(&'a Device),
    /// Somebody deleted it.
    Lost(&'a Link),
}

impl UserDatapath {
    /// Starts the threads.
    pub fn new(options: Options) -> Result<UserDatapath, Error> {
        let failed = |e| Error::system(&e, "workers", "cannot start the data path");
        let processors = available_parallelism().map_or(1, NonZeroUsize::get);
        let count = options
            .workers
            .map_or(processors.min(MAX_WORKERS), NonZeroUsize::get);
        let gate = Gate::default();
        let keep = |scope| Handle::start("fast".to_owned(), Keeper::open(scope, gate.clone())?);
        let fast = options.fast_path.map(keep).transpose().map_err(failed)?;
        let fast = fast.map(Arc::new);
        let watched = Watched::new(options.notify.clone(), fast.as_ref());
        watched.follow().map_err(failed)?;
        let closing = Closing::default();
        closing.follow(options.notify.clone()).map_err(failed)?;
        let ppp = Ppp::new(watched.clone(), options.without).map_err(failed)?;
        let workers = Workers::start(count, &options.notify, &ppp).map_err(failed)?;
        Ok(UserDatapath {
            tunnels: BTreeMap::new(),
            sessions: BTreeMap::new(),
            keys: BTreeMap::new(),
            listeners: BTreeMap::new(),
            devices: Devices::open(options.queues.map_or(1, NonZeroUsize::get), options.without)
                .map_err(failed)?,
            leaving: Leaving::start(gate).map_err(failed)?,
            departure: Departure::default(),
            watched,
            closing,
            paths: Paths::start().map_err(failed)?,
            without: options.without,
            workers,
            ppp,
            fast,
        })
    }

    /// How many threads each direction has.
    pub fn workers(&self) -> usize {
        self.workers.count()
    }

    /// What PPP sessions are used by.
    pub fn ppp(&self) -> Ppp {
        self.ppp.clone()
    }

    /// Returns when every thread has obeyed its orders.
    fn settle(&self) {
        self.workers.settle();
        self.paths.follower.settle();
    }
}

impl Datapath for UserDatapath {
    fn apply(&mut self, change: &Change) -> Result<(), Error> {
        match change {
            Change::AddTunnel(spec) => self.add_tunnel(spec),
            Change::TuneTunnel(id, change) => self.tune_tunnel(*id, change),
            Change::RemoveTunnel(id) => {
                self.remove_tunnel(*id);
                Ok(())
            }
            Change::AddSession(spec) => self.add_session(spec, Old::None, spec.sequencing()),
            Change::TuneSession(key, change) => self.tune_session(*key, change),
            Change::RemoveSession(key) => Datapath::remove_sessions(self, &[*key]),
        }
    }

    fn remove_sessions(&mut self, keys: &[SessionKey]) -> Result<(), Error> {
        UserDatapath::remove_sessions(self, keys);
        Ok(())
    }

    fn departure(&mut self) -> Departure {
        std::mem::take(&mut self.departure)
    }

    fn resume(
        &mut self,
        session: &SessionSpec,
        device: Option<&Device>,
        from: Sequencing,
    ) -> Result<(), Error> {
        self.add_session(session, device.map_or(Old::None, Old::Left), from)
    }

    fn keep(&mut self, session: SessionKey) {
        self.keep_device(session);
    }

    fn discard(&mut self, device: &Device) -> Result<(), Error> {
        if let Some(left) = self.devices.left(device)? {
            self.leaving.remove(vec![Arc::new(left)], &self.departure);
        }
        Ok(())
    }

    fn adopt(&mut self, tunnel: &TunnelSpec, socket: Option<OwnedFd>) -> Result<(), Error> {
        self.adopt_tunnel(tunnel, socket)
    }

    fn listen(
        &mut self,
        listener: &ListenerSpec,
        sink: ControlSink,
    ) -> Result<ListenerAddress, Error> {
        self.open_listener(listener, sink)
    }

    fn unlisten(&mut self, listener: ListenerId) -> Result<(), Error> {
        self.close_listener(listener);
        Ok(())
    }

    fn send_control(&mut self, listener: ListenerId, messages: &[ControlMessage<'_>]) {
        self.send_messages(listener, messages);
    }

    fn move_peer(&mut self, tunnel: TunnelId, remote: SocketAddr) -> Result<(), Error> {
        self.move_tunnel(tunnel, remote)
    }

    fn name_peer(&mut self, id: TunnelId, peer_id: TunnelId) -> Result<(), Error> {
        let tunnel = self.tunnels.get_mut(&id).ok_or_else(|| no_tunnel(id))?;
        tunnel.spec.peer_id = peer_id;
        for (_, member) in self.sessions.range(SessionKey::all_of(id)) {
            member.line.session.name_peer(peer_id);
        }
        Ok(())
    }

    fn route(&mut self, listener: ListenerId, remote: IpAddr) -> Result<Route, Error> {
        self.route_to(listener, remote)
    }

    fn listener_counters(&mut self, listener: ListenerId) -> Result<Counters, Error> {
        self.strays_of(listener)
    }

    fn inventory(&mut self) -> Inventory {
        let there = self.sessions.iter().filter(|(_, member)| !member.is_lost());
        Inventory {
            tunnels: self
                .tunnels
                .iter()
                .map(|(id, tunnel)| (*id, tunnel.carrier.bound(tunnel.spec)))
                .collect(),
            sessions: there
                .map(|(key, member)| (*key, member.spec.clone()))
                .collect(),
        }
    }

    fn device(&mut self, key: SessionKey) -> Result<Option<Device>, Error> {
        let member = self.sessions.get(&key).ok_or_else(|| no_session(key))?;
        let link = member.port().map(|port| port.device.link());
        Ok(link.map(|link| Device {
            name: link.name,
            index: link.index,
            mtu: link.mtu,
        }))
    }

    fn set_carrier(&mut self, key: SessionKey, on: bool) -> Result<(), Error> {
        self.switch_carrier(key, on)
    }

    fn sequencing(&mut self, key: SessionKey) -> Result<Sequencing, Error> {
        let member = self.sessions.get(&key).ok_or_else(|| no_session(key))?;
        Ok(member.line.session.sequencing())
    }

    fn followed(&mut self) -> Option<u64> {
        Some(FOLLOWED.load(Acquire))
    }

    fn expected(&mut self, key: SessionKey) -> Option<Sequence> {
        let member = self.sessions.get(&key)?;
        Some(member.line.session.expected())
    }

    fn tunnel_counters(&mut self, id: TunnelId) -> Result<Counters, Error> {
        let tunnel = self.tunnels.get(&id).ok_or_else(|| no_tunnel(id))?;
        let mut counters = tunnel.retired;
        if !tunnel.carrier.is_shared() {
            counters += tunnel.carrier.counters();
        }
        for (_, member) in self.sessions.range(SessionKey::all_of(id)) {
            counters += member.counters();
        }
        Ok(counters)
    }

    fn limits(&mut self, key: SessionKey) -> Vec<Limit> {
        let member = self.sessions.get(&key);
        member.map_or_else(Vec::new, |member| member.limits(&self.devices))
    }

    fn path_mtu(&mut self, tunnel: TunnelId) -> Option<u32> {
        Some(self.tunnels.get(&tunnel)?.outer.path.mtu())
    }

    fn fast_path(&mut self, key: SessionKey) -> Option<FastPath> {
        self.sessions.get(&key)?.line.session.fast.show()
    }

    fn session_counters(&mut self, key: SessionKey) -> Result<Counters, Error> {
        let member = self.sessions.get(&key).ok_or_else(|| no_session(key))?;
        Ok(member.counters())
    }
}

#[cfg(test)]
impl UserDatapath {
    /// The keys of all sessions.
    pub(crate) fn session_keys(&self) -> Vec<SessionKey> {
        self.sessions.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests;
