//! The outer headers of packets that come: which of them are for a session, and which session.

use super::{
    Assembler, Carriage, ETHERNET, Entry, Family, Helper, If, Label, Op, Reg, SESSION_ID, Size,
    UDP, half, unless_recent, word,
};

/// What becomes of a session's packets after one with a UDP checksum, which stems from a path
/// through user space: such packets have one when several leave together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stay {
    /// For a while they go the same way, so that none overtakes it.
    AWhile,
    /// Nothing: user space could not read them.
    No,
}

/// Where the outer headers of a packet are read from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Headers {
    /// The register and the offset where the IP header begins.
    pub(super) at: (Reg, i16),
    /// Where on the stack the key is to be made.
    pub(super) key: i16,
    /// The map of the family's sessions.
    pub(super) map: i32,
    pub(super) family: Family,
    pub(super) carriage: Carriage,
    pub(super) stay: Stay,
}

impl Headers {
    fn load(&self, asm: &mut Assembler, size: Size, to: Reg, offset: usize) {
        asm.load(size, to, self.at.0, self.at.1 + offset as i16);
    }

    /// Writes with `way`, for UDP and for protocol 115, which a packet of the family goes if that carries
    /// it. Leaves others. R1 is destroyed.
    pub(super) fn whatever_carries(
        self,
        asm: &mut Assembler,
        leave: Label,
        way: fn(&mut Assembler, &Headers, Label),
    ) {
        for carriage in [Carriage::Udp, Carriage::Protocol115] {
            let headers = Headers { carriage, ..self };
            let other = asm.label();
            headers.check_protocol(asm, other);
            way(asm, &headers, leave);
            asm.here(other);
        }
        asm.jump(leave);
    }

    /// Goes on at `to` unless IP says that the packet's kind is this one. R1 is destroyed.
    fn check_protocol(&self, asm: &mut Assembler, to: Label) {
        self.load(asm, Size::Octet, Reg::R1, self.family.protocol());
        asm.jump_if(Reg::R1, If::NotEqual, self.carriage.protocol(), to);
    }

    /// Leaves a packet that is not L2TP data of version 3 in one piece. R1 is destroyed.
    pub(super) fn check(&self, asm: &mut Assembler, leave: Label) {
        self.load(asm, Size::Octet, Reg::R1, 0);
        match self.family {
            Family::V4 => {
                asm.jump_if(Reg::R1, If::NotEqual, 0x45, leave);
                self.load(asm, Size::Half, Reg::R1, 6);
                asm.op(Op::And, Reg::R1, half(0x3fff));
                asm.jump_if(Reg::R1, If::NotEqual, 0, leave);
            }
            Family::V6 => {
                asm.op(Op::Shr, Reg::R1, 4);
                asm.jump_if(Reg::R1, If::NotEqual, 6, leave);
            }
        }
        // Over IP a control message has the session id 0, which no session has.
        if self.carriage == Carriage::Udp {
            self.load(asm, Size::Word, Reg::R1, self.family.header() + UDP);
            asm.jump_if(Reg::R1, If::NotEqual, word([0, 3, 0, 0]), leave);
        }
    }

    /// The octets of the whole frame, as IP and UDP tell them, in `to`. Leaves a packet in which they
    /// do not agree. R2 is destroyed.
    pub(super) fn length(&self, asm: &mut Assembler, to: Reg, leave: Label) {
        let ip = self.family.header();
        let (at, before) = match self.family {
            Family::V4 => (2, ETHERNET),
            Family::V6 => (4, ETHERNET + ip),
        };
        self.load(asm, Size::Half, to, at);
        asm.swap_half(to);
        asm.op(Op::Add, to, before as i32);
        if self.carriage == Carriage::Udp {
            self.load(asm, Size::Half, Reg::R2, ip + 4);
            asm.swap_half(Reg::R2);
            asm.op(Op::Add, Reg::R2, (ETHERNET + ip) as i32);
            asm.jump_if(Reg::R2, If::NotEqual, to, leave);
        }
    }

    /// Looks for the session of a packet; R7 is its entry. R1 to R5 are destroyed.
    pub(super) fn find(&self, asm: &mut Assembler, leave: Label) {
        let (from, octets) = self.family.addresses();
        let ip = self.family.header();
        let addresses = (from..from + octets).step_by(4).map(Some);
        let ports = (self.carriage == Carriage::Udp).then_some(ip);
        let session = Some(ip + self.carriage.front() - SESSION_ID);
        for (n, from) in addresses.chain([ports, session]).enumerate() {
            let to = self.key + 4 * n as i16;
            match from {
                Some(from) => {
                    self.load(asm, Size::Word, Reg::R1, from);
                    asm.store(Size::Word, Reg::Stack, to, Reg::R1);
                }
                None => asm.store(Size::Word, Reg::Stack, to, 0),
            }
        }
        asm.set_map(Reg::R1, self.map);
        asm.set(Reg::R2, Reg::Stack);
        asm.op(Op::Add, Reg::R2, i32::from(self.key));
        asm.call(Helper::MapLookup);
        asm.jump_if(Reg::R0, If::Equal, 0, leave);
        asm.set(Reg::R7, Reg::R0);
    }

    /// Leaves a packet that has a UDP checksum, which is not verified here, and perhaps those after
    /// it; and those after the session was opened, as long as there is no pause. R0 to R5 are destroyed.
    pub(super) fn check_checksum(&self, asm: &mut Assembler, leave: Label) {
        let (without, free) = (asm.label(), asm.label());
        let summed = self.carriage == Carriage::Udp;
        if summed {
            self.load(asm, Size::Half, Reg::R1, self.family.header() + 6);
        }
        if self.stay == Stay::No {
            if summed {
                asm.jump_if(Reg::R1, If::NotEqual, 0, leave);
            }
            return;
        }
        if summed {
            asm.jump_if(Reg::R1, If::Equal, 0, without);
            asm.call(Helper::KtimeGetNs);
            asm.store(Size::Double, Reg::R7, Entry::CHECKSUM_SEEN, Reg::R0);
            asm.jump(leave);
        }
        asm.here(without);
        unless_recent(asm, Reg::R7, Entry::CHECKSUM_SEEN, free);
        asm.jump(leave);
        asm.here(free);
    }
}

/// Leaves a packet whose cookie and sublayer, at `from + offset`, are not those of the entry in R7.
/// R1 and R2 are destroyed.
pub(super) fn check_rest(asm: &mut Assembler, from: Reg, offset: i16, leave: Label) {
    for at in [0, 4, 8] {
        asm.load(Size::Word, Reg::R1, from, offset + at);
        asm.load(Size::Word, Reg::R2, Reg::R7, Entry::MASK + at);
        asm.op(Op::And, Reg::R1, Reg::R2);
        asm.load(Size::Word, Reg::R2, Reg::R7, Entry::REST + at);
        asm.jump_if(Reg::R1, If::NotEqual, Reg::R2, leave);
    }
}
