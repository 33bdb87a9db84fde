//! What there should be, and the keeping of that promise.
//!
//! The engine owns the desired state, the data path and the store. A change is validated by
//! [`genl`], then made in the data path, then written down; only then is it part of
//! the state and may be acknowledged. Whatever fails leaves all three as they were.
//!
//! What the configuration file or an earlier process asked for and cannot be had at the moment
//! stays desired and is *waiting*: it is tried again with growing intervals and tells its problem.

mod negotiated;
mod numbers;
mod reload;
mod restore;
mod waiting;

pub use reload::{Line, Plan, Report, Step, Task, plan};

use super::genl::{self, Action, Extra, Header, Request};
use super::plane::Details;
use super::store::{Edit, Origin, Store};
use adit_datapath::spec::{
    Change, Device, Encap, Inventory, Retuning, Sequencing, SessionKey, SessionSpec, SessionTuning,
    TunnelRetuning, TunnelSpec,
};
use adit_datapath::{Datapath, Departure, Error};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::{Errno, Statistics};
use numbers::Numbering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use waiting::Wait;

/// Names an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A tunnel.
    Tunnel(TunnelId),
    /// A session.
    Session(SessionKey),
}

/// See the [module](self).
pub struct Engine {
    datapath: Box<dyn Datapath>,
    store: Store,
    desired: Inventory,
    /// What stands in the configuration file.
    configured: BTreeSet<Object>,
    /// What a control protocol has set up.
    negotiated: BTreeSet<Object>,
    waiting: BTreeMap<Object, Wait>,
    /// The devices as the store knows them: what another process can find again.
    devices: BTreeMap<SessionKey, Device>,
    /// How sessions number their packets, as the store knows it.
    numbers: BTreeMap<SessionKey, Sequencing>,
    numbering: Numbering,
    /// Whether the last attempt to write numbers down failed.
    unsaved: bool,
}

impl Engine {
    /// An engine without objects; [`Engine::restore`] brings back those of `store`.
    pub fn new(datapath: Box<dyn Datapath>, store: Store) -> Engine {
        Engine {
            datapath,
            store,
            desired: Inventory::default(),
            configured: BTreeSet::new(),
            negotiated: BTreeSet::new(),
            waiting: BTreeMap::new(),
            devices: BTreeMap::new(),
            numbers: BTreeMap::new(),
            numbering: Numbering::default(),
            unsaved: false,
        }
    }

    /// What there should be.
    pub fn desired(&self) -> &Inventory {
        &self.desired
    }

    /// What stands in the configuration file, as of the last reload.
    pub fn configured(&self) -> &BTreeSet<Object> {
        &self.configured
    }

    /// What to tell about an object beyond its specification.
    fn extra(&mut self, object: Object, details: Option<Details>) -> Extra {
        let counters = match object {
            Object::Tunnel(id) => self.datapath.tunnel_counters(id),
            Object::Session(key) => self.datapath.session_counters(key),
        };
        let limits = match object {
            Object::Tunnel(_) => Vec::new(),
            Object::Session(key) => self.datapath.limits(key),
        };
        let fast_path = match object {
            Object::Tunnel(_) => None,
            Object::Session(key) => self.datapath.fast_path(key),
        };
        let (Object::Tunnel(tunnel) | Object::Session(SessionKey { tunnel, .. })) = object;
        Extra {
            limits,
            path_mtu: self.datapath.path_mtu(tunnel),
            fast_path,
            // An object that waits has counted nothing.
            counters: counters.unwrap_or_default(),
            configured: self.configured.contains(&object),
            problem: self.problem(object),
            details,
        }
    }

    /// What `request` comes to in the present state.
    pub fn decide(&mut self, request: &Request<'_>) -> Result<Action, Error> {
        let Engine {
            datapath, desired, ..
        } = self;
        let mut name = |spec: &SessionSpec| match datapath.device(spec.key) {
            Ok(Some(device)) => Some(device.name),
            Ok(None) | Err(_) => spec.ifname.clone(),
        };
        genl::decide(request, desired, &mut name)
    }

