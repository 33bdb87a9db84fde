use super::kit::*;
use crate::l2tp::{Encapsulation, Event, ResultCode, TunnelState, Version, Versions};
use crate::sim::Network;
use adit_wire::l2tp::avp::StopCode;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Version and transport: tunnel, session, end; with and without secrets.
#[test]
fn a_tunnel_and_a_session_come_up_and_go() {
    for (versions, encapsulation, expected) in [
        (Versions::V2, Encapsulation::Udp, Version::V2),
        (Versions::V3, Encapsulation::Udp, Version::V3),
        (Versions::V3, Encapsulation::Ip, Version::V3),
        (Versions::Both, Encapsulation::Udp, Version::V3),
        (Versions::Both, Encapsulation::Ip, Version::V3),
    ] {
        for authenticated in [false, true] {
            let make = |name| match authenticated {
                false => config(name, versions),
                true => secret(config(name, versions), "s3cret"),
            };
            let mut world = pair(7, Network::PERFECT, make("lns"));
            let tunnel = open(&mut world, encapsulation, make("lac"));
            dial(&mut world, tunnel, call(expected));
            world.run_for(SECOND);
            for index in [0, 1] {
                let events = world.events(index);
                assert_eq!(
                    (tunnels_up(&events), sessions_up(&events)),
                    (1, 1),
                    "{events:?}"
                );
                let info = world
                    .host(index)
                    .node
                    .tunnels()
                    .next()
                    .expect("it is there");
                assert_eq!(
                    (info.version, info.state),
                    (expected, TunnelState::Established)
                );
                assert_eq!(info.peer.authenticated, authenticated);
            }
            assert_eq!(assert_agreed(&world, 0, 1), 1);
            let code = ResultCode::stop(StopCode::GENERAL_REQUEST);
            world
                .drive(0, |node, now| node.close_tunnel(now, tunnel, code))
                .expect("it is open");
            world.run_for(SECOND);
            let events = world.events(1);
            assert!(matches!(
                events[..],
                [Event::SessionDown { .. }, Event::TunnelDown { .. }]
            ));
            assert_ends_clean(&mut world);
        }
    }
}
