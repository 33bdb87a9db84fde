//! Sockets of protocol 115, L2TP over IP. A program has a UDP socket in a [`room`] of its own, whose
//! other end the daemon has, and the daemon has a raw socket in the program's namespace. Calls that
//! name addresses are answered here, since these are of another kind; all others are the kernel's.

mod address;
mod message;
mod room;

pub use address::L2tpIpAddress;
pub(super) use room::Room;
pub(crate) use room::may_be_made;

use super::asked::Asked;
use super::authority::process_of;
use super::caller::{Caller, errno};
use super::daemon::Link;
use super::namespace::Namespace;
use super::objects::Object;
use super::pppox::borrow;
use super::{Reply, Supervisor};
use crate::protocol::{Ask, Descriptor, Endpoint, IpAsk, Say};
use crate::sys::seccomp::Outcome;
use address::{V4_OCTETS, V6_OCTETS};
use adit_wire::netlink::Errno;
use message::Addressed;
use room::{Held, LOOPBACK};
use rustix::fs::{OFlags, fcntl_setfl, fstat};
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

const EAFNOSUPPORT: Errno = Errno(libc::EAFNOSUPPORT);
const ENOTCONN: Errno = Errno(libc::ENOTCONN);
/// IPPROTO_L2TP of `linux/in.h`.
const IPPROTO_L2TP: i32 = 115;

/// A program's socket of protocol 115.
pub(super) struct IpSocket {
    namespace: Rc<Namespace>,
    link: Rc<Link>,
    /// The daemon knows it by this number.
    number: u32,
    v6: bool,
    room: Rc<Room>,
    /// The port of the other end.
    port: u16,
    /// What the last address it was connected to had in place of a port.
    unused: Cell<u16>,
    /// Whether it does not share Linux's accidents.
    strict: bool,
}

/// Answers socket(AF_INET or AF_INET6, SOCK_DGRAM, 115). Without a daemon, or without the right to a
/// network namespace, there is no such protocol.
pub(super) async fn open(
    supervisor: &Supervisor,
    caller: &Caller<'_>,
    domain: i32,
    kind: i32,
) -> Result<Reply, Errno> {
    let go_on = Ok(Reply::So(Outcome::Continue));
    let file = caller.network_namespace().map_err(|err| errno(&err))?;
    let namespace = supervisor.namespaces.get(file).map_err(|err| errno(&err))?;
    let Some(link) = namespace.link().await else {
        return go_on;
    };
    let room = supervisor.room.get_or_try_init(|| Room::open(supervisor));
    let room = match room.await {
        Ok(room) => Rc::clone(room),
        Err(err) => {
            tracing::warn!("no sockets of protocol 115: {err}");
            return go_on;
        }
    };
    let v6 = domain == libc::AF_INET6;
    let pair = room.pair(v6).await.map_err(|err| errno(&err))?;
    if kind & libc::SOCK_NONBLOCK != 0 {
        fcntl_setfl(&pair.theirs, OFlags::NONBLOCK).map_err(|err| errno(&err.into()))?;
    }
    let inode = fstat(&pair.theirs)
        .map_err(|err| errno(&err.into()))?
        .st_ino;
    let ask = Ask::OpenIp { program: pair.at };
    let Say::Object(number) = link.settle(ask, &[pair.ours.as_fd()]).await? else {
        return Err(Errno::EPROTO);
    };
    let socket = Rc::new(IpSocket {
        namespace,
        link: Rc::clone(&link),
        number,
        v6,
        room: Rc::clone(&room),
        port: pair.port,
        unused: Cell::new(0),
        strict: supervisor.namespaces.are_strict(),
    });
    let known = supervisor.objects.add(inode, Object::Ip(socket));
    let held = Held {
        at: pair.at,
        link,
        number,
        known,
    };
    room.hold(pair.cookie, held);
    caller.give(&pair.theirs, kind & libc::SOCK_CLOEXEC != 0)?;
    Ok(Reply::Done)
}

/// What `socket`, which a program has named in `namespace` to carry a tunnel, is to the daemon.
pub(super) fn describe(
    socket: OwnedFd,
    objects: &super::objects::Objects,
    namespace: &Rc<Namespace>,
) -> (Descriptor, Option<OwnedFd>) {
    let inode = fstat(&socket).map(|stat| stat.st_ino).unwrap_or_default();
    match objects.get(inode) {
        Some(Object::Ip(ip)) if Rc::ptr_eq(&ip.namespace, namespace) => {
            (Descriptor::Ip(ip.number), None)
        }
        Some(Object::Ip(_)) => (Descriptor::Refused(Errno::EINVAL.0), None),
        Some(Object::Netlink(_) | Object::Pppox(_) | Object::Ppp(_)) | None => {
            (Descriptor::Sent, Some(socket))
        }
    }
}

