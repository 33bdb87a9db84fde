//! What was said is said again.

use super::{Heard, How, V2, V3, V3_IP_PROVEN, V3_PROVEN};
use crate::Random;
use crate::l2tp::{MessageDrop, ResultCode};
use crate::sim::World;
use crate::sim::tests::kit::{assert_agreed, assert_ends_clean};
use adit_wire::l2tp::avp::StopCode;
use std::time::Duration;

const ALL: [How; 4] = [V2, V3, V3_PROVEN, V3_IP_PROVEN];

/// Says it all again, three times, in any order.
fn replay(world: &mut World, heard: &[Heard], seed: u8) {
    let mut random = Random::new([seed; 32]);
    for _ in 0..3 * heard.len() {
        let (path, octets) = &heard[random.below(heard.len() as u32) as usize];
        world.inject(*path, octets.clone());
        world.run_for(Duration::from_millis(1));
    }
    world.overheard();
}

#[test]
fn a_living_tunnel_does_not_care() {
    for how in ALL {
        let (mut world, _, heard) = how.established(21);
        replay(&mut world, &heard, 1);
        world.run_for(Duration::from_secs(150));
        assert_eq!(assert_agreed(&world, 0, 1), 1, "{how:?}");
        for host in [0, 1] {
            assert_eq!(world.host(host).node.tunnels().count(), 1, "{how:?}");
            let counters = world.host(host).node.counters();
            assert!(counters.dropped(MessageDrop::Duplicate) > 0, "{how:?}");
        }
    }
}

/// A request that is replayed after its tunnel's end opens at most what nobody completes.
#[test]
fn a_dead_tunnel_does_not_rise() {
    for how in ALL {
        let (mut world, tunnel, heard) = how.established(22);
        let code = ResultCode::stop(StopCode::GENERAL_REQUEST);
        let closed = world.drive(0, |node, now| node.close_tunnel(now, tunnel, code));
        closed.expect("it is open");
        world.run_for(Duration::from_secs(100));
        replay(&mut world, &heard, 2);
        world.run_for(Duration::from_secs(1));
        for host in [0, 1] {
            assert!(world.host(host).paths.is_empty(), "{how:?}");
        }
        assert_ends_clean(&mut world);
    }
}
