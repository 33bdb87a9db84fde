//! Sockets of protocol 115. The kernel admits them to everybody, so no privilege is asked for: their
//! messages cannot be data, and leave from addresses of this host.

mod relay;

use super::{Managed, Owner, change};
use crate::daemon::state::State;
use adit_datapath::l2tpip::{ControlSocket, ProgramEnd};
use adit_datapath::spec::{Change, Encap, TunnelSpec};
use adit_kapi::protocol::{Endpoint, IpAsk, Say};
use adit_wire::netlink::Errno;
use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::task::AbortHandle;

const EADDRNOTAVAIL: Errno = Errno(libc::EADDRNOTAVAIL);
const EHOSTUNREACH: Errno = Errno(libc::EHOSTUNREACH);
const ENOBUFS: Errno = Errno(libc::ENOBUFS);
const ENOTCONN: Errno = Errno(libc::ENOTCONN);

/// What programs without CAP_NET_ADMIN may have at a time, all together.
const OF_ANYBODY: usize = 256;

/// A program's socket of protocol 115.
pub(super) struct IpSocket {
    control: Rc<ControlSocket>,
    /// The connection that it is bound to.
    connection: Option<u32>,
    peer: Rc<Cell<Option<Endpoint>>>,
    /// The tunnel that it carries.
    pub(super) carries: Option<Managed>,
    privileged: bool,
    owner: Owner,
    relay: AbortHandle,
}

impl Drop for IpSocket {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

/// Opens a socket for the program that is at `program`, where `end` reaches it.
pub(super) fn open(
    end: OwnedFd,
    program: SocketAddr,
    privileged: bool,
    owner: Owner,
    state: &mut State,
) -> Result<u32, Errno> {
    // A question that its asker has not waited for.
    if owner.told.is_closed() {
        return Err(Errno::EBADF);
    }
    let programs = &mut state.programs;
    let anybodys = programs.ips.values().filter(|socket| !socket.privileged);
    if !privileged && anybodys.count() >= OF_ANYBODY {
        return Err(ENOBUFS);
    }
    let end = ProgramEnd::new(end, program).map_err(refusal)?;
    let control = Rc::new(ControlSocket::open(program.is_ipv4()).map_err(refusal)?);
    let peer = Rc::new(Cell::new(None));
    let relay = relay::start(Rc::clone(&control), end, Rc::clone(&peer)).map_err(refusal)?;
    let number = programs.number();
    let socket = IpSocket {
        control,
        connection: None,
        peer,
        carries: None,
        privileged,
        owner,
        relay,
    };
    programs.ips.insert(number, socket);
    Ok(number)
}

/// Answers what `owner` asks of a socket.
pub(super) fn answer(
    number: u32,
    ask: IpAsk,
    owner: &Owner,
    state: &mut State,
) -> Result<Say, Errno> {
    let found = state.programs.ips.get_mut(&number);
    let socket = found.filter(|socket| socket.owner.is(owner));
    let socket = socket.ok_or(Errno::EBADF)?;
    match ask {
        IpAsk::Bind(local) => bind(number, local, state).map(|()| Say::End),
        IpAsk::Connect(peer) => socket.connect(peer).map(|()| Say::End),
        IpAsk::Local => socket.local().map(Say::Endpoint),
        IpAsk::Peer => socket.peer.get().map(Say::Endpoint).ok_or(ENOTCONN),
        IpAsk::Send(to, message) => socket.send(to, &message).map(|()| Say::End),
        IpAsk::Close => {
            close(number, state);
            Ok(Say::End)
        }
    }
}

/// Ends a socket that its program has closed, and the tunnel that it carries.
fn close(number: u32, state: &mut State) {
    let socket = state.programs.ips.remove(&number);
    if let Some(tunnel) = socket.and_then(|socket| socket.carries) {
        let _ = change(&Change::RemoveTunnel(tunnel.tunnel), state);
    }
}

/// Ends the sockets of a supervisor that is gone: nobody would tell when they are closed.
pub(in crate::daemon) fn forget(owner: &Owner, state: &mut State) {
    let sockets = state.programs.ips.iter();
    let gone = sockets.filter(|(_, socket)| socket.owner.is(owner));
    let gone: Vec<u32> = gone.map(|(number, _)| *number).collect();
    gone.into_iter().for_each(|number| close(number, state));
}

fn bind(number: u32, local: Endpoint, state: &mut State) -> Result<(), Errno> {
    if let IpAddr::V6(address) = local.address
        && (address.is_multicast() || address.to_ipv4_mapped().is_some())
    {
        return Err(EADDRNOTAVAIL);
    }
    let tunnels = state.engine.desired().tunnels.values();
    let programs = &mut state.programs;
    let managed = |tunnel: &TunnelSpec| programs.carrier_of(tunnel.id).is_some();
    let of_tunnel = tunnels
        .filter(|tunnel| tunnel.id.0 == local.connection && !managed(tunnel))
        .any(|tunnel| match tunnel.encap {
            Encap::Ip { local: at, .. } => overlap(at, local.address),
            Encap::Udp { .. } => false,
        });
    let taken = of_tunnel || programs.has_connection(local.address, local.connection);
    let socket = programs.ips.get_mut(&number).ok_or(Errno::EBADF)?;
    if socket.connection.is_some() {
        return Err(Errno::EINVAL);
    }
    if taken {
        return Err(Errno::EADDRINUSE);
    }
    let bound = socket.control.bind(system(local), local.connection);
    bound.map_err(refusal)?;
    socket.connection = Some(local.connection);
    Ok(())
}

impl super::Programs {
    /// Whether a program's socket is bound to this connection at `local`.
    pub(in crate::daemon) fn has_connection(&self, local: IpAddr, connection: u32) -> bool {
        self.ips.values().any(|socket| {
            let at = socket.control.local().map(|at| at.ip());
            socket.connection == Some(connection) && at.is_ok_and(|at| overlap(at, local))
        })
    }
}

/// Whether packets to one address may be for the other.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    let any = one.is_unspecified() || other.is_unspecified();
    one == other || any && one.is_ipv4() == other.is_ipv4()
}

