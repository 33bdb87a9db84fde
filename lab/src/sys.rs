//! The crate's only unsafe code: what happens to a thread or between fork and exec.
#![allow(unsafe_code)]

use rustix::ioctl::{IntegerSetter, Setter, ioctl, opcode};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use rustix::thread::{CapabilitySet, UnshareFlags, remove_capability_from_bounding_set};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
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

/// How a TAP device takes and gives frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frames {
    /// Bare.
    Bare,
    /// Behind a virtio header.
    Virtio,
    /// Bare, and merged by the kernel as what a NIC receives is.
    Merged,
}

/// Turns `file`, an open /dev/net/tun, into the TAP device `name`, without other extra headers than
/// `frames` says.
pub(crate) fn become_tap(file: &File, name: &str, frames: Frames) -> io::Result<()> {
    const TUNSETIFF: rustix::ioctl::Opcode = opcode::write::<u32>(b'T', 202);
    const IFF_TAP: u16 = 0x0002;
    const IFF_VNET_HDR: u16 = 0x4000;
    const IFF_NO_PI: u16 = 0x1000;
    const IFF_NAPI: u16 = 0x0010;
    let more = match frames {
        Frames::Bare => 0,
        Frames::Virtio => IFF_VNET_HDR,
        Frames::Merged => IFF_NAPI,
    };
    let mut request = Request {
        name: [0; 16],
        flags: IFF_TAP | IFF_NO_PI | more,
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

/// Takes super-frames of TCP and UDP, and incomplete checksums, from a TAP device's kernel, or
/// neither.
pub(crate) fn set_tap_offloads(file: &File, on: bool) -> io::Result<()> {
    const TUNSETOFFLOAD: rustix::ioctl::Opcode = opcode::write::<u32>(b'T', 208);
    /// TUN_F_CSUM, TSO4, TSO6, TSO_ECN, USO4 and USO6.
    const ALL: usize = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40;
    let features = if on { ALL } else { 0 };
    // SAFETY: TUNSETOFFLOAD takes its argument by value.
    unsafe { ioctl(file, IntegerSetter::<TUNSETOFFLOAD>::new_usize(features)) }?;
    Ok(())
}

/// A command of ethtool with one number.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    value: u32,
}

/// The `struct ifreq` that SIOCETHTOOL takes.
#[repr(C)]
struct EthtoolRequest {
    name: [u8; 16],
    data: *mut EthtoolValue,
    unused: [u8; 16],
}

/// Sets a device's value by one of ethtool's commands. Any socket of its namespace will do.
pub(crate) fn ethtool(socket: impl AsFd, device: &str, command: u32, value: u32) -> io::Result<()> {
    const SIOCETHTOOL: rustix::ioctl::Opcode = 0x8946;
    let mut value = EthtoolValue { command, value };
    let mut request = EthtoolRequest {
        name: [0; 16],
        data: &raw mut value,
        unused: [0; 16],
    };
    if device.len() >= request.name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    request.name[..device.len()].copy_from_slice(device.as_bytes());
    // SAFETY: SIOCETHTOOL takes a `struct ifreq`, which `EthtoolRequest` is laid out like, whose
    // data is a value of the two numbers that these commands have and lives through the call.
    unsafe { ioctl(socket, Setter::<SIOCETHTOOL, EthtoolRequest>::new(request)) }?;
    Ok(())
}

/// An instruction of the kernel's virtual machine, as this machine orders octets (RFC 9669).
#[repr(C, align(8))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instruction {
    pub(crate) code: u8,
    pub(crate) registers: u8,
    pub(crate) offset: i16,
    pub(crate) number: i32,
}

/// Where a program stands at a device: BPF_TCX_INGRESS and BPF_TCX_EGRESS.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub(crate) enum Hook {
    Ingress = 46,
    Egress = 47,
}

/// The start of `union bpf_attr` for BPF_PROG_LOAD.
#[repr(C)]
struct ProgLoad {
    kind: u32,
    count: u32,
    code: *const Instruction,
    licence: *const libc::c_char,
}

/// The start of `union bpf_attr` for BPF_LINK_CREATE.
#[repr(C)]
struct LinkCreate {
    program: i32,
    device: u32,
    hook: u32,
    flags: u32,
}

/// Attaches a program to a device of the calling thread's namespace, before those that are there. It
/// stays for as long as what is given back.
pub(crate) fn attach(code: &[Instruction], hook: Hook, device: u32) -> io::Result<OwnedFd> {
    const PROG_LOAD: libc::c_long = 5;
    const LINK_CREATE: libc::c_long = 28;
    /// BPF_PROG_TYPE_SCHED_CLS.
    const TRAFFIC: u32 = 3;
    /// BPF_F_BEFORE.
    const BEFORE: u32 = 8;
    let mut load = ProgLoad {
        kind: TRAFFIC,
        count: code.len() as u32,
        code: code.as_ptr(),
        licence: c"Apache-2.0 OR MIT".as_ptr(),
    };
    let program = bpf(PROG_LOAD, &mut load)?;
    let mut link = LinkCreate {
        program: program.as_raw_fd(),
        device,
        hook: hook as u32,
        flags: BEFORE,
    };
    bpf(LINK_CREATE, &mut link)
}

/// A command of bpf(2) that gives a descriptor.
fn bpf<T>(command: libc::c_long, attributes: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: the attributes are a plain struct of the size that is told, and what its members point
    // at outlives the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: these commands give a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
