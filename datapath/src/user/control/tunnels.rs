//! Tunnels: their sockets and paths, and what is done to them.

use super::refusal::{no_listener, no_tunnel, socket_error, tunnel_exists};
use super::{Tunnel, UserDatapath};
use crate::Error;
use crate::counters::Counters;
use crate::fast::FastOrder;
use crate::spec::{DebugMask, SessionKey, Tos, TunnelRetuning, TunnelSpec, TunnelTuning};
use crate::user::carrier::Carrier;
use crate::user::outer::Outer;
use crate::user::path::Path;
use crate::user::remote::Remote;
use crate::user::rx::RxOrder;
use adit_wire::l2tp::TunnelId;
use std::sync::Arc;

impl UserDatapath {
    pub(super) fn add_tunnel(&mut self, spec: &TunnelSpec) -> Result<(), Error> {
        if let Some(tunnel) = self.tunnels.get_mut(&spec.id) {
            let have = TunnelSpec {
                tuning: spec.tuning,
                ..tunnel.spec
            };
            if *spec != have && *spec != tunnel.carrier.bound(have) {
                return Err(tunnel_exists(spec.id));
            }
            let change = TunnelRetuning::between(&tunnel.spec.tuning, &spec.tuning);
            return self.tune_tunnel(spec.id, &change);
        }
        let (carrier, carrier_number) = self.carrier(spec)?;
        let remote = Remote::of(spec, carrier.wants_source()).map(Arc::new);
        let outer = Arc::new(Outer::new(self.path(spec)));
        let (spec, retired) = (*spec, Counters::default());
        if spec.tuning.debug.has(DebugMask::DEBUG) {
            let (local, remote) = carrier.endpoints();
            tracing::debug!(tunnel = %spec.id, %local, %remote, "tunnel carried");
        }
        self.tunnels.insert(
            spec.id,
            Tunnel {
                spec,
                carrier,
                carrier_number,
                remote,
                outer,
                retired,
            },
        );
        self.tune_tunnel(spec.id, &TunnelRetuning::default())
    }

    /// The path of a new tunnel.
    fn path(&mut self, spec: &TunnelSpec) -> Arc<Path> {
        let listener = spec.via.and_then(|via| self.listeners.get(&via.listener));
        match listener {
            Some(listener) => self.paths.movable(&spec.encap, listener.interface()),
            None => self.paths.of(&spec.encap),
        }
    }

    /// The socket for a new tunnel: that of its listener, or of its neighbours over protocol 115,
    /// else a new one.
    fn carrier(&mut self, spec: &TunnelSpec) -> Result<(Arc<Carrier>, u64), Error> {
        if let Some(via) = spec.via {
            let listener = self.listeners.get(&via.listener);
            let listener = listener.ok_or_else(|| no_listener(via.listener))?;
            return Ok((listener.carrier.clone(), listener.carrier_number));
        }
        let shared = |tunnel: &&Tunnel| {
            let own = tunnel.spec.via.is_none() && !spec.encap.is_udp();
            own && tunnel.spec.encap == spec.encap
        };
        if let Some(tunnel) = self.tunnels.values().find(shared) {
            return Ok((tunnel.carrier.clone(), tunnel.carrier_number));
        }
        let mut carrier =
            Carrier::open(spec.encap, spec.version).map_err(|e| socket_error(&e, &spec.encap))?;
        carrier.do_without(self.without);
        let (carrier, number) = (Arc::new(carrier), self.workers.socket_number());
        self.workers
            .rx_of(number)
            .order(RxOrder::Listen(number, carrier.clone()));
        self.workers.rx_of(number).settle();
        Ok((carrier, number))
    }

