//! From a session's device to the network.

use super::segments::{SCRATCH, add_headers, count_segments, frame_headers};
use super::{
    Assembler, ETHERNET, Family, Helper, If, MAX_PACKET, Op, PROTOCOL_TCP, PROTOCOL_UDP, Pause,
    Reg, Size, TAG, UDP, VERSION_WORD, half, load_octets, replace_front, shorter, skb, tag,
    unless_recent, verdict, word,
};
use crate::fast::assembler::{Label, Program};
use std::net::{IpAddr, SocketAddr};

const ENCAP_V4: u64 = 1 << 1;
const ENCAP_V6: u64 = 1 << 2;
const ENCAP_UDP: u64 = 1 << 4;
const ENCAP_ETHERNET: u64 = 1 << 6;

/// Everything that the packets of a session have in common, which its program has written into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Egress {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// TTL or hop limit.
    pub(crate) ttl: u8,
    /// TOS octet or traffic class.
    pub(crate) class: u8,
    /// Whether routers may cut packets.
    pub(crate) dont_fragment: bool,
    /// The L2TP header, over UDP from the version word on.
    pub(crate) header: Vec<u8>,
    /// For protocol 115, where packets go to be cut, the index of a device: nothing else in the kernel
    /// cuts them. [`cut`](super::cut()) finishes them there.
    pub(crate) cutter: Option<u32>,
    /// Octets of the longest frame that the session's device gives.
    pub(crate) longest: u32,
    /// Octets of the longest one with a tag in it that still fits the path.
    pub(crate) longest_tagged: u32,
    /// Whether TCP's segments are made shorter than they come: see
    /// [`Egress::gains_by_shorter_segments`].
    pub(crate) shorter: bool,
}

/// Registers: R6 the packet, R7 its length, R8 zero and then packets, R9 octets of L2TP.
const PACKETS: i16 = -8;
/// In the array's value.
const OTHERS_SEEN: i16 = super::Count::LEN as i16;
const LONG_SEEN: i16 = OTHERS_SEEN + Pause::LEN as i16;
const OPENED: i16 = LONG_SEEN + Pause::LEN as i16;
const OCTETS: i16 = -16;
/// The device that the packet leaves by.
const UNDERLAY: i16 = -24;
/// Octets of the frame's tag, and of the longest frame that is taken.
const TAG_LEN: i16 = UNDERLAY - 4;
const LONGEST: i16 = TAG_LEN - 4;
const BUFFER: i16 = LONGEST - 104;
/// The IP header in the buffer.
const IP: i16 = BUFFER + ETHERNET as i16;
const SCRATCH_AT: i16 = BUFFER - SCRATCH;

/// Wraps what leaves the session's device and hands it to the underlay, which the array `way` tells
/// ([`WAY`](super::WAY)); counts in the first value of the array `counts`, of [`SENT`](super::SENT)
/// octets. Frames that are neither IPv4 nor IPv6, those with another tag than one of IEEE 802.1Q, too
/// long ones, and super-frames of UDP, are left to user space.
pub(crate) fn egress(spec: &Egress, counts: i32, way: i32) -> Program {
    let mut asm = Assembler::default();
    let leave = asm.label();
    take(&mut asm, spec, (counts, way), leave);
    count(&mut asm, spec, counts, leave);
    build(&mut asm, spec, leave);
    wrap(&mut asm, spec, leave);
    count_and_send(&mut asm, spec, counts);
    asm.here(leave);
    asm.exit_with(verdict::NEXT);
    asm.finish()
}

/// Leaves frames that are not for this program by their kind, and all while there is no way, and then
/// until there is a pause.
fn take(asm: &mut Assembler, spec: &Egress, (counts, way): (i32, i32), leave: Label) {
    let (ip, free) = (asm.label(), asm.label());
    asm.set(Reg::R6, Reg::R1);
    asm.set_map_value(Reg::R2, way);
    asm.load(Size::Word, Reg::R1, Reg::R2, 0);
    asm.jump_if(Reg::R1, If::Equal, 0, leave);
    asm.store(Size::Word, Reg::Stack, UNDERLAY, Reg::R1);
    asm.set(Reg::R8, 0);
    tag::find(asm, TAG_LEN, SCRATCH_AT, leave);
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::PROTOCOL);
    asm.jump_if(Reg::R1, If::Equal, half(Family::V4.ethertype()), ip);
    asm.jump_if(Reg::R1, If::NotEqual, half(Family::V6.ethertype()), leave);
    asm.here(ip);
    measure(asm, spec);
    asm.jump_if(Reg::R7, If::Greater, longest_super_frame(spec), leave);
    asm.set_map_value(Reg::R9, counts);
    unless_recent(asm, Reg::R9, OPENED, free);
    asm.jump(leave);
    asm.here(free);
}

