//! Classic BPF in front of sockets: what must not get in is never queued.

use super::check;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// An instruction: code, jumps when true and when false, operand.
type Code = (u16, u8, u8, u32);

/// The T bit, in the first octet behind a UDP header.
const T: u32 = 0x80;
/// Where the version is, in the second one.
const VERSION: u32 = 0x0f;
/// Octets of a UDP header.
const UDP: u32 = 8;
/// Linux looks at nothing shorter than a header of version 2 with all its fields but the offset.
const LEAST: u32 = 14;

/// Lets to a UDP socket what Linux lets to one that carries a tunnel of `version`: control messages,
/// what is too short and what is of another version. Such a socket's filter sees the UDP header in
/// front.
pub(crate) fn all_but_data(socket: BorrowedFd<'_>, version: u8) -> io::Result<()> {
    attach(
        socket,
        &[
            (0x80, 0, 0, 0),              // A = length
            (0x35, 0, 5, UDP + LEAST),    // shorter: pass
            (0x30, 0, 0, UDP),            // A = first octet
            (0x45, 3, 0, T),              // T: pass
            (0x30, 0, 0, UDP + 1),        // A = second octet
            (0x54, 0, 0, VERSION),        // A = version
            (0x15, 1, 0, version.into()), // the tunnel's: drop
            (0x06, 0, 0, u32::MAX),       // pass
            (0x06, 0, 0, 0),              // drop
        ],
    )
}

/// Lets nothing pass but what is sent to this UDP port and may be data, to a raw UDP socket: over
/// IPv4 it sees the IP header in front.
pub(crate) fn data_of(socket: BorrowedFd<'_>, v4: bool, port: u16) -> io::Result<()> {
    let before = match v4 {
        true => (0xb1, 0, 0, 0),  // X = length of the IP header
        false => (0x01, 0, 0, 0), // X = 0
    };
    attach(
        socket,
        &[
            before,
            (0x80, 0, 0, 0),           // A = length
            (0x1c, 0, 0, 0),           // A -= X
            (0x35, 0, 5, UDP + LEAST), // shorter: drop
            (0x48, 0, 0, 2),           // A = destination port
            (0x15, 0, 3, port.into()), // another: drop
            (0x50, 0, 0, UDP),         // A = first octet
            (0x45, 1, 0, T),           // T: drop
            (0x06, 0, 0, u32::MAX),    // pass
            (0x06, 0, 0, 0),           // drop
        ],
    )
}

/// Lets nothing pass.
pub(crate) fn nothing(socket: BorrowedFd<'_>) -> io::Result<()> {
    attach(socket, &[(0x06, 0, 0, 0)])
}

/// Lets nothing pass but control messages for one connection to a raw socket of protocol 115: over
/// IPv4 it sees the IP header in front. A control message has four zero octets, and then at least
/// 12 more, which begin with the bits T and L (RFC 3931 §4.1.1.2).
pub(crate) fn control_for(socket: BorrowedFd<'_>, v4: bool, connection: u32) -> io::Result<()> {
    let start: Code = match v4 {
        true => (0xb1, 0, 0, 0), // X = length of the IP header
        false => (0x01, 0, 0, 0),
    };
    attach(
        socket,
        &[
            start,
            (0x40, 0, 0, 0),          // A = session id
            (0x15, 0, 7, 0),          // a session: drop
            (0x50, 0, 0, 4),          // A = first octet of the control header
            (0x54, 0, 0, 0xc0),       // T and L
            (0x15, 0, 4, 0xc0),       // not both: drop
            (0x40, 0, 0, 8),          // A = connection id
            (0x15, 0, 2, connection), // another: drop
            (0x40, 0, 0, 12),         // too short: drop
            (0x06, 0, 0, u32::MAX),   // pass
            (0x06, 0, 0, 0),
        ],
    )
}

fn attach(socket: BorrowedFd<'_>, program: &[Code]) -> io::Result<()> {
    let mut program: Vec<libc::sock_filter> = program
        .iter()
        .map(|&(code, jt, jf, k)| libc::sock_filter { code, jt, jf, k })
        .collect();
    let program = libc::sock_fprog {
        len: program.len() as libc::c_ushort,
        filter: program.as_mut_ptr(),
    };
    let len = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: the option's value is a sock_fprog of that size, which points at as many
    // instructions as it says; the kernel only reads both, within the call.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            len,
        )
    })?;
    Ok(())
}
