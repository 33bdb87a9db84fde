//! The control socket: a Unix SEQPACKET listener and its connections, one packet a message.

use super::sys;
use crate::control::Address;
use adit_datapath::Error;
use adit_wire::netlink::Errno;
use rustix::fs::{Mode, unlink};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, accept_with, bind, connect, listen, recv, recvmsg, send, socket_with,
};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 128;

/// Who may open a socket file: its owner and group. An abstract name has no mode.
const FILE_MODE: Mode = Mode::from_raw_mode(0o660);

/// A bound control socket; its file goes with it.
#[derive(Debug)]
pub(super) struct Listener {
    socket: AsyncFd<OwnedFd>,
    path: Option<PathBuf>,
}

impl Listener {
    /// Binds `address`. Refuses with EADDRINUSE when a daemon listens there; a socket file that
    /// nobody listens on any more is replaced.
    pub(super) fn bind(address: &Address) -> Result<Listener, Error> {
        let (name, path) = match address {
            Address::Namespace(name) => (SocketAddrUnix::new_abstract_name(name.as_bytes()), None),
            Address::Path(path) => (SocketAddrUnix::new(path), Some(path.clone())),
        };
        let refused = |err: rustix::io::Errno| {
            let text = format!(
                "{address} cannot be opened: {}; give a place that can be written by --socket",
                io::Error::from(err)
            );
            Error::new(Errno(err.raw_os_error()), "socket", text)
        };
        let name = name.map_err(refused)?;
        let socket = seqpacket().map_err(refused)?;
        let bound = match (bind_private(&socket, &name), &path) {
            (Err(rustix::io::Errno::ADDRINUSE), Some(path)) if abandoned(path, &name) => {
                unlink(path).and_then(|()| bind_private(&socket, &name))
            }
            (outcome, _) => outcome,
        };
        bound.map_err(|err| match err {
            rustix::io::Errno::ADDRINUSE => in_use(address),
            other => refused(other),
        })?;
        listen(&socket, BACKLOG).map_err(refused)?;
        let socket =
            sys::watch(socket).map_err(|err| Error::system(&err, "socket", "cannot be watched"))?;
        Ok(Listener { socket, path })
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<Connection> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let take = |fd: &OwnedFd| accept_with(fd, flags).map_err(io::Error::from);
        let socket = self.socket.async_io(Interest::READABLE, take).await?;
        Ok(Connection {
            socket: sys::watch(socket)?,
        })
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path
            && let Err(err) = unlink(path)
        {
            tracing::warn!("{}: cannot be removed: {err}", path.display());
        }
    }
}

fn seqpacket() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
}

/// Binds so that a socket file never has a wider mode than it shall have.
fn bind_private(socket: &OwnedFd, name: &SocketAddrUnix) -> rustix::io::Result<()> {
    let before = rustix::process::umask(Mode::from_raw_mode(0o777) - FILE_MODE);
    let outcome = bind(socket, name);
    rustix::process::umask(before);
    outcome
}

/// Whether `path` is a socket on which nobody listens.
fn abandoned(path: &Path, name: &SocketAddrUnix) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = path
        .symlink_metadata()
        .is_ok_and(|file| file.file_type().is_socket());
    let probe = seqpacket().and_then(|probe| connect(&probe, name));
    is_socket && probe == Err(rustix::io::Errno::CONNREFUSED)
}

fn in_use(address: &Address) -> Error {
    let text = match address {
        Address::Namespace(_) => format!(
            "{address}: a daemon already runs in this network namespace; stop it or give another --socket"
        ),
        Address::Path(_) => format!(
            "{address}: a daemon already listens there or the file is no socket; give another --socket"
        ),
    };
    Error::new(Errno::EADDRINUSE, "socket", text)
}

/// One client.
#[derive(Debug)]
pub(super) struct Connection {
    socket: AsyncFd<OwnedFd>,
}

impl Connection {
    /// The length of the next packet, of which `buffer` holds as much as fits; 0 at the end.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let take = |fd: &OwnedFd| {
            let received = recv(fd, &mut *buffer, RecvFlags::TRUNC);
            received.map(|(_, len)| len).map_err(io::Error::from)
        };
        self.socket.async_io(Interest::READABLE, take).await
    }

    /// As [`Connection::receive`], with the descriptors that come beside the packet.
    pub(super) async fn receive_all(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let take = |fd: &OwnedFd| receive_with_descriptors(fd, buffer);
        self.socket.async_io(Interest::READABLE, take).await
    }

    /// Sends one packet, when the client has made room for it.
    pub(super) async fn send(&self, packet: &[u8]) -> io::Result<()> {
        let give = |fd: &OwnedFd| {
            let sent = send(fd, packet, SendFlags::NOSIGNAL);
            sent.map(drop).map_err(io::Error::from)
        };
        self.socket.async_io(Interest::WRITABLE, give).await
    }
}

/// A packet's length, and what came beside it.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) len: usize,
    pub(super) descriptors: Vec<OwnedFd>,
}

/// Most descriptors that are taken from one packet; the kernel closes those beyond.
const DESCRIPTORS: usize = 2;

fn receive_with_descriptors(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::TRUNC | RecvFlags::CMSG_CLOEXEC;
    let pieces = &mut [IoSliceMut::new(buffer)];
    let message = recvmsg(socket, pieces, &mut control, flags)?;
    let mut descriptors = Vec::new();
    for beside in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = beside {
            descriptors.extend(rights);
        }
    }
    Ok(Received {
        len: message.bytes,
        descriptors,
    })
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests;
