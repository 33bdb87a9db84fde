//! A mirror, which sends everything back from another port and knows no secret.

use crate::l2tp::{Encapsulation, MessageDrop, Path, Policy, TunnelConfig, TunnelState, Versions};
use crate::sim::tests::kit::{accepts, config, secret};
use crate::sim::{Network, World};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What goes to one port of the mirror comes back from the other.
const PORTS: [u16; 2] = [1701, 1702];

/// A node that answers everybody calls the mirror; gives the states of its tunnels a while later.
fn look_into_the_mirror(config: TunnelConfig) -> (World, Vec<TunnelState>) {
    let mut world = World::new(3, Network::PERFECT);
    world.add(accepts(config.clone()));
    world.add(Policy::default());
    world.eavesdrop();
    let mut path = world.path(0, 1, Encapsulation::Udp);
    path.remote = SocketAddr::new([192, 0, 2, 66].into(), PORTS[0]);
    let opened = world.drive(0, |node, now| node.open_tunnel(now, path, Arc::new(config)));
    opened.expect("the configuration is sound");
    for _ in 0..20 {
        for (sent, payload) in world.overheard() {
            let there = PORTS.iter().position(|port| sent.remote.port() == *port);
            let mirrored = there.filter(|_| sent.local.ip() != path.remote.ip());
            if let Some(index) = mirrored {
                let back = Path {
                    local: SocketAddr::new(path.remote.ip(), PORTS[1 - index]),
                    remote: sent.local,
                    ..sent
                };
                world.inject(back, payload);
            }
        }
        world.run_for(Duration::from_millis(10));
    }
    let states = world.host(0).node.tunnels().map(|tunnel| tunnel.state);
    let states = states.collect();
    (world, states)
}

#[test]
fn nobody_authenticates_to_itself() {
    for versions in [Versions::V2, Versions::V3, Versions::Both] {
        let (world, states) = look_into_the_mirror(secret(config("self", versions), "s3cret"));
        assert_eq!(states, [TunnelState::WaitCtlReply], "{versions:?}");
        let counters = world.host(0).node.counters();
        assert!(counters.dropped(MessageDrop::Reflected) > 0, "{counters:?}");
    }
}

/// Without secrets there is nothing to gain: an end may open a tunnel to itself.
#[test]
fn a_mirror_works_where_nothing_is_proved() {
    let (_, states) = look_into_the_mirror(config("self", Versions::V2));
    assert_eq!(states, [TunnelState::Established; 2]);
}
