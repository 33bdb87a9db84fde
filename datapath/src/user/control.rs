use crate::counters::Counters;
use crate::link::Link;
use crate::spec::{
    Change, DebugMask, Device, Encap, Inventory, Retuning, Sequencing, SessionKey, SessionSpec,
    TunnelSpec,
};
use crate::user::Notify;
use crate::user::carrier::Carrier;
use crate::user::devices::{Devices, default_mtu};
use crate::user::port::Port;
use crate::user::rx::{Rx, RxOrder};
use crate::user::session::Session;
use crate::user::tx::{Tx, TxOrder};
use crate::user::watch::Watched;
use crate::user::worker::Handle;
use crate::{Datapath, Error};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::Errno;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

/// Most threads a direction; more would only contend.
const MAX_WORKERS: usize = 16;

/// How a [`UserDatapath`] is set up.
pub struct Options {
    /// Threads for each direction; `None` takes as many as there are processors, at most 16.
    pub workers: Option<NonZeroUsize>,
    /// Where events go.
    pub notify: Notify,
}

/// The data path in user space, in the network namespace of the thread that made it.
///
/// Dropped, it stops moving packets and leaves the devices behind, for [`Datapath::resume`].
#[derive(Debug)]
pub struct UserDatapath {
    tunnels: BTreeMap<TunnelId, Tunnel>,
    sessions: BTreeMap<SessionKey, Member>,
    devices: Devices,
    watched: Watched,
    rx: Vec<Handle<RxOrder>>,
    tx: Vec<Handle<TxOrder>>,
    last_number: u64,
}

#[derive(Debug)]
struct Tunnel {
    spec: TunnelSpec,
    carrier: Arc<Carrier>,
    carrier_number: u64,
    /// What the sessions that are gone have counted.
    retired: Counters,
}

