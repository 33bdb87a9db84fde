//! Listeners: sockets that tunnels with different peers share.

use super::UserDatapath;
use super::refusal::{listener_error, no_listener, no_tunnel};
use crate::counters::Counters;
use crate::spec::{Encap, ListenerAddress, ListenerId, ListenerSpec, TunnelTuning};
use crate::sys::socket;
use crate::user::carrier::Carrier;
use crate::user::rx::RxOrder;
use crate::{ControlMessage, ControlSink, Error, Route};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::Errno;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// An open listener.
#[derive(Debug)]
pub(super) struct Listener {
    spec: ListenerSpec,
    pub(super) carrier: Arc<Carrier>,
    pub(super) carrier_number: u64,
    /// How the tunnels that use it have tuned it, once one has.
    pub(super) tuned: Option<TunnelTuning>,
}

impl Listener {
    /// The device that packets come and go by, where one was asked for.
    pub(super) fn interface(&self) -> Option<&str> {
        self.spec.interface.as_deref()
    }
}

impl UserDatapath {
    pub(super) fn open_listener(
        &mut self,
        spec: &ListenerSpec,
        sink: ControlSink,
    ) -> Result<ListenerAddress, Error> {
        if let Some(open) = self.listeners.get(&spec.id) {
            if open.spec != *spec {
                let text = format!("listener {} is open and differs; close it first", spec.id.0);
                return Err(Error::new(Errno::EEXIST, "listener", text));
            }
            return Ok(bound(&open.carrier));
        }
        let carrier = Carrier::listen(spec, sink);
        let mut carrier = carrier.map_err(|e| listener_error(&e, spec))?;
        carrier.do_without(self.without);
        let carrier = Arc::new(carrier);
        let number = self.workers.socket_number();
        let rx = self.workers.rx_of(number);
        rx.order(RxOrder::Listen(number, carrier.clone()));
        rx.settle();
        let address = bound(&carrier);
        self.listeners.insert(
            spec.id,
            Listener {
                spec: spec.clone(),
                carrier,
                carrier_number: number,
                tuned: None,
            },
        );
        Ok(address)
    }

    pub(super) fn close_listener(&mut self, id: ListenerId) {
        let uses = |tunnel: &super::Tunnel| tunnel.spec.via.is_some_and(|via| via.listener == id);
        let using = self.tunnels.iter().filter(|(_, tunnel)| uses(tunnel));
        let using: Vec<TunnelId> = using.map(|(id, _)| *id).collect();
        using.into_iter().for_each(|id| self.remove_tunnel(id));
        if let Some(listener) = self.listeners.remove(&id) {
            let rx = self.workers.rx_of(listener.carrier_number);
            rx.order(RxOrder::Unlisten(listener.carrier_number));
            rx.settle();
        }
    }

    pub(super) fn send_messages(&mut self, id: ListenerId, messages: &[ControlMessage<'_>]) {
        if let Some(listener) = self.listeners.get(&id) {
            listener.carrier.send_control(messages);
        }
    }

    pub(super) fn route_to(&mut self, id: ListenerId, remote: IpAddr) -> Result<Route, Error> {
        let listener = self.listeners.get(&id).ok_or_else(|| no_listener(id))?;
        let (local, _) = listener.carrier.endpoints();
        let remote = SocketAddr::new(remote, 0);
        let interface = listener.spec.interface.as_deref();
        let found = socket::route(local, remote, interface);
        let (local, mtu) = found
            .map_err(|e| Error::system(&e, "remote", &format!("{}: no way there", remote.ip())))?;
        Ok(Route { local, mtu })
    }

    /// Follows the peer of a tunnel to another address.
    pub(super) fn move_tunnel(&mut self, id: TunnelId, to: SocketAddr) -> Result<(), Error> {
        let tunnel = self.tunnels.get_mut(&id).ok_or_else(|| no_tunnel(id))?;
        match &mut tunnel.spec.encap {
            Encap::Udp { remote, .. } => *remote = to,
            Encap::Ip { remote, .. } => *remote = to.ip(),
        }
        if let Some(remote) = &tunnel.remote {
            remote.move_to(&tunnel.spec.encap, tunnel.carrier.wants_source());
        }
        tunnel.outer.path.move_to(&tunnel.spec.encap);
        self.look_fast(id);
        Ok(())
    }

    pub(super) fn strays_of(&self, id: ListenerId) -> Result<Counters, Error> {
        let listener = self.listeners.get(&id).ok_or_else(|| no_listener(id))?;
        Ok(listener.carrier.counters())
    }
}

/// What the socket is bound to, with the port that the system chose.
fn bound(carrier: &Carrier) -> ListenerAddress {
    let (local, _): (SocketAddr, _) = carrier.endpoints();
    match carrier.is_udp() {
        true => ListenerAddress::Udp(local),
        false => ListenerAddress::Ip(local.ip()),
    }
}

#[cfg(test)]
mod tests;
