//! The life of a tunnel: Hello, silence, ports that change, secrets that change, limits.

use super::kit::*;
use crate::l2tp::config::{Follow, Liveness, Secret};
use crate::l2tp::{
    Encapsulation, Event, Input, MessageDrop, Policy, ResultCode, TunnelConfig, TunnelEnd, Version,
    Versions,
};
use crate::sim::{Network, World};
use adit_wire::l2tp::avp::StopCode;
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

const DEAD: Network = Network {
    loss: 100,
    ..Network::PERFECT
};

fn ended(events: &[Event]) -> Option<&TunnelEnd> {
    events.iter().find_map(|event| {
        let Event::TunnelDown { end, .. } = event else {
            return None;
        };
        Some(end)
    })
}

#[test]
fn a_hello_is_sent_after_silence_and_spared_by_traffic() {
    let mut world = pair(
        1,
        Network::PERFECT,
        TunnelConfig {
            hello: None,
            ..config("lns", Versions::V2)
        },
    );
    let tunnel = open(&mut world, Encapsulation::Udp, config("lac", Versions::V2));
    world.run_for(SECOND);
    let sent = world.sent;
    world.run_for(SECOND * 52);
    assert_eq!(world.sent, sent);
    world.run_for(SECOND * 9);
    assert_eq!(world.sent, sent + 2, "Hello and ZLB");
    for _ in 0..120 {
        world.run_for(SECOND);
        world.handle(0, Input::Traffic(tunnel));
    }
    assert_eq!(world.sent, sent + 2);
}

#[test]
fn hellos_of_many_tunnels_do_not_come_together() {
    const TUNNELS: usize = 40;
    let quiet = TunnelConfig {
        hello: None,
        ..config("lns", Versions::V2)
    };
    let mut world = pair(1, Network::PERFECT, quiet);
    for _ in 0..TUNNELS {
        open(&mut world, Encapsulation::Udp, config("lac", Versions::V2));
    }
    world.run_for(SECOND * 53);
    let mut sent = world.sent;
    let mut seconds = Vec::new();
    for _ in 0..8 {
        world.run_for(SECOND);
        seconds.push(world.sent - sent);
        sent = world.sent;
    }
    assert_eq!(seconds.iter().sum::<u64>(), 2 * TUNNELS as u64);
    let most = seconds.iter().max();
    assert!(
        most.is_some_and(|most| *most < TUNNELS as u64),
        "{seconds:?}"
    );
}

#[test]
fn silence_ends_a_tunnel_at_both_ends() {
    for versions in [Versions::V2, Versions::V3] {
        let mut world = pair(1, Network::PERFECT, config("lns", versions));
        let tunnel = open(&mut world, Encapsulation::Udp, config("lac", versions));
        let version = if versions == Versions::V2 {
            Version::V2
        } else {
            Version::V3
        };
        dial(&mut world, tunnel, call(version));
        world.run_for(SECOND);
        world.network = DEAD;
        world.run_for(SECOND * 60);
        assert_eq!(ended(&world.events(0)), None);
        world.run_for(SECOND * 120);
        for index in 0..2 {
            assert_eq!(ended(&world.events(index)), Some(&TunnelEnd::Unreachable));
            assert!(world.host(index).is_clean());
        }
    }
}

/// Some peers answer no Hello.
#[test]
fn data_keeps_a_tunnel_whose_peer_is_deaf_to_hellos() {
    for (liveness, survives) in [(Liveness::Control, false), (Liveness::ControlOrData, true)] {
        let mut world = pair(1, Network::PERFECT, config("lns", Versions::V2));
        let tunnel = open(
            &mut world,
            Encapsulation::Udp,
            TunnelConfig {
                liveness,
                ..config("lac", Versions::V2)
            },
        );
        world.run_for(SECOND * 10);
        world.network = DEAD;
        // Silence, and a Hello that nobody answers; then data again.
        world.run_for(SECOND * 60);
        for _ in 0..300 {
            world.run_for(SECOND);
            world.handle(0, Input::Traffic(tunnel));
        }
        assert_eq!(
            world.host(0).node.tunnel(tunnel).is_some(),
            survives,
            "{liveness:?}"
        );
    }
}

