//! The thread that makes a call: what it asks, its memory, its descriptors.

use super::asked::Asked;
use super::authority::is_admin;
use super::mapping;
use crate::filter::Architecture;
use crate::sys::memory;
use crate::sys::seccomp::{self, Notification};
use adit_wire::netlink::Errno;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

const EFAULT: Errno = Errno(libc::EFAULT);

/// A page, or a part of one: memory is mapped in whole ones.
const PAGE: u64 = 4096;

/// A thread that waits for its call's answer. What is read of it is checked to have been its own:
/// another thread may have got its id after it was killed.
pub(super) struct Caller<'l> {
    listener: BorrowedFd<'l>,
    call: Notification,
}

impl<'l> Caller<'l> {
    pub(super) fn new(listener: BorrowedFd<'l>, call: Notification) -> Caller<'l> {
        Caller { listener, call }
    }

    pub(super) fn id(&self) -> u64 {
        self.call.id
    }

    pub(super) fn tid(&self) -> i32 {
        self.call.tid
    }

    /// The call, if it is one that can be answered here. A caller that this process cannot see has
    /// no id, and its memory cannot be reached.
    pub(super) fn asked(&self, native: Option<Architecture>) -> Option<Asked> {
        let native = native.filter(|native| native.audit() == self.call.audit)?;
        let call = native.call(self.call.number)?;
        (self.call.tid > 0).then(|| Asked::read(call, &self.call.args))
    }

    /// Whether the caller still waits.
    pub(super) fn waits(&self) -> bool {
        seccomp::is_waiting(self.listener, self.call.id)
    }

    /// Copies `len` octets from the caller's memory.
    pub(super) fn copy(&self, address: u64, len: usize) -> Result<Vec<u8>, Errno> {
        let mut octets = vec![0; len];
        match self.read(address, &mut octets)? {
            read if read == len => Ok(octets),
            _ => Err(EFAULT),
        }
    }

    /// Copies as many octets as the array has.
    pub(super) fn array<const N: usize>(&self, address: u64) -> Result<[u8; N], Errno> {
        let mut octets = [0; N];
        match self.read(address, &mut octets)? {
            read if read == N => Ok(octets),
            _ => Err(EFAULT),
        }
    }

    /// Copies a C string of less than `max` octets, its NUL left out: page by page, since the page
    /// behind it may not be there.
    pub(super) fn string(&self, address: u64, max: usize) -> Result<Vec<u8>, Errno> {
        let mut out: Vec<u8> = Vec::new();
        while out.len() < max {
            let at = address.checked_add(out.len() as u64).ok_or(EFAULT)?;
            let in_page = (PAGE - at % PAGE) as usize;
            let piece = self.copy(at, in_page.min(max - out.len()))?;
            match piece.iter().position(|octet| *octet == 0) {
                Some(end) => {
                    out.extend(piece.iter().take(end));
                    return Ok(out);
                }
                None => out.extend(piece),
            }
        }
        Err(Errno(libc::ENAMETOOLONG))
    }

    fn read(&self, address: u64, into: &mut [u8]) -> Result<usize, Errno> {
        if into.is_empty() {
            return Ok(0);
        }
        let read = match memory::read(self.call.tid, address, into) {
            // A kernel without the call still shows the memory as a file.
            Err(err) if err.raw_os_error() == Some(libc::ENOSYS) => {
                self.memory(false)?.read_at(into, address)
            }
            outcome => outcome,
        };
        let read = read.map_err(|_| EFAULT)?;
        match self.waits() {
            true => Ok(read),
            false => Err(gone()),
        }
    }

    /// Writes to the caller's memory.
    pub(super) fn write(&self, address: u64, octets: &[u8]) -> Result<(), Errno> {
        self.write_pieces(&[(address, octets)])
    }

    /// Writes to several places of the caller's memory, up to the first where that cannot be.
    fn write_pieces(&self, pieces: &[(u64, &[u8])]) -> Result<(), Errno> {
        let mut pieces = pieces.iter().filter(|(_, octets)| !octets.is_empty());
        let Some(first) = pieces.next() else {
            return Ok(());
        };
        // The open files stay those of the same memory, whoever gets the thread's id.
        let memory = self.memory(true)?;
        let mappings = self.mappings()?;
        if !self.waits() {
            return Err(gone());
        }
        for (address, octets) in std::iter::once(first).chain(pieces) {
            // The file writes to read-only memory too, as debuggers want it.
            if !mapping::writable(&mappings, *address, octets.len())? {
                return Err(EFAULT);
            }
            memory.write_all_at(octets, *address).map_err(|_| EFAULT)?;
        }
        Ok(())
    }

    /// Writes as much of an address as the caller has room for, and how long it is, as getsockname
    /// and accept do.
    pub(super) fn write_sized(&self, address: u64, len: u64, name: &[u8]) -> Result<(), Errno> {
        let room = i32::from_ne_bytes(self.array(len)?);
        let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
        let told = (name.len() as u32).to_ne_bytes();
        self.write_pieces(&[(address, name.get(..room).unwrap_or(name)), (len, &told)])
    }

    /// Writes as much of an option's number as the caller has room for, and how much that is.
    pub(super) fn write_option(&self, value: u64, len: u64, number: i32) -> Result<(), Errno> {
        let room = i32::from_ne_bytes(self.array(len)?);
        let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
        let octets = number.to_ne_bytes();
        let octets = octets.get(..room).unwrap_or(&octets);
        let told = (octets.len() as u32).to_ne_bytes();
        self.write_pieces(&[(value, octets), (len, &told)])
    }

    fn memory(&self, writing: bool) -> Result<File, Errno> {
        let path = format!("/proc/{}/mem", self.call.tid);
        let opened = File::options().read(!writing).write(writing).open(path);
        opened.map_err(|_| EFAULT)
    }

    fn mappings(&self) -> Result<File, Errno> {
        File::open(format!("/proc/{}/maps", self.call.tid)).map_err(|_| EFAULT)
    }

    /// The inode of the socket that the caller has as descriptor `fd`.
    pub(super) fn socket(&self, fd: i32) -> Option<u64> {
        let link = fs::read_link(format!("/proc/{}/fd/{fd}", self.call.tid)).ok()?;
        let inode = socket_inode(link.to_str()?)?;
        self.waits().then_some(inode)
    }

    /// The caller's network namespace.
    pub(super) fn network_namespace(&self) -> io::Result<File> {
        let file = File::open(format!("/proc/{}/ns/net", self.call.tid))?;
        match self.waits() {
            true => Ok(file),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Whether the caller has CAP_NET_ADMIN in the user namespace that owns the network namespace
    /// `net`.
    pub(super) fn is_admin(&self, net: impl AsFd) -> bool {
        is_admin(self.call.tid, net) && self.waits()
    }

    /// Puts a copy of `fd` into the caller's table as the call's result.
    pub(super) fn give(&self, fd: impl AsFd, close_on_exec: bool) -> Result<(), Errno> {
        let given = seccomp::return_descriptor(self.listener, self.call.id, fd, close_on_exec);
        given.map(drop).map_err(|err| errno(&err))
    }
}

/// The errno of an operating system's refusal.
pub(super) fn errno(err: &io::Error) -> Errno {
    Errno(err.raw_os_error().unwrap_or(libc::EIO))
}

/// A caller that was killed: nobody reads the answer.
fn gone() -> Errno {
    Errno(libc::ESRCH)
}

fn socket_inode(link: &str) -> Option<u64> {
    let number = link.strip_prefix("socket:[")?.strip_suffix(']')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests;
