//! What is done to frames on request: segment sizes, codepoints, congestion marks.

use adit_e2e::{Capture, Encap, Family, Pair, Probe, Setup, Side, Test, eventually, test};
use adit_lab::{Amount, Namespace, tcp_transfer};
use libtest_mimic::Trial;
use rustix::net::sockopt::{set_ip_tos, set_ipv6_tclass};
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
const OUTER: [(Encap, Family); 4] = [
    (Encap::Udp, Family::V4),
    (Encap::Ip, Family::V4),
    (Encap::Udp, Family::V6),
    (Encap::Ip, Family::V6),
];

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = vec![
        test(
            "inner::segment_sizes_are_clamped_both_ways",
            segment_sizes_are_clamped_both_ways,
        ),
        test("inner::a_ttl_is_set", a_ttl_is_set),
    ];
    for (encap, family) in OUTER {
        let name = |what| format!("inner::{what}::{encap:?}_{family:?}");
        tests.push(test(name("each_packet_has_its_class"), move || {
            each_packet_has_its_class(encap, family)
        }));
        tests.push(test(name("marks_arrive"), move || {
            marks_arrive(encap, family)
        }));
    }
    tests
}

/// Where an IP packet's class, transport protocol and payload are.
struct Ip<'a> {
    class: u8,
    hops: u8,
    protocol: u8,
    payload: &'a [u8],
}

fn ip(packet: &[u8]) -> Option<Ip<'_>> {
    let (first, second) = (*packet.first()?, *packet.get(1)?);
    Some(match first >> 4 {
        4 => Ip {
            class: second,
            hops: *packet.get(8)?,
            protocol: *packet.get(9)?,
            payload: packet.get(usize::from(first & 15) * 4..)?,
        },
        6 => Ip {
            class: first << 4 | second >> 4,
            hops: *packet.get(7)?,
            protocol: *packet.get(6)?,
            payload: packet.get(40..)?,
        },
        _ => return None,
    })
}

/// The outer packet in a frame from A's tunnel, and the frame in it.
fn outer(frame: &[u8]) -> Option<(Ip<'_>, &[u8])> {
    let packet = ip(frame.get(14..)?)?;
    let ports = [Side::A.port().to_be_bytes(), Side::B.port().to_be_bytes()].concat();
    let header = match packet.protocol {
        17 if packet.payload.starts_with(&ports) => 8 + 12,
        115 => 8,
        _ => return None,
    };
    let inner = packet.payload.get(header..)?;
    Some((packet, inner))
}

fn socket(host: &Namespace, inner: Family, class: u8) -> std::io::Result<UdpSocket> {
    let any = SocketAddr::new(Side::A.inner(inner), 0);
    let socket = host.run(|| UdpSocket::bind(any))?;
    match inner {
        Family::V4 => set_ip_tos(&socket, class)?,
        Family::V6 => set_ipv6_tclass(&socket, class.into())?,
    }
    Ok(socket)
}

/// The class of the next packet of A's tunnel that carries UDP with this payload, and of what it
/// carries.
fn next_classes(capture: &Capture, payload: u8, patience: Duration) -> Option<(u8, u8)> {
    let found = capture.find(patience, |frame| {
        let (packet, frame) = outer(frame)?;
        let inner = ip(frame.get(14..)?)?;
        let ours = inner.protocol == 17 && inner.payload.get(8..) == Some(&[payload; 200][..]);
        ours.then_some((packet.class, inner.class))
    });
    found.expect("a capture to read")
}

/// Packets of different classes that leave in one batch do not get one another's.
fn each_packet_has_its_class(encap: Encap, family: Family) -> Test {
    let pair = Pair::connected(&Setup::new(encap, family).tunnel("tos inherit ecn on"));
    pair.await_ping();
    let capture = Capture::new(&pair.b)?;
    let classes = [0xb8, 0x02, 0x00, 0x29];
    let target = |inner| SocketAddr::new(Side::B.inner(inner), 9);
    let mut sockets = Vec::new();
    for class in classes {
        for inner in [Family::V4, Family::V6] {
            sockets.push((socket(&pair.a, inner, class)?, target(inner)));
        }
    }
    let mut seen = BTreeSet::new();
    eventually("every class is seen", || {
        for _ in 0..8 {
            for (socket, target) in &sockets {
                socket
                    .send_to(&[7; 200], target)
                    .expect("a packet that leaves");
            }
        }
        let brief = Duration::from_millis(100);
        while let Some((outer, inner)) = next_classes(&capture, 7, brief) {
            assert_eq!(outer, inner);
            seen.insert(outer);
        }
        seen.len() == classes.len()
    });
    pair.a.adit("set tunnel tid 3000 tos 0x48 ecn off");
    let mut payload = 8;
    let mut next = || {
        payload += 1;
        let sent = sockets[0].0.send_to(&[payload; 200], sockets[0].1);
        sent.expect("a packet that leaves");
        next_classes(&capture, payload, PATIENCE)
    };
    assert_eq!(next(), Some((0x48, classes[0])));
    for (own, outer) in [("0x28", 0x28), ("inherit", classes[0]), ("tunnel", 0x48)] {
        let session = "set session tid 3000 sid 1000";
        pair.a.adit(&format!("{session} tos {own}"));
        assert_eq!(next(), Some((outer, classes[0])), "{own}");
    }
    Ok(())
}

