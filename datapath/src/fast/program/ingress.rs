//! From the network to the sessions' devices, packets as the kernel has received or merged them.

use super::headers::{Headers, Stay, check_rest};
use super::segments::{SCRATCH, add_headers, count_segments, frame_headers};
use super::{
    Assembler, Carriage, ETHERNET, Entry, FIXED_GSO, Family, Helper, INTO_DEVICE, If, MAX_REST, Op,
    Reg, Size, load_octets, replace_front, skb, verdict,
};
use crate::fast::assembler::{Label, Program};

/// Registers: R6 the packet, R7 the session's entry, R8 where its frame begins, R9 scratch.
const KEY: i16 = -40;
const OUTER: i16 = KEY - 56;
const REST: i16 = OUTER - 16;
const FRAME: i16 = REST - 16;
const SCRATCH_AT: i16 = FRAME - SCRATCH;
const COUNTS: i16 = SCRATCH_AT - 16;

/// Unwraps packets of the sessions in the maps `v4` and `v6` and hands their frames to the sessions'
/// devices. What has a UDP checksum, a wrong cookie, a sequence number, options or fragments is left
/// to user space, as is everything that is no session's.
pub(crate) fn ingress(v4: i32, v6: i32, stay: Stay) -> Program {
    let mut asm = Assembler::default();
    let (leave, other) = (asm.label(), asm.label());
    asm.set(Reg::R6, Reg::R1);
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::VLAN_PRESENT);
    asm.jump_if(Reg::R1, If::NotEqual, 0, leave);
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::PROTOCOL);
    asm.jump_if(
        Reg::R1,
        If::NotEqual,
        super::half(Family::V4.ethertype()),
        other,
    );
    unwrap(&mut asm, (Family::V4, v4), stay, leave);
    asm.here(other);
    asm.jump_if(
        Reg::R1,
        If::NotEqual,
        super::half(Family::V6.ethertype()),
        leave,
    );
    unwrap(&mut asm, (Family::V6, v6), stay, leave);
    asm.here(leave);
    asm.exit_with(verdict::NEXT);
    asm.finish()
}

/// The way of a packet of the family; ends the program.
fn unwrap(asm: &mut Assembler, (family, map): (Family, i32), stay: Stay, leave: Label) {
    let headers = Headers {
        at: (Reg::Stack, OUTER),
        key: KEY,
        map,
        family,
        carriage: Carriage::Udp,
        stay,
    };
    asm.set(Reg::R8, ETHERNET as i32);
    // A frame of Ethernet is longer than what the other front has less.
    let front = family.header() + headers.carriage.front();
    load_octets(asm, Reg::R8, 0, OUTER, front, leave);
    headers.whatever_carries(asm, leave, unwrap_over);
}

fn unwrap_over(asm: &mut Assembler, headers: &Headers, leave: Label) {
    let outer = headers.family.header() + headers.carriage.front();
    headers.check(asm, leave);
    headers.length(asm, Reg::R1, leave);
    asm.load(Size::Word, Reg::R2, Reg::R6, skb::LEN);
    asm.jump_if(Reg::R1, If::NotEqual, Reg::R2, leave);
    headers.find(asm, leave);
    headers.check_checksum(asm, leave);
    asm.set(Reg::R8, (ETHERNET + outer) as i32);
    load_octets(asm, Reg::R8, 0, REST, MAX_REST, leave);
    check_rest(asm, Reg::Stack, REST, leave);
    asm.load(Size::Word, Reg::R1, Reg::R7, Entry::REST_LEN);
    asm.op(Op::Add, Reg::R8, Reg::R1);
    load_octets(asm, Reg::R8, 0, FRAME, ETHERNET, leave);
    count(asm, headers.carriage, leave);
    strip(asm, ETHERNET + outer, leave);
    asm.load(Size::Word, Reg::R1, Reg::R7, Entry::DEVICE);
    asm.set(Reg::R2, INTO_DEVICE);
    asm.call(Helper::Redirect);
    asm.exit();
}

/// Finds how many packets this stands for, and of how many octets. Leaves what is too long for the
/// device, and super-frames of which that is not known.
fn count(asm: &mut Assembler, carriage: Carriage, leave: Label) {
    let (whole, counted) = (asm.label(), asm.label());
    asm.load(Size::Word, Reg::R2, Reg::R6, skb::GSO_SIZE);
    asm.jump_if(Reg::R2, If::Equal, 0, whole);
    frame_headers(asm, SCRATCH_AT, leave);
    frame_len(asm);
    asm.load(Size::Word, Reg::R2, Reg::R6, skb::GSO_SIZE);
    asm.set(Reg::R3, Reg::R2);
    asm.op(Op::Add, Reg::R3, Reg::R9);
    asm.load(Size::Word, Reg::R4, Reg::R7, Entry::LONGEST);
    asm.jump_if(Reg::R3, If::Greater, Reg::R4, leave);
    count_segments(asm, leave);
    asm.jump(counted);
    asm.here(whole);
    frame_len(asm);
    asm.load(Size::Word, Reg::R2, Reg::R7, Entry::LONGEST);
    asm.jump_if(Reg::R1, If::Greater, Reg::R2, leave);
    asm.set(Reg::R0, 1);
    asm.here(counted);
    asm.load(Size::Word, Reg::R3, Reg::R7, Entry::REST_LEN);
    asm.op(Op::Add, Reg::R3, carriage.l2tp() as i32);
    add_headers(asm);
    asm.store(Size::Double, Reg::Stack, COUNTS, Reg::R0);
    asm.store(Size::Double, Reg::Stack, COUNTS + 8, Reg::R1);
}

/// The frame's length, in R1.
fn frame_len(asm: &mut Assembler) {
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::LEN);
    asm.op(Op::Sub, Reg::R1, Reg::R8);
}

/// Takes the outer headers away, of which so many octets stand before cookie and sublayer. The kernel
/// keeps an Ethernet header in front, which becomes the frame's.
fn strip(asm: &mut Assembler, outer: usize, leave: Label) {
    asm.load(Size::Word, Reg::R2, Reg::R7, Entry::REST_LEN);
    asm.op(Op::Add, Reg::R2, outer as i32);
    asm.set(Reg::R1, 0);
    asm.op(Op::Sub, Reg::R1, Reg::R2);
    asm.set(Reg::R2, Reg::R1);
    replace_front(asm, FIXED_GSO, (FRAME, ETHERNET), leave);
    for (at, from) in [(Entry::PACKETS, COUNTS), (Entry::OCTETS, COUNTS + 8)] {
        asm.load(Size::Double, Reg::R1, Reg::Stack, from);
        asm.add_atomically(Reg::R7, at, Reg::R1);
    }
}
