//! Which queue of a device a frame leaves by.
//!
//! Left to itself, Linux remembers by which queue a flow's frames came and has the answers leave by
//! it, which moves flows from queue to queue while frames wait in both. A program has each flow
//! stay where its addresses and ports put it.

use super::check;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// An instruction of eBPF (RFC 9669).
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Instruction {
    code: u8,
    /// The destination register in the low half, the source register in the high one.
    registers: u8,
    offset: i16,
    immediate: i32,
}

const fn op(code: u8, registers: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction {
        code,
        registers,
        offset,
        immediate,
    }
}

/// r0 = what stands at a place in the frame. A frame that is too short ends the program with 0.
const fn octet(at: i32) -> Instruction {
    op(0x30, 0, 0, at)
}
const fn half(at: i32) -> Instruction {
    op(0x28, 0, 0, at)
}
const fn word(at: i32) -> Instruction {
    op(0x20, 0, 0, at)
}
/// Leaves out so many instructions if r0 has this value, or has another one.
const fn skip_if(value: i32, count: i16) -> Instruction {
    op(0x15, 0, count, value)
}
const fn skip_unless(value: i32, count: i16) -> Instruction {
    op(0x55, 0, count, value)
}
const fn r0_and(mask: i32) -> Instruction {
    op(0x57, 0, 0, mask)
}
/// The context is where loads from the frame look for it.
const R6_IS_CONTEXT: Instruction = op(0xbf, 0x16, 0, 0);
const R7_IS_R0: Instruction = op(0xbf, 0x07, 0, 0);
const R7_XOR_R0: Instruction = op(0xaf, 0x07, 0, 0);
const R8_IS_R0: Instruction = op(0xbf, 0x08, 0, 0);
const R0_TIMES_4: Instruction = op(0x67, 0, 0, 2);
/// r0 = the word so far behind what r8 says.
const fn word_behind_r8(on: i32) -> Instruction {
    op(0x40, 0x80, 0, on)
}

/// Ends with a number that depends on all bits of r7.
const SPREAD: [Instruction; 4] = [
    op(0x24, 0x07, 0, 0x9e37_79b1_u32 as i32),
    op(0x74, 0x07, 0, 16),
    op(0xbf, 0x70, 0, 0),
    op(0x95, 0, 0, 0),
];

const IPV4: i32 = 0x0800;
const IPV6: i32 = 0x86dd;
const TCP: i32 = 6;
const UDP: i32 = 17;

/// Chooses by addresses and ports where a packet has them, by the addresses alone of fragments and
/// of other IP packets, else by the sender's Ethernet address.
fn program() -> Vec<Instruction> {
    let other = [&[word(8), R7_IS_R0][..], &SPREAD].concat();
    let v4 = [
        &[word(26), R7_IS_R0, word(30), R7_XOR_R0][..],
        &[half(20), r0_and(0x3fff), skip_unless(0, 9)],
        &[octet(23), skip_if(TCP, 1), skip_unless(UDP, 6)],
        &[octet(14), r0_and(0x0f), R0_TIMES_4, R8_IS_R0],
        &[word_behind_r8(14), R7_XOR_R0],
        &SPREAD,
    ]
    .concat();
    let v6 = [
        &[word(34), R7_IS_R0, word(50), R7_XOR_R0][..],
        &[octet(20), skip_if(TCP, 1), skip_unless(UDP, 2)],
        &[word(54), R7_XOR_R0],
        &SPREAD,
    ]
    .concat();
    let to_v4 = other.len() + 1;
    let to_v6 = other.len() + v4.len();
    let start = [
        R6_IS_CONTEXT,
        half(12),
        skip_if(IPV4, to_v4 as i16),
        skip_if(IPV6, to_v6 as i16),
    ];
    [&start[..], &other, &v4, &v6].concat()
}

/// The attributes of `bpf(BPF_PROG_LOAD)`, as far as they are used.
#[derive(Debug, Default)]
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log: [u32; 4],
    kernel: u32,
    flags: u32,
}

/// Loads the program.
fn load() -> io::Result<OwnedFd> {
    const PROG_LOAD: libc::c_int = 5;
    const SOCKET_FILTER: u32 = 1;
    let program = program();
    let license = c"Apache-2.0 OR MIT";
    let load = Load {
        kind: SOCKET_FILTER,
        count: program.len() as u32,
        instructions: program.as_ptr() as u64,
        license: license.as_ptr() as u64,
        ..Load::default()
    };
    // SAFETY: the attributes are of the given size, and the instructions and the license that they
    // point at live through the call; the kernel only reads them.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const load, size_of::<Load>()) };
    let fd = check(fd as libc::c_int)?;
    // SAFETY: the call gave a descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Has a TAP device of several queues choose by flow.
pub(super) fn by_flow(tap: BorrowedFd<'_>) -> io::Result<()> {
    const TUNSETSTEERINGEBPF: libc::Ioctl = 0x8004_54e0_u32 as libc::Ioctl;
    let program = load()?;
    let number: libc::c_int = program.as_raw_fd();
    // SAFETY: the request reads one c_int, which `number` is. The device keeps the program.
    check(unsafe { libc::ioctl(tap.as_raw_fd(), TUNSETSTEERINGEBPF, &raw const number) })?;
    Ok(())
}