/// An Ethernet frame with an IPv4 packet of this class, its checksum right.
fn marked(class: u8) -> Vec<u8> {
    let mut frame = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 0];
    frame.extend([
        0x45, class, 0, 40, 0, 7, 0, 0, 64, 253, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2,
    ]);
    let sum: u32 = frame[14..]
        .chunks(2)
        .map(|half| u32::from(half[0]) << 8 | u32::from(half[1]))
        .sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame.extend([5; 20]);
    frame
}

/// A mark of the outer packet comes through to a sender that knows such marks, and a packet of one
/// that does not is dropped and counted (RFC 6040 section 4.2).
fn marks_arrive(encap: Encap, family: Family) -> Test {
    let mut probe = Probe::new(&Setup::new(encap, family).tunnel("ecn on"));
    let send = |probe: &Probe, outer: u8, inner: u8| {
        probe.set_class(outer);
        let packet = probe.packet(Side::A.session(), &[], Some(0), &marked(inner));
        probe.send(&packet);
    };
    let carried = |probe: &mut Probe, outer: u8, inner: u8| {
        send(probe, outer, inner);
        probe.delivered_frame([8, 0])
    };
    assert_eq!(carried(&mut probe, 0x02, 0xba), marked(0xba));
    assert_eq!(carried(&mut probe, 0x03, 0xba), marked(0xbb));
    assert_eq!(carried(&mut probe, 0xb9, 0x02), marked(0x01));
    // What is delivered next is what is sent next.
    send(&probe, 0x03, 0xb8);
    probe.await_count(1000, "rx_ecn_congestion", 1);
    assert_eq!(carried(&mut probe, 0xb8, 0x48), marked(0x48));
    probe.host.adit("set tunnel tid 3000 ecn off tos uniform");
    assert_eq!(carried(&mut probe, 0xbb, 0x48), marked(0xb8));
    probe.host.adit("set tunnel tid 3000 tos 0");
    assert_eq!(carried(&mut probe, 0xbb, 0x48), marked(0x48));
    let own = "set session tid 3000 sid 1000";
    probe.host.adit(&format!("{own} ecn on"));
    assert_eq!(carried(&mut probe, 0x03, 0xba), marked(0xbb));
    probe.host.adit(&format!("{own} ecn off tos uniform"));
    probe.host.adit("set tunnel tid 3000 ecn on");
    assert_eq!(carried(&mut probe, 0xbb, 0x4a), marked(0xba));
    Ok(())
}

/// The segment size that the TCP SYN in a frame names, with the addresses' family and the flags.
fn named(frame: &[u8]) -> Option<(bool, u8, u16)> {
    let packet = ip(frame.get(14..)?)?;
    let flags = *packet.payload.get(13)?;
    let option = packet.payload.get(20..24)?;
    let syn = packet.protocol == 6 && flags & 2 != 0 && option[..2] == [2, 4];
    syn.then_some((
        frame[12] == 8,
        flags,
        u16::from_be_bytes([option[2], option[3]]),
    ))
}

/// One end alone holds both hosts to it.
fn segment_sizes_are_clamped_both_ways() -> Test {
    let pair = Pair::connected(&Setup::new(Encap::Udp, Family::V4));
    pair.await_ping();
    for (words, v4, v6) in [("mss 1000", 1000, 1000), ("mss auto mtu 1300", 1260, 1240)] {
        pair.a.adit(&format!("set session name l2tpeth0 {words}"));
        for inner in [Family::V4, Family::V6] {
            let (at_a, at_b) = (Capture::new(&pair.a)?, Capture::new(&pair.b)?);
            let address = SocketAddr::new(Side::B.inner(inner), 0);
            tcp_transfer(&pair.a, &pair.b, address, Amount::Octets(1_000_000))?;
            let expected = if inner == Family::V4 { v4 } else { v6 };
            // What leaves A's device is not clamped yet, what comes out of it is.
            let syn = at_b.find(PATIENCE, |frame| named(frame).filter(|syn| syn.1 == 0x02))?;
            let answer = at_a.find(PATIENCE, |frame| {
                named(frame).filter(|syn| syn.1 & 0x10 != 0)
            })?;
            assert_eq!(syn.map(|syn| syn.2), Some(expected), "{words} {inner:?}");
            assert_eq!(answer.map(|syn| syn.2), Some(expected), "{words} {inner:?}");
        }
    }
    Ok(())
}

fn a_ttl_is_set() -> Test {
    for (encap, family) in OUTER {
        let pair = Pair::connected(&Setup::new(encap, family).tunnel("ttl 33"));
        let capture = Capture::new(&pair.b)?;
        pair.await_ping();
        let hops = capture.find(PATIENCE, |frame| Some(outer(frame)?.0.hops))?;
        assert_eq!(hops, Some(33), "{encap:?} {family:?}");
        pair.a.adit("set session tid 3000 sid 1000 ttl 44");
        eventually("the session's own", || {
            pair.await_ping();
            let hops = capture.find(PATIENCE, |frame| Some(outer(frame)?.0.hops));
            hops.is_ok_and(|hops| hops == Some(44))
        });
        pair.a.adit("set session tid 3000 sid 1000 ttl tunnel");
        pair.a.adit("set tunnel tid 3000 ttl auto");
        eventually("the system's own", || {
            pair.await_ping();
            let hops = capture.find(PATIENCE, |frame| Some(outer(frame)?.0.hops));
            hops.is_ok_and(|hops| hops == Some(64))
        });
    }
    Ok(())
}
