//! Sessions: what is done to them one by one, and together.

use super::refusal::{no_session, no_tunnel, not_in_version_2, session_exists};
use super::{Attachment, Member, Old, Tunnel, UserDatapath};
use crate::Error;
use crate::counters::Counters;
use crate::fast::FastOrder;
use crate::limits::Limit;
use crate::ppp::Channel;
use crate::spec::{DebugMask, Pseudowire, Retuning, Sequencing, SessionKey, SessionSpec};
use crate::user::devices::{Devices, mtu_of};
use crate::user::line::Line;
use crate::user::path::PathOrder;
use crate::user::port::{Interface, Port};
use crate::user::rx::Taker;
use crate::user::session::Session;
use crate::user::tx::{Source, TxOrder};
use adit_wire::l2tp::TunnelId;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl UserDatapath {
    fn tunnel(&self, id: TunnelId) -> Result<&Tunnel, Error> {
        self.tunnels.get(&id).ok_or_else(|| no_tunnel(id))
    }

    pub(super) fn add_session(
        &mut self,
        spec: &SessionSpec,
        old: Old<'_>,
        from: Sequencing,
    ) -> Result<(), Error> {
        match self.sessions.get(&spec.key) {
            None => {
                let tunnel = self.tunnel(spec.key.tunnel)?;
                if tunnel.spec.version == 2 && spec.pseudowire != Pseudowire::Ppp {
                    return Err(not_in_version_2());
                }
                let session = Session::new(&tunnel.spec, spec, from);
                self.install(spec, Arc::new(session), old)
            }
            Some(member) if !same_identity(&member.spec, spec) => Err(session_exists(spec.key)),
            Some(member) if member.is_lost() => self.restore(spec),
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
        let Attachment::Device(port, queues) = &member.end else {
            return Ok(());
        };
        let (session, lost) = (member.line.session.clone(), port.device.link());
        let before = member.spec.clone();
        self.order_fast(FastOrder::Drop(port.clone()));
        self.watched.remove(port.device.index);
        // So is the new one until somebody brings it up.
        session.switch(false);
        self.paths.follower.order(PathOrder::Forget(port.clone()));
        for number in queues {
            let tx = self.workers.tx_of(*number);
            tx.order(TxOrder::Detach(*number));
            tx.settle();
        }
        self.install(&before, session, Old::Lost(&lost))?;
        let change = Retuning::between(&before.tuning, &spec.tuning);
        self.tune_session(spec.key, &change)
    }

    /// Starts moving frames: for a device, which is made or taken over, or for PPP.
    fn install(
        &mut self,
        spec: &SessionSpec,
        session: Arc<Session>,
        old: Old<'_>,
    ) -> Result<(), Error> {
        let key = spec.key;
        let tunnel = self.tunnel(key.tunnel)?;
        let carrier_number = tunnel.carrier_number;
        let line = Arc::new(Line {
            session,
            carrier: tunnel.carrier.clone(),
            remote: tunnel.remote.clone(),
            outer: tunnel.outer.clone(),
        });
        let wire_key = line.session.wire_key();
        let owner = self.keys.get(&(carrier_number, wire_key));
        if owner.is_some_and(|owner| *owner != key) {
            return Err(session_exists(key));
        }
        line.ask_for_classes()?;
        let end = match spec.pseudowire {
            Pseudowire::Ethernet => self.attach_device(spec, line.clone(), old)?,
            Pseudowire::Ppp => self.attach_ppp(line.clone()),
        };
        let taker = match &end {
            Attachment::Device(port, _) => Taker::Device(port.clone()),
            Attachment::Channel(channel) => Taker::Channel(channel.clone()),
        };
        let home = match self.sessions.get(&key) {
            Some(member) => member.home,
            None => {
                let others = line.carrier.sessions.fetch_add(1, Relaxed);
                self.workers.home(carrier_number, others)
            }
        };
        self.workers.attach(home, carrier_number, wire_key, taker);
        let member = Member {
            spec: spec.clone(),
            line,
            end,
            carrier_number,
            home,
        };
        member.log("carried");
        self.keys.insert((carrier_number, wire_key), key);
        if let Some(port) = member.shared_port() {
            // To attach a program may take the kernel a while, and nothing depends on it.
            if let Some(fast) = &self.fast {
                fast.order(FastOrder::Keep(port.clone()));
            }
        }
        self.sessions.insert(key, member);
        Ok(())
    }

    fn attach_device(
        &mut self,
        spec: &SessionSpec,
        line: Arc<Line>,
        old: Old<'_>,
    ) -> Result<Attachment, Error> {
        let device = Arc::new(self.interface(spec, &line, old)?);
        self.watched.add(device.clone());
        if let Ok(link) = self.devices.look(device.index) {
            // Somebody may have been faster.
            self.watched.see(&device, link);
        }
        let port = Arc::new(Port::new(line, device));
        let mut queues = Vec::new();
        for queue in 0..port.device.tap.queues() {
            let number = self.workers.device_number();
            let tx = self.workers.tx_of(number);
            tx.order(TxOrder::Attach(number, Source::Port(port.clone(), queue)));
            tx.settle();
            queues.push(number);
        }
        self.paths.follower.order(PathOrder::Follow(port.clone()));
        Ok(Attachment::Device(port, queues))
    }

    fn attach_ppp(&self, line: Arc<Line>) -> Attachment {
        let channel = Arc::new(Channel::new(line));
        self.ppp.add(channel.clone());
        Attachment::Channel(channel)
    }

    /// Makes or takes over a session's device. Its MTU is what the path admits unless one is asked
    /// for; so is that of one taken over, unless somebody has set another meanwhile.
    fn interface(
        &mut self,
        spec: &SessionSpec,
        line: &Line,
        old: Old<'_>,
    ) -> Result<Interface, Error> {
        let admitted = mtu_of(line, line.outer.path.look());
        let mtu = spec.tuning.mtu.map_or(admitted, u32::from);
        let (left, (tap, link)) = match old {
            Old::None => {
                let name = spec.ifname.as_deref();
                (mtu, self.devices.make(name, mtu, &self.leaving)?)
            }
            Old::Left(device) => (device.mtu, self.devices.adopt(device)?),
            Old::Lost(link) => (mtu, self.devices.remake(link, &self.leaving)?),
        };
        let now = link.mtu;
        let session = line.session.clone();
        if !session.has_carrier()
            && let Err(error) = tap.set_carrier(false)
        {
            tracing::warn!(%error, device = link.name, "the new device keeps its carrier");
        }
        let device = Interface::new(tap, link).of_session(session);
        if spec.tuning.mtu.is_none() && (now == admitted || now == left) {
            device.set_automatic(now);
        }
        Ok(device)
    }

    pub(super) fn keep_device(&self, key: SessionKey) {
        let own = |tunnel: &Tunnel| tunnel.spec.via.is_none();
        if let Some(member) = self.sessions.get(&key)
            && let Attachment::Device(port, _) = &member.end
            && self.tunnel(key.tunnel).is_ok_and(own)
            && let Err(error) = port.device.keep()
        {
            tracing::warn!(%error, session = %key.session, "the device will not outlive the daemon");
        }
    }

    pub(super) fn tune_session(&mut self, key: SessionKey, change: &Retuning) -> Result<(), Error> {
        let member = self.sessions.get_mut(&key).ok_or_else(|| no_session(key))?;
        if let Attachment::Device(port, _) = &member.end {
            let Port { line, device, .. } = &**port;
            match change.mtu {
                None => {}
                Some(Some(mtu)) => {
                    self.devices.set_mtu(device, mtu.into())?;
                    device.set_by_hand(mtu.into());
                }
                Some(None) => {
                    let mtu = mtu_of(line, line.outer.path.look());
                    self.devices.set_mtu(device, mtu)?;
                    device.set_automatic(mtu);
                }
            }
        }
        member.line.session.tuning.change(change);
        member.line.ask_for_classes()?;
        member.spec.tuning = change.of(&member.spec.tuning);
        let device = member.port().map(|port| port.device.index);
        if let Some(index) = device {
            self.order_fast(FastOrder::Look(index));
        }
        Ok(())
    }

    /// Gives a session's device its carrier, or takes it away; a session without one has none.
    pub(super) fn switch_carrier(&mut self, key: SessionKey, on: bool) -> Result<(), Error> {
        let member = self.sessions.get(&key).ok_or_else(|| no_session(key))?;
        let Some(port) = member.port() else {
            return Ok(());
        };
        member.line.session.set_carrier(on);
        let done = port.device.tap.set_carrier(on);
        done.map_err(|e| Error::system(&e, "carrier", "cannot be switched"))
    }

    /// Stops moving the packets of sessions and has their devices removed, all at once.
    pub(super) fn remove_sessions(&mut self, keys: &[SessionKey]) {
        let gone: Vec<_> = keys
            .iter()
            .filter_map(|key| self.sessions.remove_entry(key))
            .collect();
        self.drop_fast(gone.iter().map(|(_, member)| member));
        for (key, member) in &gone {
            self.detach(member);
            if let Some(tunnel) = self.tunnels.get_mut(&key.tunnel) {
                tunnel.retired += member.counters();
            }
        }
        self.remove_devices(gone);
    }

    /// Has the keeper of the fast path obey, where there is one.
    pub(super) fn order_fast(&self, order: FastOrder) {
        if let Some(fast) = &self.fast {
            fast.order(order);
            fast.settle();
        }
    }

    /// Takes the fast path from sessions, which go before their slow one does.
    pub(super) fn drop_fast<'a>(&self, members: impl Iterator<Item = &'a Member>) {
        if let Some(fast) = &self.fast {
            for port in members.filter_map(Member::shared_port) {
                fast.order(FastOrder::Drop(port.clone()));
            }
            fast.settle();
        }
    }

    /// Tells the threads to serve a session no longer.
    pub(super) fn detach(&mut self, member: &Member) {
        let carrier = member.carrier_number;
        let wire_key = member.line.session.wire_key();
        self.keys.remove(&(carrier, wire_key));
        self.workers.detach(member.home, carrier, wire_key);
        member.line.carrier.sessions.fetch_sub(1, Relaxed);
        match &member.end {
            Attachment::Device(port, queues) => {
                for number in queues {
                    let tx = self.workers.tx_of(*number);
                    tx.order(TxOrder::Detach(*number));
                }
                self.watched.remove(port.device.index);
                self.paths.follower.order(PathOrder::Forget(port.clone()));
            }
            Attachment::Channel(_) => {}
        }
        member.log("removed");
    }

    /// Has the devices of detached sessions removed, now that no thread uses them, and hangs up
    /// their channels.
    pub(super) fn remove_devices(&mut self, gone: Vec<(SessionKey, Member)>) {
        self.settle();
        let mut devices = Vec::new();
        for (key, member) in gone {
            match member.end {
                Attachment::Device(port, _) => {
                    self.devices.release(&port.device);
                    devices.push(port.device.clone());
                }
                Attachment::Channel(_) => self.ppp.remove(key),
            }
        }
        if !devices.is_empty() {
            self.leaving.remove(devices, &self.departure);
        }
    }
}

