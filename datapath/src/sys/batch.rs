//! Many packets in one system call.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Most packets in one call.
pub(crate) const BATCH: usize = 64;

/// Receives up to [`BATCH`] datagrams, one into each slot, their lengths into `lens`. Gives how
/// many came; WouldBlock when there is none. A datagram longer than its slot is cut.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    slots: &mut [IoSliceMut<'_>],
    lens: &mut [usize; BATCH],
) -> io::Result<usize> {
    let count = slots.len().min(BATCH);
    let mut messages = [EMPTY; BATCH];
    for (message, slot) in messages.iter_mut().zip(slots.iter_mut()) {
        message.msg_hdr.msg_iov = std::ptr::from_mut(slot).cast();
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: the first `count` messages point at one iovec each (an IoSliceMut is one), which
    // point at distinct writable memory that lives through the call; all else is null or 0.
    let got = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_DONTWAIT,
            std::ptr::null_mut(),
        )
    };
    let got = super::check(got)?.unsigned_abs() as usize;
    for (len, message) in lens.iter_mut().zip(&messages[..got]) {
        *len = message.msg_len as usize;
    }
    Ok(got)
}

/// Sends up to [`BATCH`] datagrams on a connected socket and gives how many went; an error is
/// that of the first.
pub(crate) fn send(socket: BorrowedFd<'_>, packets: &[IoSlice<'_>]) -> io::Result<usize> {
    let count = packets.len().min(BATCH);
    let mut messages = [EMPTY; BATCH];
    for (message, packet) in messages.iter_mut().zip(packets) {
        message.msg_hdr.msg_iov = std::ptr::from_ref(packet).cast_mut().cast();
        message.msg_hdr.msg_iovlen = 1;
    }
    // SAFETY: the first `count` messages point at one iovec each (an IoSlice is one), which the
    // kernel only reads and whose memory lives through the call; all else is null or 0.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            count as libc::c_uint,
            libc::MSG_DONTWAIT,
        )
    };
    Ok(super::check(sent)?.unsigned_abs() as usize)
}

// SAFETY: an mmsghdr is integers and nullable pointers, for which zeros are a value.
const EMPTY: libc::mmsghdr = unsafe { std::mem::zeroed() };
