//! The crate's only unsafe code: what happens to a thread or between fork and exec.
#![allow(unsafe_code)]

use rustix::ioctl::{Setter, ioctl, opcode};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use rustix::thread::{CapabilitySet, UnshareFlags, remove_capability_from_bounding_set};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Takes the calling thread into new namespaces.
pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    debug_assert!((UnshareFlags::NEWNET | UnshareFlags::NEWUSER).contains(flags));
    // SAFETY: only unsharing the table of open files can invalidate descriptors that other code
    // relies on, and no caller asks for that.
    unsafe { rustix::thread::unshare_unsafe(flags) }?;
    Ok(())
}

/// Makes the process die when the thread that starts it ends.
pub(crate) fn die_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    let hook = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above could notice.
        match getppid() {
            Some(pid) if pid == parent => Ok(()),
            Some(_) | None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    };
    // SAFETY: the hook makes two system calls, allocates nothing and takes no lock.
    unsafe { command.pre_exec(hook) };
}

/// Removes `capabilities` from what the process and its descendants can ever have.
pub(crate) fn drop_capabilities(command: &mut Command, capabilities: CapabilitySet) {
    let hook = move || {
        capabilities
            .iter()
            .try_for_each(remove_capability_from_bounding_set)?;
        Ok(())
    };
    // SAFETY: the hook makes system calls, allocates nothing and takes no lock.
    unsafe { command.pre_exec(hook) };
}

/// The `struct ifreq` that TUNSETIFF takes.
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: u16,
    unused: [u8; 22],
}

/// Turns `file`, an open /dev/net/tun, into the TAP device `name` without extra headers.
pub(crate) fn become_tap(file: &File, name: &str) -> io::Result<()> {
    const TUNSETIFF: rustix::ioctl::Opcode = opcode::write::<u32>(b'T', 202);
    const IFF_TAP: u16 = 0x0002;
    const IFF_NO_PI: u16 = 0x1000;
    let mut request = Request {
        name: [0; 16],
        flags: IFF_TAP | IFF_NO_PI,
        unused: [0; 22],
    };
    // The last octet stays zero to end the name.
    if name.len() >= request.name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    // SAFETY: TUNSETIFF takes a `struct ifreq`, which `Request` is laid out like, all 40 octets.
    unsafe { ioctl(file, Setter::<TUNSETIFF, Request>::new(request)) }?;
    Ok(())
}
