//! Requests to `/dev/ppp`.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// PPPIOCNEWUNIT and PPPIOCGUNIT of `linux/ppp-ioctl.h`.
const NEWUNIT: libc::Ioctl = 0xc004_743e_u32 as libc::Ioctl;
const GUNIT: libc::Ioctl = 0x8004_7456_u32 as libc::Ioctl;

/// Makes the file a new unit's, and gives its number.
pub(crate) fn new_unit(file: impl AsFd) -> io::Result<i32> {
    request(file, NEWUNIT, -1)
}

/// The number of the file's unit.
pub(crate) fn unit(file: impl AsFd) -> io::Result<i32> {
    request(file, GUNIT, 0)
}

fn request(file: impl AsFd, request: libc::Ioctl, mut number: libc::c_int) -> io::Result<i32> {
    // SAFETY: both requests read and write an int, which the pointer is to.
    let done = unsafe { libc::ioctl(file.as_fd().as_raw_fd(), request, &raw mut number) };
    match done {
        0 => Ok(number),
        _ => Err(io::Error::last_os_error()),
    }
}
