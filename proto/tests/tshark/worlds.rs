//! All that two nodes send in a tunnel's life, as tshark reads it.

use crate::capture::{SECRET, Sent, dissect};
use crate::{REMARKS, unremarkable};
use adit_proto::l2tp::config::{Answer, CallConfig, Secret};
use adit_proto::l2tp::{
    CallAnswer, CallDetails, CallRequest, Connected, Direction, Encapsulation, Event, LinkInfo,
    Policy, Profile, ResultCode, SessionConfig, SessionKey, TunnelConfig, TunnelKey, Versions,
};
use adit_proto::sim::{Network, World};
use adit_wire::l2tp::avp::{
    Accm, CallErrors, CircuitStatus, DisconnectCode, Framings, PwType, StopCode,
};
use adit_wire::l2tp::control::{MessageKind, message_kind};
use adit_wire::l2tp::{IpMessage, UdpMessage};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A way for two nodes to speak.
#[derive(Debug, Clone, Copy)]
struct How {
    versions: Versions,
    encapsulation: Encapsulation,
    proves: bool,
    hides: bool,
}

impl How {
    fn config(self, name: &str) -> Arc<TunnelConfig> {
        Arc::new(TunnelConfig {
            versions: self.versions,
            secrets: vec![Secret(SECRET.into())],
            authenticate: self.proves,
            hide: self.hides,
            tie_breaker: true,
            hello: Some(Duration::from_secs(10)),
            calls: CallConfig {
                answer: Answer::Accept,
                ..CallConfig::default()
            },
            ..TunnelConfig::new(name)
        })
    }

    fn world(self) -> (World, TunnelKey) {
        let mut world = World::new(1, Network::PERFECT);
        world.add(Policy::default());
        world.add(Policy {
            profiles: vec![Profile {
                name: "all".into(),
                local: None,
                remote: None,
                encapsulation: None,
                host_name: None,
                refuse: false,
                config: self.config("lns.example"),
                max_tunnels: 9,
            }],
            ..Policy::default()
        });
        world.eavesdrop();
        let path = world.path(0, 1, self.encapsulation);
        let config = self.config("lac.example");
        let opened = world.drive(0, |node, now| node.open_tunnel(now, path, config));
        (world, opened.expect("the configuration is sound"))
    }

    fn call(self, direction: Direction) -> CallRequest {
        CallRequest {
            direction,
            pseudowire: match self.versions {
                Versions::V2 => PwType::PPP,
                Versions::V3 | Versions::Both => PwType::ETHERNET,
            },
            details: CallDetails {
                called_number: Some(b"5556789".to_vec()),
                calling_number: Some(b"5551234".to_vec()),
                remote_end_id: Some(b"circuit 17".to_vec()),
                ..CallDetails::default()
            },
            connected: connected(),
            session: SessionConfig::default(),
            tie_breaker: true,
        }
    }

    fn link_info(self) -> LinkInfo {
        let (send, receive) = (0x000a_0000, u32::MAX);
        match self.versions {
            Versions::V2 => LinkInfo::Accm(Accm { send, receive }),
            Versions::V3 | Versions::Both => LinkInfo::Circuit(CircuitStatus::DOWN),
        }
    }
}

fn connected() -> Connected {
    Connected {
        tx_speed: 1_000_000,
        framing_type: Framings::SYNC,
        ..Connected::default()
    }
}

/// A tunnel with a call each way, news about them, silence, and an end.
fn life(how: How) -> Vec<Sent> {
    let second = Duration::from_secs(1);
    let (mut world, tunnel) = how.world();
    let calls = [Direction::Incoming, Direction::Outgoing].map(|direction| {
        let call = how.call(direction);
        let opened = world.drive(0, |node, now| node.open_session(now, tunnel, call));
        opened.expect("the tunnel takes it")
    });
    world.run_for(second);
    let offered = world.events(1).into_iter().find_map(|event| {
        if let Event::CallOffered { session, .. } = event {
            return Some(session);
        }
        None
    });
    place(&mut world, offered.expect("an outgoing call is offered"));
    world.run_for(second);
    assert_eq!(
        (world.host(0).paths.len(), world.host(1).paths.len()),
        (2, 2)
    );
    let done = world.drive(0, |node, now| {
        node.set_link(now, calls[0], how.link_info())?;
        node.report_errors(now, calls[0], CallErrors::default())?;
        let busy = ResultCode::disconnect(DisconnectCode::ADMINISTRATIVE);
        node.close_session(now, calls[1], busy)
    });
    done.expect("the sessions are up");
    world.run_for(30 * second);
    let code = ResultCode::stop(StopCode::SHUTTING_DOWN);
    let closed = world.drive(0, |node, now| node.close_tunnel(now, tunnel, code));
    closed.expect("it is open");
    world.run_for(second);
    let caller = world.host(0).address.ip();
    let sent = world.overheard().into_iter().map(|(path, octets)| Sent {
        back: path.local.ip() != caller,
        over_ip: how.encapsulation == Encapsulation::Ip,
        octets,
    });
    sent.collect()
}

/// Host 1 places the call that it was asked for.
fn place(world: &mut World, session: SessionKey) {
    let accept = CallAnswer::Accept(SessionConfig::default());
    let answered = world.drive(1, |node, now| node.answer(now, session, accept));
    answered.expect("it waits for an answer");
    let placed = world.drive(1, |node, now| node.connect(now, session, &connected()));
    placed.expect("it waits for the call");
}

/// The AVPs of a message, whatever it came over.
fn avps(sent: &Sent) -> &[u8] {
    match sent.over_ip {
        true => match IpMessage::decode(&sent.octets) {
            Ok(IpMessage::Control { avps, .. }) => avps,
            other => panic!("{other:?}"),
        },
        false => match UdpMessage::decode(&sent.octets) {
            Ok(UdpMessage::V2Control { avps, .. } | UdpMessage::V3Control { avps, .. }) => avps,
            other => panic!("{other:?}"),
        },
    }
}

#[test]
fn every_message_of_a_life_is_read_in_full() {
    let plain = How {
        versions: Versions::V2,
        encapsulation: Encapsulation::Udp,
        proves: false,
        hides: false,
    };
    let v3 = How {
        versions: Versions::V3,
        ..plain
    };
    let over_ip = How {
        encapsulation: Encapsulation::Ip,
        ..v3
    };
    let proving = |how| How {
        proves: true,
        ..how
    };
    let hiding = |how| How {
        proves: true,
        hides: true,
        ..how
    };
    let offer = How {
        versions: Versions::Both,
        ..plain
    };
    for how in [
        plain,
        proving(plain),
        v3,
        proving(v3),
        over_ip,
        proving(over_ip),
        offer,
        hiding(plain),
        hiding(v3),
    ] {
        let sent = life(how);
        let Some(rows) = dissect(&sent, &REMARKS) else {
            return;
        };
        assert_eq!(rows.len(), sent.len(), "{how:?}");
        let mut kinds = BTreeSet::new();
        for (row, sent) in rows.iter().zip(&sent) {
            let avps = avps(sent);
            assert_eq!(row[..], unremarkable(avps), "{how:?}");
            kinds.extend(message_kind(avps).expect("a node speaks properly"));
        }
        let acks = how.proves && how.versions != Versions::V2;
        let all = MessageKind::ALL.len() - usize::from(!acks);
        assert_eq!(kinds.len(), all, "{how:?}: {kinds:?}");
    }
}