impl IpSocket {
    /// Answers a call on the socket.
    pub(super) async fn answer(&self, caller: &Caller<'_>, asked: Asked) -> Result<Reply, Errno> {
        let done = |()| Reply::So(Outcome::Value(0));
        match asked {
            Asked::Bind { address, len, .. } => self.bind(caller, address, len).await.map(done),
            Asked::Connect { fd, address, len } => {
                self.connect(caller, fd, address, len).await.map(done)
            }
            Asked::Name {
                peer, address, len, ..
            } => self.name(caller, peer, address, len).await.map(done),
            Asked::GetOption {
                level: libc::SOL_SOCKET,
                name: libc::SO_PROTOCOL,
                value,
                len,
                ..
            } => caller.write_option(value, len, IPPROTO_L2TP).map(done),
            Asked::Send {
                data,
                data_len,
                flags,
                address,
                len,
                ..
            } => {
                let to = message::address(caller, address, len)?;
                let to = self.destination(&to, flags)?;
                let message = message::octets(caller, data, data_len)?;
                self.send(to, message).await
            }
            Asked::SendMessage { header, flags, .. } => match message::gather(caller, header)? {
                Some(Addressed { to, message }) => {
                    self.send(self.destination(&to, flags)?, message).await
                }
                None => Ok(Reply::So(Outcome::Continue)),
            },
            Asked::Socket { .. }
            | Asked::Socketpair { .. }
            | Asked::Stream { .. }
            | Asked::Open { .. }
            | Asked::SetOption { .. }
            | Asked::GetOption { .. }
            | Asked::Ioctl { .. } => Ok(Reply::So(Outcome::Continue)),
        }
    }

    async fn ask(&self, ask: IpAsk) -> Result<Say, Errno> {
        self.link.settle(Ask::Ip(self.number, ask), &[]).await
    }

    fn family(&self) -> u16 {
        let family = match self.v6 {
            true => libc::AF_INET6,
            false => libc::AF_INET,
        };
        family as u16
    }

    fn octets(&self) -> usize {
        match self.v6 {
            true => V6_OCTETS,
            false => V4_OCTETS,
        }
    }

    /// Reads a whole address, as bind and connect want it.
    fn read(&self, octets: &[u8]) -> Result<L2tpIpAddress, Errno> {
        let whole = octets.len() >= self.octets();
        let read = L2tpIpAddress::read(self.v6, octets).filter(|_| whole);
        read.ok_or(Errno::EINVAL)
    }

    async fn bind(&self, caller: &Caller<'_>, address: u64, len: i32) -> Result<(), Errno> {
        let octets = message::address(caller, address, len)?;
        let address = self.read(&octets)?;
        if address.family != self.family() {
            return Err(Errno::EINVAL);
        }
        match self.ask(IpAsk::Bind(address.end)).await {
            Err(Errno::EADDRINUSE) => {
                // Whoever had it may just have closed it.
                self.room.sweep().await;
                self.ask(IpAsk::Bind(address.end)).await.map(drop)
            }
            outcome => outcome.map(drop),
        }
    }

    async fn connect(
        &self,
        caller: &Caller<'_>,
        fd: i32,
        address: u64,
        len: i32,
    ) -> Result<(), Errno> {
        let octets = message::address(caller, address, len)?;
        let family = octets
            .first_chunk()
            .map(|family| u16::from_ne_bytes(*family));
        if family == Some(libc::AF_UNSPEC as u16) {
            self.ask(IpAsk::Connect(None)).await?;
            return self.connect_end(caller, fd, None);
        }
        let address = self.read(&octets)?;
        if address.family != self.family() {
            return Err(if self.v6 { Errno::EINVAL } else { EAFNOSUPPORT });
        }
        self.ask(IpAsk::Connect(Some(address.end))).await?;
        self.unused.set(address.unused);
        self.connect_end(caller, fd, Some(address.end))
    }

    /// Connects the program's end, so that what it sends goes where it shall, and what comes is
    /// from there.
    fn connect_end(
        &self,
        caller: &Caller<'_>,
        fd: i32,
        peer: Option<Endpoint>,
    ) -> Result<(), Errno> {
        let process = process_of(caller.tid()).ok_or(Errno::EBADF)?;
        let end = borrow(process, fd)?;
        let connected = match peer.map(|peer| peer.address) {
            None => rustix::net::connect_unspec(&end),
            // A socket of IPv6 that speaks IPv4 finds nobody there.
            Some(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => Ok(()),
            Some(IpAddr::V6(address)) => {
                let scope = if address.is_unicast_link_local() {
                    LOOPBACK
                } else {
                    0
                };
                rustix::net::connect(&end, &SocketAddrV6::new(address, self.port, 0, scope))
            }
            Some(address) => rustix::net::connect(&end, &SocketAddr::new(address, self.port)),
        };
        connected.map_err(|err| errno(&err.into()))
    }

    async fn name(
        &self,
        caller: &Caller<'_>,
        peer: bool,
        address: u64,
        len: u64,
    ) -> Result<(), Errno> {
        let ask = match peer {
            true => IpAsk::Peer,
            false => IpAsk::Local,
        };
        let Say::Endpoint(end) = self.ask(ask).await? else {
            return Err(Errno::EPROTO);
        };
        // Linux takes the wrong field for a sign of a peer: over IPv4 one that is never used.
        let told = match self.v6 || self.strict {
            true => end.connection != 0,
            false => self.unused.get() != 0,
        };
        if peer && !told {
            return Err(ENOTCONN);
        }
        let name = L2tpIpAddress {
            family: self.family(),
            unused: 0,
            flow: 0,
            end,
        };
        caller.write_sized(address, len, &name.write())
    }

    /// Where a message goes that is sent to this address.
    fn destination(&self, to: &[u8], flags: i32) -> Result<Endpoint, Errno> {
        if self.v6 && flags & libc::MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let address = L2tpIpAddress::read(self.v6, to).ok_or(Errno::EINVAL)?;
        match address.family == self.family() || i32::from(address.family) == libc::AF_UNSPEC {
            true => Ok(address.end),
            false => Err(EAFNOSUPPORT),
        }
    }

    async fn send(&self, to: Endpoint, message: Vec<u8>) -> Result<Reply, Errno> {
        let len = message.len() as i64;
        self.ask(IpAsk::Send(to, message)).await?;
        Ok(Reply::So(Outcome::Value(len)))
    }
}