impl IpSocket {
    fn connect(&self, peer: Option<Endpoint>) -> Result<(), Errno> {
        match (peer, self.connection) {
            (None, None) => return Ok(()),
            (Some(_), None) => return Err(Errno::EINVAL),
            (Some(peer), Some(_)) if peer.address.is_multicast() => return Err(Errno::EINVAL),
            (Some(_) | None, Some(_)) => {}
        }
        self.control.connect(peer.map(system)).map_err(refusal)?;
        self.peer.set(peer);
        Ok(())
    }

    fn local(&self) -> Result<Endpoint, Errno> {
        let at = self.control.local().map_err(refusal)?;
        Ok(Endpoint {
            address: at.ip(),
            scope: match at {
                SocketAddr::V4(_) => 0,
                SocketAddr::V6(at) => at.scope_id(),
            },
            connection: self.connection.unwrap_or_default(),
        })
    }

    fn send(&self, to: Endpoint, message: &[u8]) -> Result<(), Errno> {
        let sent = self.control.send(Some(system(to)), message);
        sent.map_err(refusal).map_err(|errno| match to.address {
            // Linux says the same of every host that it cannot reach.
            IpAddr::V4(_) if errno == Errno::ENETUNREACH => EHOSTUNREACH,
            IpAddr::V4(_) | IpAddr::V6(_) => errno,
        })
    }

    /// The addresses of a tunnel on the socket, the peer's unspecified where there is none.
    pub(super) fn encap(&self) -> Result<Encap, Errno> {
        let local = self.local()?.address;
        let nobody = match local {
            IpAddr::V4(_) => IpAddr::from([0; 4]),
            IpAddr::V6(_) => IpAddr::from([0; 16]),
        };
        let remote = self.peer.get().map_or(nobody, |peer| peer.address);
        Ok(Encap::Ip { local, remote })
    }
}

/// An address for the system, which asks for no port.
fn system(end: Endpoint) -> SocketAddr {
    match end.address {
        IpAddr::V4(address) => SocketAddr::from((address, 0)),
        IpAddr::V6(address) => SocketAddrV6::new(address, 0, 0, end.scope).into(),
    }
}

fn refusal(err: io::Error) -> Errno {
    Errno(err.raw_os_error().unwrap_or(Errno::EIO.0))
}