    /// The message that tells of a tunnel.
    /// `details` are those of its control protocol.
    pub fn tunnel_message(
        &mut self,
        header: Header,
        id: TunnelId,
        details: Option<Details>,
    ) -> Option<Vec<u8>> {
        let extra = self.extra(Object::Tunnel(id), details);
        let spec = self.desired.tunnels.get(&id)?;
        Some(genl::tunnel(header, spec, &extra))
    }

    /// The message that tells of a session, its sequence numbers and its device as they are now.
    /// `details` are those of its control protocol.
    pub fn session_message(
        &mut self,
        header: Header,
        key: SessionKey,
        details: Option<Details>,
    ) -> Option<Vec<u8>> {
        let object = Object::Session(key);
        let extra = self.extra(object, details);
        let device = match self.waits(object) {
            true => None,
            false => self.datapath.device(key).ok().flatten(),
        };
        let mut spec = self.desired.sessions.get(&key)?.clone();
        if let Ok(now) = self.datapath.sequencing(key) {
            spec.tuning.send_seq = now.send_seq;
        }
        let tunnel = self.desired.tunnels.get(&key.tunnel)?;
        Some(genl::session(
            header,
            tunnel,
            &spec,
            device.as_ref(),
            &extra,
        ))
    }

    /// Makes a change asked for through the control socket and checked by
    /// [`decide`](super::genl::decide).
    pub fn change(&mut self, change: &Change) -> Result<(), Error> {
        if let Change::AddSession(spec) = change
            && let Some(problem) = self.problem(Object::Tunnel(spec.key.tunnel))
        {
            let text = format!("{} is not up yet: {problem}", spec.key.tunnel);
            return Err(Error::new(Errno::ENODEV, "tunnel_id", text));
        }
        self.apply(change)?;
        self.settle(change, Origin::Hand)
    }

    /// Makes a tunnel that a program's own socket carries, which is given if it is a UDP one. It is
    /// not written down: it ends with the socket, and so at the latest with this process's hold on
    /// it.
    pub fn adopt_tunnel(&mut self, spec: TunnelSpec, socket: Option<OwnedFd>) -> Result<(), Error> {
        self.datapath.adopt(&spec, socket)?;
        self.store.pass_over(spec.id);
        self.settle(&Change::AddTunnel(spec), Origin::Hand)
    }

    /// Notes what the peer of a tunnel calls it, where nobody knew when the tunnel was made.
    pub fn name_peer(&mut self, id: TunnelId, peer_id: TunnelId) -> Result<(), Error> {
        let mut spec = *self.desired.tunnels.get(&id).ok_or_else(gone)?;
        spec.peer_id = peer_id;
        let edit = Edit::Tunnel(spec, self.origin(Object::Tunnel(id)));
        self.write_down(&edit)?;
        self.record(edit);
        match self.waits(Object::Tunnel(id)) {
            true => Ok(()),
            false => self.datapath.name_peer(id, peer_id),
        }
    }

    /// What an object has counted.
    pub fn statistics(&mut self, object: Object) -> Statistics {
        self.extra(object, None).counters.statistics
    }

    /// How a session is tuned now; what it has learnt from its peer is in it.
    pub fn tuning(&mut self, key: SessionKey) -> Option<SessionTuning> {
        let mut tuning = self.desired.sessions.get(&key)?.tuning;
        if let Ok(now) = self.datapath.sequencing(key) {
            tuning.send_seq = now.send_seq;
        }
        Some(tuning)
    }

    /// Tells when the devices are gone of all sessions that were removed since this was last asked.
    pub fn departure(&mut self) -> Departure {
        self.datapath.departure()
    }