/// The frame's length with its tag, in R7, and the longest that may go. R1 is destroyed.
fn measure(asm: &mut Assembler, spec: &Egress) {
    let plain = asm.label();
    asm.load(Size::Word, Reg::R7, Reg::R6, skb::LEN);
    asm.store(Size::Word, Reg::Stack, LONGEST, spec.longest as i32);
    asm.load(Size::Word, Reg::R1, Reg::Stack, TAG_LEN);
    asm.jump_if(Reg::R1, If::Equal, 0, plain);
    asm.op(Op::Add, Reg::R7, TAG as i32);
    asm.store(Size::Word, Reg::Stack, LONGEST, spec.longest_tagged as i32);
    asm.here(plain);
}

/// Finds how many packets a frame makes, and of how many octets. Leaves those that are too long, and
/// super-frames of which that is not known.
fn count(asm: &mut Assembler, spec: &Egress, counts: i32, leave: Label) {
    let (whole, counted, other) = (asm.label(), asm.label(), asm.label());
    asm.load(Size::Word, Reg::R2, Reg::R6, skb::GSO_SIZE);
    asm.jump_if(Reg::R2, If::Equal, 0, whole);

    frame_headers(asm, SCRATCH_AT, other);
    asm.load(Size::Word, Reg::R1, Reg::Stack, TAG_LEN);
    asm.op(Op::Add, Reg::R9, Reg::R1);
    asm.load(Size::Word, Reg::R2, Reg::R6, skb::GSO_SIZE);
    asm.set(Reg::R1, Reg::R2);
    asm.op(Op::Add, Reg::R1, Reg::R9);
    check_length(asm, counts, leave);
    asm.load(Size::Word, Reg::R2, Reg::R6, skb::GSO_SIZE);
    shorter::shorten(asm, spec, spec.overhead() + ETHERNET, TAG_LEN);
    asm.set(Reg::R1, Reg::R7);
    count_segments(asm, leave);
    asm.jump(counted);

    asm.here(other);
    note_now(asm, counts, OTHERS_SEEN);
    asm.jump(leave);

    asm.here(whole);
    asm.set(Reg::R1, Reg::R7);
    check_length(asm, counts, leave);
    check_others(asm, counts, leave);
    asm.set(Reg::R1, Reg::R7);
    asm.set(Reg::R0, 1);
    asm.here(counted);
    asm.set(Reg::R3, spec.header.len() as i32);
    add_headers(asm);
    asm.store(Size::Double, Reg::Stack, PACKETS, Reg::R0);
    asm.store(Size::Double, Reg::Stack, OCTETS, Reg::R1);
}

/// Leaves frames of R1 octets where these are too many. After tagged ones, all that are tagged are left
/// for a while: they may be of the same flow. Of a device whose MTU leaves a tag no room, they are many.
/// R0 to R5 are destroyed, R8 is zero.
fn check_length(asm: &mut Assembler, counts: i32, leave: Label) {
    let (fits, free) = (asm.label(), asm.label());
    asm.load(Size::Word, Reg::R2, Reg::Stack, LONGEST);
    asm.load(Size::Word, Reg::R3, Reg::Stack, TAG_LEN);
    asm.jump_if(Reg::R1, If::Less, Reg::R2, fits);
    asm.jump_if(Reg::R1, If::Equal, Reg::R2, fits);
    asm.jump_if(Reg::R3, If::Equal, 0, leave);
    note_now(asm, counts, LONG_SEEN);
    asm.jump(leave);
    asm.here(fits);
    asm.jump_if(Reg::R3, If::Equal, 0, free);
    asm.set_map_value(Reg::R8, counts);
    unless_recent(asm, Reg::R8, LONG_SEEN, free);
    asm.jump(leave);
    asm.here(free);
    asm.set(Reg::R8, 0);
}

/// Stores the time in the array's value. R0 to R5 are destroyed.
fn note_now(asm: &mut Assembler, counts: i32, at: i16) {
    asm.call(Helper::KtimeGetNs);
    asm.set_map_value(Reg::R1, counts);
    asm.store(Size::Double, Reg::R1, at, Reg::R0);
}

