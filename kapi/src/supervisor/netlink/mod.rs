//! Generic-netlink sockets: the family `l2tp` is served by the daemon, everything else by a real
//! socket behind, opened in the program's namespace.
//!
//! The program's end of the pair has no netlink address, so ours is bound to a name that reads
//! like one: 12 octets with zeros where `nl_pid` is. What a receiver is told of the sender then
//! passes the checks that programs make, and receiving stays the kernel's own call.

mod datagram;
mod options;
mod serve;

pub use datagram::{messages, named_descriptor};

use super::asked::Asked;
use super::authority::own_process_id;
use super::caller::{Caller, errno};
use super::daemon::Link;
use super::namespace::Namespace;
use super::objects::{Object, Objects};
use super::{Reply, Supervisor};
use crate::sys::seccomp::Outcome;
use crate::sys::socket::watch;
use adit_wire::netlink::Errno;
use rustix::fs::{OFlags, fcntl_setfl, fstat};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, getsockname, socketpair,
    sockopt::set_socket_passcred,
};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::spawn_local;

/// What a socket's type may have besides the type itself.
const FLAGS: i32 = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;

/// A program's generic-netlink socket.
pub(super) struct NetlinkSocket {
    /// SOCK_RAW or SOCK_DGRAM, as asked.
    kind: i32,
    /// The end of the pair that the program does not have.
    ours: AsyncFd<OwnedFd>,
    /// A socket of the kernel's.
    real: AsyncFd<OwnedFd>,
    namespace: Rc<Namespace>,
    /// What programs have, among which they name sockets.
    objects: Objects,
    /// Whether who opened it had CAP_NET_ADMIN.
    opener_is_admin: bool,
    /// NETLINK_EXT_ACK and NETLINK_CAP_ACK.
    extended: Cell<bool>,
    capped: Cell<bool>,
    /// Whether it is a member of the family's multicast group, and the connection that tells it.
    member: Cell<bool>,
    joined: RefCell<Weak<Link>>,
    /// Datagrams for the program that have not found room yet, and their octets.
    queue: RefCell<VecDeque<Rc<[u8]>>>,
    queued: Cell<usize>,
    filled: Notify,
}

/// Answers socket(AF_NETLINK, kind, NETLINK_GENERIC).
pub(super) async fn open(
    supervisor: &Supervisor,
    caller: &Caller<'_>,
    kind: i32,
) -> Result<Reply, Errno> {
    let nonblocking = kind & libc::SOCK_NONBLOCK != 0;
    let close_on_exec = kind & libc::SOCK_CLOEXEC != 0;
    let real_kind = match kind & !FLAGS {
        libc::SOCK_RAW => SocketType::RAW,
        libc::SOCK_DGRAM => SocketType::DGRAM,
        _ => return Ok(Reply::So(Outcome::Continue)),
    };
    let namespace = caller.network_namespace();
    let namespace = namespace.and_then(|file| supervisor.namespaces.get(file));
    let namespace = namespace.map_err(|err| errno(&err))?;
    let opener_is_admin = caller.is_admin(&*namespace);
    let opened = namespace.within(move || real_socket(real_kind)).await;
    let (real, ours, theirs) = opened.map_err(|err| errno(&err))?;
    if nonblocking {
        fcntl_setfl(&theirs, OFlags::NONBLOCK).map_err(|err| errno(&err.into()))?;
    }
    let inode = fstat(&theirs).map_err(|err| errno(&err.into()))?.st_ino;
    let socket = Rc::new(NetlinkSocket {
        kind: kind & !FLAGS,
        ours: watch(ours).map_err(|err| errno(&err))?,
        real: watch(real).map_err(|err| errno(&err))?,
        namespace,
        objects: supervisor.objects.clone(),
        opener_is_admin,
        extended: Cell::new(false),
        capped: Cell::new(false),
        member: Cell::new(false),
        joined: RefCell::default(),
        queue: RefCell::default(),
        queued: Cell::new(0),
        filled: Notify::new(),
    });
    let known = supervisor
        .objects
        .add(inode, Object::Netlink(Rc::clone(&socket)));
    caller.give(&theirs, close_on_exec)?;
    spawn_local(async move {
        serve::serve(&socket).await;
        drop(known);
    });
    Ok(Reply::Done)
}

/// A netlink socket of the kernel's, and a pair to stand before it, made in one namespace.
fn real_socket(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC;
    let generic = Some(rustix::net::netlink::GENERIC);
    let real = rustix::net::socket_with(AddressFamily::NETLINK, kind, flags, generic)?;
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let (ours, theirs) = socketpair(family, kind, flags, None)?;
    name_like_the_kernel(&ours)?;
    set_socket_passcred(&ours, true)?;
    Ok((real, ours, theirs))
}

/// How often a name is tried that another process may have.
const TRIES: u32 = 64;

