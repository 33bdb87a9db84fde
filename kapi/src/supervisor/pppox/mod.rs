//! PPPoL2TP sockets. Until it is connected our end of a socket stays here; then the daemon has it,
//! frames go there by themselves, and what is asked of the socket is asked of the daemon.

mod address;
mod calls;

use super::asked::Asked;
use super::authority::process_of;
use super::caller::{Caller, errno};
use super::daemon::Link;
use super::ip::describe;
use super::namespace::Namespace;
use super::objects::{Known, Object, Objects};
use super::{Reply, Supervisor};
use crate::protocol::{Ask, Connect, Descriptor};
use crate::sys::seccomp::Outcome;
use crate::sys::socket::watch;
pub use address::PppoxAddress;
use adit_wire::netlink::Errno;
use rustix::fs::{OFlags, fcntl_setfl, fstat};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::spawn_local;

/// PX_PROTO_OE, PX_PROTO_OL2TP and PX_PROTO_PPTP of `linux/if_pppox.h`, and the highest number
/// that it leaves room for.
const PX_PROTO_OE: i32 = 0;
const PX_PROTO_OL2TP: i32 = 1;
const PX_PROTO_PPTP: i32 = 2;
const PX_PROTO_LAST: i32 = 3;

/// What a socket's type may have besides the type itself.
const FLAGS: i32 = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
/// More messages than a Unix socket's queue holds by default.
const SENT: usize = 1024;
/// SOCK_MAX of `linux/net.h`: no type has that number or a higher one.
const SOCK_MAX: i32 = 11;

/// A program's PPPoL2TP socket.
pub(super) struct PppoxSocket {
    namespace: Rc<Namespace>,
    /// What programs have, among which they name sockets.
    objects: Objects,
    stage: RefCell<Stage>,
    /// Told when it is connected.
    connected: Notify,
    /// The thread that connected it, which its name tells.
    owner: Cell<i32>,
}

#[derive(Clone)]
enum Stage {
    /// Nobody has been told of it. What keeps it known is with it.
    Fresh(Rc<AsyncFd<OwnedFd>>, Rc<RefCell<Option<Known>>>),
    /// The daemon is being asked.
    Connecting,
    /// The daemon knows it by this number.
    Connected(Rc<Link>, u32),
}

/// Answers socket(AF_PPPOX, kind, protocol).
pub(super) async fn open(
    supervisor: &Supervisor,
    caller: &Caller<'_>,
    kind: i32,
    protocol: i32,
) -> Result<Reply, Errno> {
    let Some(namespace) = admit(supervisor, caller, kind, protocol).await? else {
        return Ok(Reply::So(Outcome::Continue));
    };
    let flags = SocketFlags::CLOEXEC;
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
    let (ours, theirs) = pair.map_err(|err| errno(&err.into()))?;
    if kind & libc::SOCK_NONBLOCK != 0 {
        fcntl_setfl(&theirs, OFlags::NONBLOCK).map_err(|err| errno(&err.into()))?;
    }
    let inode = fstat(&theirs).map_err(|err| errno(&err.into()))?.st_ino;
    let ours = Rc::new(watch(ours).map_err(|err| errno(&err))?);
    let known = Rc::new(RefCell::new(None));
    let socket = Rc::new(PppoxSocket {
        namespace,
        objects: supervisor.objects.clone(),
        stage: RefCell::new(Stage::Fresh(Rc::clone(&ours), Rc::clone(&known))),
        connected: Notify::new(),
        owner: Cell::new(0),
    });
    let object = Object::Pppox(Rc::clone(&socket));
    *known.borrow_mut() = Some(supervisor.objects.add(inode, object));
    spawn_local(async move {
        tokio::select! {
            () = socket.connected.notified() => return,
            () = hang_up(&ours) => {}
        }
        // Closed before it was connected.
        let known = known.take();
        drop(known);
    });
    caller.give(&theirs, kind & libc::SOCK_CLOEXEC != 0)?;
    Ok(Reply::Done)
}

/// Answers socketpair(AF_PPPOX, kind, protocol): such sockets come in no pairs.
pub(super) async fn pair(
    supervisor: &Supervisor,
    caller: &Caller<'_>,
    kind: i32,
    protocol: i32,
) -> Result<Reply, Errno> {
    match admit(supervisor, caller, kind, protocol).await? {
        Some(_) => Err(Errno::EOPNOTSUPP),
        None => Ok(Reply::So(Outcome::Continue)),
    }
}

/// The namespace in which a socket of these is to be made; none when that is the kernel's affair.
async fn admit(
    supervisor: &Supervisor,
    caller: &Caller<'_>,
    kind: i32,
    protocol: i32,
) -> Result<Option<Rc<Namespace>>, Errno> {
    let file = caller.network_namespace().map_err(|err| errno(&err))?;
    let namespace = supervisor.namespaces.get(file).map_err(|err| errno(&err))?;
    if namespace.link().await.is_none() {
        return Ok(None);
    }
    match protocol {
        PX_PROTO_OL2TP => {}
        PX_PROTO_OE | PX_PROTO_PPTP => return Ok(None),
        PX_PROTO_LAST => return Err(Errno::EPROTONOSUPPORT),
        _ => return Err(Errno(libc::EPROTOTYPE)),
    }
    if kind & !FLAGS >= SOCK_MAX || kind & !FLAGS < 0 {
        return Err(Errno::EINVAL);
    }
    Ok(Some(namespace))
}

/// Returns when the program has closed the other end.
async fn hang_up(ours: &AsyncFd<OwnedFd>) {
    loop {
        match ours.ready(Interest::READABLE).await {
            Ok(ready) if ready.ready().is_read_closed() => return,
            // What a program sends before it is connected is forgotten when it is.
            Ok(mut ready) => ready.clear_ready(),
            Err(_) => return,
        }
    }
}