/// Leaves what is not TCP for a while after a super-frame of something else: it may be of the same
/// flow. R9 is the array's value. R0 to R5 are destroyed.
fn check_others(asm: &mut Assembler, counts: i32, leave: Label) {
    let (v6, free) = (asm.label(), asm.label());
    asm.set_map_value(Reg::R9, counts);
    unless_recent(asm, Reg::R9, OTHERS_SEEN, free);
    load_octets(asm, Reg::R8, 0, SCRATCH_AT, ETHERNET + 10, leave);
    asm.load(Size::Word, Reg::R1, Reg::R6, skb::PROTOCOL);
    asm.jump_if(Reg::R1, If::NotEqual, half(Family::V4.ethertype()), v6);
    let protocol = SCRATCH_AT + ETHERNET as i16;
    asm.load(Size::Octet, Reg::R1, Reg::Stack, protocol + 9);
    asm.jump_if(Reg::R1, If::Equal, PROTOCOL_TCP, free);
    asm.jump(leave);
    asm.here(v6);
    asm.load(Size::Octet, Reg::R1, Reg::Stack, protocol + 6);
    asm.jump_if(Reg::R1, If::NotEqual, PROTOCOL_TCP, leave);
    asm.here(free);
}

/// Writes the outer headers, Ethernet's among them, and a copy of the frame's own, to the stack.
fn build(asm: &mut Assembler, spec: &Egress, leave: Label) {
    let outer = template(spec);
    // The kernel writes addresses of its own here, and sends nothing on that is for a group.
    let mut words = vec![0; ETHERNET - 2];
    words.extend(spec.family().ethertype().to_be_bytes());
    words.extend(&outer);
    words.resize(words.len().next_multiple_of(4), 0);
    for (n, octets) in words.chunks_exact(4).enumerate() {
        let octets = [octets[0], octets[1], octets[2], octets[3]];
        let at = BUFFER + 4 * n as i16;
        asm.store(Size::Word, Reg::Stack, at, word(octets));
    }
    let frame = IP + outer.len() as i16;
    load_octets(asm, Reg::R8, 0, frame, ETHERNET, leave);
    let plain = asm.label();
    asm.load(Size::Word, Reg::R1, Reg::Stack, TAG_LEN);
    asm.jump_if(Reg::R1, If::Equal, 0, plain);
    tag::write(asm, frame);
    asm.here(plain);
    let ip = spec.family().header();
    let udp_len = (outer.len() - ip) as i32;
    length(asm, IP + ip as i16 + 4, udp_len);
    match spec.family() {
        Family::V4 => {
            length(asm, IP + 2, outer.len() as i32);
            // Where routers may cut, pieces are told apart by it.
            match spec.dont_fragment {
                true => asm.set(Reg::R0, 0),
                false => asm.call(Helper::RandomWord),
            }
            asm.op(Op::And, Reg::R0, 0xffff);
            asm.store(Size::Half, Reg::Stack, IP + 4, Reg::R0);
            checksum(asm, &outer[..ip]);
        }
        Family::V6 => length(asm, IP + 4, udp_len),
    }
}

/// Stores the frame's length with `more` octets, in network order.
fn length(asm: &mut Assembler, at: i16, more: i32) {
    asm.set(Reg::R1, Reg::R7);
    asm.op(Op::Add, Reg::R1, more);
    asm.swap_half(Reg::R1);
    asm.store(Size::Half, Reg::Stack, at, Reg::R1);
}

/// The checksum of the IPv4 header (RFC 1071), whose identification is in R0, from the sum of what
/// is known beforehand.
fn checksum(asm: &mut Assembler, known: &[u8]) {
    let halves = known.chunks_exact(2);
    let sum: i32 = halves
        .map(|octets| i32::from(u16::from_ne_bytes([octets[0], octets[1]])))
        .sum();
    asm.load(Size::Half, Reg::R1, Reg::Stack, IP + 2);
    asm.op(Op::Add, Reg::R1, Reg::R0);
    asm.op(Op::Add, Reg::R1, sum);
    fold(asm);
    asm.store(Size::Half, Reg::Stack, IP + 10, Reg::R1);
}

/// Makes a checksum of the sum of some 16-bit numbers in R1 (RFC 1071). R2 is destroyed.
pub(super) fn fold(asm: &mut Assembler) {
    for _ in 0..2 {
        asm.set(Reg::R2, Reg::R1);
        asm.op(Op::Shr, Reg::R2, 16);
        asm.op(Op::And, Reg::R1, 0xffff);
        asm.op(Op::Add, Reg::R1, Reg::R2);
    }
    asm.op(Op::Xor, Reg::R1, 0xffff);
}

