//! Calls: directions, answers, limits, failures, and what is said about them.

use super::kit::*;
use crate::l2tp::config::{Answer, Limits, Rate};
use crate::l2tp::{
    CallAnswer, Connected, Direction, Encapsulation, Event, LinkInfo, Policy, PppCause, Refused,
    ResultCode, Role, SessionConfig, SessionEnd, TunnelConfig, Version, Versions,
};
use crate::sim::{Network, World};
use adit_wire::l2tp::avp::{
    Accm, Bearers, CallErrors, CauseDirection, CircuitStatus, DataSequencing, DisconnectCode,
    ErrorCode, Framings, PwType,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn with_calls(versions: Versions, change: impl Fn(&mut TunnelConfig)) -> TunnelConfig {
    let mut config = config("answerer", versions);
    change(&mut config);
    config
}

fn down(events: &[Event]) -> Vec<&SessionEnd> {
    let ends = events.iter().filter_map(|event| {
        let Event::SessionDown { end, .. } = event else {
            return None;
        };
        Some(end)
    });
    ends.collect()
}

/// What may be asked of a peer is what it has advertised (RFC 2661 §4.4.3).
#[test]
fn calls_keep_to_the_peers_bearers_and_framings() {
    let outgoing = || {
        let mut request = call(Version::V2);
        request.direction = Direction::Outgoing;
        request.details.called_number = Some(b"555".to_vec());
        request.details.framing_type = Some(Framings::BOTH);
        request
    };
    let lac = |bearer: Bearers| TunnelConfig {
        bearer,
        framing: Framings::ASYNC,
        ..config("lac", Versions::V2)
    };
    for (bearer, asked) in [(Bearers::DIGITAL, true), (Bearers::default(), false)] {
        let mut world = pair(1, Network::PERFECT, lac(bearer));
        let tunnel = open(&mut world, Encapsulation::Udp, config("lns", Versions::V2));
        // One waits for the tunnel, one comes when it is there.
        dial(&mut world, tunnel, outgoing());
        world.run_for(SECOND);
        let later = world.drive(0, |node, now| node.open_session(now, tunnel, outgoing()));
        assert_eq!(later.is_ok(), asked, "{bearer:?}");
        world.run_for(SECOND);
        let events = world.events(1);
        let offers = events.iter().filter_map(|event| {
            let Event::CallOffered { details, .. } = event else {
                return None;
            };
            Some((details.bearer_type, details.framing_type))
        });
        let offers: Vec<_> = offers.collect();
        let kept = (Some(bearer), Some(Framings::ASYNC));
        assert_eq!(offers, if asked { vec![kept; 2] } else { vec![] });
        assert_eq!(down(&world.events(0)).is_empty(), asked, "{bearer:?}");
    }
}

#[test]
fn an_outgoing_call_is_placed_by_the_peers_driver() {
    for (versions, version) in [(Versions::V2, Version::V2), (Versions::V3, Version::V3)] {
        let mut world = pair(1, Network::PERFECT, config("lac", versions));
        let tunnel = open(&mut world, Encapsulation::Udp, config("lns", versions));
        let mut request = call(version);
        request.direction = Direction::Outgoing;
        request.details.called_number = Some(b"555".to_vec());
        let session = dial(&mut world, tunnel, request);
        world.run_for(SECOND);
        let events = world.events(1);
        let offered = events.iter().find_map(|event| {
            let Event::CallOffered {
                session,
                direction,
                details,
                ..
            } = event
            else {
                return None;
            };
            assert_eq!(*direction, Direction::Outgoing);
            assert_eq!(details.called_number.is_some(), version == Version::V2);
            Some(*session)
        });
        let theirs = offered.expect("an outgoing call is for the driver to place");
        let too_early = world.drive(1, |node, now| {
            node.connect(now, theirs, &Connected::default())
        });
        assert_eq!(too_early, Err(Refused::State));
        let answer = CallAnswer::Accept(SessionConfig::default());
        world
            .drive(1, |node, now| node.answer(now, theirs, answer))
            .expect("it is offered");
        world.run_for(SECOND);
        assert_eq!(sessions_up(&world.events(0)), 0, "it rings");
        let connected = Connected {
            tx_speed: 64_000,
            ..Connected::default()
        };
        world
            .drive(1, |node, now| node.connect(now, theirs, &connected))
            .expect("it rings");
        world.run_for(SECOND);
        assert_eq!(assert_agreed(&world, 0, 1), 1);
        assert_eq!(world.host(0).paths[&session].role, Role::Lns);
        let told = world.events(0).into_iter().find_map(|event| {
            let Event::SessionUp { connected, .. } = event else {
                return None;
            };
            connected
        });
        assert_eq!(told.map(|connected| connected.tx_speed), Some(64_000));
    }
}

#[test]
fn a_path_that_cannot_be_installed_becomes_a_cdn() {
    for versions in [Versions::V2, Versions::V3] {
        for broken in [0, 1] {
            let mut world = pair(1, Network::PERFECT, config("lns", versions));
            let code = ResultCode::error(ErrorCode::NO_RESOURCES, "no device");
            world.break_path(broken, code.clone());
            let tunnel = open(&mut world, Encapsulation::Udp, config("lac", versions));
            let version = match versions {
                Versions::V2 => Version::V2,
                Versions::V3 | Versions::Both => Version::V3,
            };
            dial(&mut world, tunnel, call(version));
            world.run_for(SECOND);
            let events = [world.events(0), world.events(1)];
            assert_eq!(down(&events[broken]), [&SessionEnd::Local(code.clone())]);
            assert_eq!(down(&events[1 - broken]), [&SessionEnd::Peer(code)]);
            assert!(world.host(0).paths.is_empty() && world.host(1).paths.is_empty());
        }
    }
}

#[test]
fn calls_are_refused_for_a_reason() {
    let busy = DisconnectCode::NO_FACILITIES_NOW;
    let rate = Rate {
        per_second: 1,
        burst: 2,
    };
    type Case = (fn(&mut TunnelConfig), Versions, DisconnectCode);
    let cases: [Case; 4] = [
        (
            |config| config.calls.answer = Answer::Refuse,
            Versions::V2,
            DisconnectCode::ADMINISTRATIVE,
        ),
        (|config| config.calls.max_sessions = 2, Versions::V2, busy),
        (
            |config| {
                config.calls.rate = Some(Rate {
                    per_second: 1,
                    burst: 2,
                })
            },
            Versions::V3,
            busy,
        ),
        (
            |config| config.calls.answer = Answer::Refuse,
            Versions::V3,
            DisconnectCode::ADMINISTRATIVE,
        ),
    ];
    assert_eq!(rate.burst, 2);
    for (change, versions, code) in cases {
        let mut world = pair(1, Network::PERFECT, with_calls(versions, change));
        let tunnel = open(&mut world, Encapsulation::Udp, config("lac", versions));
        let version = match versions {
            Versions::V2 => Version::V2,
            Versions::V3 | Versions::Both => Version::V3,
        };
        for n in 0..3u8 {
            let mut request = call(version);
            request.details.remote_end_id = Some(vec![n]);
            dial(&mut world, tunnel, request);
        }
        world.run_for(SECOND);
        let events = world.events(0);
        let refused = down(&events);
        let most = if code == busy { 1 } else { 3 };
        assert_eq!(refused.len(), most, "{code}");
        for end in refused {
            assert!(
                matches!(end, SessionEnd::Peer(told) if told.code == code.0),
                "{end}"
            );
        }
        assert_eq!(assert_agreed(&world, 0, 1), 3 - most);
        assert_eq!(world.host(1).node.counters().refused_calls, most as u64);
    }
}

#[test]
fn the_rate_of_calls_is_that_of_all_tunnels_together() {
    let rate = Rate {
        per_second: 1,
        burst: 3,
    };
    let mut world = World::new(1, Network::PERFECT);
    world.add(Policy::default());
    let limits = Limits {
        call_rate: Some(rate),
        ..Limits::default()
    };
    world.add(Policy {
        limits,
        ..accepts(config("lns", Versions::V2))
    });
    let tunnels =
        [(); 2].map(|()| open(&mut world, Encapsulation::Udp, config("lac", Versions::V2)));
    world.run_for(SECOND * 5);
    for tunnel in [tunnels[0], tunnels[1], tunnels[0], tunnels[1]] {
        dial(&mut world, tunnel, call(Version::V2));
    }
    world.run_for(SECOND / 2);
    let events = world.events(0);
    let [SessionEnd::Peer(told)] = down(&events)[..] else {
        panic!("{:?}", down(&events));
    };
    assert_eq!(told.code, DisconnectCode::NO_FACILITIES_NOW.0);
    assert_eq!(assert_agreed(&world, 0, 1), 3);
    // One more is due by now, in whichever tunnel.
    world.run_for(SECOND);
    dial(&mut world, tunnels[1], call(Version::V2));
    world.run_for(SECOND / 2);
    assert_eq!(assert_agreed(&world, 0, 1), 4);
}

#[test]
fn a_pseudowire_type_must_be_known_at_both_ends() {
    let only_ppp = with_calls(Versions::V3, |config| {
        config.pseudowires = vec![PwType::PPP]
    });
    let mut world = pair(1, Network::PERFECT, only_ppp);
    let tunnel = open(&mut world, Encapsulation::Ip, config("left", Versions::V3));
    dial(&mut world, tunnel, call(Version::V3));
    world.run_for(SECOND);
    let events = world.events(0);
    let ends = down(&events);
    assert!(
        matches!(ends[..], [SessionEnd::Local(code)] if code.code == DisconnectCode::PW_TYPE.0)
    );
    let again = world.drive(0, |node, now| {
        node.open_session(now, tunnel, call(Version::V3))
    });
    assert!(matches!(again, Err(Refused::Unsupported(_))));
}

#[test]
fn a_driver_that_does_not_answer_costs_the_caller_a_minute() {
    let ask = with_calls(Versions::V2, |config| config.calls.answer = Answer::Ask);
    let mut world = pair(1, Network::PERFECT, ask);
    let tunnel = open(&mut world, Encapsulation::Udp, config("lac", Versions::V2));
    dial(&mut world, tunnel, call(Version::V2));
    world.run_for(SECOND * 59);
    assert!(down(&world.events(0)).is_empty());
    world.run_for(SECOND * 3);
    let timeout = ResultCode::disconnect(DisconnectCode::TIMEOUT);
    let events = [world.events(0), world.events(1)];
    assert_eq!(down(&events[0]).len(), 1);
    assert!(
        down(&events[1]).contains(&&SessionEnd::Peer(timeout.clone()))
            || down(&events[1]).contains(&&SessionEnd::Local(timeout))
    );
}

#[test]
fn both_versions_tell_of_link_and_errors() {
    let accm = LinkInfo::Accm(Accm {
        send: 1,
        receive: 2,
    });
    let circuit = LinkInfo::Circuit(CircuitStatus::DOWN);
    for (versions, version, info, wrong) in [
        (Versions::V2, Version::V2, accm, circuit),
        (Versions::V3, Version::V3, circuit, accm),
    ] {
        let mut world = pair(1, Network::PERFECT, config("lns", versions));
        let tunnel = open(&mut world, Encapsulation::Udp, config("lac", versions));
        let session = dial(&mut world, tunnel, call(version));
        let early = world.drive(0, |node, now| node.set_link(now, session, info));
        // The state of a circuit is told as soon as it can be.
        let kept = version == Version::V3;
        assert_eq!(early, if kept { Ok(()) } else { Err(Refused::State) });
        world.run_for(SECOND);
        world.events(1);
        let errors = CallErrors {
            crc: 7,
            ..CallErrors::default()
        };
        world
            .drive(0, |node, now| node.set_link(now, session, info))
            .expect("it is up");
        world
            .drive(0, |node, now| node.report_errors(now, session, errors))
            .expect("it is up");
        let refused = world.drive(0, |node, now| node.set_link(now, session, wrong));
        assert!(matches!(refused, Err(Refused::Unsupported(_))));
        world.run_for(SECOND);
        let told = world.events(1);
        let [
            Event::LinkInfo { info: heard, .. },
            Event::WanErrors {
                errors: counted, ..
            },
        ] = told[..]
        else {
            panic!("{told:?}");
        };
        assert_eq!((heard, counted), (info, errors));
    }
}

/// RFC 2661 §5.4: Sequencing Required binds both; otherwise the LNS decides.
#[test]
fn sequence_numbers_are_agreed_on() {
    let (none, all) = (DataSequencing::None, DataSequencing::All);
    // What the LAC and the LNS are configured for; what the LAC and the LNS send then.
    for (lac, lns, sent) in [
        (none, none, (none, none)),
        (all, none, (all, all)),
        (none, all, (none, all)),
        (all, all, (all, all)),
    ] {
        let lns = with_calls(Versions::V2, |config| config.calls.session.sequencing = lns);
        let mut world = pair(1, Network::PERFECT, lns);
        let tunnel = open(&mut world, Encapsulation::Udp, config("lac", Versions::V2));
        let mut request = call(Version::V2);
        request.session.sequencing = lac;
        dial(&mut world, tunnel, request);
        world.run_for(SECOND);
        let path = |world: &World, index: usize| {
            let paths = world.host(index).paths.values();
            paths
                .map(|path| (path.send_sequence, path.sequencing_required))
                .next()
        };
        assert_eq!(path(&world, 0), Some((sent.0, lac == all)));
        assert_eq!(path(&world, 1), Some((sent.1, lac == all)));
    }
}

/// RFC 3145: what PPP has to say goes along with the CDN; with Q.931's cause in version 2.
#[test]
fn a_cdn_tells_why_ppp_ended() {
    let ppp = PppCause {
        code: 16,
        protocol: 0xc223,
        direction: CauseDirection::PEER,
        message: b"no such user".to_vec(),
    };
    for (versions, version) in [(Versions::V2, Version::V2), (Versions::V3, Version::V3)] {
        let mut world = pair(1, Network::PERFECT, config("lns", versions));
        let tunnel = open(&mut world, Encapsulation::Udp, config("lac", versions));
        let session = dial(&mut world, tunnel, call(version));
        world.run_for(SECOND);
        world.events(1);
        let mut code = ResultCode::disconnect(DisconnectCode::ADMINISTRATIVE).because(ppp.clone());
        if let (Version::V2, Some(causes)) = (version, &mut code.causes) {
            causes.q931 = Some((16, 0x45, b"clear".to_vec()));
        }
        let sent = code.clone();
        world
            .drive(0, |node, now| node.close_session(now, session, sent))
            .expect("it is up");
        world.run_for(SECOND);
        let events = world.events(1);
        assert_eq!(down(&events), [&SessionEnd::Peer(code)]);
        let text = down(&events)[0].to_string();
        assert!(
            text.contains("PPP cause 16, authentication failed"),
            "{text}"
        );
    }
}
