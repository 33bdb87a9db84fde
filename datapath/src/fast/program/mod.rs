//! The programs of the fast path, as functions of what they are for.
//!
//! [`egress`] wraps a session's frames, [`ingress`] unwraps what comes by a device, after the kernel
//! has merged packets; [`early`] does so before, and [`behind`] takes over from it. Each leaves alone
//! what it is not sure of, which then reaches user space as if there were no program. [`cut`] finishes
//! packets of protocol 115, which have to be cut on their way.

mod cut;
mod early;
mod egress;
mod entry;
mod headers;
mod ingress;
mod segments;
mod shorter;
mod tag;

pub(crate) use cut::cut;
pub(crate) use early::{behind, early};
pub(crate) use egress::{Egress, egress};
pub(crate) use entry::{Count, Entry, MAX_REST, Pause, SENT, WAY, opened};
pub(crate) use headers::Stay;
pub(crate) use ingress::ingress;
pub(crate) use tag::TAG;

use super::assembler::{Assembler, Helper, If, Label, Op, Reg, Size};
use std::net::{IpAddr, SocketAddr};

pub(crate) const ETHERNET: usize = 14;
pub(crate) const UDP: usize = 8;
/// What stands before the session id over UDP (RFC 3931 §4.1.2.1).
const VERSION_WORD: usize = 4;
const SESSION_ID: usize = 4;
/// The longest packet of IP.
const MAX_PACKET: i32 = 65_535;

const PROTOCOL_TCP: i32 = 6;
const PROTOCOL_UDP: i32 = 17;
const PROTOCOL_L2TP: i32 = 115;

/// Where `struct __sk_buff` has what is asked of it.
mod skb {
    pub(super) const LEN: i16 = 0;
    pub(super) const MARK: i16 = 8;
    pub(super) const PROTOCOL: i16 = 16;
    /// A tag that the kernel holds beside the frame: whether there is one, what is in it, and its type.
    pub(super) const VLAN_PRESENT: i16 = 20;
    pub(super) const VLAN_TCI: i16 = 24;
    pub(super) const VLAN_PROTO: i16 = 28;
    pub(super) const DATA: i16 = 76;
    pub(super) const DATA_META: i16 = 140;
    pub(super) const GSO_SIZE: i16 = 176;
}

/// Verdicts of programs at a device's traffic hooks.
mod verdict {
    /// The next program's, or nobody's: the packet goes on.
    pub(super) const NEXT: i32 = -1;
    pub(super) const DROP: i32 = 2;
}

/// `bpf_redirect`'s flag for the way into a device.
const INTO_DEVICE: i32 = 1;

/// `bpf_skb_adjust_room`: behind the Ethernet header.
const BEHIND_ETHERNET: i32 = 1;
/// Its flag: segments stay as long as they are.
const FIXED_GSO: u64 = 1;

/// A family of outer addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn of(ip: IpAddr) -> Family {
        match ip {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    /// Octets of its header without options.
    pub(crate) fn header(self) -> usize {
        match self {
            Family::V4 => 20,
            Family::V6 => 40,
        }
    }

    /// Octets of the key that a session's packets are found by.
    pub(crate) fn key(self) -> usize {
        match self {
            Family::V4 => 16,
            Family::V6 => 40,
        }
    }

    /// Where a packet has source and destination address, one behind the other.
    fn addresses(self) -> (usize, usize) {
        match self {
            Family::V4 => (12, 8),
            Family::V6 => (8, 32),
        }
    }

    fn ethertype(self) -> u16 {
        match self {
            Family::V4 => 0x0800,
            Family::V6 => 0x86dd,
        }
    }

    /// Where a packet has the protocol that it carries.
    fn protocol(self) -> usize {
        match self {
            Family::V4 => 9,
            Family::V6 => 6,
        }
    }
}

/// What carries L2TP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carriage {
    Udp,
    /// IP itself (RFC 3931 §4.1.1).
    Protocol115,
}

impl Carriage {
    fn protocol(self) -> i32 {
        match self {
            Carriage::Udp => PROTOCOL_UDP,
            Carriage::Protocol115 => PROTOCOL_L2TP,
        }
    }

    /// Octets between IP's header and L2TP's.
    fn header(self) -> usize {
        match self {
            Carriage::Udp => UDP,
            Carriage::Protocol115 => 0,
        }
    }

    /// Octets of L2TP's header up to the end of the session id.
    fn l2tp(self) -> usize {
        match self {
            Carriage::Udp => VERSION_WORD + SESSION_ID,
            Carriage::Protocol115 => SESSION_ID,
        }
    }

    /// Octets between IP's header and cookie and sublayer.
    fn front(self) -> usize {
        self.header() + self.l2tp()
    }
}

