//! The program's only unsafe code: system calls as bare as the cases need them, with whatever
//! lengths, pointers and octets they are to be given.
#![allow(unsafe_code)]

use libc::{c_int, c_ulong, c_void, socklen_t};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// No process has anything there.
pub(crate) const NOWHERE: usize = 8;

pub(crate) fn socket(domain: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes no memory.
    let fd = check(unsafe { libc::socket(domain, kind, protocol) })?;
    // SAFETY: the kernel has just given this descriptor to us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(crate) fn open(path: &CStr, flags: c_int) -> io::Result<OwnedFd> {
    // SAFETY: the path ends with NUL.
    let fd = check(unsafe { libc::open(path.as_ptr(), flags) })?;
    // SAFETY: the kernel has just given this descriptor to us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(crate) fn connect(fd: &impl AsRawFd, address: &[u8]) -> io::Result<()> {
    connect_at(fd, address.as_ptr() as usize, address.len())
}

/// `connect` with an address that may be anywhere: the kernel copies from it, or refuses to.
pub(crate) fn connect_at(fd: &impl AsRawFd, address: usize, len: usize) -> io::Result<()> {
    // SAFETY: the kernel reads no further than `len`, and checks that it may read at all.
    let result = unsafe {
        libc::connect(
            fd.as_raw_fd(),
            address as *const libc::sockaddr,
            len as socklen_t,
        )
    };
    check(result).map(drop)
}

pub(crate) fn bind(fd: &impl AsRawFd, address: &[u8]) -> io::Result<()> {
    // SAFETY: pointer and length are those of one slice.
    let result = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            address.as_ptr().cast(),
            address.len() as socklen_t,
        )
    };
    check(result).map(drop)
}

pub(crate) fn listen(fd: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: takes no memory.
    check(unsafe { libc::listen(fd.as_raw_fd(), 1) }).map(drop)
}

pub(crate) fn accept(fd: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: no address is asked for.
    let fd =
        check(unsafe { libc::accept(fd.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut()) })?;
    // SAFETY: the kernel has just given this descriptor to us.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

pub(crate) fn shutdown(fd: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: takes no memory.
    check(unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_RDWR) }).map(drop)
}

pub(crate) fn socketpair(domain: c_int, kind: c_int, protocol: c_int) -> io::Result<()> {
    let mut pair = [0; 2];
    // SAFETY: the array holds two descriptors.
    check(unsafe { libc::socketpair(domain, kind, protocol, pair.as_mut_ptr()) })?;
    for fd in pair {
        // SAFETY: the kernel has just given this descriptor to us.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
    Ok(())
}

/// The socket's or its peer's name, cut to `room` octets, and the length the kernel gives.
pub(crate) fn name(fd: &impl AsRawFd, of_peer: bool, room: usize) -> io::Result<(Vec<u8>, usize)> {
    let mut buffer = [0u8; 256];
    let mut len = room.min(buffer.len()) as socklen_t;
    let call = if of_peer {
        libc::getpeername
    } else {
        libc::getsockname
    };
    // SAFETY: the buffer has at least `len` octets.
    check(unsafe { call(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), &mut len) })?;
    let len = len as usize;
    Ok((buffer[..len.min(room)].to_vec(), len))
}

pub(crate) fn set_option(
    fd: &impl AsRawFd,
    level: c_int,
    option: c_int,
    value: &[u8],
) -> io::Result<()> {
    set_option_at(fd, level, option, value.as_ptr() as usize, value.len())
}

/// `setsockopt` with a value that may be anywhere.
pub(crate) fn set_option_at(
    fd: &impl AsRawFd,
    level: c_int,
    option: c_int,
    value: usize,
    len: usize,
) -> io::Result<()> {
    // SAFETY: the kernel reads no further than `len`, and checks that it may read at all.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            value as *const c_void,
            len as socklen_t,
        )
    };
    check(result).map(drop)
}