/// Binds to an abstract name of the size and shape of a netlink address with port id 0. Names are
/// unique in a namespace, so what is in front of the port id and behind it varies.
fn name_like_the_kernel(socket: &OwnedFd) -> io::Result<()> {
    let mut outcome = Err(io::ErrorKind::AddrInUse.into());
    for attempt in 0..TRIES {
        let mut random = [0; 5];
        let flags = rustix::rand::GetRandomFlags::empty();
        rustix::rand::getrandom(&mut random, flags)?;
        let [pad, groups @ ..] = random;
        // Programs look at the groups of a sender even less than at its padding.
        let groups = if attempt < TRIES / 2 { [0; 4] } else { groups };
        let mut name = [0; 9];
        name[0] = pad;
        name[5..].copy_from_slice(&groups);
        let name = SocketAddrUnix::new_abstract_name(&name)?;
        match bind(socket, &name) {
            Ok(()) => return Ok(()),
            Err(err) => outcome = Err(err.into()),
        }
    }
    outcome
}

impl NetlinkSocket {
    /// Answers a call on the socket.
    pub(super) async fn answer(
        self: &Rc<Self>,
        caller: &Caller<'_>,
        asked: Asked,
    ) -> Result<Reply, Errno> {
        let done = |()| Reply::So(Outcome::Value(0));
        match asked {
            Asked::Bind { address, len, .. } => self.bind(caller, address, len).map(done),
            Asked::Connect { address, len, .. } => self.connect(caller, address, len).map(done),
            Asked::Name {
                peer, address, len, ..
            } => {
                let name = self.name(peer).map_err(|err| errno(&err))?;
                caller.write_sized(address, len, &name).map(done)
            }
            Asked::SetOption {
                level,
                name,
                value,
                len,
                ..
            } => self.set_option(caller, level, name, value, len).await,
            Asked::GetOption {
                level,
                name,
                value,
                len,
                ..
            } => self.get_option(caller, level, name, value, len),
            Asked::Ioctl { .. } => Err(Errno(libc::ENOTTY)),
            Asked::Stream { .. } => Err(Errno::EOPNOTSUPP),
            Asked::Socket { .. }
            | Asked::Socketpair { .. }
            | Asked::Open { .. }
            | Asked::Send { .. }
            | Asked::SendMessage { .. } => Ok(Reply::So(Outcome::Continue)),
        }
    }

    fn bind(&self, caller: &Caller<'_>, address: u64, len: i32) -> Result<(), Errno> {
        let (port, groups) = self.read_address(caller, address, len)?;
        let bound = match port {
            0 if self.local().is_ok_and(|(port, _)| port == 0) => {
                self.bind_for(Some(caller.tid()), groups)
            }
            _ => bind(&self.real, &SocketAddrNetlink::new(port, groups)),
        };
        bound.map_err(|err| errno(&err.into()))
    }

    /// Binds to the port id that the kernel would give the process: its own id, unless that is
    /// taken. Left to itself the kernel would take this process's.
    fn bind_for(&self, process: Option<i32>, groups: u32) -> rustix::io::Result<()> {
        if let Some(port) = process.and_then(own_process_id) {
            match bind(&self.real, &SocketAddrNetlink::new(port, groups)) {
                Err(rustix::io::Errno::ADDRINUSE) => {}
                outcome => return outcome,
            }
        }
        bind(&self.real, &SocketAddrNetlink::new(0, groups))
    }

    /// Where messages without a destination go; to the kernel, whatever a program asks for.
    fn connect(&self, caller: &Caller<'_>, address: u64, len: i32) -> Result<(), Errno> {
        match self.read_address(caller, address, len)? {
            (0, 0) => Ok(()),
            _ => Err(Errno::EPERM),
        }
    }

    fn read_address(
        &self,
        caller: &Caller<'_>,
        address: u64,
        len: i32,
    ) -> Result<(u32, u32), Errno> {
        const OCTETS: usize = 12;
        if usize::try_from(len).ok().is_none_or(|len| len < OCTETS) {
            return Err(Errno::EINVAL);
        }
        let [f0, f1, _, _, p0, p1, p2, p3, g0, g1, g2, g3]: [u8; OCTETS] = caller.array(address)?;
        if i32::from(u16::from_ne_bytes([f0, f1])) != libc::AF_NETLINK {
            return Err(Errno::EINVAL);
        }
        let port = u32::from_ne_bytes([p0, p1, p2, p3]);
        Ok((port, u32::from_ne_bytes([g0, g1, g2, g3])))
    }

    /// The socket's `sockaddr_nl`, or that of its peer, which is the kernel.
    fn name(&self, peer: bool) -> io::Result<[u8; 12]> {
        let (port, groups) = match peer {
            true => (0, 0),
            false => self.local()?,
        };
        let mut name = [0; 12];
        name[..2].copy_from_slice(&(libc::AF_NETLINK as u16).to_ne_bytes());
        name[4..8].copy_from_slice(&port.to_ne_bytes());
        name[8..].copy_from_slice(&groups.to_ne_bytes());
        Ok(name)
    }

    fn local(&self) -> io::Result<(u32, u32)> {
        let name = SocketAddrNetlink::try_from(getsockname(&self.real)?)?;
        Ok((name.pid(), name.groups()))
    }

    /// The port id, which the socket gets with the first message, of `sender`, unless the program
    /// has chosen one.
    fn port(&self, sender: Option<i32>) -> io::Result<u32> {
        match self.local()? {
            (0, groups) => {
                self.bind_for(sender, groups)?;
                Ok(self.local()?.0)
            }
            (port, _) => Ok(port),
        }
    }
}
