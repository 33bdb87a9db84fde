//! System calls that no safe library offers; the daemon's only unsafe code.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use tokio::io::unix::AsyncFd;

/// SO_PEERPIDFD of `asm-generic/socket.h`, Linux 6.5.
const SO_PEERPIDFD: c_int = 77;
/// SO_NETNS_COOKIE of `asm-generic/socket.h`, Linux 5.14.
const SO_NETNS_COOKIE: c_int = 71;
/// NS_GET_USERNS and NS_GET_PARENT of `linux/nsfs.h`.
const NS_GET_USERNS: libc::Ioctl = 0xb701;
const NS_GET_PARENT: libc::Ioctl = 0xb702;

/// Lets the runtime wait until `socket` can be read or written.
pub(super) fn watch(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd always names the one descriptor that it owns, open until it is dropped;
    // the AsyncFd owns it and lends it out shared only.
    let watched = unsafe { AsyncFd::register(socket) };
    watched.map_err(Into::into)
}

/// Process id, 0 for one that this process cannot see, and effective user id of whoever connected
/// to the Unix socket's other end.
pub(super) fn peer_credentials(socket: impl AsFd) -> io::Result<(i32, u32)> {
    let none = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    // SAFETY: SO_PEERCRED fills a ucred, for which every bit pattern is valid.
    let found = unsafe { option(socket, libc::SO_PEERCRED, none)? };
    Ok((found.pid, found.uid))
}

/// A descriptor of the process that connected to the Unix socket's other end.
pub(super) fn peer_pidfd(socket: impl AsFd) -> io::Result<OwnedFd> {
    // SAFETY: SO_PEERPIDFD fills an int.
    let fd: c_int = unsafe { option(socket, SO_PEERPIDFD, -1)? };
    // SAFETY: on success the option made a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// An option's number.
pub(super) fn number(socket: impl AsFd, level: c_int, name: c_int) -> io::Result<c_int> {
    let mut value: c_int = 0;
    let mut len = size_of::<c_int>() as libc::socklen_t;
    let out = (&raw mut value).cast();
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `len` octets, the size of `value`.
    match unsafe { libc::getsockopt(fd, level, name, out, &raw mut len) } {
        0 => Ok(value),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What tells a socket's network namespace from all others of this boot, dead ones included.
pub(super) fn netns_cookie(socket: impl AsFd) -> io::Result<u64> {
    // SAFETY: SO_NETNS_COOKIE fills a u64.
    unsafe { option(socket, SO_NETNS_COOKIE, 0u64) }
}

/// Reads a socket option of level SOL_SOCKET into `value`.
///
/// # Safety
/// The option `name` fills a `T`, and every bit pattern is a valid `T`.
unsafe fn option<T: Copy>(socket: impl AsFd, name: c_int, mut value: T) -> io::Result<T> {
    let mut len = size_of::<T>() as libc::socklen_t;
    let out = (&raw mut value).cast();
    // SAFETY: `out` points to `len` writable octets; what is written there is valid by contract.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            name,
            out,
            &raw mut len,
        )
    };
    match outcome {
        0 => Ok(value),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Has the terminal `fd` treat what comes and goes as `discipline` says (N_PPP of `linux/tty.h`,
/// say).
pub(super) fn set_line_discipline(fd: impl AsFd, discipline: c_int) -> io::Result<()> {
    let argument = &raw const discipline;
    // SAFETY: the kernel reads one int, which lives through the call.
    match unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSETD, argument) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The user namespace that owns the namespace `ns`.
pub(super) fn owning_user_namespace(ns: impl AsFd) -> io::Result<OwnedFd> {
    related(ns, NS_GET_USERNS)
}

/// The parent of the user namespace `ns`, as far as this process may see it.
pub(super) fn parent_user_namespace(ns: impl AsFd) -> io::Result<OwnedFd> {
    related(ns, NS_GET_PARENT)
}

fn related(ns: impl AsFd, request: libc::Ioctl) -> io::Result<OwnedFd> {
    // SAFETY: both requests take no argument and touch no memory of this process.
    let fd = unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), request) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: on success both requests return a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
