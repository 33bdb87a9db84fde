//! Sessions, packets and loaded programs to test with.

use crate::fast::assembler::Program;
use crate::fast::program::*;
use crate::sys::bpf::{self, Hook, Map, MapKind};
use adit_wire::ip::Checksum;
use adit_wire::l2tp::{Cookie, SessionId, Sublayer, write_v3};
use proptest::prelude::*;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// `TC_ACT_REDIRECT`, and what the others come to.
pub(super) const REDIRECTED: u32 = 7;
pub(super) const LEFT: u32 = verdict::NEXT as u32;
pub(super) const PASSED: u32 = 2;

const SESSION: u32 = 0x0102_0304;

/// Whether the kernel takes programs. Where tests must run, that is no excuse.
pub(super) fn able() -> bool {
    match Map::create(MapKind::Array, 4, SENT, 1) {
        Ok(_) => true,
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: no BPF here, {error}");
            false
        }
        Err(error) => panic!("no BPF here: {error}"),
    }
}

pub(super) fn loaded(hook: Hook, program: &Program) -> OwnedFd {
    bpf::load(hook, &program.code).expect("a program that the kernel takes")
}

pub(super) fn run(program: &OwnedFd, packet: &[u8]) -> (u32, Vec<u8>) {
    run_marked(program, packet, 0)
}

pub(super) fn run_marked(program: &OwnedFd, packet: &[u8], mark: u32) -> (u32, Vec<u8>) {
    bpf::test_run(program.as_fd(), packet, mark).expect("a run")
}

/// What two ends of a session have agreed on, seen by the one that receives.
#[derive(Debug, Clone)]
pub(super) struct Agreed {
    pub(super) carriage: Carriage,
    /// With ports of 0 for protocol 115.
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) cookie: Cookie,
    pub(super) sublayer: Sublayer,
}

impl Agreed {
    pub(super) fn header(&self) -> Vec<u8> {
        let mut out = [0; 20];
        let id = SessionId(SESSION);
        let udp = self.carriage == Carriage::Udp;
        let len = write_v3(&mut out, udp, id, &self.cookie, self.sublayer, None);
        out[..len.unwrap()].to_vec()
    }

    pub(super) fn entry(&self) -> Entry {
        let header = self.header();
        let mut rest = [0; MAX_REST];
        let header = &header[self.carriage.l2tp()..];
        rest[..header.len()].copy_from_slice(header);
        Entry {
            rest,
            rest_len: header.len() as u32,
            device: 1,
            longest: 1518,
            ..Entry::default()
        }
    }

    /// The outer packet of a frame, behind an Ethernet header of no importance.
    pub(super) fn packet(&self, frame: &[u8]) -> Vec<u8> {
        let l2tp = [self.header(), frame.to_vec()].concat();
        let mut out = vec![2; 12];
        out.extend(Family::of(self.to.ip()).ethertype().to_be_bytes());
        let len = (self.carriage.header() + l2tp.len()) as u16;
        let protocol = self.carriage.protocol() as u8;
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut ip = vec![0x45, 0];
                ip.extend((20 + len).to_be_bytes());
                ip.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
                ip.extend(from.octets());
                ip.extend(to.octets());
                let sum = sum(&ip);
                ip[10..12].copy_from_slice(&sum.to_be_bytes());
                out.extend(ip);
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                out.extend([0x60, 0, 0, 0]);
                out.extend(len.to_be_bytes());
                out.extend([protocol, 64]);
                out.extend(from.octets());
                out.extend(to.octets());
            }
            _ => unreachable!("one family"),
        }
        if self.carriage == Carriage::Udp {
            out.extend(self.from.port().to_be_bytes());
            out.extend(self.to.port().to_be_bytes());
            out.extend(len.to_be_bytes());
            out.extend([0, 0]);
        }
        out.extend(l2tp);
        out
    }
}

pub(super) fn sum(octets: &[u8]) -> u16 {
    let mut sum = Checksum::new();
    sum.add(octets);
    sum.finish()
}

/// The receiving side: maps with one session, and a program that knows them.
pub(super) struct Receiver {
    pub(super) table: Arc<Map>,
    pub(super) key: Vec<u8>,
    pub(super) program: OwnedFd,
    /// What says that a frame was unwrapped, and what stands in front of it then.
    taken: u32,
    before: Vec<u8>,
}

impl Receiver {
    pub(super) fn both(agreed: &Agreed) -> [Receiver; 2] {
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
    pub(super) fn unwrap(&self, packet: &[u8]) -> Option<Vec<u8>> {
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

    pub(super) fn count(&self) -> Count {
        let mut entry = [0; Entry::LEN];
        self.table.get(&self.key, &mut entry).expect("the entry");
        Count::read(entry.first_chunk().unwrap())
    }
}

pub(super) fn agreed() -> impl Strategy<Value = Agreed> {
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
    let carriage = prop_oneof![
        any::<(u16, u16)>().prop_map(|ports| (Carriage::Udp, ports)),
        Just((Carriage::Protocol115, (0, 0))),
    ];
    let all = (ends, carriage, cookie, sublayer);
    all.prop_map(|((from, to), (carriage, ports), cookie, sublayer)| Agreed {
        carriage,
        from: SocketAddr::new(from, ports.0),
        to: SocketAddr::new(to, ports.1),
        cookie,
        sublayer,
    })
}

/// What the sending end has its program for.
pub(super) fn egress_of(agreed: &Agreed, longest: u32) -> Egress {
    Egress {
        local: agreed.from,
        remote: agreed.to,
        ttl: 64,
        class: 0,
        dont_fragment: false,
        header: agreed.header(),
        cutter: (agreed.carriage == Carriage::Protocol115).then_some(1),
        longest,
        longest_tagged: longest + TAG as u32,
        shorter: false,
    }
}

/// The packet that the program for a session makes of a frame, and what that comes to behind the
/// cutter.
pub(super) fn wrapped(agreed: &Agreed, program: &OwnedFd, frame: &[u8]) -> Vec<u8> {
    let (verdict, packet) = run(program, frame);
    assert_eq!(verdict, REDIRECTED);
    if agreed.carriage == Carriage::Udp {
        return packet;
    }
    let (verdict, packet) = run_marked(&loaded(Hook::Ingress, &cut()), &packet, 1);
    assert_eq!(verdict, REDIRECTED);
    packet
}

/// Where a program finds its way: to the device 1.
pub(super) fn way() -> Map {
    let way = Map::create(MapKind::Array, 4, WAY, 1).expect("a map");
    way.set(&[0; 4], &1u32.to_ne_bytes()).expect("a way");
    way
}

/// A frame whose type says IPv4 or IPv6, which alone egress takes, of a length that the device
/// admits, with and without a tag.
pub(super) fn frame() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![Just([0x08, 0x00]), Just([0x86, 0xdd])];
    let tag = prop_oneof![
        Just(Vec::new()),
        any::<[u8; 2]>().prop_map(|tci| [[0x81, 0x00], tci].concat()),
    ];
    let payload = proptest::collection::vec(any::<u8>(), 60..1500);
    (any::<[u8; 12]>(), tag, kind, payload).prop_map(|(addresses, tag, kind, payload)| {
        [&addresses[..], &tag, &kind, &payload].concat()
    })
}

pub(super) fn sample() -> Agreed {
    Agreed {
        carriage: Carriage::Udp,
        from: "192.0.2.1:5000".parse().unwrap(),
        to: "192.0.2.2:6000".parse().unwrap(),
        cookie: Cookie::new(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap(),
        sublayer: Sublayer::Default,
    }
}