#[derive(Debug)]
struct Member {
    spec: SessionSpec,
    session: Arc<Session>,
    port: Arc<Port>,
    port_number: u64,
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
        let rx = |n| Handle::start(format!("rx{n}"), Rx::new(options.notify.clone()));
        let tx = |n| Handle::start(format!("tx{n}"), Tx::new(options.notify.clone()));
        let watched = Watched::default();
        watched.follow().map_err(failed)?;
        Ok(UserDatapath {
            tunnels: BTreeMap::new(),
            sessions: BTreeMap::new(),
            devices: Devices::open().map_err(failed)?,
            watched,
            rx: (0..count)
                .map(rx)
                .collect::<Result<_, _>>()
                .map_err(failed)?,
            tx: (0..count)
                .map(tx)
                .collect::<Result<_, _>>()
                .map_err(failed)?,
            last_number: 0,
        })
    }

    /// How many threads each direction has.
    pub fn workers(&self) -> usize {
        self.rx.len()
    }

    fn add_tunnel(&mut self, spec: &TunnelSpec) -> Result<(), Error> {
        if let Some(tunnel) = self.tunnels.get_mut(&spec.id) {
            let have = TunnelSpec {
                debug: spec.debug,
                ..tunnel.spec
            };
            if *spec != have && *spec != tunnel.carrier.bound(have) {
                let text = format!("tunnel {} exists and differs; delete it first", spec.id);
                return Err(Error::new(Errno::EEXIST, "tunnel_id", text));
            }
            return self.tune_tunnel(spec.id, spec.debug);
        }
        let (carrier, carrier_number) = self.carrier(spec)?;
        let (spec, retired) = (*spec, Counters::default());
        self.tunnels.insert(
            spec.id,
            Tunnel {
                spec,
                carrier,
                carrier_number,
                retired,
            },
        );
        self.tune_tunnel(spec.id, spec.debug)
    }

    /// The socket for a new tunnel: that of its neighbours over protocol 115, else a new one.
    fn carrier(&mut self, spec: &TunnelSpec) -> Result<(Arc<Carrier>, u64), Error> {
        let shared = |tunnel: &&Tunnel| !spec.encap.is_udp() && tunnel.spec.encap == spec.encap;
        if let Some(tunnel) = self.tunnels.values().find(shared) {
            return Ok((tunnel.carrier.clone(), tunnel.carrier_number));
        }
        let carrier = Carrier::open(spec.encap).map_err(|e| socket_error(&e, &spec.encap))?;
        let (carrier, number) = (Arc::new(carrier), self.number());
        self.rx_of(number)
            .order(RxOrder::Listen(number, carrier.clone()));
        self.rx_of(number).settle();
        Ok((carrier, number))
    }

    fn tune_tunnel(&mut self, id: TunnelId, debug: DebugMask) -> Result<(), Error> {
        let tunnel = self.tunnels.get_mut(&id).ok_or_else(|| no_tunnel(id))?;
        tunnel.spec.debug = debug;
        let number = tunnel.carrier_number;
        let carrier = tunnel.carrier.clone();
        let sharing = self
            .tunnels
            .values()
            .filter(|tunnel| tunnel.carrier_number == number);
        carrier.set_debug(DebugMask(
            sharing.fold(0, |mask, tunnel| mask | tunnel.spec.debug.0),
        ));
        Ok(())
    }

    fn remove_tunnel(&mut self, id: TunnelId) {
        let Some(tunnel) = self.tunnels.remove(&id) else {
            return;
        };
        let number = tunnel.carrier_number;
        let shared = self
            .tunnels
            .values()
            .any(|tunnel| tunnel.carrier_number == number);
        let gone: Vec<_> = self
            .sessions
            .extract_if(.., |key, _| key.tunnel == id)
            .collect();
        for (key, member) in &gone {
            self.tx_of(member.port_number)
                .order(TxOrder::Detach(member.port_number));
            if shared {
                self.rx_of(number)
                    .order(RxOrder::Detach(number, key.session));
            }
            self.watched.remove(member.port.index);
        }
        if !shared {
            self.rx_of(number).order(RxOrder::Unlisten(number));
        }
        self.settle();
        self.devices
            .remove(gone.into_iter().map(|(_, member)| member.port).collect());
    }

    fn add_session(
        &mut self,
        spec: &SessionSpec,
        old: Old<'_>,
        from: Sequencing,
    ) -> Result<(), Error> {
        match self.sessions.get(&spec.key) {
            None => self.install(spec, Arc::new(Session::new(spec, from)), old),
            Some(member) if !same_identity(&member.spec, spec) => Err(session_exists(spec.key)),
            Some(member)
                if member.port.is_lost() || self.devices.look(member.port.index).is_none() =>
            {
                self.restore(spec)
            }
            Some(member) => {
                let change = Retuning::between(&member.spec.tuning, &spec.tuning);
                self.tune_session(spec.key, &change)
            }
        }
    }

    /// Gives a session whose device has gone a new one; what it has learnt from its peer and its
    /// sequence numbers go on.
    fn restore(&mut self, spec: &SessionSpec) -> Result<(), Error> {
        let Some(member) = self.sessions.get(&spec.key) else {
            return Ok(());
        };
        let (session, lost) = (member.session.clone(), member.port.link());
        let before = member.spec.clone();
        self.watched.remove(member.port.index);
        self.tx_of(member.port_number)
            .order(TxOrder::Detach(member.port_number));
        self.tx_of(member.port_number).settle();
        self.install(&before, session, Old::Lost(&lost))?;
        let change = Retuning::between(&before.tuning, &spec.tuning);
        self.tune_session(spec.key, &change)
    }

    /// Makes or takes over the device and starts moving frames.
    fn install(
        &mut self,
        spec: &SessionSpec,
        session: Arc<Session>,
        old: Old<'_>,
    ) -> Result<(), Error> {
        let key = spec.key;
        let tunnel = self
            .tunnels
            .get(&key.tunnel)
            .ok_or_else(|| no_tunnel(key.tunnel))?;
        let (carrier, carrier_number) = (tunnel.carrier.clone(), tunnel.carrier_number);
        let clash = |(other, _): (&SessionKey, &Member)| {
            *other != key && other.session == key.session && self.number_of(other) == carrier_number
        };
        if self.sessions.iter().any(clash) {
            return Err(session_exists(key));
        }
        let header = session.header_len(carrier.is_udp());
        let mtu = spec
            .tuning
            .mtu
            .map_or_else(|| default_mtu(&carrier, header), u32::from);
        let (tap, link) = match old {
            Old::None => self.devices.make(spec.ifname.as_deref(), mtu)?,
            Old::Left(device) => self.devices.adopt(device)?,
            Old::Lost(link) => self.devices.remake(link)?,
        };
        let port = Arc::new(Port::new(session.clone(), carrier, tap, link));
        let port_number = self.number();
        self.watched.add(port.clone());
        let rx = self.rx_of(carrier_number);
        rx.order(RxOrder::Attach(carrier_number, key.session, port.clone()));
        let tx = self.tx_of(port_number);
        tx.order(TxOrder::Attach(port_number, port.clone()));
        rx.settle();
        tx.settle();
        self.sessions.insert(
            key,
            Member {
                spec: spec.clone(),
                session,
                port,
                port_number,
            },
        );
        Ok(())
    }

    fn tune_session(&mut self, key: SessionKey, change: &Retuning) -> Result<(), Error> {
        let member = self.sessions.get_mut(&key).ok_or_else(|| no_session(key))?;
        if let Some(mtu) = change.mtu {
            let header = member.session.header_len(member.port.carrier.is_udp());
            let automatic = || default_mtu(&member.port.carrier, header);
            let mtu = mtu.map_or_else(automatic, u32::from);
            self.devices.set_mtu(&member.port, mtu)?;
        }
        member.session.tuning.change(change);
        member.spec.tuning = change.of(&member.spec.tuning);
        Ok(())
    }

    fn remove_session(&mut self, key: SessionKey) {
        let Some(member) = self.sessions.remove(&key) else {
            return;
        };
        if let Some(tunnel) = self.tunnels.get_mut(&key.tunnel) {
            tunnel.retired += member.session.rx.read();
            tunnel.retired += member.session.tx.read();
            let number = tunnel.carrier_number;
            self.rx_of(number)
                .order(RxOrder::Detach(number, key.session));
            self.rx_of(number).settle();
        }
        self.tx_of(member.port_number)
            .order(TxOrder::Detach(member.port_number));
        self.tx_of(member.port_number).settle();
        self.watched.remove(member.port.index);
        self.devices.remove(vec![member.port]);
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn number_of(&self, key: &SessionKey) -> u64 {
        self.tunnels
            .get(&key.tunnel)
            .map_or(0, |tunnel| tunnel.carrier_number)
    }

    fn rx_of(&self, carrier_number: u64) -> &Handle<RxOrder> {
        &self.rx[carrier_number as usize % self.rx.len()]
    }

    fn tx_of(&self, port_number: u64) -> &Handle<TxOrder> {
        &self.tx[port_number as usize % self.tx.len()]
    }

    fn settle(&self) {
        self.rx.iter().for_each(Handle::settle);
        self.tx.iter().for_each(Handle::settle);
    }
}

