//! Programs run by the kernel on packets that the wire crate has written, and what they write read
//! by it.

mod rig;

use super::*;
use crate::fast::held::now;
use crate::sys::bpf::{Hook, Map, MapKind};
use proptest::prelude::*;
use rig::*;
use std::time::Duration;

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
            ttl,
            class,
            dont_fragment,
            ..egress_of(&agreed, 1514)
        };
        let counts = Map::create(MapKind::Array, 4, SENT, 1).unwrap();
        let program = loaded(Hook::Egress, &egress(&spec, counts.number(), way().number()));
        let packet = wrapped(&agreed, &program, &frame);
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
        let end = ETHERNET + family.header() + agreed.carriage.header() + agreed.header().len();
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

/// What user space took when programs begin must not be overtaken: they begin in a pause, or when there
/// was none for long.
#[test]
fn programs_begin_in_a_pause() {
    if !able() {
        return;
    }
    begins_in_a_pause(&sample());
    begins_in_a_pause(&Agreed {
        carriage: Carriage::Protocol115,
        from: "192.0.2.1:0".parse().unwrap(),
        to: "192.0.2.2:0".parse().unwrap(),
        ..sample()
    });
}

fn begins_in_a_pause(agreed: &Agreed) {
    let frame = [&[7; 12][..], &[8, 0], &[9; 100]].concat();
    let packet = agreed.packet(&frame);
    let soon = || std::thread::sleep(Duration::from_millis(150));
    for receiver in Receiver::both(agreed) {
        let open = |entry: &[u8]| receiver.table.set(&receiver.key, entry).unwrap();
        // A busy machine may take a pause by itself.
        eventually(|| {
            open(&agreed.entry().opened(now()));
            receiver.unwrap(&packet).is_none() && receiver.unwrap(&packet).is_none()
        });
        soon();
        assert_eq!(receiver.unwrap(&packet), Some(frame.clone()));
        let mut entry = agreed.entry().write();
        let long = Pause {
            since: now() - 3 * STAY_NANOSECONDS,
            left: now() + STAY_NANOSECONDS,
        };
        entry[Entry::CHECKSUM_SEEN as usize..][..Pause::LEN].copy_from_slice(&long.write());
        open(&entry);
        assert_eq!(receiver.unwrap(&packet), Some(frame.clone()));
    }
    let counts = Map::create(MapKind::Array, 4, SENT, 1).unwrap();
    let spec = egress_of(agreed, 1514);
    let program = loaded(
        Hook::Egress,
        &egress(&spec, counts.number(), way().number()),
    );
    eventually(|| {
        counts.set(&[0; 4], &opened(now())).unwrap();
        run(&program, &frame).0 == LEFT && run(&program, &frame).0 == LEFT
    });
    soon();
    assert_eq!(run(&program, &frame).0, REDIRECTED);
    assert_eq!(run(&program, &frame).0, REDIRECTED);
}

fn eventually(mut condition: impl FnMut() -> bool) {
    assert!((0..100).any(|_| condition()), "not once in many times");
}

#[test]
fn egress_leaves_other_kinds_of_frames_and_longer_ones() {
    if !able() {
        return;
    }
    let agreed = sample();
    let spec = egress_of(&agreed, 114);
    let counts = Map::create(MapKind::Array, 4, SENT, 1).unwrap();
    let program = loaded(
        Hook::Egress,
        &egress(&spec, counts.number(), way().number()),
    );
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

#[test]
fn egress_leaves_other_tags_and_what_else_is_tagged() {
    if !able() {
        return;
    }
    let spec = egress_of(&sample(), 1514);
    let counts = Map::create(MapKind::Array, 4, SENT, 1).unwrap();
    let program = loaded(
        Hook::Egress,
        &egress(&spec, counts.number(), way().number()),
    );
    let left: [&[u8]; 4] = [
        &[0x88, 0xa8, 0, 7, 8, 0],
        &[0x81, 0, 0, 7, 0x81, 0, 0, 8, 8, 0],
        &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0],
        &[0x81, 0, 0, 7, 8, 6],
    ];
    for header in left {
        let frame = [&[7; 12][..], header, &[9; 100]].concat();
        assert_eq!(run(&program, &frame), (LEFT, frame));
    }
}

