//! Both ends ask at once.

use super::kit::*;
use crate::l2tp::{Encapsulation, Event, ResultCode, SessionEnd, TunnelState, Version, Versions};
use crate::sim::{Network, World};
use adit_wire::l2tp::avp::{DisconnectCode, Framings, ProtocolVersion, PwTypes, Reason, StopCode};
use adit_wire::l2tp::control::{v2, v3};
use adit_wire::l2tp::{SessionId, TunnelId, UdpMessage, V2ControlHeader, V3ControlHeader};
use std::sync::Arc;
use std::time::Duration;

/// Two nodes that both accept, and both ask for a tunnel in the same millisecond.
fn both_ask(seed: u64, versions: Versions, tie: [bool; 2]) -> World {
    both_ask_over(Network::PERFECT, seed, versions, tie)
}

fn both_ask_over(network: Network, seed: u64, versions: Versions, tie: [bool; 2]) -> World {
    let mut world = World::new(seed, network);
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

/// An SCCRQ with the lowest tie breaker there is, as somebody else than `path.local` can send it.
fn lowest(versions: Versions, assigned: u16) -> Vec<u8> {
    let mut avps = Vec::new();
    let (tie_breaker, host_name) = (Some([0; 8]), &b"forger"[..]);
    let written = match versions {
        Versions::V2 => v2::Message::Sccrq(v2::Sccrq {
            protocol_version: ProtocolVersion::V1_0,
            host_name,
            framing_capabilities: Framings::BOTH,
            assigned_tunnel: TunnelId(assigned.into()),
            bearer_capabilities: None,
            receive_window: None,
            challenge: None,
            tie_breaker,
            firmware_revision: None,
            vendor_name: None,
            diffserv: None,
            ecn: false,
        })
        .encode(&mut avps),
        Versions::V3 | Versions::Both => v3::Message::Sccrq(v3::Sccrq {
            host_name,
            router_id: 7,
            assigned_connection: TunnelId(assigned.into()),
            pw_capabilities: PwTypes::new(&[[0, 5]]),
            nonce: None,
            tie_breaker,
            vendor_name: None,
            receive_window: None,
            preferred_language: None,
            ecn: false,
        })
        .encode(&mut avps),
    };
    written.expect("the values are sound");
    datagram(versions, TunnelId(0), 0, &avps)
}

/// A control message over UDP with the Nr 0.
fn datagram(versions: Versions, tunnel: TunnelId, ns: u16, avps: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 12 + avps.len()];
    let written = match versions {
        Versions::V2 => UdpMessage::V2Control {
            header: V2ControlHeader {
                tunnel,
                session: SessionId(0),
                ns,
                nr: 0,
            },
            avps,
        },
        Versions::V3 | Versions::Both => UdpMessage::V3Control {
            header: V3ControlHeader {
                connection: tunnel,
                ns,
                nr: 0,
            },
            avps,
        },
    }
    .encode(&mut out);
    written.expect("there is room");
    out
}

/// Whoever forges the peer's address and the lowest tie breaker does not get the own request out of
/// the way, whether he leaves it at that or takes it back.
#[test]
fn a_forged_request_does_not_win_a_tie() {
    for versions in [Versions::V2, Versions::V3] {
        for takes_back in [false, true] {
            let mut world = World::new(7, Network::PERFECT);
            for _ in 0..2 {
                world.add(accepts(config("node", versions)));
            }
            let path = world.path(0, 1, Encapsulation::Udp);
            let calling = Arc::new(crate::l2tp::TunnelConfig {
                tie_breaker: true,
                ..config("node", versions)
            });
            let opened = world.drive(0, |node, now| node.open_tunnel(now, path, calling));
            let opened = opened.expect("it is sound");
            let forged = world.path(1, 0, Encapsulation::Udp);
            world.inject(forged, lowest(versions, 4711));
            if takes_back {
                let mut stop = Vec::new();
                let reason = Reason::stop(StopCode::GENERAL_REQUEST);
                let written = match versions {
                    Versions::V2 => v2::Message::StopCcn(v2::StopCcn {
                        assigned_tunnel: TunnelId(4711),
                        reason,
                    })
                    .encode(&mut stop),
                    Versions::V3 | Versions::Both => v3::Message::StopCcn(v3::StopCcn {
                        reason,
                        assigned_connection: Some(TunnelId(4711)),
                    })
                    .encode(&mut stop),
                };
                written.expect("the values are sound");
                world.inject(forged, datagram(versions, TunnelId(0), 1, &stop));
            }
            world.run_for(Duration::from_secs(60));
            let tunnels: Vec<_> = world.host(0).node.tunnels().collect();
            assert_eq!(tunnels.len(), 1, "{versions:?} {takes_back}");
            assert_eq!(tunnels[0].tunnel, opened);
            assert_eq!(tunnels[0].state, TunnelState::Established);
            assert_eq!(world.host(1).node.tunnels().count(), 1);
            assert_eq!(tunnels_up(&world.events(0)), 1);
        }
    }
}

/// Ties are settled on a network that loses, doubles and delays as well: one tunnel is left.
#[test]
fn a_tie_on_a_bad_network_leaves_one_tunnel() {
    let bad = Network {
        loss: 20,
        duplication: 20,
        delay: Duration::from_millis(30),
        jitter: Duration::from_millis(400),
    };
    for versions in [Versions::V2, Versions::V3, Versions::Both] {
        for seed in 0..200 {
            let mut world = both_ask_over(bad, seed, versions, [true, true]);
            world.run_for(Duration::from_secs(100));
            for index in 0..2 {
                let up = tunnels_up(&world.events(index));
                let tunnels = world.host(index).node.tunnels().count();
                assert!(
                    up <= 1 && tunnels <= 1,
                    "{versions:?} {seed}: {up} {tunnels}"
                );
            }
        }
    }
}
