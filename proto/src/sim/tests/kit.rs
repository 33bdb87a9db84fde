//! What the tests share: two or more nodes, and how they are configured.

use crate::l2tp::config::{Answer, CallConfig, Limits, Secret};
use crate::l2tp::{
    CallDetails, CallRequest, Connected, Direction, Encapsulation, Event, Policy, Profile,
    SessionConfig, SessionKey, TunnelConfig, TunnelKey, Version, Versions,
};
use crate::sim::{Network, World};
use adit_wire::l2tp::TunnelId;
use adit_wire::l2tp::avp::{Framings, ProtocolVersion, PwType};
use adit_wire::l2tp::control::v2;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn config(name: &str, versions: Versions) -> TunnelConfig {
    TunnelConfig {
        versions,
        calls: CallConfig {
            answer: Answer::Accept,
            ..CallConfig::default()
        },
        ..TunnelConfig::new(name)
    }
}

pub(super) fn secret(config: TunnelConfig, secret: &str) -> TunnelConfig {
    TunnelConfig {
        secrets: vec![Secret(secret.as_bytes().to_vec())],
        authenticate: true,
        ..config
    }
}

pub(super) fn accepts(config: TunnelConfig) -> Policy {
    Policy {
        profiles: vec![Profile {
            name: "any".into(),
            local: None,
            remote: None,
            encapsulation: None,
            host_name: None,
            refuse: false,
            config: Arc::new(config),
            max_tunnels: u32::MAX,
        }],
        refuse_strangers: true,
        limits: Limits::default(),
    }
}

/// Host 0 asks, host 1 answers.
pub(super) fn pair(seed: u64, network: Network, answers: TunnelConfig) -> World {
    let mut world = World::new(seed, network);
    world.add(Policy::default());
    world.add(accepts(answers));
    world
}

pub(super) fn open(
    world: &mut World,
    encapsulation: Encapsulation,
    config: TunnelConfig,
) -> TunnelKey {
    let path = world.path(0, 1, encapsulation);
    let opened = world.drive(0, |node, now| node.open_tunnel(now, path, Arc::new(config)));
    opened.expect("the configuration is sound")
}

pub(super) fn call(version: Version) -> CallRequest {
    CallRequest {
        direction: Direction::Incoming,
        pseudowire: match version {
            Version::V2 => PwType::PPP,
            Version::V3 => PwType::ETHERNET,
        },
        details: CallDetails {
            calling_number: Some(b"12345".to_vec()),
            remote_end_id: (version == Version::V3).then(|| b"port 1".to_vec()),
            ..CallDetails::default()
        },
        connected: Connected {
            tx_speed: 1_000_000,
            framing_type: Framings::SYNC,
            ..Connected::default()
        },
        session: SessionConfig::default(),
        tie_breaker: false,
    }
}

pub(super) fn dial(world: &mut World, tunnel: TunnelKey, request: CallRequest) -> SessionKey {
    let opened = world.drive(0, |node, now| node.open_session(now, tunnel, request));
    opened.expect("the tunnel takes it")
}

/// The two ends hold the same sessions with the same values.
pub(super) fn assert_agreed(world: &World, a: usize, b: usize) -> usize {
    let (a, b) = (world.host(a), world.host(b));
    for path in a.paths.values() {
        let other = b.paths.values().find(|other| {
            other.session.id() == path.peer_session
                && other.session.tunnel().id() == path.peer_tunnel
        });
        let other = other.unwrap_or_else(|| panic!("{path:?} has no other end"));
        assert_eq!(other.peer_session, path.session.id());
        assert_eq!(other.peer_tunnel, path.session.tunnel().id());
        assert_eq!(
            (other.cookie, other.peer_cookie),
            (path.peer_cookie, path.cookie)
        );
        assert_eq!(
            (other.sublayer_in, other.sublayer_out),
            (path.sublayer_out, path.sublayer_in)
        );
        assert_eq!(other.pseudowire, path.pseudowire);
        assert_ne!(other.role, path.role);
        assert_eq!(other.ecn, path.ecn);
        if path.version == Version::V3 {
            assert_eq!(other.send_sequence, path.expect_sequence);
        }
    }
    assert_eq!(a.paths.len(), b.paths.len());
    a.paths.len()
}

pub(super) fn tunnels_up(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, Event::TunnelUp { .. }))
        .count()
}

pub(super) fn sessions_up(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, Event::SessionUp { .. }))
        .count()
}

/// Lets everything close, and nothing be left.
pub(super) fn assert_ends_clean(world: &mut World) {
    world.run_for(Duration::from_secs(400));
    for index in 0..2 {
        assert!(
            world.host(index).is_clean(),
            "host {index}: {:#?}",
            world.host(index)
        );
    }
}

/// An SCCRQ with nothing wrong in it, from a sender that would have this tunnel id.
pub(super) fn sccrq(tunnel: u32) -> v2::Message<'static> {
    v2::Message::Sccrq(v2::Sccrq {
        protocol_version: ProtocolVersion::V1_0,
        host_name: b"nobody",
        framing_capabilities: Framings::BOTH,
        assigned_tunnel: TunnelId(tunnel),
        bearer_capabilities: None,
        receive_window: None,
        challenge: None,
        tie_breaker: None,
        firmware_revision: None,
        vendor_name: None,
        diffserv: None,
        ecn: false,
    })
}