impl Datapath for UserDatapath {
    fn apply(&mut self, change: &Change) -> Result<(), Error> {
        match change {
            Change::AddTunnel(spec) => self.add_tunnel(spec),
            Change::TuneTunnel(id, debug) => self.tune_tunnel(*id, *debug),
            Change::RemoveTunnel(id) => {
                self.remove_tunnel(*id);
                Ok(())
            }
            Change::AddSession(spec) => self.add_session(spec, Old::None, spec.sequencing()),
            Change::TuneSession(key, change) => self.tune_session(*key, change),
            Change::RemoveSession(key) => {
                self.remove_session(*key);
                Ok(())
            }
        }
    }

    fn resume(
        &mut self,
        session: &SessionSpec,
        device: Option<&Device>,
        from: Sequencing,
    ) -> Result<(), Error> {
        self.add_session(session, device.map_or(Old::None, Old::Left), from)
    }

    fn discard(&mut self, device: &Device) -> Result<(), Error> {
        self.devices.discard(device)
    }

    fn inventory(&mut self) -> Inventory {
        let there = self
            .sessions
            .iter()
            .filter(|(_, member)| !member.port.is_lost());
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

    fn device(&mut self, key: SessionKey) -> Result<Device, Error> {
        let member = self.sessions.get(&key).ok_or_else(|| no_session(key))?;
        let link = member.port.link();
        Ok(Device {
            name: link.name,
            index: link.index,
            mtu: link.mtu,
        })
    }

    fn sequencing(&mut self, key: SessionKey) -> Result<Sequencing, Error> {
        let member = self.sessions.get(&key).ok_or_else(|| no_session(key))?;
        Ok(member.session.sequencing())
    }

    fn tunnel_counters(&mut self, id: TunnelId) -> Result<Counters, Error> {
        let tunnel = self.tunnels.get(&id).ok_or_else(|| no_tunnel(id))?;
        let mut counters = tunnel.carrier.counters();
        counters += tunnel.retired;
        for (_, member) in self.sessions.range(sessions_of(id)) {
            counters += member.session.rx.read();
            counters += member.session.tx.read();
        }
        Ok(counters)
    }

    fn session_counters(&mut self, key: SessionKey) -> Result<Counters, Error> {
        let member = self.sessions.get(&key).ok_or_else(|| no_session(key))?;
        let mut counters = member.session.rx.read();
        counters += member.session.tx.read();
        Ok(counters)
    }
}

fn sessions_of(tunnel: TunnelId) -> std::ops::RangeInclusive<SessionKey> {
    use adit_wire::l2tp::SessionId;
    let key = |session| SessionKey {
        tunnel,
        session: SessionId(session),
    };
    key(0)..=key(u32::MAX)
}

/// Whether the two describe one session, apart from what may change.
fn same_identity(have: &SessionSpec, want: &SessionSpec) -> bool {
    SessionSpec {
        tuning: want.tuning,
        ..have.clone()
    } == *want
}

fn no_tunnel(id: TunnelId) -> Error {
    let text = format!("there is no tunnel {id}; add it first");
    Error::new(Errno::ENODEV, "tunnel_id", text)
}

fn no_session(key: SessionKey) -> Error {
    let text = format!(
        "there is no session {} in tunnel {}",
        key.session, key.tunnel
    );
    Error::new(Errno::ENODEV, "session_id", text)
}

fn session_exists(key: SessionKey) -> Error {
    let text = format!("session {} is in use; choose another id", key.session);
    Error::new(Errno::EEXIST, "session_id", text)
}

/// Names the field that the system refused: a missing address is the local one's fault, a
/// missing route the remote one's, a taken port that of the port.
fn socket_error(error: &std::io::Error, encap: &Encap) -> Error {
    let (field, value, remedy) = match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => (
            "local",
            encap.local().to_string(),
            "give an address of this host",
        ),
        Some(libc::EADDRINUSE) => match encap {
            Encap::Udp { local, .. } => ("udp_sport", local.to_string(), "give another port"),
            Encap::Ip { local, .. } => ("local", local.to_string(), "give another address"),
        },
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH) => (
            "remote",
            encap.remote().to_string(),
            "add a route to it first",
        ),
        Some(libc::EPERM | libc::EACCES) => (
            "encap",
            "ip".to_owned(),
            "give the daemon CAP_NET_RAW, which protocol 115 needs",
        ),
        _ => (
            "local",
            encap.local().to_string(),
            "give an address that a socket can have",
        ),
    };
    let errno = Errno(error.raw_os_error().unwrap_or(Errno::EIO.0));
    Error::new(errno, field, format!("{value}: {error}; {remedy}"))
}

#[cfg(test)]
mod tests;
