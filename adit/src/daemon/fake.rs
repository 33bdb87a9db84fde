//! A data path of plain values, for the tests of what stands on a data path.

use adit_datapath::counters::Counters;
use adit_datapath::spec::{Change, Device, Inventory, Sequencing, SessionKey, SessionSpec};
use adit_datapath::spec::{ListenerAddress, ListenerId, ListenerSpec};
use adit_datapath::{ControlMessage, ControlSink, Datapath, Error};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::Errno;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

/// What the fake holds; tests look at it and set refusals while the engine owns the data path.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) there: Inventory,
    /// All devices, also those that no session has.
    pub(super) devices: BTreeMap<u32, String>,
    of: BTreeMap<SessionKey, u32>,
    /// How the sessions that are there number their packets; tests play the packets.
    pub(super) numbers: BTreeMap<SessionKey, Sequencing>,
    /// How often one of them has begun or ceased to as its peer did.
    pub(super) followed: u64,
    last_index: u32,
    /// Refuses to open tunnels with this errno.
    pub(super) no_address: Option<Errno>,
    /// Every change that was made.
    pub(super) log: Vec<Change>,
    /// Data packets that every tunnel has received.
    pub(super) received: u64,
    /// Open listeners.
    pub(super) listeners: BTreeMap<ListenerId, ListenerSpec>,
    /// Control messages that were sent: by which listener, from and to where, which octets.
    pub(super) sent: Vec<(ListenerId, Option<IpAddr>, SocketAddr, Vec<u8>)>,
}

/// Handles to one world may be many: one that outlives the engine is how a killed daemon's
/// devices are seen by the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Fake(Arc<Mutex<World>>);

impl Fake {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    pub(super) fn boxed(&self) -> Box<dyn Datapath> {
        Box::new(self.clone())
    }

    /// The process ends without a word: tunnels and sessions go, devices stay.
    pub(super) fn kill(&self) {
        let mut world = self.world();
        world.there = Inventory::default();
        world.of.clear();
        world.numbers.clear();
        world.log.clear();
    }

    /// Somebody deletes the session's device.
    pub(super) fn lose(&self, key: SessionKey) {
        let mut world = self.world();
        let index = world.of.remove(&key).unwrap();
        world.devices.remove(&index);
    }
}

impl World {
    fn add_session(
        &mut self,
        spec: &SessionSpec,
        old: Option<u32>,
        from: Sequencing,
    ) -> Result<(), Error> {
        if !self.there.tunnels.contains_key(&spec.key.tunnel) {
            return Err(Error::new(Errno::ENODEV, "tunnel_id", "there is no tunnel"));
        }
        if !self.of.contains_key(&spec.key) {
            let index = match old {
                Some(index) => index,
                None => self.make(spec.ifname.as_deref())?,
            };
            self.of.insert(spec.key, index);
        }
        self.there.sessions.insert(spec.key, spec.clone());
        self.numbers.entry(spec.key).or_insert(from);
        Ok(())
    }

    pub(super) fn make(&mut self, name: Option<&str>) -> Result<u32, Error> {
        let numbered = || format!("l2tpeth{}", self.last_index);
        let name = name.map_or_else(numbered, str::to_owned);
        if self.devices.values().any(|other| *other == name) {
            return Err(Error::new(
                Errno::EEXIST,
                "name",
                format!("{name:?} is taken"),
            ));
        }
        self.last_index += 1;
        self.devices.insert(self.last_index, name);
        Ok(self.last_index)
    }

    pub(super) fn has_device(&self, key: SessionKey) -> bool {
        self.of.contains_key(&key)
    }

    fn remove_session(&mut self, key: SessionKey) {
        self.there.sessions.remove(&key);
        self.numbers.remove(&key);
        if let Some(index) = self.of.remove(&key) {
            self.devices.remove(&index);
        }
    }
}

