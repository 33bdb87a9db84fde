//! Segments of TCP that are shorter than they could be.
//!
//! Before an XDP program may see a packet, a veth device copies it into pages of its own: two packets to
//! a page if they are short enough, and else one. So a few octets less in each are worth a quarter of a
//! stream's rate. The kernel takes as many from a super-frame's segments as its headers grow by, when it
//! is not told to keep them; the stream's octets are the same.

use super::{Assembler, ETHERNET, Egress, FIXED_GSO, If, Op, Reg, Size, UDP, VERSION_WORD, skb};

/// Octets of the longest packet, with Ethernet's header, of which a page of 4096 takes two: there are 256
/// in front of each for programs, and 320 behind it for what the kernel notes.
const HALF_A_PAGE: usize = 1472;

/// Segments of fewer octets of payload stay as they are: their packets are short.
const LEAST: i32 = 1200;

impl Egress {
    /// Whether the longest packets fit in half a page when they are shorter by as much as wrapping makes
    /// them longer, and do not otherwise.
    pub(crate) fn gains_by_shorter_segments(&self) -> bool {
        let surplus = self.cutter.map_or(0, |_| UDP + VERSION_WORD);
        let grown = self.overhead() + ETHERNET;
        let packet = self.longest as usize + grown - surplus;
        packet > HALF_A_PAGE && packet - grown <= HALF_A_PAGE
    }
}

/// From the octets of payload in segments as they are, in R2, those in the packets that become of them,
/// where wrapping adds `grown` octets and the tag whose length is at `tag` on the stack. R3 is destroyed.
pub(super) fn shorten(asm: &mut Assembler, spec: &Egress, grown: usize, tag: i16) {
    if !spec.shorter {
        return;
    }
    let short = asm.label();
    asm.jump_if(Reg::R2, If::Less, LEAST, short);
    asm.op(Op::Sub, Reg::R2, grown as i32);
    asm.load(Size::Word, Reg::R3, Reg::Stack, tag);
    asm.op(Op::Sub, Reg::R2, Reg::R3);
    asm.here(short);
}

/// Writes with `wrap` what wraps the frame R6, given the flag that keeps segments, or not, as long as they
/// are. R1 is destroyed.
pub(super) fn wrap_either_way(
    asm: &mut Assembler,
    spec: &Egress,
    mut wrap: impl FnMut(&mut Assembler, u64),
) {
    if !spec.shorter {
        return wrap(asm, FIXED_GSO);
    }
    let (short, done) = (asm.label(), asm.label());
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::GSO_SIZE);
    asm.jump_if(Reg::R1, If::Less, LEAST, short);
    wrap(asm, 0);
    asm.jump(done);
    asm.here(short);
    wrap(asm, FIXED_GSO);
    asm.here(done);
}