/// `getsockopt` with a length of `len`, negative ones included; the value and its length.
pub(crate) fn option(
    fd: &impl AsRawFd,
    level: c_int,
    option: c_int,
    len: i32,
) -> io::Result<(Vec<u8>, usize)> {
    let mut buffer = [0u8; 64];
    assert!(len <= 64, "room for the answer");
    let mut len = len as socklen_t;
    // SAFETY: the kernel writes no more than the length, which the buffer has, and none at all
    // when it is negative.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            option,
            buffer.as_mut_ptr().cast(),
            &mut len,
        )
    })?;
    let len = len as usize;
    Ok((buffer[..len.min(64)].to_vec(), len))
}

/// An `ioctl` whose argument is memory that it may read and write.
pub(crate) fn ioctl(fd: &impl AsRawFd, request: u32, argument: &mut [u8]) -> io::Result<c_int> {
    let size = (request >> 16) & 0x3fff;
    assert!(argument.len() >= size as usize, "room for the argument");
    // SAFETY: the argument is as long as the request's number says.
    check(unsafe {
        libc::ioctl(
            fd.as_raw_fd(),
            c_ulong::from(request),
            argument.as_mut_ptr(),
        )
    })
}

/// An `ioctl` with a pointer to nowhere.
pub(crate) fn ioctl_nowhere(fd: &impl AsRawFd, request: u32) -> io::Result<c_int> {
    // SAFETY: the kernel checks that it may use the pointer.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), c_ulong::from(request), NOWHERE) })
}

pub(crate) fn read(fd: &impl AsRawFd, room: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0u8; room];
    // SAFETY: pointer and length are those of one slice.
    let len = check_size(unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), room) })?;
    buffer.truncate(len);
    Ok(buffer)
}

pub(crate) fn write(fd: &impl AsRawFd, data: &[u8]) -> io::Result<usize> {
    // SAFETY: pointer and length are those of one slice.
    check_size(unsafe { libc::write(fd.as_raw_fd(), data.as_ptr().cast(), data.len()) })
}

pub(crate) fn send(fd: &impl AsRawFd, data: &[u8], flags: c_int) -> io::Result<usize> {
    // SAFETY: pointer and length are those of one slice.
    check_size(unsafe { libc::send(fd.as_raw_fd(), data.as_ptr().cast(), data.len(), flags) })
}

pub(crate) fn send_to(
    fd: &impl AsRawFd,
    data: &[u8],
    flags: c_int,
    address: &[u8],
) -> io::Result<usize> {
    // SAFETY: both pointers and lengths are those of their slices.
    check_size(unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            data.as_ptr().cast(),
            data.len(),
            flags,
            address.as_ptr().cast(),
            address.len() as socklen_t,
        )
    })
}

pub(crate) fn receive(fd: &impl AsRawFd, room: usize, flags: c_int) -> io::Result<Vec<u8>> {
    receive_from(fd, room, flags).map(|(data, _)| data)
}

/// What arrives, and the address it is said to come from.
pub(crate) fn receive_from(
    fd: &impl AsRawFd,
    room: usize,
    flags: c_int,
) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut buffer = vec![0u8; room];
    let mut address = [0u8; 128];
    let mut len = address.len() as socklen_t;
    // SAFETY: both pointers have as much behind them as their lengths say.
    let got = check_size(unsafe {
        libc::recvfrom(
            fd.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            room,
            flags,
            address.as_mut_ptr().cast(),
            &mut len,
        )
    })?;
    buffer.truncate(got.min(room));
    Ok((buffer, address[..(len as usize).min(128)].to_vec()))
}

/// Which of `events` come within `time`, and those that always do.
pub(crate) fn poll(fd: &impl AsRawFd, events: i16, time: Duration) -> io::Result<i16> {
    let milliseconds = c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX);
    let mut one = libc::pollfd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    };
    // SAFETY: there is one entry.
    check(unsafe { libc::poll(&mut one, 1, milliseconds) })?;
    Ok(one.revents)
}

/// The names of the namespace's devices.
pub(crate) fn devices() -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: the list is read up to its end, which has no name, and given back once.
    unsafe {
        let list = libc::if_nameindex();
        if list.is_null() {
            return names;
        }
        let mut at = list;
        while !(*at).if_name.is_null() {
            names.push(CStr::from_ptr((*at).if_name).to_string_lossy().into_owned());
            at = at.add(1);
        }
        libc::if_freenameindex(list);
    }
    names
}

