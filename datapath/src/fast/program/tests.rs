//! Programs run by the kernel on packets that the wire crate has written, and what they write read
//! by it.

use super::*;
use crate::fast::assembler::Program;
use crate::sys::bpf::{self, Hook, Map, MapKind};
use adit_wire::ip::Checksum;
use adit_wire::l2tp::{Cookie, SessionId, Sublayer, write_v3};
use proptest::prelude::*;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// `TC_ACT_REDIRECT`, and what the others come to.
const REDIRECTED: u32 = 7;
const LEFT: u32 = verdict::NEXT as u32;
const PASSED: u32 = 2;

const SESSION: u32 = 0x0102_0304;

/// Whether the kernel takes programs. Where tests must run, that is no excuse.
fn able() -> bool {
    match Map::create(MapKind::Array, 4, SENT, 1) {
        Ok(_) => true,
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: no BPF here, {error}");
            false
        }
        Err(error) => panic!("no BPF here: {error}"),
    }
}

fn loaded(hook: Hook, program: &Program) -> OwnedFd {
    bpf::load(hook, &program.code).expect("a program that the kernel takes")
}

fn run(program: &OwnedFd, packet: &[u8]) -> (u32, Vec<u8>) {
    bpf::test_run(program.as_fd(), packet).expect("a run")
}

/// What two ends of a session have agreed on, seen by the one that receives.
#[derive(Debug, Clone)]
struct Agreed {
    from: SocketAddr,
    to: SocketAddr,
    cookie: Cookie,
    sublayer: Sublayer,
}

impl Agreed {
    fn header(&self) -> Vec<u8> {
        let mut out = [0; 20];
        let id = SessionId(SESSION);
        let len = write_v3(&mut out, true, id, &self.cookie, self.sublayer, None);
        out[..len.unwrap()].to_vec()
    }

    fn entry(&self) -> Entry {
        let header = self.header();
        let mut rest = [0; MAX_REST];
        rest[..header.len() - L2TP].copy_from_slice(&header[L2TP..]);
        Entry {
            rest,
            rest_len: (header.len() - L2TP) as u32,
            device: 1,
            longest: 1514,
            ..Entry::default()
        }
    }

    /// The outer packet of a frame, behind an Ethernet header of no importance.
    fn packet(&self, frame: &[u8]) -> Vec<u8> {
        let l2tp = [self.header(), frame.to_vec()].concat();
        let mut out = vec![2; 12];
        out.extend(Family::of(self.to.ip()).ethertype().to_be_bytes());
        let udp = (UDP + l2tp.len()) as u16;
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut ip = vec![0x45, 0];
                ip.extend((20 + udp).to_be_bytes());
                ip.extend([0, 0, 0, 0, 64, 17, 0, 0]);
                ip.extend(from.octets());
                ip.extend(to.octets());
                let sum = sum(&ip);
                ip[10..12].copy_from_slice(&sum.to_be_bytes());
                out.extend(ip);
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                out.extend([0x60, 0, 0, 0]);
                out.extend(udp.to_be_bytes());
                out.extend([17, 64]);
                out.extend(from.octets());
                out.extend(to.octets());
            }
            _ => unreachable!("one family"),
        }
        out.extend(self.from.port().to_be_bytes());
        out.extend(self.to.port().to_be_bytes());
        out.extend(udp.to_be_bytes());
        out.extend([0, 0]);
        out.extend(l2tp);
        out
    }
}

fn sum(octets: &[u8]) -> u16 {
    let mut sum = Checksum::new();
    sum.add(octets);
    sum.finish()
}

/// The receiving side: maps with one session, and a program that knows them.
struct Receiver {
    table: Arc<Map>,
    key: Vec<u8>,
    program: OwnedFd,
    /// What says that a frame was unwrapped, and what stands in front of it then.
    taken: u32,
    before: Vec<u8>,
}

impl Receiver {
    fn both(agreed: &Agreed) -> [Receiver; 2] {
        let mark = [
            early::MARK.to_ne_bytes(),
            agreed.entry().device.to_ne_bytes(),
        ];
        let early = (
            Hook::Driver,
            early as fn(i32, i32, Stay) -> Program,
            PASSED,
            mark.concat(),
        );
        let late = (
            Hook::Ingress,
            ingress as fn(i32, i32, Stay) -> Program,
            REDIRECTED,
            Vec::new(),
        );
        [early, late].map(|(hook, program, taken, before)| {
            let table = |family: Family| {
                Map::create(MapKind::Hash, family.key(), Entry::LEN, 16).expect("a map")
            };
            let (v4, v6) = (table(Family::V4), table(Family::V6));
            let program = loaded(hook, &program(v4.number(), v6.number(), Stay::AWhile));
            let table = match Family::of(agreed.to.ip()) {
                Family::V4 => v4,
                Family::V6 => v6,
            };
            let key = key(agreed.from, agreed.to, SESSION);
            table.set(&key, &agreed.entry().write()).expect("an entry");
            Receiver {
                table: Arc::new(table),
                key,
                program,
                taken,
                before,
            }
        })
    }

