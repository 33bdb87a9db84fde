//! The sockets that tunnels share, as the data path has them open.

use super::counts::ListenerCounts;
use super::{Letter, encapsulation};
use crate::daemon::engine::Engine;
use crate::policy::Listener;
use adit_datapath::spec::{ListenerAddress, ListenerId, ListenerSpec, UdpChecksum};
use adit_datapath::{ControlSink, Error};
use adit_proto::l2tp::Path;
use adit_wire::netlink::Errno;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long a listener that cannot be opened waits before the next attempt.
const RETRY: Duration = Duration::from_secs(2);

/// See the [module](self). The listener's id is the socket of the paths that lead by it, so that
/// two listeners with one address on two devices are told apart.
pub(super) struct Listeners {
    sink: ControlSink,
    all: BTreeMap<ListenerId, Open>,
    last: u32,
}

struct Open {
    /// The name in the policy; a tunnel's own socket has none.
    name: Option<String>,
    wanted: Listener,
    bound: Result<ListenerAddress, Failed>,
}

/// Why a listener is not open, and when to try again.
struct Failed {
    problem: Error,
    due: Instant,
}

impl Listeners {
    pub(super) fn new(sink: ControlSink) -> Listeners {
        Listeners {
            sink,
            all: BTreeMap::new(),
            last: 0,
        }
    }

    /// Opens a listener of the policy; one that cannot be opened is tried again.
    pub(super) fn add(&mut self, name: &str, listener: &Listener, engine: &mut Engine) {
        let id = self.next_id();
        let bound = self.open(id, listener, engine);
        if let Err(failed) = &bound {
            let problem = &failed.problem;
            tracing::warn!("listener {name}: {problem}; trying again");
        }
        let open = Open {
            name: Some(name.to_owned()),
            wanted: listener.clone(),
            bound,
        };
        self.all.insert(id, open);
    }

    /// Opens a socket of a tunnel's own beside `beside`, with a port that the system chooses.
    pub(super) fn add_private(
        &mut self,
        beside: ListenerId,
        engine: &mut Engine,
    ) -> Result<ListenerId, Error> {
        let open = self.all.get(&beside).ok_or_else(closed)?;
        let mut wanted = open.wanted.clone();
        if let ListenerAddress::Udp(local) = &mut wanted.local {
            local.set_port(0);
        }
        let id = self.next_id();
        let bound = self
            .open(id, &wanted, engine)
            .map_err(|failed| failed.problem)?;
        let open = Open {
            name: None,
            wanted,
            bound: Ok(bound),
        };
        self.all.insert(id, open);
        Ok(id)
    }

    /// Closes a listener, and gives its id.
    pub(super) fn remove(&mut self, name: &str, engine: &mut Engine) {
        if let Some(id) = self.named(name) {
            self.close(id, engine);
        }
    }

    /// Closes a tunnel's own socket; a listener of the policy stays.
    pub(super) fn close_private(&mut self, id: ListenerId, engine: &mut Engine) {
        if self.all.get(&id).is_some_and(|open| open.name.is_none()) {
            self.close(id, engine);
        }
    }

    fn close(&mut self, id: ListenerId, engine: &mut Engine) {
        self.all.remove(&id);
        if let Err(error) = engine.datapath().unlisten(id) {
            tracing::warn!("{error}");
        }
    }

    /// The listener of this name.
    pub(super) fn named(&self, name: &str) -> Option<ListenerId> {
        let mut all = self.all.iter();
        let found = all.find(|(_, open)| open.name.as_deref() == Some(name));
        found.map(|(id, _)| *id)
    }

    /// An open listener of the policy by which `remote` can be reached: the one of this name, or
    /// the first of its address family, UDP before protocol 115.
    pub(super) fn towards(&self, name: Option<&str>, remote: IpAddr) -> Option<ListenerId> {
        let fits = |(id, open): (&ListenerId, &Open)| {
            let bound = open.bound.as_ref().ok()?;
            let own = open.name.as_deref()?;
            let meant = name.is_none_or(|name| own == name);
            let over_ip = matches!(bound, ListenerAddress::Ip(_));
            (meant && bound.ip().is_ipv4() == remote.is_ipv4()).then_some((over_ip, *id))
        };
        let found = self.all.iter().filter_map(fits).min();
        found.map(|(_, id)| id)
    }

