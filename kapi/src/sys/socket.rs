//! Socket options and addresses that no safe library knows.

use super::check;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use tokio::io::unix::AsyncFd;

/// Lets the runtime wait until `fd` can be read or written.
pub(crate) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd always names the one descriptor that it owns, open until it is dropped;
    // the AsyncFd owns it and lends it out shared only.
    let watched = unsafe { AsyncFd::register(fd) };
    watched.map_err(Into::into)
}

/// Sets an option to `value`, whatever it means.
pub(crate) fn set_option(socket: impl AsFd, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    // SAFETY: the kernel reads at most `value.len()` octets.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            value.len() as libc::socklen_t,
        )
    };
    check(outcome.into())?;
    Ok(())
}

/// Reads an option into `value` and gives the length that the kernel says, which may be more than
/// was written.
pub(crate) fn get_option(
    socket: impl AsFd,
    level: i32,
    name: i32,
    value: &mut [u8],
) -> io::Result<usize> {
    let mut len = value.len() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` octets, the size of `value`.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    check(outcome.into())?;
    Ok(len as usize)
}

/// Connects a socket to an address of any family, as the kernel has it in memory.
pub(crate) fn connect(socket: impl AsFd, address: &[u8]) -> io::Result<()> {
    let len = address.len() as libc::socklen_t;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel reads `len` octets, whatever they are, from where they start.
    check(unsafe { libc::connect(fd, address.as_ptr().cast(), len) }.into())?;
    Ok(())
}

/// Sends one octet, and a descriptor beside it, by sendmmsg: while the filter is there and nobody
/// answers yet, sendmsg would wait for ever.
pub(crate) fn send_descriptor(to: impl AsFd, descriptor: impl AsFd) -> io::Result<()> {
    const OCTETS: usize = size_of::<i32>();
    let mut octet = 0u8;
    let mut piece = libc::iovec {
        iov_base: (&raw mut octet).cast(),
        iov_len: 1,
    };
    let mut control = Control([0; 128]);
    // SAFETY: an mmsghdr is integers and nullable pointers, for which zeros are a value.
    let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
    message.msg_hdr.msg_iov = &raw mut piece;
    message.msg_hdr.msg_iovlen = 1;
    message.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
    message.msg_hdr.msg_controllen = control_space(OCTETS) as _;
    // SAFETY: the control buffer has room for a header and more.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message.msg_hdr) };
    // SAFETY: `header` points at the aligned buffer's beginning, which has room for a header and,
    // where CMSG_DATA points, for an int.
    unsafe {
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(OCTETS as u32) as _;
        let number = libc::CMSG_DATA(header).cast::<i32>();
        number.write_unaligned(descriptor.as_fd().as_raw_fd());
    }
    let flags = libc::MSG_NOSIGNAL as _;
    // SAFETY: `message` points at one piece and one control buffer of the lengths that it says, all
    // of which lives through the call and is only read, but for the number of octets sent.
    check(unsafe { libc::sendmmsg(to.as_fd().as_raw_fd(), &raw mut message, 1, flags) }.into())?;
    Ok(())
}

/// What came with a message.
#[derive(Debug)]
pub(crate) struct Received {
    /// Octets of the message, which may be more than fitted.
    pub(crate) len: usize,
    /// The process that sent it, 0 when this process cannot see it; where the socket asks for it.
    pub(crate) sender: Option<i32>,
    /// Descriptors that came with it.
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Most descriptors that are taken from one message; the kernel closes those beyond.
const DESCRIPTORS: usize = 4;

/// Room for the control messages, aligned as they must be.
#[repr(C, align(8))]
struct Control([u8; 128]);

/// Receives one message into `buffer`, without waiting.
pub(crate) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    const {
        let needed =
            control_space(size_of::<libc::ucred>()) + control_space(DESCRIPTORS * size_of::<i32>());
        assert!(needed <= size_of::<Control>());
    }
    let mut control = Control([0; 128]);
    let mut piece = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: a msghdr is integers and nullable pointers, for which zeros are a value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: `message` points at one piece of writable memory and one control buffer, of the
    // lengths that it says, and all of it lives through the call.
    let len = check(
        unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, flags) } as i64,
    )?;
    let mut received = Received {
        len: len as usize,
        sender: None,
        descriptors: Vec::new(),
    };
    // SAFETY: the kernel has filled `message`, whose control buffer is still there.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    while !next.is_null() {
        // SAFETY: `next` points at a whole header within the control buffer.
        let header = unsafe { next.read() };
        // SAFETY: as above; the header's data follows it.
        let data = unsafe { libc::CMSG_DATA(next) };
        // SAFETY: CMSG_LEN only computes.
        let octets =
            (header.cmsg_len as usize).saturating_sub(unsafe { libc::CMSG_LEN(0) } as usize);
        match (header.cmsg_level, header.cmsg_type) {
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if octets >= size_of::<libc::ucred>() => {
                // SAFETY: the kernel wrote a whole ucred there.
                let sender = unsafe { data.cast::<libc::ucred>().read_unaligned() };
                received.sender = Some(sender.pid);
            }
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                for at in 0..octets / size_of::<i32>() {
                    // SAFETY: the kernel wrote as many descriptors, new ones that nobody owns.
                    let fd = unsafe {
                        OwnedFd::from_raw_fd(data.cast::<i32>().add(at).read_unaligned())
                    };
                    received.descriptors.push(fd);
                }
            }
            _ => {}
        }
        // SAFETY: `message` and `next` are as above.
        next = unsafe { libc::CMSG_NXTHDR(&raw const message, next) };
    }
    Ok(received)
}

/// As CMSG_SPACE, for constants.
const fn control_space(octets: usize) -> usize {
    octets.next_multiple_of(size_of::<usize>()) + size_of::<libc::cmsghdr>()
}