    /// The frame in a packet, if it was unwrapped.
    fn unwrap(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let before = self.count();
        let (verdict, out) = run(&self.program, packet);
        let after = self.count();
        if after == before {
            assert!(out == packet, "what is left alone is not changed");
            assert!(verdict == LEFT || verdict == PASSED, "{verdict}");
            return None;
        }
        assert_eq!(verdict, self.taken);
        assert_eq!(after.packets, before.packets + 1);
        let frame = out.strip_prefix(&self.before[..]);
        Some(frame.expect("a frame behind its mark").to_vec())
    }

    fn count(&self) -> Count {
        let mut entry = [0; Entry::LEN];
        self.table.get(&self.key, &mut entry).expect("the entry");
        Count::read(entry.first_chunk().unwrap())
    }
}

fn agreed() -> impl Strategy<Value = Agreed> {
    let ends = prop_oneof![
        any::<([u8; 4], [u8; 4])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
        any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
    ];
    let cookie = prop_oneof![
        Just(Cookie::EMPTY),
        any::<[u8; 4]>().prop_map(|c| Cookie::new(&c).unwrap()),
        any::<[u8; 8]>().prop_map(|c| Cookie::new(&c).unwrap()),
    ];
    let sublayer = prop_oneof![Just(Sublayer::None), Just(Sublayer::Default)];
    let ports = any::<(u16, u16)>();
    (ends, ports, cookie, sublayer).prop_map(|((from, to), ports, cookie, sublayer)| Agreed {
        from: SocketAddr::new(from, ports.0),
        to: SocketAddr::new(to, ports.1),
        cookie,
        sublayer,
    })
}

/// A frame whose type says IPv4 or IPv6, which alone egress takes, of a length that the device
/// admits.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![Just([0x08, 0x00]), Just([0x86, 0xdd])];
    let payload = proptest::collection::vec(any::<u8>(), 60..1500);
    (any::<[u8; 12]>(), kind, payload)
        .prop_map(|(addresses, kind, payload)| [&addresses[..], &kind, &payload].concat())
}

