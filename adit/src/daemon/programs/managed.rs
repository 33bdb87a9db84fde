//! Tunnels that a program's own socket carries.

use super::{Adopted, Managed, Owner, State};
use crate::daemon::sys;
use adit_datapath::spec::{Encap, TunnelSpec, TunnelTuning, TxChecksum, UdpChecksum};
use adit_kapi::protocol::{Connect, Descriptor, TunnelSocket};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::{Encapsulation, Errno};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketType, getpeername, getsockname, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What a tunnel is to be like, apart from what its socket tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) struct Wanted {
    pub(in crate::daemon) id: TunnelId,
    pub(in crate::daemon) peer_id: TunnelId,
    pub(in crate::daemon) version: u8,
    pub(in crate::daemon) encap: Encapsulation,
    /// The socket's descriptor, as the program numbers it.
    pub(in crate::daemon) fd: i32,
    /// The program's process.
    pub(in crate::daemon) process: i32,
}

impl Wanted {
    fn managed(&self) -> Managed {
        Managed {
            tunnel: self.id,
            fd: self.fd,
        }
    }
}

/// Makes the tunnel that a PPPoL2TP socket manages.
pub(super) fn adopt_for(
    connect: Connect,
    socket: Option<OwnedFd>,
    owner: Owner,
    state: &mut State,
) -> Result<(), Errno> {
    let wanted = Wanted {
        id: TunnelId(connect.ids.tunnel),
        peer_id: TunnelId(connect.ids.peer_tunnel),
        version: connect.version,
        encap: Encapsulation::Udp,
        fd: connect.fd,
        process: connect.process,
    };
    adopt(wanted, connect.socket, socket, Some(owner), state)
}

/// Makes a tunnel that a program's socket carries. It lives as long as the socket.
pub(in crate::daemon) fn adopt(
    wanted: Wanted,
    descriptor: Descriptor,
    socket: Option<OwnedFd>,
    owner: Option<Owner>,
    state: &mut State,
) -> Result<(), Errno> {
    let socket = match (descriptor, socket) {
        (Descriptor::Sent, Some(socket)) => socket,
        (Descriptor::Ip(number), _) => return adopt_ip(wanted, number, state),
        (Descriptor::Refused(errno), _) => return Err(Errno(errno)),
        (Descriptor::None | Descriptor::Sent, _) => return Err(Errno::EBADF),
    };
    let encap = inspect(&socket, wanted.encap, state)?;
    let cookie = sockopt::socket_cookie(&socket).map_err(errno)?;
    if state.programs.adopted.contains_key(&cookie) {
        return Err(Errno::EBUSY);
    }
    let spec = spec(wanted, encap);
    state
        .engine
        .adopt_tunnel(spec, Some(socket))
        .map_err(said)?;
    let adopted = Adopted {
        carried: wanted.managed(),
        socket: TunnelSocket {
            process: wanted.process,
            fd: wanted.fd,
            cookie,
        },
        is_closed: false,
        owner,
    };
    state.programs.adopted.insert(cookie, adopted);
    Ok(())
}

/// The same on a socket of protocol 115.
fn adopt_ip(wanted: Wanted, number: u32, state: &mut State) -> Result<(), Errno> {
    let socket = state.programs.ips.get(&number).ok_or(Errno::EBADF)?;
    if wanted.encap != Encapsulation::Ip {
        return Err(Errno::EPROTONOSUPPORT);
    }
    if socket.carries.is_some() {
        return Err(Errno::EBUSY);
    }
    let spec = spec(wanted, socket.encap()?);
    state.engine.adopt_tunnel(spec, None).map_err(said)?;
    if let Some(socket) = state.programs.ips.get_mut(&number) {
        socket.carries = Some(wanted.managed());
    }
    Ok(())
}

fn spec(wanted: Wanted, encap: Encap) -> TunnelSpec {
    TunnelSpec {
        id: wanted.id,
        peer_id: wanted.peer_id,
        version: wanted.version,
        encap,
        tuning: TunnelTuning::default(),
        via: None,
    }
}

fn said(refused: adit_datapath::Error) -> Errno {
    tracing::debug!("refused: {refused}");
    refused.errno
}

/// What a socket is bound and connected to, if it can carry a tunnel; in Linux's order of checks.
fn inspect(socket: &OwnedFd, encap: Encapsulation, state: &State) -> Result<Encap, Errno> {
    let kind = sockopt::socket_type(socket).map_err(errno)?;
    let here = state.programs.netns_cookie;
    if here.is_some() && sys::netns_cookie(socket).ok() != here {
        return Err(Errno::EINVAL);
    }
    let domain = sockopt::socket_domain(socket).map_err(errno)?;
    let protocol = sockopt::socket_protocol(socket).map_err(errno)?;
    let is_ip = domain == AddressFamily::INET || domain == AddressFamily::INET6;
    let carries = protocol == Some(rustix::net::ipproto::UDP);
    if kind != SocketType::DGRAM || !is_ip || !carries || encap != Encapsulation::Udp {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let local = getsockname(socket).map_err(errno)?;
    let local = SocketAddr::try_from(local).map_err(errno)?;
    // One that is not connected has no peer yet.
    let remote = getpeername(socket).ok().flatten();
    let remote = remote.and_then(|remote| SocketAddr::try_from(remote).ok());
    Ok(Encap::Udp {
        local,
        remote: remote.unwrap_or_else(|| nobody(local)),
        checksum: checksum(socket, local)?,
    })
}

fn nobody(local: SocketAddr) -> SocketAddr {
    let address = match local.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(address, 0)
}

fn checksum(socket: &OwnedFd, local: SocketAddr) -> Result<UdpChecksum, Errno> {
    let number = |level, name| sys::number(socket, level, name).map_err(|err| system(&err));
    let (without_tx, without_rx) = match local.ip() {
        IpAddr::V4(_) => (number(libc::SOL_SOCKET, libc::SO_NO_CHECK)?, 1),
        IpAddr::V6(_) => (
            number(libc::SOL_UDP, libc::UDP_NO_CHECK6_TX)?,
            number(libc::SOL_UDP, libc::UDP_NO_CHECK6_RX)?,
        ),
    };
    Ok(UdpChecksum {
        tx: match without_tx {
            0 => TxChecksum::Always,
            _ => TxChecksum::Never,
        },
        rx: without_rx == 0,
    })
}

fn errno(err: rustix::io::Errno) -> Errno {
    Errno(err.raw_os_error())
}

fn system(err: &io::Error) -> Errno {
    Errno(err.raw_os_error().unwrap_or(Errno::EIO.0))
}

/// Returns when the program has closed its end of a management socket. What it sends there goes
/// nowhere.
pub(super) async fn hang_up(end: &AsyncFd<OwnedFd>) {
    let mut scrap = [0; 64];
    loop {
        let take = |fd: &OwnedFd| {
            let flags = rustix::net::RecvFlags::DONTWAIT | rustix::net::RecvFlags::TRUNC;
            let taken = rustix::net::recv(fd, &mut scrap[..], flags);
            taken.map(|(_, len)| len).map_err(io::Error::from)
        };
        match end.async_io(Interest::READABLE, take).await {
            Ok(0) if is_closed(end) => return,
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// Whether the program has its end no more; an empty message reads the same.
pub(super) fn is_closed(end: &AsyncFd<OwnedFd>) -> bool {
    let closed = PollFlags::HUP | PollFlags::RDHUP;
    let mut polled = [PollFd::new(end, closed)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let [seen] = match poll(&mut polled, Some(&now)) {
        Ok(_) => polled,
        Err(_) => return true,
    };
    seen.revents().intersects(closed)
}
