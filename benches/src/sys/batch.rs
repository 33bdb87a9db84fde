//! Many datagrams per system call.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::ptr;

/// Datagrams moved by one system call at most.
pub(crate) const BATCH: usize = 64;

/// Sends `payload` `count` times (at most 64 a call) on a connected socket.
///
/// Returns how many datagrams the kernel took.
pub(crate) fn send_repeated(socket: &UdpSocket, payload: &[u8], count: usize) -> io::Result<usize> {
    let mut slice = libc::iovec {
        iov_base: payload.as_ptr().cast_mut().cast(),
        iov_len: payload.len(),
    };
    let mut headers = [message(&raw mut slice); BATCH];
    let count = count.min(BATCH);
    // SAFETY: the first `count` headers are initialised, each names one iovec that outlives the
    // call, and sendmmsg only reads the bytes behind it.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count as libc::c_uint,
            0,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Room for one batch of received datagrams, used again for every call.
pub(crate) struct Batch {
    buffers: Vec<[u8; 2048]>,
}

impl Batch {
    /// Allocates the buffers.
    pub(crate) fn new() -> Batch {
        Batch {
            buffers: vec![[0; 2048]; BATCH],
        }
    }

    /// Waits for a datagram (or the socket's read timeout) and takes all that are queued, up to 64.
    ///
    /// Returns the number of datagrams and their bytes.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<(u64, u64)> {
        let mut slices: Vec<libc::iovec> = self
            .buffers
            .iter_mut()
            .map(|buffer| libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len(),
            })
            .collect();
        let mut headers: Vec<libc::mmsghdr> =
            slices.iter_mut().map(|slice| message(slice)).collect();
        // SAFETY: every header names one iovec, every iovec a whole buffer that `self` owns
        // exclusively for the length of the call; no timeout is passed.
        let taken = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                libc::MSG_WAITFORONE,
                ptr::null_mut(),
            )
        };
        let taken = usize::try_from(taken).map_err(|_| io::Error::last_os_error())?;
        let bytes = headers
            .iter()
            .take(taken)
            .map(|header| u64::from(header.msg_len))
            .sum();
        Ok((taken as u64, bytes))
    }
}

/// A header without address or control data around one slice.
fn message(slice: *mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: a mmsghdr is integers and pointers, for which all zeroes is a value.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_iov = slice;
    header.msg_hdr.msg_iovlen = 1;
    header
}