    /// The way to `remote`, at `port` over UDP, by an open listener.
    pub(super) fn way(
        &self,
        id: ListenerId,
        remote: IpAddr,
        port: u16,
        engine: &mut Engine,
    ) -> Result<Path, Error> {
        let open = self.all.get(&id).ok_or_else(closed)?;
        let bound = open
            .bound
            .as_ref()
            .map_err(|failed| failed.problem.clone())?;
        let (local, own_port) = end(bound);
        let local = match local.is_unspecified() {
            true => engine.datapath().route(id, remote)?.local,
            false => local,
        };
        let udp = matches!(bound, ListenerAddress::Udp(_));
        Ok(Path {
            local: SocketAddr::new(local, own_port),
            remote: SocketAddr::new(remote, if udp { port } else { 0 }),
            encapsulation: encapsulation(udp),
            socket: id.0,
            mark: 0,
        })
    }

    /// The path that a message came by.
    pub(super) fn path(&self, letter: &Letter) -> Option<Path> {
        let bound = self.all.get(&letter.listener)?.bound.as_ref().ok()?;
        let (local, port) = end(bound);
        Some(Path {
            local: SocketAddr::new(letter.local.unwrap_or(local), port),
            remote: letter.peer,
            encapsulation: encapsulation(matches!(bound, ListenerAddress::Udp(_))),
            socket: letter.listener.0,
            mark: letter.mark,
        })
    }

    /// How the listener treats UDP checksums.
    pub(super) fn checksum(&self, id: ListenerId) -> Option<UdpChecksum> {
        self.all.get(&id).map(|open| open.wanted.checksum)
    }

    /// The listeners of the policy, by name, with what came to them that is nobody's.
    pub(super) fn counts(&self, engine: &mut Engine) -> Vec<ListenerCounts> {
        let mut all: Vec<ListenerCounts> = Vec::new();
        for (id, open) in &self.all {
            let Some(name) = &open.name else {
                continue;
            };
            // One that is not open has counted nothing.
            let counters = engine.datapath().listener_counters(*id).unwrap_or_default();
            all.push(ListenerCounts {
                name: name.clone(),
                local: match open.bound.as_ref().unwrap_or(&open.wanted.local) {
                    ListenerAddress::Udp(local) => format!("{} port {}", local.ip(), local.port()),
                    ListenerAddress::Ip(local) => format!("{local} protocol 115"),
                },
                problem: open
                    .bound
                    .as_ref()
                    .err()
                    .map(|failed| failed.problem.to_string()),
                counters,
            });
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Tries again to open what could not be opened.
    pub(super) fn retry(&mut self, now: Instant, engine: &mut Engine) {
        let due = |(id, open): (&ListenerId, &Open)| {
            let failed = open.bound.as_ref().err()?;
            (failed.due <= now).then(|| (*id, open.wanted.clone()))
        };
        let due: Vec<_> = self.all.iter().filter_map(due).collect();
        for (id, wanted) in due {
            let bound = self.open(id, &wanted, engine);
            if let Some(open) = self.all.get_mut(&id) {
                if bound.is_ok() {
                    tracing::info!("listener {}: is open", open.name.as_deref().unwrap_or("?"));
                }
                open.bound = bound;
            }
        }
    }

    /// When to try again.
    pub(super) fn due(&self) -> Option<Instant> {
        let failed = self
            .all
            .values()
            .filter_map(|open| open.bound.as_ref().err());
        failed.map(|failed| failed.due).min()
    }

    fn open(
        &self,
        id: ListenerId,
        wanted: &Listener,
        engine: &mut Engine,
    ) -> Result<ListenerAddress, Failed> {
        let spec = ListenerSpec {
            id,
            local: wanted.local,
            interface: wanted.interface.clone(),
            checksum: wanted.checksum,
            marks: wanted.marks,
        };
        let bound = engine.datapath().listen(&spec, self.sink.clone());
        bound.map_err(|problem| Failed {
            problem,
            due: Instant::now() + RETRY,
        })
    }

    fn next_id(&mut self) -> ListenerId {
        self.last += 1;
        ListenerId(self.last)
    }
}

/// Address and port.
fn end(bound: &ListenerAddress) -> (IpAddr, u16) {
    match bound {
        ListenerAddress::Udp(local) => (local.ip(), local.port()),
        ListenerAddress::Ip(local) => (*local, 0),
    }
}

fn closed() -> Error {
    let text = "none is open that leads there; add a [[listener]] of that address family";
    Error::new(Errno::ENETUNREACH, "listener", text)
}