/// Runs `body` in a child, which a signal ends after `seconds`, and gives the status that `wait`
/// gives.
pub(crate) fn in_child(seconds: u32, body: impl FnOnce()) -> io::Result<c_int> {
    // SAFETY: this process has a single thread.
    match check(unsafe { libc::fork() })? {
        0 => {
            // SAFETY: takes no memory.
            unsafe { libc::alarm(seconds) };
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            // SAFETY: ends the child and runs nothing of the parent's.
            unsafe { libc::_exit(i32::from(outcome.is_err())) }
        }
        child => wait(child),
    }
}

fn wait(child: libc::pid_t) -> io::Result<c_int> {
    let mut status = 0;
    // SAFETY: the status is one integer.
    check(unsafe { libc::waitpid(child, &mut status, 0) })?;
    Ok(status)
}

/// Takes the calling thread into a network namespace of its own, with its loopback device up.
pub(crate) fn enter_new_namespace() -> io::Result<()> {
    // SAFETY: only the network namespace changes.
    check(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
    raise("lo")
}

/// Asks about a device by a request that takes a `struct ifreq`; gives what it has behind the
/// name.
pub(crate) fn device(name: &str, request: c_ulong) -> io::Result<[u8; 24]> {
    let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let mut argument = [0u8; 40];
    argument[..name.len()].copy_from_slice(name.as_bytes());
    // SAFETY: the argument is as large as a `struct ifreq`.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), request, argument.as_mut_ptr()) })?;
    let mut rest = [0; 24];
    rest.copy_from_slice(&argument[16..40]);
    Ok(rest)
}

/// Takes CAP_NET_ADMIN from the calling thread.
pub(crate) fn drop_net_admin() -> io::Result<()> {
    let mut sets = capabilities(None)?;
    sets.effective.remove(CapabilitySet::NET_ADMIN);
    sets.permitted.remove(CapabilitySet::NET_ADMIN);
    sets.inheritable.remove(CapabilitySet::NET_ADMIN);
    Ok(set_capabilities(None, sets)?)
}

/// A file number that nothing is open under.
pub(crate) const UNUSED_FD: RawFd = 777;

/// Gives a device another name.
pub(crate) fn rename_device(name: &str, new: &str) -> io::Result<()> {
    set_device(name, libc::SIOCSIFNAME, new.as_bytes())
}

/// Sets a device up.
pub(crate) fn raise(name: &str) -> io::Result<()> {
    let flags = device(name, libc::SIOCGIFFLAGS)?;
    let flags = u16::from_ne_bytes([flags[0], flags[1]]) | libc::IFF_UP as u16;
    set_device(name, libc::SIOCSIFFLAGS, &flags.to_ne_bytes())
}

/// Gives a device an address and the one at its other end.
pub(crate) fn address(name: &str, own: [u8; 4], peer: Option<[u8; 4]>) -> io::Result<()> {
    set_device(name, libc::SIOCSIFADDR, &crate::address::in4(own, 0))?;
    match peer {
        Some(peer) => set_device(name, libc::SIOCSIFDSTADDR, &crate::address::in4(peer, 0)),
        None => Ok(()),
    }
}

fn set_device(name: &str, request: c_ulong, value: &[u8]) -> io::Result<()> {
    let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let mut argument = [0u8; 40];
    argument[..name.len()].copy_from_slice(name.as_bytes());
    argument[16..16 + value.len()].copy_from_slice(value);
    // SAFETY: the argument is as large as a `struct ifreq`.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), request, argument.as_mut_ptr()) }).map(drop)
}

/// What a request about a PPP device's statistics writes.
pub(crate) fn ppp_statistics(name: &str, request: c_ulong) -> io::Result<Vec<u8>> {
    let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let mut answer = vec![0u8; 76];
    let mut argument = [0u8; 40];
    argument[..name.len()].copy_from_slice(name.as_bytes());
    argument[16..24].copy_from_slice(&(answer.as_mut_ptr() as usize).to_ne_bytes());
    // SAFETY: the argument is as large as a `struct ifreq` and holds the address of a buffer as
    // large as a `struct ppp_stats`.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), request, argument.as_mut_ptr()) })?;
    Ok(answer)
}

fn check(result: c_int) -> io::Result<c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        other => Ok(other),
    }
}

fn check_size(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