/// What a session's packets are found by, as they have it: addresses, ports, which are 0 for protocol
/// 115, session id.
pub(crate) fn key(from: SocketAddr, to: SocketAddr, session: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(40);
    for end in [from, to] {
        match end.ip() {
            IpAddr::V4(ip) => key.extend(ip.octets()),
            IpAddr::V6(ip) => key.extend(ip.octets()),
        }
    }
    key.extend(from.port().to_be_bytes());
    key.extend(to.port().to_be_bytes());
    key.extend(session.to_be_bytes());
    key
}

/// For so long after a packet that user space takes, others that may be of its flow go the same way,
/// so that none overtakes it; then until there is a pause among them, in which user space has sent or
/// delivered them all, but no longer than for as long again.
const STAY_NANOSECONDS: u64 = 1_000_000_000;
const PAUSE_NANOSECONDS: i32 = 20_000_000;

/// A number in network order, as a load of 16 bits gives it.
fn half(number: u16) -> i32 {
    u16::from_ne_bytes(number.to_be_bytes()).into()
}

/// A number in network order, as a comparison or a store of 32 bits has it.
fn word(octets: [u8; 4]) -> i32 {
    i32::from_ne_bytes(octets)
}

/// Goes on at `free` unless there is a [`Pause`] to wait for at `at + offset`. R0 to R5 are destroyed.
fn unless_recent(asm: &mut Assembler, at: Reg, offset: i16, free: Label) {
    let (recent, over) = (asm.label(), asm.label());
    asm.load(Size::Double, Reg::R1, at, offset);
    asm.jump_if(Reg::R1, If::Equal, 0, free);
    asm.call(Helper::KtimeGetNs);
    asm.load(Size::Double, Reg::R1, at, offset);
    asm.set(Reg::R2, Reg::R0);
    asm.op(Op::Sub, Reg::R2, Reg::R1);
    asm.set_double(Reg::R1, STAY_NANOSECONDS);
    asm.jump_if(Reg::R2, If::Less, Reg::R1, recent);
    asm.set_double(Reg::R1, 2 * STAY_NANOSECONDS);
    asm.jump_if(Reg::R2, If::Greater, Reg::R1, over);
    asm.load(Size::Double, Reg::R1, at, offset + 8);
    asm.set(Reg::R2, Reg::R0);
    asm.op(Op::Sub, Reg::R2, Reg::R1);
    asm.jump_if(Reg::R2, If::Less, PAUSE_NANOSECONDS, recent);
    asm.here(over);
    asm.store(Size::Double, at, offset, 0);
    asm.jump(free);
    asm.here(recent);
    asm.store(Size::Double, at, offset + 8, Reg::R0);
}

/// Copies octets of the packet R6, from `from + offset` on, to the stack.
fn load_octets(asm: &mut Assembler, from: Reg, offset: i32, to: i16, len: usize, leave: Label) {
    asm.set(Reg::R2, from);
    if offset != 0 {
        asm.op(Op::Add, Reg::R2, offset);
    }
    asm.set(Reg::R1, Reg::R6);
    asm.set(Reg::R3, Reg::Stack);
    asm.op(Op::Add, Reg::R3, i32::from(to));
    asm.set(Reg::R4, len as i32);
    asm.call(Helper::SkbLoadBytes);
    asm.jump_if(Reg::R0, If::NotEqual, 0, leave);
}

/// Makes the packet R6 longer behind its Ethernet header, by as many octets as R2 says, or shorter where
/// that is negative, by these flags of `bpf_skb_adjust_room`; then writes octets from the stack over its
/// begin. Leaves a packet whose length cannot change. R0 to R5 are destroyed.
fn replace_front(asm: &mut Assembler, flags: u64, (from, len): (i16, usize), leave: Label) {
    let done = asm.label();
    asm.set(Reg::R1, Reg::R6);
    asm.set(Reg::R3, BEHIND_ETHERNET);
    asm.set_double(Reg::R4, flags);
    asm.call(Helper::SkbAdjustRoom);
    asm.jump_if(Reg::R0, If::NotEqual, 0, leave);
    asm.set(Reg::R1, Reg::R6);
    asm.set(Reg::R2, 0);
    asm.set(Reg::R3, Reg::Stack);
    asm.op(Op::Add, Reg::R3, i32::from(from));
    asm.set(Reg::R4, len as i32);
    asm.set(Reg::R5, 0);
    asm.call(Helper::SkbStoreBytes);
    asm.jump_if(Reg::R0, If::Equal, 0, done);
    asm.exit_with(verdict::DROP);
    asm.here(done);
}

#[cfg(test)]
mod tests;