    /// Removes every object and forgets the state; for the end of the process. What cannot be
    /// removed stays written down, so that the next start can.
    pub fn shutdown(&mut self) -> Result<(), Error> {
        let mut outcome = Ok(());
        let tunnels: Vec<TunnelId> = self.desired.tunnels.keys().copied().collect();
        for id in tunnels {
            let removal = Change::RemoveTunnel(id);
            let removed = self.apply(&removal);
            let removed = removed.and_then(|()| self.settle(&removal, Origin::Hand));
            outcome = removed.and(outcome);
        }
        self.departure().wait();
        outcome?;
        let store = std::mem::replace(&mut self.store, Store::none());
        let removed = store.remove();
        removed.map_err(|err| Error::system(&err, "state", "cannot be removed"))
    }

    /// Makes `change` in the data path, as far as its object is there and not waiting.
    fn apply(&mut self, change: &Change) -> Result<(), Error> {
        match change {
            Change::AddTunnel(_) | Change::AddSession(_) => self.datapath.apply(change),
            Change::TuneTunnel(id, _) if self.waits(Object::Tunnel(*id)) => Ok(()),
            Change::TuneSession(key, _) if self.waits(Object::Session(*key)) => Ok(()),
            Change::TuneTunnel(..) | Change::TuneSession(..) => self.datapath.apply(change),
            Change::RemoveTunnel(id) => {
                self.datapath.apply(change)?;
                self.discard(SessionKey::all_of(*id))
            }
            Change::RemoveSession(removed) => {
                self.datapath.apply(change)?;
                self.discard(*removed..=*removed)
            }
        }
    }

    /// Removes the devices, left by an earlier process, of sessions that never came back.
    fn discard(&mut self, of: RangeInclusive<SessionKey>) -> Result<(), Error> {
        let waits = |key: &SessionKey| self.waits(Object::Session(*key));
        let left = self.devices.range(of).filter(|(key, _)| waits(key));
        let left: Vec<Device> = left.map(|(_, device)| device.clone()).collect();
        left.iter()
            .try_for_each(|device| self.datapath.discard(device))
    }

    /// Writes a change down that the data path has made, and makes it part of the state. What
    /// cannot be written down is undone.
    fn settle(&mut self, change: &Change, origin: Origin) -> Result<(), Error> {
        let edit = self.edit(change, origin)?;
        if let Err(unwritten) = self.write_down(&edit) {
            self.undo(change);
            return Err(unwritten);
        }
        self.record(edit);
        if let Change::TuneSession(key, change) = change {
            self.renumber(*key, change);
        }
        Ok(())
    }

    /// What to write down for `change`.
    fn edit(&mut self, change: &Change, origin: Origin) -> Result<Edit, Error> {
        Ok(match change {
            Change::AddTunnel(spec) => Edit::Tunnel(self.bound(spec), origin),
            Change::TuneTunnel(id, change) => {
                let mut spec = *self.desired.tunnels.get(id).ok_or_else(gone)?;
                spec.tuning = change.of(&spec.tuning);
                Edit::Tunnel(spec, self.origin(Object::Tunnel(*id)))
            }
            Change::RemoveTunnel(id) => Edit::RemoveTunnel(*id),
            Change::AddSession(spec) => {
                let device = self.datapath.device(spec.key).ok().flatten();
                Edit::Session(spec.clone(), origin, device)
            }
            Change::TuneSession(key, change) => {
                let mut spec = self.desired.sessions.get(key).ok_or_else(gone)?.clone();
                spec.tuning = change.of(&spec.tuning);
                let device = self.devices.get(key).cloned();
                Edit::Session(spec, self.origin(Object::Session(*key)), device)
            }
            Change::RemoveSession(key) => Edit::RemoveSession(*key),
        })
    }

    /// `spec` with the port that the system chose: a restarted daemon must have it again, as the
    /// peer sends there.
    fn bound(&mut self, spec: &TunnelSpec) -> TunnelSpec {
        match spec.encap {
            Encap::Udp { local, .. } if local.port() == 0 => {
                let found = self.datapath.inventory().tunnels.remove(&spec.id);
                found.unwrap_or(*spec)
            }
            Encap::Udp { .. } | Encap::Ip { .. } => *spec,
        }
    }

    fn origin(&self, object: Object) -> Origin {
        if self.negotiated.contains(&object) {
            return Origin::Protocol;
        }
        match self.configured.contains(&object) {
            true => Origin::File,
            false => Origin::Hand,
        }
    }