    pub(super) fn tune_tunnel(
        &mut self,
        id: TunnelId,
        change: &TunnelRetuning,
    ) -> Result<(), Error> {
        let tunnel = self.tunnels.get_mut(&id).ok_or_else(|| no_tunnel(id))?;
        tunnel.spec.tuning = change.of(&tunnel.spec.tuning);
        tunnel.outer.tune(&tunnel.spec.tuning);
        let path = tunnel.outer.path.clone();
        let (via, own) = (tunnel.spec.via, tunnel.spec.tuning);
        let listener = via.and_then(|via| self.listeners.get(&via.listener));
        let tuned = listener.and_then(|listener| listener.tuned);
        let is_change = *change != TunnelRetuning::default();
        if tuned.is_some_and(|tuned| !is_change && together([tuned, own].into_iter()) == tuned) {
            // One of thousands that share the socket asks for nothing that it has not got.
            path.probe(own.pmtu_probe);
            return Ok(());
        }
        let number = tunnel.carrier_number;
        let carrier = tunnel.carrier.clone();
        let sharing = self
            .tunnels
            .values()
            .filter(|tunnel| tunnel.carrier_number == number)
            .map(|tunnel| tunnel.spec.tuning);
        let probing = self
            .tunnels
            .values()
            .filter(|tunnel| Arc::ptr_eq(&tunnel.outer.path, &path))
            .map(|tunnel| tunnel.spec.tuning.pmtu_probe);
        path.probe(probing.filter(|every| *every != 0).min().unwrap_or(0));
        let tuned = together(sharing);
        carrier.tune(&tuned).map_err(|e| {
            let text = format!("cannot change tunnel {id}'s socket");
            Error::system(&e, "tunnel_id", &text)
        })?;
        if let Some(listener) = via.and_then(|via| self.listeners.get_mut(&via.listener)) {
            listener.tuned = Some(tuned);
        }
        self.look_fast(id);
        Ok(())
    }

    /// Has the fast path look at what has changed of a tunnel.
    pub(super) fn look_fast(&self, id: TunnelId) {
        let Some(fast) = &self.fast else {
            return;
        };
        for (_, member) in self.sessions.range(SessionKey::all_of(id)) {
            if let Some(port) = member.port() {
                fast.order(FastOrder::Suspect(port.device.index));
            }
        }
    }

    pub(super) fn remove_tunnel(&mut self, id: TunnelId) {
        let Some(tunnel) = self.tunnels.remove(&id) else {
            return;
        };
        if tunnel.carrier.is_twin() {
            self.closing.remove(id);
        }
        let number = tunnel.carrier_number;
        let shared = self
            .tunnels
            .values()
            .any(|tunnel| tunnel.carrier_number == number);
        let gone: Vec<_> = self
            .sessions
            .extract_if(SessionKey::all_of(id), |_, _| true)
            .collect();
        self.drop_fast(gone.iter().map(|(_, member)| member));
        gone.iter().for_each(|(_, member)| self.detach(member));
        if !shared && tunnel.spec.via.is_none() {
            self.workers.rx_of(number).order(RxOrder::Unlisten(number));
        }
        self.remove_devices(gone);
        if tunnel.spec.tuning.debug.has(DebugMask::DEBUG) {
            tracing::debug!(tunnel = %id, "tunnel removed");
        }
    }
}

/// What a socket has that tunnels share: all log lines that one of them wants, the strictest of what
/// packets may do, and what must be told of them for any.
fn together(sharing: impl Iterator<Item = TunnelTuning>) -> TunnelTuning {
    sharing.fold(TunnelTuning::default(), |all, one| TunnelTuning {
        debug: DebugMask(all.debug.0 | one.debug.0),
        pmtudisc: all.pmtudisc.max(one.pmtudisc),
        ttl: all.ttl.into_iter().chain(one.ttl).min(),
        ecn: all.ecn | one.ecn,
        pmtu_probe: all.pmtu_probe,
        tos: match one.tos {
            Tos::Uniform => Tos::Uniform,
            Tos::Fixed(_) | Tos::Inherit => all.tos,
        },
    })
}