#[test]
fn a_peer_whose_port_changes_is_followed_only_where_allowed() {
    let cases = [
        (Versions::V2, false, Follow::Never, false),
        (Versions::V2, false, Follow::Authenticated, false),
        (Versions::V2, true, Follow::Authenticated, false),
        (Versions::V2, false, Follow::Always, true),
        (Versions::V3, false, Follow::Authenticated, false),
        (Versions::V3, true, Follow::Authenticated, true),
        (Versions::V3, true, Follow::Never, false),
    ];
    for (versions, authenticated, follow, followed) in cases {
        let make = |name| {
            let config = TunnelConfig {
                follow,
                ..config(name, versions)
            };
            if authenticated {
                secret(config, "x")
            } else {
                config
            }
        };
        let mut world = pair(1, Network::PERFECT, make("lns"));
        let tunnel = open(&mut world, Encapsulation::Udp, make("lac"));
        let version = if versions == Versions::V2 {
            Version::V2
        } else {
            Version::V3
        };
        let session = dial(&mut world, tunnel, call(version));
        world.run_for(SECOND);
        world.renumber(0, 40_000);
        let code = ResultCode::stop(StopCode::GENERAL_REQUEST);
        let another = dial(&mut world, tunnel, call(version));
        world.run_for(SECOND * 20);
        let case = format!("{versions:?} {authenticated} {follow:?}");
        let ports: Vec<_> = world
            .host(1)
            .paths
            .values()
            .map(|one| one.path.remote.port())
            .collect();
        match followed {
            true => {
                assert_eq!(ports, [40_000, 40_000], "{case}");
                assert!(
                    world
                        .events(1)
                        .iter()
                        .any(|one| matches!(one, Event::PeerMoved { .. }))
                );
                assert!(world.host(0).paths.contains_key(&session));
                assert!(world.host(0).paths.contains_key(&another));
            }
            false => {
                assert_eq!(ports, [1701], "{case}");
                assert!(
                    world
                        .host(1)
                        .node
                        .counters()
                        .dropped(MessageDrop::WrongPeer)
                        > 0
                );
            }
        }
        let _ = world.drive(0, |node, now| node.close_tunnel(now, tunnel, code));
        assert_ends_clean(&mut world);
    }
}

/// New and old at one end, then the new one at the other, under a live connection.
#[test]
fn a_secret_can_be_changed_under_a_control_connection() {
    let with = |secrets: &[&str]| TunnelConfig {
        secrets: secrets
            .iter()
            .map(|one| Secret(one.as_bytes().to_vec()))
            .collect(),
        authenticate: true,
        ..config("node", Versions::V3)
    };
    let mut world = pair(1, Network::PERFECT, with(&["old"]));
    let tunnel = open(&mut world, Encapsulation::Ip, with(&["old"]));
    world.run_for(SECOND);
    let theirs = world
        .host(1)
        .node
        .tunnels()
        .next()
        .expect("it is up")
        .tunnel;
    let steps: [(usize, &[&str]); 3] = [(0, &["new", "old"]), (1, &["new"]), (0, &["new"])];
    for (index, secrets) in steps {
        let key = [tunnel, theirs][index];
        let config = Arc::new(with(secrets));
        let set = world.drive(index, |node, now| node.set_tunnel_config(now, key, config));
        set.expect("it is up");
        dial(&mut world, tunnel, {
            let mut request = call(Version::V3);
            request.details.remote_end_id = Some(secrets.concat().into_bytes());
            request
        });
        world.run_for(SECOND);
    }
    assert_eq!(assert_agreed(&world, 0, 1), 3);
    assert_eq!(
        world
            .host(1)
            .node
            .counters()
            .dropped(MessageDrop::Unauthentic),
        0
    );
}

