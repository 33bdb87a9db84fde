//! Another process's memory, as far as ptrace's rules let this one see it.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

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

/// `struct procmap_query` of `linux/fs.h`.
#[derive(Default)]
#[repr(C)]
struct MappingQuery {
    size: u64,
    flags: u64,
    address: u64,
    start: u64,
    end: u64,
    mapping_flags: u64,
    page_size: u64,
    offset: u64,
    inode: u64,
    device: [u32; 2],
    name_size: u32,
    build_id_size: u32,
    name: u64,
    build_id: u64,
}

/// PROCMAP_QUERY, and PROCMAP_QUERY_VMA_WRITABLE, of `linux/fs.h`.
const PROCMAP_QUERY: libc::Ioctl = 0xc068_6611_u32 as libc::Ioctl;
const WRITABLE: u64 = 2;

/// Where the mapping at `address` ends, if there is one that its process may write to. `maps` is the
/// process's `/proc/PID/maps`. Kernels before 6.11 refuse with ENOTTY.
pub(crate) fn writable_until(maps: impl AsFd, address: u64) -> io::Result<Option<u64>> {
    let mut query = MappingQuery {
        size: size_of::<MappingQuery>() as u64,
        flags: WRITABLE,
        address,
        ..MappingQuery::default()
    };
    // SAFETY: the kernel reads and writes the structure, whose size is in it; no sizes of name and
    // build id are given, so it writes to no address in it.
    let done = unsafe {
        let maps = maps.as_fd().as_raw_fd();
        libc::ioctl(maps, PROCMAP_QUERY, &raw mut query)
    };
    match super::check(done.into()) {
        Ok(_) => Ok(Some(query.end)),
        Err(err) if err.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(err) => Err(err),
    }
}
