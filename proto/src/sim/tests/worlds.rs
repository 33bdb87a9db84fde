//! Thousands of worlds: whatever the network does, what is up agrees, and in the end nothing is
//! left.

use super::kit::*;
use crate::l2tp::{
    CallAnswer, CallRequest, Connected, Direction, Encapsulation, Event, Policy, ResultCode,
    SessionConfig, TunnelConfig, TunnelKey, Version, Versions,
};
use crate::sim::{Network, World};
use adit_wire::l2tp::Sublayer;
use adit_wire::l2tp::avp::{DataSequencing, DisconnectCode, StopCode};
use std::sync::Arc;
use std::time::Duration;

/// How a world is to be.
struct Plan {
    versions: Versions,
    encapsulation: Encapsulation,
    config: TunnelConfig,
    network: Network,
    outgoing: bool,
}

fn plan(world: &mut World) -> Plan {
    let mut below = |n| world.random().below(n);
    let versions = [Versions::V2, Versions::V3, Versions::Both][below(3) as usize];
    let ip = versions != Versions::V2 && below(2) == 0;
    let encapsulation = [Encapsulation::Udp, Encapsulation::Ip][usize::from(ip)];
    let mut config = config("node", versions);
    if below(2) == 0 {
        config = secret(config, "known to both");
        config.hide = below(2) == 0;
    }
    config.tie_breaker = below(2) == 0;
    config.receive_window = 1 + below(40) as u16;
    config.retransmit.tries = 12;
    config.calls.session.cookie_len = [0, 4, 8][below(3) as usize];
    Plan {
        versions,
        encapsulation,
        config,
        network: Network {
            loss: below(30),
            duplication: below(20),
            delay: Duration::from_millis(below(50).into()),
            jitter: Duration::from_millis(below(400).into()),
        },
        outgoing: below(3) == 0,
    }
}

/// What a driver does with what it hears: dials for the peer, and answers.
fn serve(world: &mut World, index: usize, seen: &mut Vec<Event>) {
    for event in world.events(index) {
        if let Event::CallOffered { session, .. } = &event {
            let config = SessionConfig::default();
            let answer = CallAnswer::Accept(config);
            let accepted = world.drive(index, |node, now| node.answer(now, *session, answer));
            assert_eq!(accepted, Ok(()));
            let connected = Connected::default();
            // It may be gone by now, or be an incoming call, which is not for us to place.
            let _ = world.drive(index, |node, now| node.connect(now, *session, &connected));
        }
        seen.push(event);
    }
}

fn request(world: &mut World, plan: &Plan) -> CallRequest {
    let version = match plan.versions {
        Versions::V2 => Version::V2,
        Versions::V3 | Versions::Both => Version::V3,
    };
    let number = world.random().below(1000);
    let mut request = call(version);
    request.details.remote_end_id = Some(number.to_be_bytes().to_vec());
    request.session = SessionConfig {
        cookie_len: [0, 4, 8][world.random().below(3) as usize],
        sublayer: [Sublayer::None, Sublayer::Default][world.random().below(2) as usize],
        sequencing: [DataSequencing::None, DataSequencing::All][world.random().below(2) as usize],
        ..SessionConfig::default()
    };
    if plan.outgoing {
        request.direction = Direction::Outgoing;
    }
    request.tie_breaker = world.random().below(2) == 0;
    request
}

fn run(seed: u64) -> usize {
    let mut world = World::new(seed, Network::PERFECT);
    let plan = plan(&mut world);
    let config = Arc::new(plan.config.clone());
    world.add(accepts(plan.config.clone()));
    world.add(accepts(plan.config.clone()));
    world.network = plan.network;
    let mut seen = [Vec::new(), Vec::new()];
    let mut tunnels: Vec<(usize, TunnelKey)> = Vec::new();
    for _ in 0..30 {
        let index = world.random().below(2) as usize;
        match world.random().below(10) {
            0 if tunnels.len() < 4 => {
                let path = world.path(index, 1 - index, plan.encapsulation);
                let config = config.clone();
                let opened = world.drive(index, |node, now| node.open_tunnel(now, path, config));
                tunnels.push((index, opened.expect("it is sound")));
            }
            1..=5 if !tunnels.is_empty() => {
                let at = world.random().below(tunnels.len() as u32) as usize;
                let (index, tunnel) = tunnels[at];
                let request = request(&mut world, &plan);
                let _ = world.drive(index, |node, now| node.open_session(now, tunnel, request));
            }
            6 => {
                let sessions = world.host(index).paths.keys().copied().collect::<Vec<_>>();
                if let Some(session) = sessions.first().copied() {
                    let code = ResultCode::disconnect(DisconnectCode::CARRIER_LOST);
                    let _ = world.drive(index, |node, now| node.close_session(now, session, code));
                }
            }
            7 if world.random().below(4) == 0 => world.jump(Duration::from_secs(3)),
            _ => {}
        }
        let pause = Duration::from_millis(world.random().below(500).into());
        world.run_for(pause);
        (0..2).for_each(|index| serve(&mut world, index, &mut seen[index]));
    }
    // The weather improves, everything settles, and both ends know the same.
    world.network = Network::PERFECT;
    for _ in 0..90 {
        world.run_for(Duration::from_secs(1));
        (0..2).for_each(|index| serve(&mut world, index, &mut seen[index]));
    }
    let agreed = assert_agreed(&world, 0, 1);
    let code = ResultCode::stop(StopCode::SHUTTING_DOWN);
    for index in 0..2 {
        world.drive(index, |node, now| node.drain(now, &code));
    }
    assert_ends_clean(&mut world);
    assert!(world.sent < 20_000, "{} datagrams", world.sent);
    for (index, seen) in seen.iter_mut().enumerate() {
        seen.extend(world.events(index));
        assert!(seen.contains(&Event::Drained));
        balanced(seen);
    }
    agreed
}

/// What came up went down once, and nothing else did.
fn balanced(seen: &[Event]) {
    let count = |up: fn(&Event) -> bool| seen.iter().filter(|event| up(event)).count();
    let up = count(|event| matches!(event, Event::SessionUp { .. }));
    let down = count(|event| matches!(event, Event::SessionDown { .. }));
    assert!(up <= down, "{up} sessions up, {down} down");
    let mut ended = std::collections::BTreeSet::new();
    for event in seen {
        if let Event::SessionDown { session, .. } = event {
            assert!(ended.insert(*session), "{session} ended twice");
        }
    }
}

#[test]
fn what_is_up_agrees_and_nothing_is_left() {
    let mut agreed = 0;
    for seed in 0..2_000 {
        let result = std::panic::catch_unwind(|| run(seed));
        agreed += result.unwrap_or_else(|_| panic!("seed {seed}"));
    }
    assert!(agreed > 2_000, "only {agreed} sessions survived");
}

/// The same seed, the same world.
#[test]
fn worlds_repeat_themselves() {
    let trace = |seed| {
        let mut world = World::new(seed, Network::PERFECT);
        let plan = plan(&mut world);
        world.add(Policy::default());
        world.add(accepts(plan.config.clone()));
        world.network = plan.network;
        let tunnel = open(&mut world, plan.encapsulation, plan.config.clone());
        let request = request(&mut world, &plan);
        dial(&mut world, tunnel, request);
        world.run_for(Duration::from_secs(200));
        format!("{world:?}")
    };
    for seed in 0..20 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
}
