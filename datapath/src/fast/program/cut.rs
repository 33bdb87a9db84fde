//! Packets of protocol 115 on their way to the network, once they have been cut.
//!
//! The kernel cuts super-frames in UDP tunnels, but nothing in a protocol that it does not know. So
//! [`egress`](super::egress()) wraps frames as if for UDP, and a device that takes no super-frames
//! cuts them; at its other end this program makes packets of protocol 115 of them. All of a session's
//! packets go this way, so that none overtakes another.

use super::{
    Assembler, ETHERNET, FIXED_GSO, Family, Helper, If, Op, PROTOCOL_L2TP, PROTOCOL_UDP, Reg, Size,
    UDP, VERSION_WORD, egress, half, load_octets, replace_front, skb, verdict,
};
use crate::fast::assembler::Program;

/// What stands in a packet only until it is cut.
const SURPLUS: u16 = (UDP + VERSION_WORD) as u16;

/// Registers: R6 the packet, R7 the device that it leaves by, R8 zero.
const BUFFER: i16 = -56;
/// The IP header in the buffer.
const IP: i16 = BUFFER + ETHERNET as i16;

/// `bpf_skb_change_type`: for this host, as far as the kernel may care.
const HOST: i32 = 0;

/// Sends what [`egress`](super::egress()) has wrapped for protocol 115 by the device that the mark
/// tells. Drops whatever else comes by.
pub(crate) fn cut() -> Program {
    let mut asm = Assembler::default();
    let (drop, v6, v4) = (asm.label(), asm.label(), asm.label());
    asm.set(Reg::R6, Reg::R1);
    asm.load(Size::Word, Reg::R7, Reg::R6, skb::MARK);
    asm.jump_if(Reg::R7, If::Equal, 0, drop);
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::GSO_SIZE);
    asm.jump_if(Reg::R1, If::NotEqual, 0, drop);
    asm.set(Reg::R8, 0);
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::PROTOCOL);
    asm.jump_if(Reg::R1, If::Equal, half(Family::V4.ethertype()), v4);
    asm.jump_if(Reg::R1, If::Equal, half(Family::V6.ethertype()), v6);
    asm.here(drop);
    asm.exit_with(verdict::DROP);
    for (family, here) in [(Family::V4, v4), (Family::V6, v6)] {
        asm.here(here);
        turn(&mut asm, family);
    }
    asm.finish()
}

/// Turns a packet of UDP into one of protocol 115; ends the program.
fn turn(asm: &mut Assembler, family: Family) {
    let drop = asm.label();
    let len = ETHERNET + family.header();
    load_octets(asm, Reg::R8, 0, BUFFER, len, drop);
    let protocol = IP + family.protocol() as i16;
    asm.load(Size::Octet, Reg::R1, Reg::Stack, protocol);
    asm.jump_if(Reg::R1, If::NotEqual, PROTOCOL_UDP, drop);
    asm.store(Size::Octet, Reg::Stack, protocol, PROTOCOL_L2TP);
    match family {
        Family::V4 => {
            shorten(asm, IP + 2);
            sum(asm);
        }
        Family::V6 => shorten(asm, IP + 4),
    }
    asm.set(Reg::R2, -i32::from(SURPLUS));
    replace_front(asm, FIXED_GSO, (BUFFER, len), drop);
    asm.set(Reg::R1, Reg::R6);
    asm.set(Reg::R2, HOST);
    asm.call(Helper::SkbChangeType);
    asm.set(Reg::R1, Reg::R7);
    egress::send(asm);
    asm.here(drop);
    asm.exit_with(verdict::DROP);
}

/// Takes the surplus from the length at `at`.
fn shorten(asm: &mut Assembler, at: i16) {
    asm.load(Size::Half, Reg::R1, Reg::Stack, at);
    asm.swap_half(Reg::R1);
    asm.op(Op::Sub, Reg::R1, i32::from(SURPLUS));
    asm.swap_half(Reg::R1);
    asm.store(Size::Half, Reg::Stack, at, Reg::R1);
}

/// Brings the checksum of the IPv4 header in line with what has changed in it (RFC 1624 §3).
fn sum(asm: &mut Assembler) {
    let more = half((PROTOCOL_L2TP - PROTOCOL_UDP) as u16) + half(!SURPLUS);
    asm.load(Size::Half, Reg::R1, Reg::Stack, IP + 10);
    asm.op(Op::Xor, Reg::R1, 0xffff);
    asm.op(Op::Add, Reg::R1, more);
    egress::fold(asm);
    asm.store(Size::Half, Reg::Stack, IP + 10, Reg::R1);
}
