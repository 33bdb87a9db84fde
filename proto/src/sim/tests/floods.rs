//! SCCRQs from nowhere: what a node does and holds for senders that have proved nothing.

use super::kit::*;
use crate::l2tp::config::{Limits, Rate};
use crate::l2tp::{Encapsulation, MessageDrop, Path, Policy, Versions};
use crate::sim::{Network, World};
use adit_wire::l2tp::{SessionId, TunnelId, UdpMessage, V2ControlHeader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Host 0 is the victim, host 1 an honest LAC.
fn victim(limits: Limits) -> World {
    let mut world = World::new(3, Network::PERFECT);
    let policy = accepts(config("lns", Versions::V2));
    world.add(Policy { limits, ..policy });
    world.add(Policy::default());
    world
}

fn limits() -> Limits {
    let rate = Rate {
        per_second: 20,
        burst: 50,
    };
    Limits {
        half_open: 64,
        half_open_per_source: 8,
        sccrq_rate: rate,
        ..Limits::default()
    }
}

/// The datagram of one that asks for this tunnel.
fn datagram(id: u16) -> Vec<u8> {
    let message = sccrq(id.into());
    let mut avps = Vec::new();
    message.encode(&mut avps).expect("the values are sound");
    let header = V2ControlHeader {
        tunnel: TunnelId(0),
        session: SessionId(0),
        ns: 0,
        nr: 0,
    };
    let mut out = vec![0; 12 + avps.len()];
    let message = UdpMessage::V2Control {
        header,
        avps: &avps,
    };
    message.encode(&mut out).expect("there is room");
    out
}

fn flood(world: &mut World, source: IpAddr, id: u16) {
    let path = world.path(1, 0, Encapsulation::Udp);
    let local = (source, 1701).into();
    world.inject(Path { local, ..path }, datagram(id));
}

#[test]
fn a_flood_from_everywhere_holds_little_and_keeps_nobody_out() {
    let mut world = victim(limits());
    for n in 0..6_000u32 {
        flood(
            &mut world,
            Ipv4Addr::from_bits(0xc000_0000 + n * 7919).into(),
            1 + n as u16 % 999,
        );
        if n == 3_000 {
            let path = world.path(1, 0, Encapsulation::Udp);
            let config = std::sync::Arc::new(config("lac", Versions::V2));
            let opened = world.drive(1, |node, now| node.open_tunnel(now, path, config));
            opened.expect("it is sound");
        }
        // 10000 a second, and 64 half-open ones last for 6 ms.
        world.run_for(Duration::from_micros(100));
        assert!(world.host(0).node.tunnels().count() <= 65);
        assert!(world.host(0).node.half_open() <= 64);
    }
    assert_eq!(tunnels_up(&world.events(1)), 1);
    let events = world.events(0);
    assert_eq!(events.len(), 2, "of strangers there is no word: {events:?}");
    assert!(world.host(0).node.counters().evicted > 5_800);
    world.run_for(SECOND * 100);
    assert_eq!(world.host(0).node.half_open(), 0);
    assert_eq!(world.host(0).node.tunnels().count(), 1);
}

#[test]
fn a_flood_from_one_place_costs_it_its_own_share() {
    let sources: [fn(u32) -> IpAddr; 2] = [
        |_| Ipv4Addr::new(192, 0, 2, 1).into(),
        // A host of IPv6 has a whole /64 to send from.
        |n| Ipv6Addr::from_bits((0x2001_0db8 << 96) + u128::from(n)).into(),
    ];
    for source in sources {
        let mut world = victim(limits());
        for n in 0..1_000 {
            flood(&mut world, source(n), n as u16 + 1);
            world.run_for(Duration::from_millis(1));
        }
        let node = &world.host(0).node;
        assert_eq!(node.half_open(), 8);
        assert!(node.counters().dropped(MessageDrop::TooManyRequests) > 980);
        // Eight answers, a few times each: nothing to bombard somebody with.
        world.run_for(SECOND * 100);
        assert!(world.host(0).node.counters().transmitted <= 8 * 4);
        assert!(world.host(0).is_clean());
        open_after(&mut world);
    }
}

/// Whoever else asks is answered.
fn open_after(world: &mut World) {
    let path = world.path(1, 0, Encapsulation::Udp);
    let config = std::sync::Arc::new(config("lac", Versions::V2));
    let opened = world.drive(1, |node, now| node.open_tunnel(now, path, config));
    opened.expect("it is sound");
    world.run_for(SECOND);
    assert_eq!(tunnels_up(&world.events(1)), 1);
}

#[test]
fn strangers_are_refused_or_ignored_and_nothing_is_kept_of_them() {
    for refuse in [false, true] {
        let mut world = World::new(3, Network::PERFECT);
        world.add(Policy {
            refuse_strangers: refuse,
            ..Policy::default()
        });
        world.add(Policy::default());
        for n in 0..100 {
            flood(&mut world, Ipv4Addr::from_bits(0xc000_0000 + n).into(), 9);
        }
        world.run_for(SECOND);
        let node = &world.host(0).node;
        assert_eq!(node.counters().dropped(MessageDrop::Stranger), 100);
        assert_eq!(node.counters().transmitted, if refuse { 100 } else { 0 });
        assert!(world.host(0).is_clean());
    }
}

#[test]
fn refusals_that_the_budget_has_no_room_for_are_counted() {
    let mut world = World::new(3, Network::PERFECT);
    let slow = Rate {
        per_second: 1,
        burst: 1,
    };
    world.add(Policy {
        refuse_strangers: true,
        limits: Limits {
            transmit: slow,
            ..Limits::default()
        },
        ..Policy::default()
    });
    world.add(Policy::default());
    for n in 0..400 {
        flood(&mut world, Ipv4Addr::from_bits(0xc000_0000 + n).into(), 9);
    }
    world.run_for(SECOND);
    world.run_for(SECOND * 400);
    let counters = world.host(0).node.counters();
    assert!(counters.unsent > 100, "{counters:?}");
    assert_eq!(counters.transmitted + counters.unsent, 400);
}

#[test]
fn tunnels_are_limited_by_profile_and_in_all() {
    let policy = |of_profile, in_all| {
        let mut policy = accepts(config("lns", Versions::V2));
        policy.profiles[0].max_tunnels = of_profile;
        policy.limits.tunnels = in_all;
        policy
    };
    for policy in [policy(2, 100), policy(100, 2)] {
        let mut world = World::new(3, Network::PERFECT);
        world.add(Policy::default());
        world.add(policy);
        for _ in 0..3 {
            open(&mut world, Encapsulation::Udp, config("lac", Versions::V2));
        }
        world.run_for(SECOND);
        assert_eq!(tunnels_up(&world.events(0)), 2);
        assert_eq!(
            world
                .host(1)
                .node
                .counters()
                .dropped(MessageDrop::TunnelLimit),
            1
        );
    }
}
