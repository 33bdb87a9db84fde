//! Super-frames of TCP: where their payload begins, and how many frames they stand for.

use super::{
    Assembler, ETHERNET, Family, If, Label, Op, PROTOCOL_TCP, Reg, Size, TAG, half, load_octets,
    tag,
};

/// Octets that [`frame_headers`] needs on the stack.
pub(super) const SCRATCH: i16 = 40;

/// The length of the headers of a super-frame of TCP, from its Ethernet header, which begins R8
/// octets into the packet R6 and may have a tag in it, to the end of TCP's: in R9. Leaves one of
/// another kind. R0 to R5 are destroyed.
pub(super) fn frame_headers(asm: &mut Assembler, scratch: i16, leave: Label) {
    let (tagged, found) = (asm.label(), asm.label());
    load_octets(asm, Reg::R8, 0, scratch, ETHERNET + TAG + 20, leave);
    asm.load(Size::Half, Reg::R1, Reg::Stack, scratch + 12);
    asm.jump_if(Reg::R1, If::Equal, half(tag::TYPE), tagged);
    network_headers(asm, scratch, ETHERNET, (found, leave));
    asm.here(tagged);
    asm.load(Size::Half, Reg::R1, Reg::Stack, scratch + 16);
    network_headers(asm, scratch, ETHERNET + TAG, (found, leave));
    asm.here(found);
    // The octet with TCP's data offset.
    asm.set(Reg::R2, Reg::R8);
    asm.op(Op::Add, Reg::R2, Reg::R9);
    load_octets(asm, Reg::R2, 12, scratch, 1, leave);
    asm.load(Size::Octet, Reg::R1, Reg::Stack, scratch);
    asm.op(Op::Shr, Reg::R1, 4);
    asm.op(Op::Shl, Reg::R1, 2);
    asm.op(Op::Add, Reg::R9, Reg::R1);
}

/// The length of a frame's headers to the end of IP's, which begins `before` octets into the frame
/// on the stack: in R9. R1 has its type. Goes on at the first label with TCP, at the second without.
fn network_headers(
    asm: &mut Assembler,
    scratch: i16,
    before: usize,
    (found, leave): (Label, Label),
) {
    let ip = scratch + before as i16;
    let v6 = asm.label();
    asm.jump_if(Reg::R1, If::Equal, half(Family::V6.ethertype()), v6);
    asm.jump_if(Reg::R1, If::NotEqual, half(Family::V4.ethertype()), leave);
    asm.load(Size::Octet, Reg::R1, Reg::Stack, ip + 9);
    asm.jump_if(Reg::R1, If::NotEqual, PROTOCOL_TCP, leave);
    asm.load(Size::Octet, Reg::R9, Reg::Stack, ip);
    asm.op(Op::And, Reg::R9, 0x0f);
    asm.op(Op::Shl, Reg::R9, 2);
    asm.op(Op::Add, Reg::R9, before as i32);
    asm.jump(found);
    asm.here(v6);
    asm.load(Size::Octet, Reg::R1, Reg::Stack, ip + 6);
    asm.jump_if(Reg::R1, If::NotEqual, PROTOCOL_TCP, leave);
    asm.set(Reg::R9, (before + Family::V6.header()) as i32);
    asm.jump(found);
}

/// From a super-frame's length in R1, the length of its headers in R9 and the octets of payload in
/// each of its segments in R2: R1 becomes the octets and R0 the number of all frames that it stands
/// for. Leaves what is no super-frame. R2 and R3 are destroyed.
pub(super) fn count_segments(asm: &mut Assembler, leave: Label) {
    asm.jump_if(Reg::R9, If::Greater, Reg::R1, leave);
    asm.set(Reg::R0, Reg::R1);
    asm.op(Op::Sub, Reg::R0, Reg::R9);
    asm.jump_if(Reg::R0, If::Equal, 0, leave);
    asm.op(Op::Add, Reg::R0, Reg::R2);
    asm.op(Op::Sub, Reg::R0, 1);
    asm.op(Op::Div, Reg::R0, Reg::R2);
    asm.set(Reg::R3, Reg::R0);
    asm.op(Op::Sub, Reg::R3, 1);
    asm.op(Op::Mul, Reg::R3, Reg::R9);
    asm.op(Op::Add, Reg::R1, Reg::R3);
}

/// Has the frames that a super-frame is cut into counted by their L2TP headers too, of R3 octets
/// each: packets in R0, octets in R1. R3 is destroyed.
pub(super) fn add_headers(asm: &mut Assembler) {
    asm.op(Op::Mul, Reg::R3, Reg::R0);
    asm.op(Op::Add, Reg::R1, Reg::R3);
}
