//! The tag of IEEE 802.1Q that a frame may bear between its addresses and its type.
//!
//! For a device of a VLAN the kernel holds the tag beside the frame, to write it as late as it can. A
//! tag beside a frame that has been wrapped would be the outer packet's, so it is written into the
//! frame before.

use super::{Assembler, Family, Helper, If, Label, Reg, Size, half, load_octets, skb, verdict};

/// Octets of a tag.
pub(crate) const TAG: usize = 4;
/// What it begins with, in the place of a frame's type.
pub(super) const TYPE: u16 = 0x8100;
/// Where a frame has its type.
const TYPE_AT: i16 = 12;

/// Stores at `to` on the stack how many octets of a tag the frame R6 bears, which the kernel holds
/// beside it then. Leaves one with a tag of another kind. Takes 8 octets of the stack at `scratch`, and
/// R8 for a zero. R0 to R5 and R9 are destroyed.
pub(super) fn find(asm: &mut Assembler, to: i16, scratch: i16, leave: Label) {
    let (tagged, done) = (asm.label(), asm.label());
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::VLAN_PRESENT);
    asm.jump_if(Reg::R1, If::NotEqual, 0, tagged);
    asm.store(Size::Word, Reg::Stack, to, 0);
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::PROTOCOL);
    asm.jump_if(Reg::R1, If::NotEqual, half(TYPE), done);
    lift(asm, scratch, leave);
    asm.here(tagged);
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::VLAN_PROTO);
    asm.jump_if(Reg::R1, If::NotEqual, half(TYPE), leave);
    asm.store(Size::Word, Reg::Stack, to, TAG as i32);
    asm.here(done);
}

/// Has the kernel hold the tag beside the frame that stands in it. Leaves it where neither IPv4 nor
/// IPv6 is behind it.
fn lift(asm: &mut Assembler, scratch: i16, leave: Label) {
    let ip = asm.label();
    load_octets(asm, Reg::R8, TYPE_AT.into(), scratch, TAG + 2, leave);
    asm.load(Size::Half, Reg::R1, Reg::Stack, scratch + TAG as i16);
    asm.jump_if(Reg::R1, If::Equal, half(Family::V4.ethertype()), ip);
    asm.jump_if(Reg::R1, If::NotEqual, half(Family::V6.ethertype()), leave);
    asm.here(ip);
    asm.load(Size::Half, Reg::R9, Reg::Stack, scratch + 2);
    asm.swap_half(Reg::R9);
    asm.set(Reg::R1, Reg::R6);
    asm.call(Helper::SkbVlanPop);
    asm.jump_if(Reg::R0, If::NotEqual, 0, leave);
    asm.set(Reg::R1, Reg::R6);
    asm.set(Reg::R2, half(TYPE));
    asm.set(Reg::R3, Reg::R9);
    asm.call(Helper::SkbVlanPush);
    or_drop(asm);
}

/// Writes the tag beside the frame R6 into the frame's Ethernet header, which is a copy at `frame` on
/// the stack. R1 is destroyed.
pub(super) fn write(asm: &mut Assembler, frame: i16) {
    let at = frame + TYPE_AT;
    asm.store(Size::Half, Reg::Stack, at, half(TYPE));
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::VLAN_TCI);
    asm.swap_half(Reg::R1);
    asm.store(Size::Half, Reg::Stack, at + 2, Reg::R1);
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::PROTOCOL);
    asm.store(Size::Half, Reg::Stack, at + TAG as i16, Reg::R1);
}

/// Has the kernel forget the tag beside the frame R6. R0 to R5 are destroyed.
pub(super) fn forget(asm: &mut Assembler) {
    asm.set(Reg::R1, Reg::R6);
    asm.call(Helper::SkbVlanPop);
    or_drop(asm);
}

/// Drops the frame where the kernel has not done what it cannot but do.
fn or_drop(asm: &mut Assembler) {
    let done = asm.label();
    asm.jump_if(Reg::R0, If::Equal, 0, done);
    asm.exit_with(verdict::DROP);
    asm.here(done);
}
