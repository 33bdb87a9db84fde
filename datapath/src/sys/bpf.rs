//! `bpf(2)`: programs, maps, and the links that keep programs attached.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Commands of `linux/bpf.h`.
mod command {
    pub(super) const MAP_CREATE: libc::c_long = 0;
    pub(super) const MAP_LOOKUP: libc::c_long = 1;
    pub(super) const MAP_UPDATE: libc::c_long = 2;
    pub(super) const MAP_DELETE: libc::c_long = 3;
    pub(super) const PROG_LOAD: libc::c_long = 5;
    #[cfg(test)]
    pub(super) const PROG_TEST_RUN: libc::c_long = 10;
    pub(super) const LINK_CREATE: libc::c_long = 28;
    pub(super) const LINK_UPDATE: libc::c_long = 29;
}

/// Kinds of maps.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub(crate) enum MapKind {
    /// Memory is taken as entries come.
    Hash = 1,
    Array = 2,
}

/// Where a program is attached to a device. A link is held by its descriptor: closed, the program
/// is gone from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    /// What the device receives, after packets were merged.
    Ingress,
    /// What leaves by the device.
    Egress,
    /// What the device's driver receives.
    Driver,
}

impl Hook {
    fn kind(self) -> u32 {
        match self {
            Hook::Ingress | Hook::Egress => 3,
            Hook::Driver => 6,
        }
    }

    fn attach_type(self) -> u32 {
        match self {
            Hook::Ingress => 46,
            Hook::Egress => 47,
            Hook::Driver => 37,
        }
    }
}

/// The licence of the instructions, which use no function of the kernel's that asks for another.
const LICENCE: &CStr = c"Apache-2.0 OR MIT";

#[repr(C)]
#[derive(Default)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
}

#[repr(C)]
struct MapElement {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Default)]
struct ProgLoad {
    kind: u32,
    count: u32,
    code: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel: u32,
    flags: u32,
    name: [u8; 16],
    device: u32,
    attach_type: u32,
}

#[repr(C)]
#[derive(Default)]
struct LinkCreate {
    program: u32,
    device: u32,
    attach_type: u32,
    flags: u32,
    relative: [u64; 2],
}

#[repr(C)]
#[derive(Default)]
struct LinkUpdate {
    link: u32,
    program: u32,
    flags: u32,
    old_program: u32,
}

#[cfg(test)]
#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    verdict: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context_size_in: u32,
    context_size_out: u32,
    context_in: u64,
    context_out: u64,
}

fn call<T>(command: libc::c_long, attributes: &mut T) -> io::Result<libc::c_int> {
    // SAFETY: the attributes are a plain struct of the size that is told, and what its members point
    // at outlives the call, in the sizes that they tell.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    super::check(result as libc::c_int)
}

fn owned<T>(command: libc::c_long, attributes: &mut T) -> io::Result<OwnedFd> {
    let fd = call(command, attributes)?;
    // SAFETY: these commands give a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd() as u32
}

/// The address of octets, as the system call takes it.
fn address(octets: &[u8]) -> u64 {
    octets.as_ptr().addr() as u64
}

/// A map of keys and values of one length each.
#[derive(Debug)]
pub(crate) struct Map {
    fd: OwnedFd,
    key: usize,
    value: usize,
}

impl Map {
    pub(crate) fn create(
        kind: MapKind,
        key: usize,
        value: usize,
        max_entries: u32,
    ) -> io::Result<Map> {
        const NO_PREALLOC: u32 = 1;
        let flags = match kind {
            MapKind::Hash => NO_PREALLOC,
            MapKind::Array => 0,
        };
        let mut attributes = MapCreate {
            kind: kind as u32,
            key_size: key as u32,
            value_size: value as u32,
            max_entries,
            flags,
        };
        let fd = owned(command::MAP_CREATE, &mut attributes)?;
        Ok(Map { fd, key, value })
    }

