//! Many packets in one system call, and many segments in one packet of the call.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Most messages in one call.
pub(crate) const BATCH: usize = 64;

/// What is sent as one: a datagram, or datagrams of `segment` octets each but the last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) pieces: &'a [IoSlice<'a>],
    pub(crate) segment: Option<u16>,
}

/// What was received as one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Received {
    /// Octets in the slot.
    pub(crate) len: usize,
    /// Octets of each datagram but the last, when there are several.
    pub(crate) segment: Option<usize>,
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

/// One control message with a number, as sent (UDP_SEGMENT) and received (UDP_GRO).
#[repr(C)]
#[derive(Clone, Copy)]
struct Control {
    len: usize,
    level: libc::c_int,
    kind: libc::c_int,
    /// A u16 for UDP_SEGMENT, an int for UDP_GRO.
    value: [u8; 8],
}

const NO_CONTROL: Control = Control {
    len: 0,
    level: 0,
    kind: 0,
    value: [0; 8],
};
const CONTROL_HEADER: usize = size_of::<Control>() - 8;

/// Receives up to [`BATCH`] messages, one into each slot, and tells in `received` what came. Gives
/// how many; WouldBlock when there is none. What is longer than its slot is cut.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    slots: &mut [IoSliceMut<'_>],
    received: &mut [Received; BATCH],
) -> io::Result<usize> {
    let count = slots.len().min(BATCH);
    let mut controls = [NO_CONTROL; BATCH];
    let mut messages = [EMPTY; BATCH];
    for ((message, slot), control) in messages.iter_mut().zip(slots).zip(&mut controls) {
        message.msg_hdr.msg_iov = std::ptr::from_mut(slot).cast();
        message.msg_hdr.msg_iovlen = 1;
        message.msg_hdr.msg_control = std::ptr::from_mut(control).cast();
        message.msg_hdr.msg_controllen = size_of::<Control>() as _;
    }
    // SAFETY: the first `count` messages point at one iovec each (an IoSliceMut is one), which
    // point at distinct writable memory, and at one control buffer each of the given length; all
    // of it lives through the call, and the kernel may write any octets there.
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
        let segment = segment_size(control, message.msg_hdr.msg_controllen as usize);
        *out = Received {
            len: message.msg_len as usize,
            segment,
        };
    }
    Ok(got)
}

fn segment_size(control: &Control, len: usize) -> Option<usize> {
    let is_gro = len >= CONTROL_HEADER + size_of::<libc::c_int>()
        && (control.level, control.kind) == (libc::SOL_UDP, libc::UDP_GRO);
    let value = libc::c_int::from_ne_bytes(*control.value.first_chunk()?);
    if is_gro {
        usize::try_from(value).ok().filter(|size| *size > 0)
    } else {
        None
    }
}

/// Sends up to [`BATCH`] messages on a connected socket and gives how many went; an error is that
/// of the first.
pub(crate) fn send(socket: BorrowedFd<'_>, out: &[Message<'_>]) -> io::Result<usize> {
    let count = out.len().min(BATCH);
    let mut controls = [NO_CONTROL; BATCH];
    let mut messages = [EMPTY; BATCH];
    for ((message, one), control) in messages.iter_mut().zip(out).zip(&mut controls) {
        message.msg_hdr.msg_iov = one.pieces.as_ptr().cast_mut().cast();
        message.msg_hdr.msg_iovlen = one.pieces.len() as _;
        if let Some(size) = one.segment {
            let len = CONTROL_HEADER + size_of::<u16>();
            let [low, high] = size.to_ne_bytes();
            let value = [low, high, 0, 0, 0, 0, 0, 0];
            *control = Control {
                len,
                level: libc::SOL_UDP,
                kind: libc::UDP_SEGMENT,
                value,
            };
            message.msg_hdr.msg_control = std::ptr::from_mut(control).cast();
            message.msg_hdr.msg_controllen = size_of::<Control>() as _;
        }
    }
    // SAFETY: the first `count` messages point at their iovecs (an IoSlice is one) and at most one
    // control buffer each of the given length, all of which the kernel only reads and which lives
    // through the call.
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