/// Makes room and puts the headers there.
fn wrap(asm: &mut Assembler, spec: &Egress, leave: Label) {
    let (plain, done) = (asm.label(), asm.label());
    asm.load(Size::Word, Reg::R1, Reg::Stack, TAG_LEN);
    asm.jump_if(Reg::R1, If::Equal, 0, plain);
    wrap_behind(asm, spec, ETHERNET + TAG, leave);
    tag::forget(asm);
    asm.jump(done);
    asm.here(plain);
    wrap_behind(asm, spec, ETHERNET, leave);
    asm.here(done);
}

/// As [`wrap`], for a frame whose own header has so many octets.
fn wrap_behind(asm: &mut Assembler, spec: &Egress, inner: usize, leave: Label) {
    let room = spec.overhead() + inner;
    let family = match spec.family() {
        Family::V4 => ENCAP_V4,
        Family::V6 => ENCAP_V6,
    };
    let flags = family | ENCAP_UDP | ENCAP_ETHERNET | (inner as u64) << 56;
    shorter::wrap_either_way(asm, spec, |asm, keep| {
        asm.set(Reg::R2, room as i32);
        replace_front(asm, flags | keep, (BUFFER, ETHERNET + room), leave);
    });
}

/// Counts the packet and has it cut, or sends it by the route and the neighbour that the kernel knows.
fn count_and_send(asm: &mut Assembler, spec: &Egress, counts: i32) {
    asm.set_map_value(Reg::R2, counts);
    for (at, from) in [(0, PACKETS), (8, OCTETS)] {
        asm.load(Size::Double, Reg::R1, Reg::Stack, from);
        asm.add_atomically(Reg::R2, at, Reg::R1);
    }
    asm.load(Size::Word, Reg::R1, Reg::Stack, UNDERLAY);
    match spec.cutter {
        None => send(asm),
        Some(cutter) => {
            asm.store(Size::Word, Reg::R6, skb::MARK, Reg::R1);
            asm.set(Reg::R1, cutter as i32);
            asm.set(Reg::R2, 0);
            asm.call(Helper::Redirect);
            asm.exit();
        }
    }
}

/// Sends the packet R6 by the device R1; ends the program.
pub(super) fn send(asm: &mut Assembler) {
    // The mark chooses a route, and that of a frame inside has nothing to do with the outer one.
    asm.store(Size::Word, Reg::R6, skb::MARK, 0);
    for rest in [Reg::R2, Reg::R3, Reg::R4] {
        asm.set(rest, 0);
    }
    asm.call(Helper::RedirectNeighbour);
    asm.exit();
}

impl Egress {
    fn family(&self) -> Family {
        Family::of(self.local.ip())
    }

    /// Octets in front of a frame.
    pub(super) fn overhead(&self) -> usize {
        self.family().header() + UDP + self.filler() + self.header.len()
    }

    /// Octets between UDP's header and the L2TP header: over protocol 115, to which a packet is turned
    /// once it has been cut, what the others have in the place of its version word.
    fn filler(&self) -> usize {
        match self.cutter {
            None => 0,
            Some(_) => VERSION_WORD,
        }
    }
}

/// A frame of more octets makes no packet of IP.
fn longest_super_frame(spec: &Egress) -> i32 {
    MAX_PACKET - spec.overhead() as i32
}

/// The outer headers without lengths, identification and checksum.
fn template(spec: &Egress) -> Vec<u8> {
    let mut out = Vec::with_capacity(spec.overhead());
    match (spec.local.ip(), spec.remote.ip()) {
        (IpAddr::V4(local), IpAddr::V4(remote)) => {
            let flags = u8::from(spec.dont_fragment) << 6;
            out.extend([0x45, spec.class, 0, 0, 0, 0, flags, 0]);
            out.extend([spec.ttl, PROTOCOL_UDP as u8, 0, 0]);
            out.extend(local.octets());
            out.extend(remote.octets());
        }
        (IpAddr::V6(local), IpAddr::V6(remote)) => {
            let class = spec.class;
            out.extend([0x60 | class >> 4, class << 4, 0, 0, 0, 0]);
            out.extend([PROTOCOL_UDP as u8, spec.ttl]);
            out.extend(local.octets());
            out.extend(remote.octets());
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {}
    }
    out.extend(spec.local.port().to_be_bytes());
    out.extend(spec.remote.port().to_be_bytes());
    out.extend([0; 4]);
    out.resize(out.len() + spec.filler(), 0);
    out.extend(&spec.header);
    out
}