impl Datapath for Fake {
    fn apply(&mut self, change: &Change) -> Result<(), Error> {
        let mut world = self.world();
        match change {
            Change::AddTunnel(spec) => {
                if let Some(errno) = world.no_address {
                    return Err(Error::new(errno, "local", "no such address"));
                }
                world.there.tunnels.insert(spec.id, *spec);
            }
            Change::TuneTunnel(id, change) => {
                let tuning = &mut world.there.tunnels.get_mut(id).unwrap().tuning;
                *tuning = change.of(tuning);
            }
            Change::RemoveTunnel(id) => {
                world.there.tunnels.remove(id);
                let keys = world.there.sessions.keys().copied();
                let keys: Vec<_> = keys.filter(|key| key.tunnel == *id).collect();
                keys.into_iter().for_each(|key| world.remove_session(key));
            }
            Change::AddSession(spec) => world.add_session(spec, None, spec.sequencing())?,
            Change::TuneSession(key, change) => {
                let tuning = &mut world.there.sessions.get_mut(key).unwrap().tuning;
                *tuning = change.of(tuning);
                let numbers = world.numbers.get_mut(key).unwrap();
                numbers.send_seq = change.send_seq.unwrap_or(numbers.send_seq);
            }
            Change::RemoveSession(key) => world.remove_session(*key),
        }
        world.log.push(change.clone());
        Ok(())
    }

    fn resume(
        &mut self,
        session: &SessionSpec,
        device: Option<&Device>,
        from: Sequencing,
    ) -> Result<(), Error> {
        let mut world = self.world();
        let index = device.map(|device| device.index);
        if index.is_some_and(|index| !world.devices.contains_key(&index)) {
            return Err(Error::new(Errno::ENODEV, "name", "the device has gone"));
        }
        world.add_session(session, index, from)
    }

    fn discard(&mut self, device: &Device) -> Result<(), Error> {
        self.world().devices.remove(&device.index);
        Ok(())
    }

    fn listen(
        &mut self,
        listener: &ListenerSpec,
        _sink: ControlSink,
    ) -> Result<ListenerAddress, Error> {
        let mut world = self.world();
        if let Some(errno) = world.no_address {
            return Err(Error::new(errno, "local", "no such address"));
        }
        world.listeners.insert(listener.id, listener.clone());
        Ok(listener.local)
    }

    fn unlisten(&mut self, listener: ListenerId) -> Result<(), Error> {
        self.world().listeners.remove(&listener);
        Ok(())
    }

    fn send_control(&mut self, listener: ListenerId, messages: &[ControlMessage<'_>]) {
        let mut world = self.world();
        for message in messages {
            let octets = message.octets.to_vec();
            world
                .sent
                .push((listener, message.local, message.peer, octets));
        }
    }

    fn inventory(&mut self) -> Inventory {
        self.world().there.clone()
    }

    fn device(&mut self, session: SessionKey) -> Result<Option<Device>, Error> {
        let world = self.world();
        let none = || Error::new(Errno::ENODEV, "session_id", "there is no session");
        let index = *world.of.get(&session).ok_or_else(none)?;
        Ok(Some(Device {
            name: world.devices[&index].clone(),
            index,
            mtu: 1446,
        }))
    }

    fn followed(&mut self) -> Option<u64> {
        Some(self.world().followed)
    }

    fn sequencing(&mut self, session: SessionKey) -> Result<Sequencing, Error> {
        let none = || Error::new(Errno::ENODEV, "session_id", "there is no session");
        self.world().numbers.get(&session).copied().ok_or_else(none)
    }

    fn tunnel_counters(&mut self, _: TunnelId) -> Result<Counters, Error> {
        let mut counters = Counters::default();
        counters.statistics.rx_packets = self.world().received;
        Ok(counters)
    }

    fn session_counters(&mut self, _: SessionKey) -> Result<Counters, Error> {
        Ok(Counters::default())
    }
}