    /// The number that programs name it by.
    pub(crate) fn number(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// Sets the value of a key.
    pub(crate) fn set(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.element(command::MAP_UPDATE, key, address(value), value.len())
    }

    /// Writes the value of a key to `value`; NotFound when there is none.
    pub(crate) fn get(&self, key: &[u8], value: &mut [u8]) -> io::Result<()> {
        let len = value.len();
        let to = value.as_mut_ptr().expose_provenance() as u64;
        self.element(command::MAP_LOOKUP, key, to, len)
    }

    /// Removes a key.
    pub(crate) fn remove(&self, key: &[u8]) -> io::Result<()> {
        self.element(command::MAP_DELETE, key, 0, self.value)
    }

    fn element(
        &self,
        command: libc::c_long,
        key: &[u8],
        value: u64,
        value_len: usize,
    ) -> io::Result<()> {
        if key.len() != self.key || value_len != self.value {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut attributes = MapElement {
            map: self.number() as u32,
            padding: 0,
            key: address(key),
            value,
            flags: 0,
        };
        call(command, &mut attributes).map(drop)
    }
}

/// Loads a program for a hook.
pub(crate) fn load(hook: Hook, code: &[[u8; 8]]) -> io::Result<OwnedFd> {
    const XDP_HAS_FRAGS: u32 = 1 << 5;
    let mut name = [0; 16];
    name[..9].copy_from_slice(b"adit_l2tp");
    let mut attributes = ProgLoad {
        kind: hook.kind(),
        count: code.len() as u32,
        code: address(code.as_flattened()),
        licence: address(LICENCE.to_bytes_with_nul()),
        flags: match hook {
            Hook::Driver => XDP_HAS_FRAGS,
            Hook::Ingress | Hook::Egress => 0,
        },
        name,
        attach_type: match hook {
            Hook::Driver => hook.attach_type(),
            Hook::Ingress | Hook::Egress => 0,
        },
        ..ProgLoad::default()
    };
    owned(command::PROG_LOAD, &mut attributes)
}

/// Attaches a program to a device of this thread's namespace: the driver's own hook for XDP, and
/// that of Linux 6.6 (tcx) for the others.
pub(crate) fn attach(program: BorrowedFd<'_>, hook: Hook, device: u32) -> io::Result<OwnedFd> {
    const XDP_DRIVER_MODE: u32 = 1 << 2;
    let mut attributes = LinkCreate {
        program: number(program),
        device,
        attach_type: hook.attach_type(),
        flags: match hook {
            Hook::Driver => XDP_DRIVER_MODE,
            Hook::Ingress | Hook::Egress => 0,
        },
        ..LinkCreate::default()
    };
    owned(command::LINK_CREATE, &mut attributes)
}

/// Puts another program into the place of the one that a link holds.
pub(crate) fn replace(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let mut attributes = LinkUpdate {
        link: number(link),
        program: number(program),
        ..LinkUpdate::default()
    };
    call(command::LINK_UPDATE, &mut attributes).map(drop)
}

/// Runs a program once on a packet, which has this mark unless it is 0. Gives its verdict and the
/// packet as it is then.
#[cfg(test)]
pub(crate) fn test_run(
    program: BorrowedFd<'_>,
    packet: &[u8],
    mark: u32,
) -> io::Result<(u32, Vec<u8>)> {
    // `struct __sk_buff`, whose third member is the mark.
    let mut context = [0; 192];
    context[8..12].copy_from_slice(&mark.to_ne_bytes());
    let context = if mark == 0 { &[][..] } else { &context };
    let mut out = vec![0; packet.len() + 512];
    let mut attributes = TestRun {
        context_size_in: context.len() as u32,
        context_in: if mark == 0 { 0 } else { address(context) },
        program: number(program),
        data_size_in: packet.len() as u32,
        data_size_out: out.len() as u32,
        data_in: address(packet),
        data_out: out.as_mut_ptr().expose_provenance() as u64,
        repeat: 1,
        ..TestRun::default()
    };
    call(command::PROG_TEST_RUN, &mut attributes)?;
    out.truncate(attributes.data_size_out as usize);
    Ok((attributes.verdict, out))
}