#[test]
fn secrets_must_match() {
    for versions in [Versions::V2, Versions::V3, Versions::Both] {
        let good = secret(config("node", versions), "good");
        let bad = secret(config("node", versions), "bad");
        let none = config("node", versions);
        for (asker, answerer) in [(&good, &bad), (&good, &none), (&none, &good)] {
            let mut world = pair(1, Network::PERFECT, answerer.clone());
            open(&mut world, Encapsulation::Udp, asker.clone());
            world.run_for(SECOND * 120);
            assert_eq!(tunnels_up(&world.events(1)), 0);
            let events = world.events(0);
            assert_eq!(tunnels_up(&events), 0);
            assert!(ended(&events).is_some());
            assert_ends_clean(&mut world);
        }
    }
}

#[test]
fn versions_must_meet() {
    for (asks, answers) in [(Versions::V2, Versions::V3), (Versions::V3, Versions::V2)] {
        let mut world = pair(1, Network::PERFECT, config("node", answers));
        open(&mut world, Encapsulation::Udp, config("node", asks));
        world.run_for(SECOND * 2);
        let events = world.events(0);
        match ended(&events) {
            Some(TunnelEnd::Peer(code)) => assert_eq!(code.code, StopCode::VERSION.0),
            other => panic!("{other:?}"),
        }
    }
    // Who offers both gets what the other has.
    for (answers, version) in [(Versions::V2, Version::V2), (Versions::V3, Version::V3)] {
        let mut world = pair(1, Network::PERFECT, config("node", answers));
        let tunnel = open(
            &mut world,
            Encapsulation::Udp,
            config("node", Versions::Both),
        );
        world.run_for(SECOND);
        let info = world.host(0).node.tunnel(tunnel).expect("it is up");
        assert_eq!(info.version, version);
    }
}

/// Thousands of tunnels on one socket, and a rate that none may use up alone.
#[test]
fn tunnels_take_turns() {
    let mut world = World::new(1, Network::PERFECT);
    let mut policy = Policy::default();
    policy.limits.transmit.per_second = 1_000;
    policy.limits.transmit.burst = 10;
    world.add(policy);
    world.add(accepts(config("lns", Versions::V2)));
    let config = Arc::new(config("lac", Versions::V2));
    let path = world.path(0, 1, Encapsulation::Udp);
    let busy = world
        .drive(0, |node, now| node.open_tunnel(now, path, config.clone()))
        .expect("it is sound");
    for _ in 0..3_000 {
        dial(&mut world, busy, call(Version::V2));
    }
    world.run_for(SECOND);
    let start = world.now;
    let opened = world.drive(0, |node, now| node.open_tunnel(now, path, config));
    let late = opened.expect("it is sound");
    while world
        .host(0)
        .node
        .tunnel(late)
        .is_some_and(|one| one.peer_tunnel.0 == 0)
    {
        assert!(world.step(start + SECOND * 10));
    }
    assert!(
        world.now.since(start) < SECOND / 10,
        "{:?}",
        world.now.since(start)
    );
    let done = world.host(0).paths.len();
    assert!(done < 3_000, "the busy one was not done before: {done}");
    world.run_for(SECOND * 30);
    assert_eq!(assert_agreed(&world, 0, 1), 3_000);
}

#[test]
fn soft_shutdown_keeps_what_is_there_and_refuses_what_is_new() {
    let mut world = pair(1, Network::PERFECT, config("lns", Versions::V2));
    let tunnel = open(&mut world, Encapsulation::Udp, config("lac", Versions::V2));
    dial(&mut world, tunnel, call(Version::V2));
    world.run_for(SECOND);
    world.drive(1, |node, _| node.close_to_new(true));
    dial(&mut world, tunnel, call(Version::V2));
    open(&mut world, Encapsulation::Udp, config("lac", Versions::V2));
    world.run_for(SECOND);
    assert_eq!(assert_agreed(&world, 0, 1), 1);
    let events = world.events(0);
    assert!(
        matches!(ended(&events), Some(TunnelEnd::Peer(code)) if code.code == StopCode::SHUTTING_DOWN.0)
    );
    assert_eq!(world.host(1).node.tunnels().count(), 1);
}
