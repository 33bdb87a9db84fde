//! Any sequence of requests and mishaps: the engine and the data path stay of one mind.

use super::*;
use crate::control::{create_session, create_tunnel};
use crate::daemon::genl::{Action, Request};
use adit_wire::netlink::{Attr, Command, Writer, flag};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Event {
    Request(Vec<u8>),
    Lose(u16, u16),
    Reload(Vec<u16>, Vec<(u16, u16)>),
    Outage(bool),
    Kill,
}

fn request(command: Command, tunnel: u16, session: u16, name: u8) -> Vec<u8> {
    let mut writer = Writer::command(command, flag::REQUEST | flag::ACK, 1, 0)
        .word(Attr::ConnId, tunnel.into())
        .word(Attr::SessionId, session.into())
        .word(Attr::Debug, session.into())
        .octet(Attr::SendSeq, 1);
    if name < 3 {
        writer = writer.string(Attr::Ifname, &format!("l2tpeth{name}"));
    }
    writer.finish()
}

fn tunnel(id: u16) -> TunnelSpec {
    if id.is_multiple_of(2) {
        ip(id)
    } else {
        udp(id)
    }
}

fn event() -> impl Strategy<Value = Event> {
    use Command::*;
    let ids = (0u16..4, 0u16..4);
    let commands = [
        TunnelDelete,
        TunnelModify,
        SessionDelete,
        SessionModify,
        SessionGet,
    ];
    prop_oneof![
        3 => (0u16..4).prop_map(|id| Event::Request(create_tunnel(&tunnel(id), 1))),
        6 => ids.clone().prop_map(|(t, s)| Event::Request(create_session(&session(t, s), 1))),
        4 => (prop::sample::select(commands.to_vec()), ids.clone(), 0u8..6)
            .prop_map(|(command, (t, s), name)| Event::Request(request(command, t, s, name))),
        1 => ids.clone().prop_map(|(t, s)| Event::Lose(t, s)),
        2 => (prop::collection::vec(1u16..4, 0..3), prop::collection::vec((1u16..4, 1u16..4), 0..4))
            .prop_map(|(tunnels, sessions)| Event::Reload(tunnels, sessions)),
        1 => any::<bool>().prop_map(Event::Outage),
        1 => Just(Event::Kill),
    ]
}

struct Run {
    fake: Fake,
    path: std::path::PathBuf,
    engine: Option<Engine>,
    now: Instant,
}

impl Run {
    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    fn step(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Request(packet) => {
                let engine = self.engine();
                let decided = Request::read(&packet).and_then(|request| engine.decide(&request));
                if let Ok(Action::Change(change)) = decided {
                    let _ = engine.change(&change);
                }
            }
            Event::Lose(t, s) => {
                let has = self.fake.world().has_device(key(t, s));
                if has {
                    self.fake.lose(key(t, s));
                    self.engine().device_lost(key(t, s), now);
                }
            }
            Event::Reload(tunnels, sessions) => {
                let sessions = sessions.into_iter().filter(|(t, _)| tunnels.contains(t));
                let sessions: Vec<_> = sessions.map(|(t, s)| session(t, s)).collect();
                let file = inventory(tunnels.iter().map(|id| tunnel(*id)), sessions);
                self.engine().reload(&file, false, now);
            }
            Event::Outage(on) => {
                self.fake.world().no_address = on.then_some(Errno::ENETUNREACH);
            }
            Event::Kill => {
                self.engine = None;
                self.fake.kill();
                self.engine = Some(stored(&self.fake, &self.path, now));
            }
        }
    }

    /// Ends every outage and waits until nothing is left to do.
    fn calm_down(&mut self) {
        self.fake.world().no_address = None;
        for _ in 0..20 {
            if let Some(due) = self.engine().deadline() {
                self.now = self.now.max(due);
                let now = self.now;
                self.engine().retry(now);
            }
        }
    }
}

/// What does not wait is in the data path as desired, and nothing else is.
fn agree(run: &mut Run) -> Result<(), TestCaseError> {
    let desired = run.engine().desired().clone();
    for (id, spec) in &desired.tunnels {
        if !run.engine().waits(Object::Tunnel(*id)) {
            let there = run.fake.world().there.tunnels.get(id).copied();
            prop_assert_eq!(there, Some(*spec));
        }
    }
    for (key, spec) in &desired.sessions {
        prop_assert!(desired.tunnels.contains_key(&key.tunnel));
        if !run.engine().waits(Object::Session(*key)) {
            let there = run.fake.world().there.sessions.get(key).cloned();
            prop_assert_eq!(there.as_ref(), Some(spec));
        }
    }
    let world = run.fake.world();
    prop_assert!(
        world
            .there
            .tunnels
            .keys()
            .all(|id| desired.tunnels.contains_key(id))
    );
    prop_assert!(
        world
            .there
            .sessions
            .keys()
            .all(|key| desired.sessions.contains_key(key))
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn engine_and_data_path_agree(events in prop::collection::vec(event(), 1..40)) {
        let dir = directory();
        let path = dir.path().join("state");
        let (fake, now) = (Fake::default(), Instant::now());
        let engine = Some(stored(&fake, &path, now));
        let mut run = Run { fake, path, engine, now };
        for event in events {
            run.step(event);
            agree(&mut run)?;
        }
        run.calm_down();
        agree(&mut run)?;
        prop_assert_eq!(run.engine().deadline(), None);
        let desired = run.engine().desired().clone();
        prop_assert_eq!(&run.fake.world().there, &desired);
        prop_assert_eq!(run.fake.world().devices.len(), desired.sessions.len());
        run.step(Event::Kill);
        prop_assert_eq!(run.engine().desired(), &desired);
        run.engine().shutdown().unwrap();
        prop_assert!(run.fake.world().devices.is_empty());
    }
}
