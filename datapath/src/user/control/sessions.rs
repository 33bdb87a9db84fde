//! Sessions: what is done to them one by one, and together.

use super::refusal::{no_session, no_tunnel, not_served, session_exists};
use super::{Member, Old, Tunnel, UserDatapath};
use crate::Error;
use crate::counters::Counters;
use crate::spec::{DebugMask, Pseudowire, Retuning, Sequencing, SessionKey, SessionSpec};
use crate::user::devices::mtu_of;
use crate::user::line::Line;
use crate::user::path::PathOrder;
use crate::user::port::{Interface, Port};
use crate::user::rx::RxOrder;
use crate::user::session::Session;
use crate::user::tx::TxOrder;
use adit_wire::l2tp::TunnelId;
use std::sync::Arc;

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
        match spec.pseudowire {
            Pseudowire::Ethernet => {}
            Pseudowire::Ppp => return Err(not_served(spec.pseudowire)),
        }
        match self.sessions.get(&spec.key) {
            None => {
                let tunnel = self.tunnel(spec.key.tunnel)?;
                let session = Session::new(&tunnel.spec, spec, from);
                self.install(spec, Arc::new(session), old)
            }
            Some(member) if !same_identity(&member.spec, spec) => Err(session_exists(spec.key)),
            Some(member) if member.port.device.is_lost() => self.restore(spec),
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
        let (session, lost) = (member.session.clone(), member.port.device.link());
        let before = member.spec.clone();
        self.watched.remove(member.port.device.index);
        let forget = PathOrder::Forget(member.port.clone());
        self.paths.follower.order(forget);
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
        let tunnel = self.tunnel(key.tunnel)?;
        let (carrier, carrier_number) = (tunnel.carrier.clone(), tunnel.carrier_number);
        let (remote, keep) = (tunnel.remote.clone(), tunnel.spec.via.is_none());
        let wire_key = session.wire_key();
        let owner = self.keys.get(&(carrier_number, wire_key));
        if owner.is_some_and(|owner| *owner != key) {
            return Err(session_exists(key));
        }
        let line = Arc::new(Line {
            session: session.clone(),
            carrier,
            remote,
            outer: tunnel.outer.clone(),
        });
        let device = Arc::new(self.interface(spec, &line, old, keep)?);
        self.watched.add(device.clone());
        let port = Arc::new(Port { line, device });
        let port_number = self.number();
        let rx = self.rx_of(carrier_number);
        rx.order(RxOrder::Attach(carrier_number, wire_key, port.clone()));
        let tx = self.tx_of(port_number);
        tx.order(TxOrder::Attach(port_number, port.clone()));
        rx.settle();
        tx.settle();
        self.paths.follower.order(PathOrder::Follow(port.clone()));
        let spec = spec.clone();
        let member = Member {
            spec,
            session,
            port,
            port_number,
            carrier_number,
        };
        member.log("carried");
        self.keys.insert((carrier_number, wire_key), key);
        self.sessions.insert(key, member);
        Ok(())
    }

    /// Makes or takes over a session's device. Its MTU is what the path admits unless one is asked
    /// for; so is that of one taken over, unless somebody has set another meanwhile.
    fn interface(
        &mut self,
        spec: &SessionSpec,
        line: &Line,
        old: Old<'_>,
        keep: bool,
    ) -> Result<Interface, Error> {
        let admitted = mtu_of(line, line.outer.path.look());
        let mtu = spec.tuning.mtu.map_or(admitted, u32::from);
        let (left, (tap, link)) = match old {
            Old::None => (mtu, self.devices.make(spec.ifname.as_deref(), mtu, keep)?),
            Old::Left(device) => (device.mtu, self.devices.adopt(device)?),
            Old::Lost(link) => (mtu, self.devices.remake(link, keep)?),
        };
        let now = link.mtu;
        let device = Interface::new(tap, link);
        if spec.tuning.mtu.is_none() && (now == admitted || now == left) {
            device.set_automatic(now);
        }
        Ok(device)
    }

    pub(super) fn tune_session(&mut self, key: SessionKey, change: &Retuning) -> Result<(), Error> {
        let member = self.sessions.get_mut(&key).ok_or_else(|| no_session(key))?;
        let Port { line, device } = &*member.port;
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
        member.session.tuning.change(change);
        member.spec.tuning = change.of(&member.spec.tuning);
        Ok(())
    }

    /// Stops moving the packets of sessions and removes their devices, all at once.
    pub(super) fn remove_sessions(&mut self, keys: &[SessionKey]) {
        let gone: Vec<_> = keys
            .iter()
            .filter_map(|key| self.sessions.remove_entry(key))
            .collect();
        for (key, member) in &gone {
            self.detach(member);
            if let Some(tunnel) = self.tunnels.get_mut(&key.tunnel) {
                tunnel.retired += member.counters();
            }
        }
        self.remove_devices(gone);
    }

    /// Tells the threads to serve a session no longer.
    pub(super) fn detach(&mut self, member: &Member) {
        let (carrier, port) = (member.carrier_number, member.port_number);
        let wire_key = member.session.wire_key();
        self.keys.remove(&(carrier, wire_key));
        self.rx_of(carrier)
            .order(RxOrder::Detach(carrier, wire_key));
        self.tx_of(port).order(TxOrder::Detach(port));
        self.watched.remove(member.port.device.index);
        let forget = PathOrder::Forget(member.port.clone());
        self.paths.follower.order(forget);
        member.log("removed");
    }

    /// Removes the devices of detached sessions, once no thread uses them.
    pub(super) fn remove_devices(&mut self, gone: Vec<(SessionKey, Member)>) {
        self.settle();
        let devices = gone
            .into_iter()
            .map(|(_, member)| member.port.device.clone());
        self.devices.remove(devices.collect());
    }
}

impl Member {
    /// What both directions have counted.
    pub(super) fn counters(&self) -> Counters {
        let mut counters = self.session.rx.read();
        counters += self.session.tx.read();
        counters
    }

    /// Says what became of the session, where that is wanted.
    fn log(&self, what: &str) {
        if self.port.line.logs(DebugMask::DEBUG) {
            let SessionKey { tunnel, session } = self.session.key;
            tracing::debug!(%tunnel, %session, device = self.port.device.link().name, "session {what}");
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
