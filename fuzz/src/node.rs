use adit_proto::l2tp::config::{Answer, CallConfig, Secret, Versions};
use adit_proto::l2tp::{
    CallAnswer, CallRequest, Connected, Direction, Encapsulation, Event, Policy, Profile, PwType,
    ResultCode, SessionConfig, SessionKey, TunnelConfig, TunnelKey,
};
use adit_proto::sim::{Network, World};
use adit_wire::l2tp::avp::{DisconnectCode, StopCode};
use std::sync::Arc;
use std::time::Duration;

/// A script for two nodes that talk to each other: what their drivers want, and what the network
/// and an attacker do to their datagrams. Whatever it is, the nodes keep to the contract of their
/// outputs, stay within their bounds, and end with nothing left.
pub fn l2tp_node(data: &[u8]) {
    let mut script = Script { rest: data };
    let mut play = Play::new(&mut script);
    // Steps beyond these find nothing that fewer do not.
    for _ in 0..200 {
        let Some(what) = script.octet() else {
            break;
        };
        play.act(what, &mut script);
        play.serve();
    }
    play.end();
}

/// The octets that are not used yet.
struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.octet().unwrap_or_default()) % bound.max(1)
    }

    fn take(&mut self, octets: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(octets.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

struct Play {
    world: World,
    config: Arc<TunnelConfig>,
    encapsulation: Encapsulation,
    tunnels: Vec<(usize, TunnelKey)>,
    sessions: Vec<(usize, SessionKey)>,
}

impl Play {
    fn new(script: &mut Script<'_>) -> Play {
        let how = script.octet().unwrap_or_default();
        let versions = [Versions::V2, Versions::V3, Versions::Both][usize::from(how) % 3];
        let ip = how & 0x80 != 0 && versions != Versions::V2;
        let secret = how & 0x40 != 0;
        let config = Arc::new(TunnelConfig {
            versions,
            secrets: secret
                .then(|| Secret(b"secret".to_vec()))
                .into_iter()
                .collect(),
            authenticate: secret,
            hide: secret && how & 0x20 != 0,
            tie_breaker: how & 0x10 != 0,
            calls: CallConfig {
                answer: [Answer::Accept, Answer::Ask][usize::from(how & 0x08 != 0)],
                ..CallConfig::default()
            },
            ..TunnelConfig::new("fuzz")
        });
        let mut world = World::new(how.into(), Network::PERFECT);
        for _ in 0..2 {
            world.add(policy(&config));
        }
        Play {
            world,
            config,
            encapsulation: [Encapsulation::Udp, Encapsulation::Ip][usize::from(ip)],
            tunnels: Vec::new(),
            sessions: Vec::new(),
        }
    }

    fn act(&mut self, what: u8, script: &mut Script<'_>) {
        let index = usize::from(what & 1);
        match (what >> 1) % 16 {
            0 if self.tunnels.len() < 8 => self.open_tunnel(index),
            1 | 2 => self.open_session(script),
            3 => self.close(script),
            4 => {
                let time = Duration::from_millis(script.below(256) as u64 * 40);
                self.world.run_for(time);
            }
            5 => self
                .world
                .jump(Duration::from_secs(script.below(256) as u64)),
            6 => self.world.renumber(index, 1701 + script.below(2) as u16),
            7 => {
                let octets = script.below(256);
                let path = self.world.path(index, 1 - index, self.encapsulation);
                self.world.inject(path, script.take(octets).to_vec());
            }
            8 => self.forge(index, script),
            9 => {
                let (at, with) = (script.below(256), script.below(256) as u8);
                self.world.tamper(|datagram| {
                    let at = at % datagram.len().max(1);
                    if let Some(octet) = datagram.get_mut(at) {
                        *octet ^= with;
                    }
                });
            }
            10 => {
                let octets = script.below(256);
                self.world.tamper(|datagram| datagram.truncate(octets));
            }
            11 => {
                self.world.network.loss = script.below(60) as u32;
                self.world.network.duplication = script.below(40) as u32;
                self.world.network.jitter = Duration::from_millis(script.below(256) as u64);
            }
            _ => {
                let soon = self.world.now + Duration::from_secs(1);
                self.world.step(soon);
            }
        }
    }

    fn open_tunnel(&mut self, index: usize) {
        let path = self.world.path(index, 1 - index, self.encapsulation);
        let config = self.config.clone();
        let opened = self
            .world
            .drive(index, |node, now| node.open_tunnel(now, path, config));
        self.tunnels
            .push((index, opened.expect("the configuration is sound")));
    }

    fn open_session(&mut self, script: &mut Script<'_>) {
        let at = script.below(self.tunnels.len());
        let Some((index, tunnel)) = self.tunnels.get(at).copied() else {
            return;
        };
        let how = script.octet().unwrap_or_default();
        let mut request = CallRequest {
            direction: [Direction::Incoming, Direction::Outgoing][usize::from(how & 1)],
            pseudowire: match self.config.versions {
                Versions::V2 => PwType::PPP,
                Versions::V3 | Versions::Both => PwType::ETHERNET,
            },
            details: Default::default(),
            connected: Connected::default(),
            session: SessionConfig::default(),
            tie_breaker: how & 2 != 0,
        };
        request.details.remote_end_id = Some(vec![how >> 4]);
        let opened = self
            .world
            .drive(index, |node, now| node.open_session(now, tunnel, request));
        self.sessions
            .extend(opened.ok().map(|session| (index, session)));
    }

    fn close(&mut self, script: &mut Script<'_>) {
        let at = script.below(self.sessions.len() + self.tunnels.len());
        if let Some((index, session)) = self.sessions.get(at).copied() {
            let code = ResultCode::disconnect(DisconnectCode::CARRIER_LOST);
            let _ = self
                .world
                .drive(index, |node, now| node.close_session(now, session, code));
        } else if let Some((index, tunnel)) = self.tunnels.get(at - self.sessions.len()).copied() {
            let code = ResultCode::stop(StopCode::GENERAL_REQUEST);
            let _ = self
                .world
                .drive(index, |node, now| node.close_tunnel(now, tunnel, code));
        }
    }

    /// AVPs of the script's behind a header that fits the tunnel: what only the peer could send.
    fn forge(&mut self, index: usize, script: &mut Script<'_>) {
        let at = script.below(self.tunnels.len());
        let session = script.below(3);
        let octets = script.below(256);
        let avps = script.take(octets).to_vec();
        let tunnels: Vec<_> = self.world.host(1 - index).node.tunnels().collect();
        let Some(victim) = tunnels.get(at) else {
            return;
        };
        let sessions = self.world.host(1 - index).node.sessions(victim.tunnel);
        let session = sessions.map(|one| one.session.id()).nth(session);
        let payload = crate::l2tp::control_message(victim, session, &avps);
        let path = self.world.path(index, 1 - index, victim.path.encapsulation);
        self.world.inject(path, payload);
    }

    /// What drivers do: they answer, and they place calls.
    fn serve(&mut self) {
        for index in 0..2 {
            for event in self.world.events(index) {
                if let Event::CallOffered { session, .. } = event {
                    let answer = CallAnswer::Accept(SessionConfig::default());
                    let _ = self
                        .world
                        .drive(index, |node, now| node.answer(now, session, answer));
                    let connected = Connected::default();
                    let _ = self
                        .world
                        .drive(index, |node, now| node.connect(now, session, &connected));
                }
            }
            let node = &self.world.host(index).node;
            assert!(node.tunnels().count() <= 300 && node.session_count() <= 1_000);
        }
    }

    fn end(&mut self) {
        self.world.network = Network::PERFECT;
        let code = ResultCode::stop(StopCode::SHUTTING_DOWN);
        for index in 0..2 {
            self.world.drive(index, |node, now| node.drain(now, &code));
        }
        self.world.run_for(Duration::from_secs(600));
        for index in 0..2 {
            assert!(self.world.host(index).is_clean());
        }
    }
}

fn policy(config: &Arc<TunnelConfig>) -> Policy {
    Policy {
        profiles: vec![Profile {
            name: "any".into(),
            local: None,
            remote: None,
            encapsulation: None,
            host_name: None,
            refuse: false,
            config: config.clone(),
            max_tunnels: 100,
        }],
        refuse_strangers: true,
        ..Policy::default()
    }
}
