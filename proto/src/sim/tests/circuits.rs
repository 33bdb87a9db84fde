//! What the ends of a session tell each other of their circuits.

use super::kit::*;
use crate::l2tp::{
    Encapsulation, Event, LinkInfo, SessionConfig, SessionKey, TunnelKey, Version, Versions,
};
use crate::sim::{Network, World};
use adit_wire::l2tp::avp::CircuitStatus;
use std::time::Duration;

fn circuits(world: &World, index: usize) -> (CircuitStatus, Option<CircuitStatus>) {
    let node = &world.host(index).node;
    let tunnel = node.tunnels().next().expect("it is up").tunnel;
    node.sessions(tunnel).next().expect("it is up").circuits
}

fn set(world: &mut World, index: usize, session: SessionKey, status: CircuitStatus) {
    let info = LinkInfo::Circuit(status);
    let told = world.drive(index, |node, now| node.set_link(now, session, info));
    told.expect("it is there");
}

fn session_of(world: &World, index: usize) -> SessionKey {
    let node = &world.host(index).node;
    let tunnel: TunnelKey = node.tunnels().next().expect("it is up").tunnel;
    node.sessions(tunnel).next().expect("it is up").session
}

fn told(world: &mut World, index: usize) -> Vec<CircuitStatus> {
    let mut told = Vec::new();
    for event in world.events(index) {
        if let Event::LinkInfo { info, .. } = event
            && let LinkInfo::Circuit(status) = info
        {
            told.push(status);
        }
    }
    told
}

/// The state at the beginning stands in the first messages, whoever called; later ones are told by
/// SLI, and what changes during set-up is told when the session is established.
#[test]
fn circuits_are_told_at_the_beginning_and_when_they_change() {
    let down = CircuitStatus::CIRCUIT_DOWN;
    let ends = [CircuitStatus::UP, down];
    for (own, peer) in ends
        .into_iter()
        .flat_map(|own| ends.map(|peer| (own, peer)))
    {
        let mut answering = config("lns", Versions::V3);
        answering.calls.session.circuit = peer;
        let mut world = pair(3, Network::PERFECT, answering);
        let tunnel = open(&mut world, Encapsulation::Udp, config("lac", Versions::V3));
        world.run_for(Duration::from_secs(1));
        let mut request = call(Version::V3);
        request.session = SessionConfig {
            circuit: own,
            ..SessionConfig::default()
        };
        let opened = world.drive(0, |node, now| node.open_session(now, tunnel, request));
        let session = opened.expect("it is up");
        world.run_for(Duration::from_secs(1));
        assert_eq!(circuits(&world, 0), (own, Some(peer)));
        assert_eq!(circuits(&world, 1), (peer, Some(own)));
        let expected = |status| (status == down).then_some(status);
        assert_eq!(told(&mut world, 0), Vec::from_iter(expected(peer)));
        assert_eq!(told(&mut world, 1), Vec::from_iter(expected(own)));
        for status in [down, CircuitStatus::UP] {
            set(&mut world, 0, session, status);
            let there = session_of(&world, 1);
            set(&mut world, 1, there, status);
            world.run_for(Duration::from_secs(1));
            assert_eq!(told(&mut world, 0), [status]);
            assert_eq!(told(&mut world, 1), [status]);
        }
    }
    for early in [0, 1] {
        let mut answering = config("lns", Versions::V3);
        answering.calls.session.circuit = down;
        let mut world = pair(4, Network::PERFECT, answering);
        let tunnel = open(&mut world, Encapsulation::Udp, config("lac", Versions::V3));
        world.run_for(Duration::from_secs(1));
        let mut request = call(Version::V3);
        request.session.circuit = down;
        let opened = world.drive(0, |node, now| node.open_session(now, tunnel, request));
        let mut session = opened.expect("it is up");
        if early == 1 {
            // The ICRQ has come, the ICCN has not.
            world.run_for(Duration::from_micros(1_500));
            session = session_of(&world, 1);
        }
        set(&mut world, early, session, CircuitStatus::UP);
        world.run_for(Duration::from_secs(1));
        assert_eq!(circuits(&world, early).0, CircuitStatus::UP);
        assert_eq!(circuits(&world, 1 - early).1, Some(CircuitStatus::UP));
    }
}
