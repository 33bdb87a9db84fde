//! Both ends ask at once.

use super::kit::*;
use crate::l2tp::{Encapsulation, Event, ResultCode, SessionEnd, Version, Versions};
use crate::sim::{Network, World};
use adit_wire::l2tp::avp::DisconnectCode;
use std::sync::Arc;
use std::time::Duration;

/// Two nodes that both accept, and both ask for a tunnel in the same millisecond.
fn both_ask(seed: u64, versions: Versions, tie: [bool; 2]) -> World {
    let mut world = World::new(seed, Network::PERFECT);
    let configs = tie.map(|tie_breaker| crate::l2tp::TunnelConfig {
        tie_breaker,
        ..config("node", versions)
    });
    for config in &configs {
        world.add(accepts(config.clone()));
    }
    for (index, config) in configs.into_iter().enumerate() {
        let path = world.path(index, 1 - index, Encapsulation::Udp);
        let opened = world.drive(index, |node, now| {
            node.open_tunnel(now, path, Arc::new(config))
        });
        let tunnel = opened.expect("it is sound");
        let version = match versions {
            Versions::V2 => Version::V2,
            Versions::V3 | Versions::Both => Version::V3,
        };
        let request = call(version);
        let opened = world.drive(index, |node, now| node.open_session(now, tunnel, request));
        opened.expect("it waits");
    }
    world
}

#[test]
fn with_tie_breakers_one_tunnel_is_left_and_carries_the_calls_of_both() {
    for versions in [Versions::V2, Versions::V3, Versions::Both] {
        for (seed, tie) in [
            (1, [true, true]),
            (2, [true, true]),
            (3, [true, false]),
            (4, [false, true]),
        ] {
            let mut world = both_ask(seed, versions, tie);
            // Different circuits, or v3 would find a tie between the sessions too.
            world.run_for(Duration::from_secs(20));
            for index in 0..2 {
                assert_eq!(
                    world.host(index).node.tunnels().count(),
                    1,
                    "{versions:?} {tie:?}"
                );
                let events = world.events(index);
                assert_eq!(tunnels_up(&events), 1);
                assert!(
                    !events
                        .iter()
                        .any(|one| matches!(one, Event::TunnelDown { .. }))
                );
            }
            if versions == Versions::V2 {
                assert_eq!(assert_agreed(&world, 0, 1), 2);
            }
        }
    }
}

/// RFC 2661 §4.4.3: "If neither side issues a tie breaker, then two separate tunnels are opened."
#[test]
fn without_tie_breakers_there_are_two_tunnels() {
    for versions in [Versions::V2, Versions::V3] {
        let mut world = both_ask(5, versions, [false, false]);
        world.run_for(Duration::from_secs(20));
        for index in 0..2 {
            assert_eq!(world.host(index).node.tunnels().count(), 2);
        }
        // Each circuit is asked for in another tunnel, where there is no tie.
        assert_eq!(assert_agreed(&world, 0, 1), 2);
    }
}

/// RFC 3931 §5.4.4: two requests for one circuit, in one control connection.
#[test]
fn a_tie_of_sessions_leaves_one() {
    for seed in 0..20 {
        for tie in [[true, true], [true, false], [false, true], [false, false]] {
            let mut world = pair(seed, Network::PERFECT, config("right", Versions::V3));
            let left = open(&mut world, Encapsulation::Ip, config("left", Versions::V3));
            world.run_for(Duration::from_secs(1));
            let right = world
                .host(1)
                .node
                .tunnels()
                .next()
                .expect("it is up")
                .tunnel;
            for (index, tunnel) in [left, right].into_iter().enumerate() {
                let mut request = call(Version::V3);
                request.tie_breaker = tie[index];
                let opened =
                    world.drive(index, |node, now| node.open_session(now, tunnel, request));
                opened.expect("it is up");
            }
            world.run_for(Duration::from_secs(20));
            let agreed = assert_agreed(&world, 0, 1);
            assert_eq!(agreed, usize::from(tie != [false, false]), "{tie:?}");
            let events = [world.events(0), world.events(1)];
            assert_eq!(sessions_up(&events[0]), agreed);
            let lost = ResultCode::disconnect(DisconnectCode::LOST_TIE);
            let torn = events.iter().flatten().filter(|event| {
                let Event::SessionDown { end, .. } = event else {
                    return false;
                };
                let either = [
                    SessionEnd::Local(lost.clone()),
                    SessionEnd::Peer(lost.clone()),
                ];
                assert!(either.contains(end));
                true
            });
            assert_eq!(torn.count(), if agreed == 1 { 0 } else { 2 });
        }
    }
}

/// A tunnel that demands a secret does not yield to a request that knows none, whatever the profile
/// says of who asks.
#[test]
fn nobody_slips_in_by_a_tie() {
    for versions in [Versions::V2, Versions::V3] {
        let plain = crate::l2tp::TunnelConfig {
            tie_breaker: true,
            ..config("node", versions)
        };
        for seed in 0..10 {
            let mut world = World::new(seed, Network::PERFECT);
            for _ in 0..2 {
                world.add(accepts(plain.clone()));
            }
            let configs = [secret(plain.clone(), "s3cret"), plain.clone()];
            let [demanding, _] = [0, 1].map(|index: usize| {
                let path = world.path(index, 1 - index, Encapsulation::Udp);
                let config = Arc::new(configs[index].clone());
                let opened = world.drive(index, |node, now| node.open_tunnel(now, path, config));
                opened.expect("it is sound")
            });
            world.run_for(Duration::from_secs(120));
            // Another tunnel may be there, on the profile's own terms.
            let (mut up, mut down) = (0, 0);
            for event in world.events(0) {
                if let Event::TunnelUp { tunnel, .. } = &event {
                    up += usize::from(*tunnel == demanding);
                }
                if let Event::TunnelDown { tunnel, .. } = &event {
                    down += usize::from(*tunnel == demanding);
                }
            }
            assert_eq!((up, down), (0, 1), "{versions:?} {seed}");
        }
    }
}