/// A tag may be more than the path admits. What follows such a frame, tagged as it is, must not
/// overtake it.
#[test]
fn a_long_tagged_frame_leaves_tagged_ones_to_user_space_for_a_while() {
    if !able() {
        return;
    }
    let spec = Egress {
        longest_tagged: 114,
        ..egress_of(&sample(), 114)
    };
    let counts = Map::create(MapKind::Array, 4, SENT, 1).unwrap();
    let program = loaded(
        Hook::Egress,
        &egress(&spec, counts.number(), way().number()),
    );
    let plain = |len| [&[7; 12][..], &[8, 0], &vec![9; len]].concat();
    let tagged = |len| [&[7; 12][..], &[0x81, 0, 0, 7, 8, 0], &vec![9; len]].concat();
    let verdict = |frame: &[u8]| run(&program, frame).0;
    assert_eq!(verdict(&tagged(96)), REDIRECTED);
    assert_eq!(verdict(&tagged(97)), LEFT);
    assert_eq!(verdict(&tagged(96)), LEFT);
    assert_eq!(verdict(&plain(100)), REDIRECTED);
    counts.set(&[0; 4], &[0; SENT]).unwrap();
    assert_eq!(verdict(&tagged(96)), REDIRECTED);
    // Another one that is too long concerns no tagged ones.
    assert_eq!(verdict(&plain(101)), LEFT);
    assert_eq!(verdict(&tagged(96)), REDIRECTED);
}

#[test]
fn egress_leaves_everything_while_it_has_no_way() {
    if !able() {
        return;
    }
    let agreed = sample();
    let spec = egress_of(&agreed, 1514);
    let counts = Map::create(MapKind::Array, 4, SENT, 1).unwrap();
    let way = way();
    let program = loaded(Hook::Egress, &egress(&spec, counts.number(), way.number()));
    let frame = [&[7; 12][..], &[8, 0], &[9; 100]].concat();
    for (to, verdict) in [(0u32, LEFT), (1, REDIRECTED), (0, LEFT)] {
        way.set(&[0; 4], &to.to_ne_bytes()).unwrap();
        let (found, packet) = run(&program, &frame);
        assert_eq!((found, packet == frame), (verdict, verdict == LEFT));
    }
}

/// Nothing leaves by the cutter that no session's program has put there.
#[test]
fn the_cutter_drops_what_it_does_not_know() {
    if !able() {
        return;
    }
    let program = loaded(Hook::Ingress, &cut());
    let udp = sample().packet(&[7; 60]);
    assert_eq!(run(&program, &udp).0, verdict::DROP as u32);
    let ip = Agreed {
        carriage: Carriage::Protocol115,
        ..sample()
    };
    let others = [
        ip.packet(&[7; 60]),
        [&[7; 12][..], &[8, 6], &[9; 46]].concat(),
    ];
    for other in others {
        assert_eq!(run_marked(&program, &other, 1).0, verdict::DROP as u32);
    }
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

/// The verifiers of Linux 6.8 and 6.12 believe that any number may come out of a swap of octets, and let
/// none be added to a packet's address before it is known to be small.
#[test]
fn what_was_swapped_is_bounded() {
    const TO_BIG_ENDIAN: u8 = 0xdc;
    const AND: u8 = 0x57;
    let (session, map) = (egress_of(&sample(), 1514), 3);
    let programs = [
        early(map, map, Stay::AWhile),
        ingress(map, map, Stay::AWhile),
        egress(&session, map, map),
    ];
    for program in programs {
        let swaps = program
            .code
            .windows(2)
            .filter(|pair| pair[0][0] == TO_BIG_ENDIAN);
        let bounded = |pair: &&[[u8; 8]]| {
            let [code, registers, _, _, bound @ ..] = pair[1];
            (code, registers & 0xf, bound) == (AND, pair[0][1] & 0xf, [0xff, 0xff, 0, 0])
        };
        assert_ne!(swaps.clone().count(), 0);
        assert!(swaps.clone().all(|pair| bounded(&pair)));
    }
}