fn sample() -> Agreed {
    Agreed {
        from: "192.0.2.1:5000".parse().unwrap(),
        to: "192.0.2.2:6000".parse().unwrap(),
        cookie: Cookie::new(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap(),
        sublayer: Sublayer::Default,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn frames_come_out_of_the_packets_of_the_codec(agreed in agreed(), frame in frame()) {
        if !able() {
            return Ok(());
        }
        let packet = agreed.packet(&frame);
        for receiver in Receiver::both(&agreed) {
            prop_assert_eq!(receiver.unwrap(&packet), Some(frame.clone()));
            let octets = (agreed.header().len() + frame.len()) as u64;
            prop_assert_eq!(receiver.count(), Count { packets: 1, octets });
        }
    }

    #[test]
    fn frames_become_the_packets_of_the_codec(
        agreed in agreed(),
        frame in frame(),
        ttl: u8,
        class: u8,
        dont_fragment: bool,
    ) {
        if !able() {
            return Ok(());
        }
        let spec = Egress {
            local: agreed.from,
            remote: agreed.to,
            underlay: 1,
            ttl,
            class,
            dont_fragment,
            header: agreed.header(),
            longest: 1514,
        };
        let counts = Map::create(MapKind::Array, 4, SENT, 1).unwrap();
        let program = loaded(Hook::Egress, &egress(&spec, counts.number()));
        let (verdict, packet) = run(&program, &frame);
        prop_assert_eq!(verdict, REDIRECTED);
        let mut ip = packet[ETHERNET..].to_vec();
        let mut expected = agreed.packet(&frame)[ETHERNET..].to_vec();
        if agreed.to.is_ipv4() {
            prop_assert_eq!(sum(&ip[..20]), 0);
            prop_assert_eq!((ip[1], ip[8]), (class, ttl));
            prop_assert_eq!(ip[6], u8::from(dont_fragment) << 6);
            for packet in [&mut ip, &mut expected] {
                (packet[1], packet[8]) = (0, 0);
                packet[4..8].fill(0);
                packet[10..12].fill(0);
            }
        } else {
            prop_assert_eq!((ip[0] & 0xf) << 4 | ip[1] >> 4, class);
            prop_assert_eq!(ip[7], ttl);
            for packet in [&mut ip, &mut expected] {
                packet[..2].fill(0);
                packet[7] = 0;
            }
        }
        prop_assert_eq!(ip, expected);
        let mut sent = [0; SENT];
        counts.get(&[0; 4], &mut sent).unwrap();
        let octets = (agreed.header().len() + frame.len()) as u64;
        prop_assert_eq!(Count::read(sent.first_chunk().unwrap()), Count { packets: 1, octets });
    }

    /// One octet of the headers that is not as agreed on: nothing is taken, nothing is changed.
    #[test]
    fn a_packet_that_differs_is_left_alone(agreed in agreed(), at: prop::sample::Index, flip in 1u8..) {
        if !able() {
            return Ok(());
        }
        let frame = [&[7; 12][..], &[8, 0], &[9; 100]].concat();
        let packet = agreed.packet(&frame);
        let family = Family::of(agreed.to.ip());
        let end = ETHERNET + family.outer() + agreed.header().len() - L2TP;
        // TOS, identification, TTL and IP's own checksum are nobody's business here.
        let free: &[usize] = match family {
            Family::V4 => &[1, 4, 5, 8, 10, 11],
            Family::V6 => &[1, 2, 3, 7],
        };
        let at = ETHERNET - 2 + at.index(end - ETHERNET + 2);
        let mut other = packet.clone();
        other[at] ^= flip;
        let free = at >= ETHERNET && free.contains(&(at - ETHERNET));
        // DF is one bit of an octet, the traffic class half of another.
        let free = free || match (family, at.wrapping_sub(ETHERNET)) {
            (Family::V4, 6) => flip & !0xc0 == 0,
            (Family::V6, 0) => flip & 0xf0 == 0,
            _ => false,
        };
        for receiver in Receiver::both(&agreed) {
            let taken = receiver.unwrap(&other);
            prop_assert_eq!(taken.is_some(), free, "octet {}", at);
        }
    }
}

#[test]
fn short_padded_and_long_packets_are_left_alone() {
    if !able() {
        return;
    }
    let agreed = sample();
    let frame = [&[7; 12][..], &[8, 0], &[9; 100]].concat();
    let packet = agreed.packet(&frame);
    let long = agreed.packet(&[&frame[..], &[0; 1500]].concat());
    for receiver in Receiver::both(&agreed) {
        for len in ETHERNET + 20..packet.len() {
            assert_eq!(receiver.unwrap(&packet[..len]), None, "{len}");
        }
        assert_eq!(receiver.unwrap(&[&packet[..], &[0]].concat()), None);
        assert_eq!(receiver.unwrap(&long), None);
        assert_eq!(receiver.unwrap(&packet), Some(frame.clone()));
    }
}

/// A packet with a UDP checksum comes from user space, and those behind it must not overtake it.
#[test]
fn a_checksum_leaves_the_session_to_user_space_for_a_while() {
    if !able() {
        return;
    }
    let agreed = sample();
    let frame = [&[7; 12][..], &[8, 0], &[9; 100]].concat();
    let packet = agreed.packet(&frame);
    let mut summed = packet.clone();
    summed[ETHERNET + 26] = 1;
    for receiver in Receiver::both(&agreed) {
        assert_eq!(receiver.unwrap(&packet), Some(frame.clone()));
        assert_eq!(receiver.unwrap(&summed), None);
        assert_eq!(receiver.unwrap(&packet), None);
        // The entry is set anew when the session is.
        receiver
            .table
            .set(&receiver.key, &agreed.entry().write())
            .unwrap();
        assert_eq!(receiver.unwrap(&packet), Some(frame.clone()));
    }
}

#[test]
fn egress_leaves_other_kinds_of_frames_and_longer_ones() {
    if !able() {
        return;
    }
    let agreed = sample();
    let spec = Egress {
        local: agreed.from,
        remote: agreed.to,
        underlay: 1,
        ttl: 64,
        class: 0,
        dont_fragment: false,
        header: agreed.header(),
        longest: 114,
    };
    let counts = Map::create(MapKind::Array, 4, SENT, 1).unwrap();
    let program = loaded(Hook::Egress, &egress(&spec, counts.number()));
    let frame = |kind: [u8; 2], len| [&[7; 12][..], &kind, &vec![9; len]].concat();
    let left = [
        frame([0x08, 0x06], 46),
        frame([0x88, 0xcc], 46),
        frame([8, 0], 101),
    ];
    for frame in left {
        assert_eq!(run(&program, &frame), (LEFT, frame));
    }
    assert_eq!(run(&program, &frame([8, 0], 100)).0, REDIRECTED);
}

/// Without a mark there is nothing to take over. What `early` marks is seen end to end.
#[test]
fn what_was_not_unwrapped_early_goes_on() {
    if !able() {
        return;
    }
    let program = loaded(Hook::Ingress, &behind());
    let packet = sample().packet(&[7; 60]);
    assert_eq!(run(&program, &packet), (LEFT, packet));
}