    /// Makes what is written down part of the state.
    fn record(&mut self, edit: Edit) {
        match edit {
            Edit::Tunnel(spec, origin) => {
                self.mark(Object::Tunnel(spec.id), origin);
                self.desired.tunnels.insert(spec.id, spec);
            }
            Edit::Session(spec, origin, device) => {
                self.mark(Object::Session(spec.key), origin);
                self.numbering.look_again();
                if let Some(device) = device {
                    self.devices.insert(spec.key, device);
                    self.datapath.keep(spec.key);
                }
                self.desired.sessions.insert(spec.key, spec);
            }
            Edit::RemoveTunnel(id) => {
                for key in self.sessions_of(id) {
                    self.forget_session(key);
                }
                self.desired.tunnels.remove(&id);
                self.configured.remove(&Object::Tunnel(id));
                self.negotiated.remove(&Object::Tunnel(id));
                self.waiting.remove(&Object::Tunnel(id));
            }
            Edit::RemoveSession(key) => self.forget_session(key),
            Edit::Numbers(numbers) => self.numbers.extend(numbers),
        }
    }

    fn mark(&mut self, object: Object, origin: Origin) {
        match origin {
            Origin::File => self.configured.insert(object),
            Origin::Hand => self.configured.remove(&object),
            Origin::Protocol => self.negotiated.insert(object),
        };
    }

    fn forget_session(&mut self, key: SessionKey) {
        self.desired.sessions.remove(&key);
        self.configured.remove(&Object::Session(key));
        self.negotiated.remove(&Object::Session(key));
        self.waiting.remove(&Object::Session(key));
        self.devices.remove(&key);
        self.numbers.remove(&key);
        self.numbering.forget(key);
    }

    fn sessions_of(&self, id: TunnelId) -> Vec<SessionKey> {
        sessions_of(&self.desired, id)
            .map(|spec| spec.key)
            .collect()
    }

    /// Takes a change back that the data path has made but nobody will remember.
    fn undo(&mut self, change: &Change) {
        for step in inverse(change, &self.desired) {
            if let Err(refused) = self.apply(&step) {
                tracing::error!("cannot take back a change that was not kept: {refused}");
            }
        }
    }
}

/// The sessions of a tunnel.
fn sessions_of(state: &Inventory, id: TunnelId) -> impl Iterator<Item = &SessionSpec> {
    let range = state.sessions.range(SessionKey::all_of(id));
    range.map(|(_, spec)| spec)
}

/// What undoes `change`, made in `state`.
fn inverse(change: &Change, state: &Inventory) -> Vec<Change> {
    match change {
        Change::AddTunnel(spec) => vec![Change::RemoveTunnel(spec.id)],
        Change::AddSession(spec) => vec![Change::RemoveSession(spec.key)],
        Change::TuneTunnel(id, change) => {
            let old = state.tunnels.get(id).map(|old| old.tuning);
            let back = old.map(|old| TunnelRetuning::between(&change.of(&old), &old));
            back.map(|back| Change::TuneTunnel(*id, back))
                .into_iter()
                .collect()
        }
        Change::TuneSession(key, change) => {
            let old = state.sessions.get(key).map(|old| old.tuning);
            let back = old.map(|old| Retuning::between(&change.of(&old), &old));
            back.map(|back| Change::TuneSession(*key, back))
                .into_iter()
                .collect()
        }
        Change::RemoveTunnel(id) => {
            let tunnel = state.tunnels.get(id).map(|old| Change::AddTunnel(*old));
            let sessions = sessions_of(state, *id).cloned().map(Change::AddSession);
            tunnel.into_iter().chain(sessions).collect()
        }
        Change::RemoveSession(key) => {
            let old = state.sessions.get(key).cloned();
            old.map(Change::AddSession).into_iter().collect()
        }
    }
}

fn gone() -> Error {
    Error::new(Errno::ENODEV, "message", "the object has gone meanwhile")
}

#[cfg(test)]
mod tests;
