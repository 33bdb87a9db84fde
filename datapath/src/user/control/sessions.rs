//! Sessions: what is done to them one by one, and together.

use super::refusal::{no_session, no_tunnel, session_exists};
use super::{Member, Old, UserDatapath};
use crate::Error;
use crate::counters::Counters;
use crate::spec::{DebugMask, Retuning, Sequencing, SessionKey, SessionSpec};
use crate::user::devices::default_mtu;
use crate::user::port::Port;
use crate::user::rx::RxOrder;
use crate::user::session::Session;
use crate::user::tx::TxOrder;
use std::sync::Arc;

impl UserDatapath {
    pub(super) fn add_session(
        &mut self,
        spec: &SessionSpec,
        old: Old<'_>,
        from: Sequencing,
    ) -> Result<(), Error> {
        match self.sessions.get(&spec.key) {
            None => self.install(spec, Arc::new(Session::new(spec, from)), old),
            Some(member) if !same_identity(&member.spec, spec) => Err(session_exists(spec.key)),
            Some(member) if member.port.is_lost() => self.restore(spec),
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
        if self.clashes(key, carrier_number) {
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
        let spec = spec.clone();
        let member = Member {
            spec,
            session,
            port,
            port_number,
            carrier_number,
        };
        member.log("carried");
        self.sessions.insert(key, member);
        Ok(())
    }

    /// Whether another tunnel of the same socket has a session of this id. Nothing but the id
    /// tells their packets apart.
    fn clashes(&self, key: SessionKey, carrier_number: u64) -> bool {
        let mut sharing = self
            .tunnels
            .iter()
            .filter(|(id, tunnel)| **id != key.tunnel && tunnel.carrier_number == carrier_number);
        sharing.any(|(id, _)| {
            self.sessions
                .contains_key(&SessionKey { tunnel: *id, ..key })
        })
    }

    pub(super) fn tune_session(&mut self, key: SessionKey, change: &Retuning) -> Result<(), Error> {
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

    /// Stops moving the packets of sessions and removes their devices, all at once.
    pub(super) fn remove_sessions(&mut self, keys: &[SessionKey]) {
        let gone: Vec<_> = keys
            .iter()
            .filter_map(|key| self.sessions.remove_entry(key))
            .collect();
        for (key, member) in &gone {
            self.detach(key, member);
            if let Some(tunnel) = self.tunnels.get_mut(&key.tunnel) {
                tunnel.retired += member.counters();
            }
        }
        self.remove_devices(gone);
    }

    /// Tells the threads to serve a session no longer.
    pub(super) fn detach(&self, key: &SessionKey, member: &Member) {
        let (carrier, port) = (member.carrier_number, member.port_number);
        self.rx_of(carrier)
            .order(RxOrder::Detach(carrier, key.session));
        self.tx_of(port).order(TxOrder::Detach(port));
        self.watched.remove(member.port.index);
        member.log("removed");
    }

    /// Removes the devices of detached sessions, once no thread uses them.
    pub(super) fn remove_devices(&mut self, gone: Vec<(SessionKey, Member)>) {
        self.settle();
        self.devices
            .remove(gone.into_iter().map(|(_, member)| member.port).collect());
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
        if self.session.logs(DebugMask::DEBUG, &self.port.carrier) {
            let SessionKey { tunnel, session } = self.session.key;
            tracing::debug!(%tunnel, %session, device = self.port.link().name, "session {what}");
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
