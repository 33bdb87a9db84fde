//! Tunnels on programs' own sockets.

use super::refusal::tunnel_exists;
use super::{Tunnel, UserDatapath};
use crate::Error;
use crate::counters::Counters;
use crate::spec::{Encap, TunnelRetuning, TunnelSpec};
use crate::sys::{filter, socket};
use crate::user::carrier::Carrier;
use crate::user::outer::Outer;
use crate::user::remote::Remote;
use crate::user::rx::RxOrder;
use adit_wire::netlink::Errno;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

impl UserDatapath {
    /// Adds a tunnel on a program's socket. The program keeps its control messages.
    pub(super) fn adopt_tunnel(
        &mut self,
        spec: &TunnelSpec,
        socket: Option<OwnedFd>,
    ) -> Result<(), Error> {
        if self.tunnels.contains_key(&spec.id) {
            return Err(tunnel_exists(spec.id));
        }
        match socket {
            Some(socket) => self.adopt_udp(spec, socket),
            None => {
                self.add_tunnel(spec)?;
                if let Some(tunnel) = self.tunnels.get(&spec.id) {
                    tunnel.carrier.leave_control();
                }
                Ok(())
            }
        }
    }

    /// Adds a tunnel on a UDP socket, of which this side keeps no copy, and whose end it hears of.
    fn adopt_udp(&mut self, spec: &TunnelSpec, socket: OwnedFd) -> Result<(), Error> {
        let refused = |e: &io::Error| Error::system(e, "fd", "the socket cannot carry a tunnel");
        let is_udp = socket::is_udp(socket.as_fd()).map_err(|e| refused(&e))?;
        if !is_udp || !spec.encap.is_udp() {
            let text = "is no UDP socket; give one of IPv4 or IPv6";
            return Err(Error::new(Errno::EPROTONOSUPPORT, "fd", text));
        }
        let encap = on_the_wire(&spec.encap);
        let (carrier, carrier_number) = self.twin(&encap).map_err(|e| refused(&e))?;
        let cookie = socket::cookie(socket.as_fd()).map_err(|e| refused(&e))?;
        let is_bound = matches!(encap, Encap::Udp { local, .. } if local.port() != 0);
        if !self.closing.add(cookie, spec.id, is_bound) {
            self.release_twin(carrier_number);
            let text = "carries another tunnel; give another socket";
            return Err(Error::new(Errno::EBUSY, "fd", text));
        }
        if let Err(error) = filter::all_but_data(socket.as_fd(), spec.version) {
            self.closing.remove(spec.id);
            self.release_twin(carrier_number);
            return Err(refused(&error));
        }
        let outer = Arc::new(Outer::new(self.paths.of(&encap)));
        let tunnel = Tunnel {
            spec: *spec,
            carrier,
            carrier_number,
            remote: Some(Arc::new(Remote::of_program(&encap))),
            outer,
            retired: Counters::default(),
        };
        self.tunnels.insert(spec.id, tunnel);
        self.tune_tunnel(spec.id, &TunnelRetuning::default())
    }

    /// The twin of a port, which tunnels with equal checksums share.
    fn twin(&mut self, encap: &Encap) -> io::Result<(Arc<Carrier>, u64)> {
        let same = |tunnel: &&Tunnel| tunnel.carrier.is_twin_for(encap);
        if let Some(tunnel) = self.tunnels.values().find(same) {
            return Ok((tunnel.carrier.clone(), tunnel.carrier_number));
        }
        let carrier = Arc::new(Carrier::twin(encap)?);
        let number = self.workers.socket_number();
        let rx = self.workers.rx_of(number);
        rx.order(RxOrder::Listen(number, carrier.clone()));
        rx.settle();
        Ok((carrier, number))
    }

    /// Closes a twin that no tunnel uses.
    fn release_twin(&mut self, number: u64) {
        let mut tunnels = self.tunnels.values();
        if !tunnels.any(|tunnel| tunnel.carrier_number == number) {
            self.workers.rx_of(number).order(RxOrder::Unlisten(number));
        }
    }
}

/// What packets have for addresses: a socket of IPv6 may speak IPv4.
fn on_the_wire(encap: &Encap) -> Encap {
    let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    match *encap {
        Encap::Udp {
            local,
            remote,
            checksum,
        } => {
            let mut local = plain(local);
            let mut remote = plain(remote);
            // An end that is not known has no family of its own.
            let any = |like: IpAddr| match like {
                IpAddr::V4(_) => IpAddr::from([0; 4]),
                IpAddr::V6(_) => IpAddr::from([0; 16]),
            };
            if local.ip().is_unspecified() {
                local.set_ip(any(remote.ip()));
            } else if remote.ip().is_unspecified() {
                remote.set_ip(any(local.ip()));
            }
            Encap::Udp {
                local,
                remote,
                checksum,
            }
        }
        Encap::Ip { local, remote } => Encap::Ip { local, remote },
    }
}

#[cfg(test)]
mod tests;
