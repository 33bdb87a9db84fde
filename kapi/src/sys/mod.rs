//! System calls that no safe library offers; the crate's only unsafe code.
#![allow(unsafe_code)]

pub(crate) mod memory;
pub(crate) mod process;
pub(crate) mod seccomp;
pub(crate) mod shared;
pub(crate) mod socket;

use std::io;

/// The result of a libc call that answers -1 for an error.
fn check(result: i64) -> io::Result<i64> {
    match result < 0 {
        true => Err(io::Error::last_os_error()),
        false => Ok(result),
    }
}
