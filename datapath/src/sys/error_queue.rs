//! What ICMP and this host say about packets sent earlier.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Asks for errors to be queued, with what they are about.
pub(crate) fn ask(socket: BorrowedFd<'_>, v4: bool) -> io::Result<()> {
    let (level, name) = kind(v4);
    super::set_int(socket, level, name, 1)
}

/// Asks for no more.
pub(crate) fn refuse(socket: BorrowedFd<'_>, v4: bool) -> io::Result<()> {
    let (level, name) = kind(v4);
    super::set_int(socket, level, name, 0)
}

fn kind(v4: bool) -> (libc::c_int, libc::c_int) {
    if v4 {
        (libc::SOL_IP, libc::IP_RECVERR)
    } else {
        (libc::SOL_IPV6, libc::IPV6_RECVERR)
    }
}

/// Octets of control messages that one error comes with: the error, the address of who told it,
/// and room for what else the socket asks for.
const CONTROL: usize = 256;

#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// Takes the oldest error and gives its number. Nothing when there is none.
pub(crate) fn take(socket: BorrowedFd<'_>) -> Option<i32> {
    let mut control = Control([0; CONTROL]);
    // SAFETY: a msghdr is integers and nullable pointers, for which zeros are a value.
    let mut message = unsafe { std::mem::zeroed::<libc::msghdr>() };
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = CONTROL as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: the control buffer is writable, as long as the message says, and lives through the
    // call; there is neither a name nor an iovec, so the rest of the error is cut off.
    let got = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) };
    if got < 0 {
        return None;
    }
    #[allow(clippy::unnecessary_cast)] // musl's is a u32
    let len = (message.msg_controllen as usize).min(CONTROL);
    Some(errno(&control.0[..len]).unwrap_or(0))
}

/// The number in the error's control message.
fn errno(mut control: &[u8]) -> Option<i32> {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    while let Some(header) = control.first_chunk::<HEADER>() {
        // SAFETY: a cmsghdr is plain integers, which any octets are.
        let header: libc::cmsghdr = unsafe { std::mem::transmute(*header) };
        #[allow(clippy::unnecessary_cast)] // musl's is a u32
        let len = header.cmsg_len as usize;
        let value = control.get(HEADER..len)?;
        let kinds = [kind(true), kind(false)];
        if kinds.contains(&(header.cmsg_level, header.cmsg_type)) {
            // The first member of a sock_extended_err.
            return value.first_chunk().map(|n| i32::from_ne_bytes(*n));
        }
        control = control.get(len.next_multiple_of(size_of::<usize>())..)?;
    }
    None
}