impl Member {
    /// What the session has to do without.
    pub(super) fn limits(&self, devices: &Devices) -> Vec<Limit> {
        let mut limits = self.line.carrier.limits();
        if let Attachment::Device(port, _) = &self.end {
            limits.extend(devices.limits(&port.device.tap));
        }
        limits
    }

    /// The session's device and the way to its peer, if it has one.
    pub(super) fn port(&self) -> Option<&Port> {
        self.shared_port().map(|port| &**port)
    }

    /// The same, to be held.
    pub(super) fn shared_port(&self) -> Option<&Arc<Port>> {
        match &self.end {
            Attachment::Device(port, _) => Some(port),
            Attachment::Channel(_) => None,
        }
    }

    /// Whether its device has gone.
    pub(super) fn is_lost(&self) -> bool {
        self.port().is_some_and(|port| port.device.is_lost())
    }

    /// What both directions have counted.
    pub(super) fn counters(&self) -> Counters {
        self.line.session.counters()
    }

    /// Says what became of the session, where that is wanted.
    fn log(&self, what: &str) {
        if self.line.logs(DebugMask::DEBUG) {
            let SessionKey { tunnel, session } = self.line.session.key;
            let device = self.port().map(|port| port.device.link().name);
            tracing::debug!(%tunnel, %session, device, "session {what}");
        }
    }
}

/// Whether the two describe one session, apart from what may change.
fn same_identity(have: &SessionSpec, want: &SessionSpec) -> bool {
    SessionSpec {
        tuning: want.tuning,
        ..have.clone()
    } == *want
}