impl PppoxSocket {
    /// Answers a call on the socket.
    pub(super) async fn answer(&self, caller: &Caller<'_>, asked: Asked) -> Result<Reply, Errno> {
        let done = |()| Reply::So(Outcome::Value(0));
        match asked {
            Asked::Connect { address, len, .. } => {
                self.connect(caller, address, len).await.map(done)
            }
            Asked::Bind { .. } | Asked::Stream { .. } => Err(Errno::EOPNOTSUPP),
            Asked::Name { address, len, .. } => self.name(caller, address, len).await.map(done),
            Asked::SetOption {
                level,
                name,
                value,
                len,
                ..
            } => self
                .set_option(caller, level, name, value, len)
                .await
                .map(done),
            Asked::GetOption {
                level,
                name,
                value,
                len,
                ..
            } => self
                .get_option(caller, level, name, value, len)
                .await
                .map(done),
            Asked::Ioctl {
                request, argument, ..
            } => self.control(caller, request, argument).await.map(done),
            Asked::Socket { .. }
            | Asked::Socketpair { .. }
            | Asked::Open { .. }
            | Asked::Send { .. }
            | Asked::SendMessage { .. } => Ok(Reply::So(Outcome::Continue)),
        }
    }

    /// The daemon that knows the socket, and the number by which it does.
    fn connected(&self) -> Result<(Rc<Link>, u32), Errno> {
        match &*self.stage.borrow() {
            Stage::Connected(link, number) => Ok((Rc::clone(link), *number)),
            Stage::Fresh(..) | Stage::Connecting => Err(Errno(libc::ENOTCONN)),
        }
    }

    async fn connect(&self, caller: &Caller<'_>, address: u64, len: i32) -> Result<(), Errno> {
        if !address::is_length(len) {
            return Err(Errno::EINVAL);
        }
        let octets = caller.copy(address, usize::try_from(len).unwrap_or_default())?;
        let address = PppoxAddress::read(&octets)?;
        let link = self.namespace.link().await.ok_or(Errno::ENOENT)?;
        let (descriptor, tunnel) = match address.ids.is_management() {
            true => self.tunnel_socket(caller, address.fd),
            false => (Descriptor::None, None),
        };
        let connect = Connect {
            privileged: caller.is_admin(&*self.namespace),
            version: address.version,
            ids: address.ids,
            process: process_of(caller.tid()).unwrap_or_default(),
            fd: address.fd,
            socket: descriptor,
        };
        let fresh = self.stage.replace(Stage::Connecting);
        let Stage::Fresh(ours, known) = fresh else {
            // It has been connected; only whether there is a tunnel comes before that.
            *self.stage.borrow_mut() = fresh;
            return Err(self.refusal_when_connected(&link, connect).await);
        };
        forget_sent(&ours);
        let mut descriptors = vec![ours.as_fd()];
        descriptors.extend(tunnel.as_ref().map(AsFd::as_fd));
        let outcome = match link.settle(Ask::Connect(connect), &descriptors).await {
            Ok(crate::protocol::Say::Object(number)) => Ok(number),
            Ok(_) => Err(Errno(libc::EPROTO)),
            Err(refused) => Err(refused),
        };
        match outcome {
            Ok(number) => {
                self.owner.set(caller.tid());
                if let Some(known) = known.take() {
                    link.keep(number, known);
                }
                *self.stage.borrow_mut() = Stage::Connected(link, number);
                self.connected.notify_one();
                Ok(())
            }
            Err(refused) => {
                *self.stage.borrow_mut() = Stage::Fresh(Rc::clone(&ours), known);
                Err(refused)
            }
        }
    }

    /// The socket that the caller has as descriptor `fd`.
    fn tunnel_socket(&self, caller: &Caller<'_>, fd: i32) -> (Descriptor, Option<OwnedFd>) {
        if fd < 0 {
            return (Descriptor::None, None);
        }
        match process_of(caller.tid()).map(|process| borrow(process, fd)) {
            Some(Ok(socket)) if caller.waits() => describe(socket, &self.objects, &self.namespace),
            Some(Err(refused)) => (Descriptor::Refused(refused.0), None),
            Some(Ok(_)) | None => (Descriptor::Refused(Errno::EBADF.0), None),
        }
    }

    /// Why a socket that is connected cannot be connected.
    async fn refusal_when_connected(&self, link: &Link, connect: Connect) -> Errno {
        let again = Connect {
            socket: Descriptor::None,
            ..connect
        };
        match link.settle(Ask::Connect(again), &[]).await {
            Err(refused) => refused,
            Ok(_) => Errno::EBUSY,
        }
    }
}

/// Throws away what a program sent before it was connected, which Linux refuses.
fn forget_sent(ours: &AsyncFd<OwnedFd>) {
    // As many as fit into a queue; somebody may send more meanwhile.
    for _ in 0..SENT {
        let taken = recv(ours.get_ref(), &mut [0; 1][..], RecvFlags::DONTWAIT);
        if taken.is_err() {
            return;
        }
    }
}

/// A copy of the descriptor `fd` of a process.
pub(super) fn borrow(process: i32, fd: i32) -> Result<OwnedFd, Errno> {
    if process <= 0 || fd < 0 {
        return Err(Errno::EBADF);
    }
    let process = Pid::from_raw(process).ok_or(Errno::EBADF)?;
    let opened = pidfd_open(process, PidfdFlags::empty());
    let opened = opened.map_err(|err| errno(&err.into()))?;
    let got = pidfd_getfd(opened, fd, PidfdGetfdFlags::empty());
    got.map_err(|err| errno(&err.into()))
}
