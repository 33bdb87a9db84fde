//! From the network to the sessions' devices, packets as the driver has received them (XDP). What
//! is unwrapped here the kernel merges as it merges any packets.

use super::headers::{Headers, Stay, check_rest};
use super::{
    Assembler, Carriage, ETHERNET, Entry, Family, Helper, INTO_DEVICE, If, MAX_REST, Op, Reg, Size,
    half, skb, verdict,
};
use crate::fast::assembler::{Label, Program};

/// Registers: R6 the context, R7 the session's entry, R8 where the packet begins, R9 its length.
const KEY: i16 = -40;

const DATA: i16 = 0;
const DATA_END: i16 = 4;
const DATA_META: i16 = 8;

const PASS: i32 = 2;
const DROP: i32 = 1;

/// What stands before an unwrapped frame: this mark, and the index of its device.
pub(super) const MARK: i32 = 0x4c32_5450;
const META: i32 = 8;

/// Unwraps packets of the sessions in the maps `v4` and `v6`, by the rules of
/// [`ingress`](super::ingress()), and tells [`behind`] whose they are.
pub(crate) fn early(v4: i32, v6: i32, stay: Stay) -> Program {
    let mut asm = Assembler::default();
    let (leave, other) = (asm.label(), asm.label());
    asm.set(Reg::R6, Reg::R1);
    asm.load(Size::Word, Reg::R8, Reg::R6, DATA);
    asm.load(Size::Word, Reg::R3, Reg::R6, DATA_END);
    need(&mut asm, ETHERNET, leave);
    asm.load(Size::Half, Reg::R1, Reg::R8, 12);
    asm.jump_if(Reg::R1, If::NotEqual, half(Family::V4.ethertype()), other);
    unwrap(&mut asm, (Family::V4, v4), stay, leave);
    asm.here(other);
    asm.jump_if(Reg::R1, If::NotEqual, half(Family::V6.ethertype()), leave);
    unwrap(&mut asm, (Family::V6, v6), stay, leave);
    asm.here(leave);
    asm.exit_with(PASS);
    asm.finish()
}

/// Leaves a packet that has not so many octets in front of R3. R2 is destroyed.
fn need(asm: &mut Assembler, octets: usize, leave: Label) {
    asm.set(Reg::R2, Reg::R8);
    asm.op(Op::Add, Reg::R2, octets as i32);
    asm.jump_if(Reg::R2, If::Greater, Reg::R3, leave);
}

/// Leaves a packet that ends anywhere but R9 octets behind its begin. R2 is destroyed.
fn check_end(asm: &mut Assembler, leave: Label) {
    asm.set(Reg::R2, Reg::R8);
    asm.op(Op::Add, Reg::R2, Reg::R9);
    asm.jump_if(Reg::R2, If::Greater, Reg::R3, leave);
    asm.op(Op::Add, Reg::R2, 1);
    let ends = asm.label();
    asm.jump_if(Reg::R2, If::Greater, Reg::R3, ends);
    asm.jump(leave);
    asm.here(ends);
}

/// The way of a packet of the family; ends the program.
fn unwrap(asm: &mut Assembler, (family, map): (Family, i32), stay: Stay, leave: Label) {
    let headers = Headers {
        at: (Reg::R8, ETHERNET as i16),
        key: KEY,
        map,
        family,
        carriage: Carriage::Udp,
        stay,
    };
    need(asm, ETHERNET + family.header(), leave);
    headers.whatever_carries(asm, leave, unwrap_over);
}

fn unwrap_over(asm: &mut Assembler, headers: &Headers, leave: Label) {
    let before = ETHERNET + headers.family.header() + headers.carriage.front();
    // A frame is longer than what may be missing of the longest header.
    need(asm, before + MAX_REST, leave);
    headers.check(asm, leave);
    headers.length(asm, Reg::R9, leave);
    check_end(asm, leave);
    headers.find(asm, leave);
    headers.check_checksum(asm, leave);
    check_rest(asm, Reg::R8, before as i16, leave);
    // R9 becomes the octets of L2TP, R8 those in front of the frame.
    asm.load(Size::Word, Reg::R8, Reg::R7, Entry::REST_LEN);
    asm.op(Op::Add, Reg::R8, before as i32);
    asm.set(Reg::R1, Reg::R9);
    asm.op(Op::Sub, Reg::R1, Reg::R8);
    asm.op(Op::Sub, Reg::R9, (before - headers.carriage.l2tp()) as i32);
    asm.load(Size::Word, Reg::R2, Reg::R7, Entry::LONGEST);
    asm.jump_if(Reg::R1, If::Greater, Reg::R2, leave);
    asm.jump_if(Reg::R1, If::Less, ETHERNET as i32, leave);
    strip(asm, leave);
    asm.set(Reg::R1, 1);
    asm.add_atomically(Reg::R7, Entry::PACKETS, Reg::R1);
    asm.add_atomically(Reg::R7, Entry::OCTETS, Reg::R9);
    asm.exit_with(PASS);
}

/// Takes R8 octets away and writes whose the frame is.
fn strip(asm: &mut Assembler, leave: Label) {
    let (lost, whole) = (asm.label(), asm.label());
    asm.set(Reg::R1, Reg::R6);
    asm.set(Reg::R2, -META);
    asm.call(Helper::XdpAdjustMeta);
    // A driver without room for it.
    asm.jump_if(Reg::R0, If::NotEqual, 0, leave);
    asm.set(Reg::R1, Reg::R6);
    asm.set(Reg::R2, Reg::R8);
    asm.call(Helper::XdpAdjustHead);
    asm.jump_if(Reg::R0, If::NotEqual, 0, lost);
    asm.load(Size::Word, Reg::R2, Reg::R6, DATA_META);
    asm.load(Size::Word, Reg::R3, Reg::R6, DATA);
    asm.set(Reg::R1, Reg::R2);
    asm.op(Op::Add, Reg::R1, META);
    asm.jump_if(Reg::R1, If::Greater, Reg::R3, lost);
    asm.store(Size::Word, Reg::R2, 0, MARK);
    asm.load(Size::Word, Reg::R1, Reg::R7, Entry::DEVICE);
    asm.store(Size::Word, Reg::R2, 4, Reg::R1);
    asm.jump(whole);
    asm.here(lost);
    asm.exit_with(DROP);
    asm.here(whole);
}

/// Hands the frames of [`early`] to their devices, at the same device's traffic hook.
pub(crate) fn behind() -> Program {
    let mut asm = Assembler::default();
    let leave = asm.label();
    asm.load(Size::Word, Reg::R2, Reg::R1, skb::DATA_META);
    asm.load(Size::Word, Reg::R3, Reg::R1, skb::DATA);
    asm.set(Reg::R4, Reg::R2);
    asm.op(Op::Add, Reg::R4, META);
    asm.jump_if(Reg::R4, If::Greater, Reg::R3, leave);
    asm.load(Size::Word, Reg::R4, Reg::R2, 0);
    asm.jump_if(Reg::R4, If::NotEqual, MARK, leave);
    asm.load(Size::Word, Reg::R1, Reg::R2, 4);
    asm.set(Reg::R2, INTO_DEVICE);
    asm.call(Helper::Redirect);
    asm.exit();
    asm.here(leave);
    asm.exit_with(verdict::NEXT);
    asm.finish()
}
