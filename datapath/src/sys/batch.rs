//! Many packets in one system call, and many segments in one packet of the call.

use super::cmsg::Controls;
use socket2::{SockAddr, SockAddrStorage};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Most messages in one call.
pub(crate) const BATCH: usize = 64;

/// What is sent as one: a datagram, or datagrams of `segment` octets each but the last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) pieces: &'a [IoSlice<'a>],
    pub(crate) segment: Option<u16>,
    /// Where to, on a socket that is not connected.
    pub(crate) to: Option<&'a Target>,
    /// The TOS octet or traffic class of IPv4 or IPv6 packets, where they shall have another than
    /// 0.
    pub(crate) class: Option<Class>,
    /// The TTL or hop limit, where it shall not be the socket's.
    pub(crate) hops: Option<Hops>,
}

/// A TTL of IPv4 or a hop limit of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hops {
    V4(u8),
    V6(u8),
}

/// A TOS octet of IPv4 or a traffic class of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    V4(u8),
    V6(u8),
}

/// The addresses of a packet on a socket that is not connected.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) to: SockAddr,
    /// The address to send from, on a socket that is bound to every address.
    pub(crate) from: Option<IpAddr>,
    /// The mark for the host to know the packet by, or 0.
    pub(crate) mark: u32,
}

/// What was received as one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Received {
    /// Octets in the slot.
    pub(crate) len: usize,
    /// Octets of each datagram but the last, when there are several.
    pub(crate) segment: Option<usize>,
    /// Who sent it; told when asked for.
    pub(crate) from: Option<SocketAddr>,
    /// The address it was sent to; told by sockets that were set up to.
    pub(crate) to: Option<IpAddr>,
    /// Its TOS octet or traffic class, 0 where the socket does not tell.
    pub(crate) class: u8,
    /// The mark that the host has put on it, 0 where the socket does not tell.
    pub(crate) mark: u32,
}

impl Received {
    /// The datagrams in `slot`; an empty one is one.
    pub(crate) fn datagrams<'a>(&self, slot: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let octets = &slot[..self.len];
        let stride = self.segment.unwrap_or(self.len).max(1);
        let empty = octets.is_empty().then_some(octets);
        octets.chunks(stride).chain(empty)
    }
}

/// Receives up to [`BATCH`] messages, one into each slot, and tells in `received` what came, with
/// the sender where `senders` says so. Gives how many; WouldBlock when there is none. What is
/// longer than its slot is cut.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    slots: &mut [IoSliceMut<'_>],
    received: &mut [Received; BATCH],
    senders: bool,
) -> io::Result<usize> {
    let count = slots.len().min(BATCH);
    let mut controls = [Controls::EMPTY; BATCH];
    let mut messages = [EMPTY; BATCH];
    let mut names: Vec<SockAddrStorage> = Vec::new();
    for ((message, slot), control) in messages.iter_mut().zip(slots).zip(&mut controls) {
        message.msg_hdr.msg_iov = std::ptr::from_mut(slot).cast();
        message.msg_hdr.msg_iovlen = 1;
        message.msg_hdr.msg_control = std::ptr::from_mut(control).cast();
        message.msg_hdr.msg_controllen = size_of::<Controls>() as _;
    }
    if senders {
        names.resize_with(count, SockAddrStorage::zeroed);
        for (message, name) in messages.iter_mut().zip(&mut names) {
            message.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
            message.msg_hdr.msg_namelen = name.size_of();
        }
    }
    // SAFETY: the first `count` messages point at one iovec each (an IoSliceMut is one), which
    // point at distinct writable memory, at one control buffer each of the given length, and at
    // one address storage each of the given length or none; all of it lives through the call, and
    // the kernel may write any octets there.
    let got = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_DONTWAIT as _,
            std::ptr::null_mut(),
        )
    };
    let got = super::check(got)?.unsigned_abs() as usize;
    for ((out, message), control) in received.iter_mut().zip(&messages[..got]).zip(&controls) {
        #[allow(clippy::unnecessary_cast)] // musl's is a u32
        let told = control.read(message.msg_hdr.msg_controllen as usize);
        *out = Received {
            len: message.msg_len as usize,
            segment: told.segment,
            from: None,
            to: told.destination,
            class: told.class.unwrap_or(0),
            mark: told.mark.unwrap_or(0),
        };
    }
    for ((out, message), name) in received.iter_mut().zip(&messages[..got]).zip(names) {
        // SAFETY: the kernel wrote an address of `msg_namelen` octets there, or none.
        let name = unsafe { SockAddr::new(name, message.msg_hdr.msg_namelen) };
        out.from = name.as_socket();
    }
    Ok(got)
}

/// Sends up to [`BATCH`] messages and gives how many went; an error is that of the first.
pub(crate) fn send(socket: BorrowedFd<'_>, out: &[Message<'_>]) -> io::Result<usize> {
    let count = out.len().min(BATCH);
    let mut controls = [Controls::EMPTY; BATCH];
    let mut messages = [EMPTY; BATCH];
    for ((message, one), control) in messages.iter_mut().zip(out).zip(&mut controls) {
        message.msg_hdr.msg_iov = one.pieces.as_ptr().cast_mut().cast();
        message.msg_hdr.msg_iovlen = one.pieces.len() as _;
        let mut len = 0;
        if let Some(size) = one.segment {
            len = control.segment(len, size);
        }
        match one.class {
            Some(Class::V4(class)) => len = control.class(len, true, class),
            Some(Class::V6(class)) => len = control.class(len, false, class),
            None => {}
        }
        match one.hops {
            Some(Hops::V4(hops)) => len = control.hops(len, true, hops),
            Some(Hops::V6(hops)) => len = control.hops(len, false, hops),
            None => {}
        }
        if let Some(target) = one.to {
            message.msg_hdr.msg_name = target.to.as_ptr().cast_mut().cast();
            message.msg_hdr.msg_namelen = target.to.len();
            if let Some(from) = target.from {
                len = control.source(len, from);
            }
            if target.mark != 0 {
                len = control.mark(len, target.mark);
            }
        }
        if len > 0 {
            message.msg_hdr.msg_control = std::ptr::from_mut(control).cast();
            message.msg_hdr.msg_controllen = len as _;
        }
    }
    // SAFETY: the first `count` messages point at their iovecs (an IoSlice is one), at most one
    // control buffer each of which so many octets are written, and at most one address of the
    // given length, all of which the kernel only reads and which lives through the call.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_DONTWAIT as _,
        )
    };
    Ok(super::check(sent)?.unsigned_abs() as usize)
}

// SAFETY: an mmsghdr is integers and nullable pointers, for which zeros are a value.
const EMPTY: libc::mmsghdr = unsafe { std::mem::zeroed() };
