//! Somebody faster than the network, who sends a damaged copy ahead of each message.

use super::{Heard, V2, V3, V3_IP_PROVEN, V3_PROVEN};
use crate::Random;
use crate::l2tp::{MessageDrop, ResultCode};
use crate::sim::World;
use crate::sim::tests::kit::{assert_agreed, assert_ends_clean};
use adit_wire::l2tp::avp::StopCode;
use std::time::Duration;

/// A copy with something wrong: cut, changed, or longer.
fn damaged(octets: &[u8], random: &mut Random) -> Vec<u8> {
    let mut copy = octets.to_vec();
    let at = random.below(copy.len() as u32) as usize;
    match random.below(5) {
        0 => copy.truncate(at),
        1 => copy.extend(random.octets::<7>()),
        2 => {
            // A length that lies, of the message or of an AVP.
            copy[at] ^= 1 << random.below(8);
            copy[3] = random.word() as u8;
        }
        _ => copy[at] ^= 1 << random.below(8),
    }
    copy
}

/// Lets `time` go by, with a few damaged copies ahead of each message.
fn run_meddled(world: &mut World, time: Duration, random: &mut Random) {
    let until = world.now + time;
    loop {
        let sent: Vec<Heard> = world.overheard();
        let delay = world.network.delay;
        world.network.delay = Duration::ZERO;
        for (path, octets) in &sent {
            for _ in 0..3 {
                world.inject(*path, damaged(octets, random));
            }
        }
        world.network.delay = delay;
        world.overheard();
        if !world.step(until) {
            return;
        }
    }
}

/// What cannot be forged cannot be spoilt either: tunnel and session come up as if nothing were.
#[test]
fn authenticated_messages_get_through() {
    for how in [V3_PROVEN, V3_IP_PROVEN] {
        for seed in 0..150 {
            let (mut world, _) = how.begin(seed);
            let mut random = Random::new([seed as u8; 32]);
            run_meddled(&mut world, Duration::from_secs(20), &mut random);
            assert_eq!(assert_agreed(&world, 0, 1), 1, "{how:?} seed {seed}");
            let dropped = |host: usize| {
                let counters = world.host(host).node.counters();
                MessageDrop::ALL
                    .iter()
                    .map(|why| counters.dropped(*why))
                    .sum::<u64>()
            };
            assert!(dropped(0) > 0 && dropped(1) > 0);
        }
    }
}

/// Others may come to grief, and leave nothing behind.
#[test]
fn nothing_is_left_of_what_was_spoilt() {
    for how in [V2, V3] {
        for seed in 0..150 {
            let (mut world, tunnel) = how.begin(seed);
            let mut random = Random::new([seed as u8; 32]);
            run_meddled(&mut world, Duration::from_secs(20), &mut random);
            let code = ResultCode::stop(StopCode::GENERAL_REQUEST);
            // It may have ended already.
            let _ = world.drive(0, |node, now| node.close_tunnel(now, tunnel, code.clone()));
            world.drive(1, |node, now| node.drain(now, &code));
            assert_ends_clean(&mut world);
        }
    }
}
