//! Another process's memory, as far as ptrace's rules let this one see it.

use std::io;

/// Copies memory of the process that thread `tid` belongs to, from `address` on. Gives how many
/// octets were there before unmapped memory began.
pub(crate) fn read(tid: i32, address: u64, into: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: into.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: into.len(),
    };
    // SAFETY: the kernel writes at most `into.len()` octets to `into`, any octets will do there; the
    // remote address is only looked up in the other process.
    let read = unsafe { libc::process_vm_readv(tid, &raw const local, 1, &raw const remote, 1, 0) };
    super::check(read as i64).map(|read| read as usize)
}
