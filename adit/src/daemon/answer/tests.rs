use super::*;
use crate::config::Config;
use crate::control::{create_session, create_tunnel};
use crate::daemon::engine::Engine;
use crate::daemon::fake::Fake;
use crate::daemon::samples::{self, inventory, session, udp};
use crate::daemon::store::Store;
use adit_wire::netlink::{Attr, Attributes, Command, FAMILY_ID, flag, kind};
use proptest::prelude::*;
use std::path::PathBuf;

fn state() -> State {
    let engine = Engine::new(Fake::default().boxed(), Store::none());
    samples::state(engine, |_| {
        Ok(Config {
            inventory: inventory([udp(1)], [session(1, 5)]),
            ..Config::default()
        })
    })
}

/// All packets that answer `packet`.
fn packets(packet: &[u8], state: &mut State) -> Vec<Vec<u8>> {
    let mut answer = Answer::to(packet, Manner::adit(true), Given::NOTHING, state);
    std::iter::from_fn(|| answer.next(state)).collect()
}

/// A message of an answer: an object's command and attributes, or what ends it.
#[derive(Debug, PartialEq)]
enum Message {
    Object(u8, Box<Attributes>),
    Ack,
    Refusal(Errno, String),
    Done,
}

fn messages(packets: &[Vec<u8>]) -> Vec<Message> {
    let frames = packets.iter().flat_map(|packet| Frames::new(packet));
    let read = |frame: Result<adit_wire::netlink::Frame<'_>, _>| {
        let frame = frame.unwrap();
        match frame.kind {
            kind::DONE => Message::Done,
            FAMILY_ID => {
                let (command, _, attributes) = frame.genl().unwrap();
                Message::Object(command, Box::new(Attributes::read(attributes).unwrap()))
            }
            _ => match adit_wire::netlink::Answer::read(&frame).unwrap() {
                answer if answer.errno.is_none() => Message::Ack,
                answer => Message::Refusal(
                    answer.errno.unwrap(),
                    answer.text.unwrap_or_default().to_owned(),
                ),
            },
        }
    };
    frames.map(read).collect()
}

fn ask(packet: &[u8], state: &mut State) -> Vec<Message> {
    messages(&packets(packet, state))
}

fn request(command: Command, flags: u16) -> Writer {
    Writer::command(command, flag::REQUEST | flags, 7, 0)
}

#[test]
fn changes_are_acknowledged_only_on_demand() {
    let mut state = state();
    assert_eq!(ask(&create_tunnel(&udp(1), 1), &mut state), [Message::Ack]);
    let silent = request(Command::TunnelDelete, 0).word(Attr::ConnId, 1);
    assert_eq!(ask(&silent.clone().finish(), &mut state), []);
    let again = ask(&silent.finish(), &mut state);
    assert!(matches!(&again[..], [Message::Refusal(Errno::ENODEV, _)]));
}

#[test]
fn one_object_comes_before_its_acknowledgement() {
    let mut state = state();
    ask(&create_tunnel(&udp(1), 1), &mut state);
    let get = request(Command::TunnelGet, flag::ACK).word(Attr::ConnId, 1);
    let told = ask(&get.finish(), &mut state);
    assert!(matches!(&told[..], [Message::Object(4, _), Message::Ack]));
    let noop = ask(&request(Command::Noop, flag::ACK).finish(), &mut state);
    assert!(matches!(&noop[..], [Message::Object(0, _), Message::Ack]));
}

#[test]
fn changes_without_privilege_change_nothing() {
    let mut state = state();
    let mut answer = Answer::to(
        &create_tunnel(&udp(1), 1),
        Manner::adit(false),
        Given::NOTHING,
        &mut state,
    );
    let packet = answer.next(&mut state).unwrap();
    let told = messages(&[packet]);
    assert!(
        matches!(&told[..], [Message::Refusal(Errno::EPERM, text)] if text.contains("CAP_NET_ADMIN"))
    );
    assert!(state.engine.desired().tunnels.is_empty());
}

#[test]
fn cookies_are_told_to_the_privileged_only() {
    let mut state = state();
    let mut spec = session(1, 5);
    spec.cookie = "01020304".parse().unwrap();
    spec.peer_cookie = "0a0b0c0d".parse().unwrap();
    ask(&create_tunnel(&udp(1), 1), &mut state);
    ask(&create_session(&spec, 1), &mut state);
    let one = request(Command::SessionGet, 0)
        .word(Attr::ConnId, 1)
        .word(Attr::SessionId, 5);
    let all = request(Command::SessionGet, flag::DUMP);
    for get in [one.finish(), all.finish()] {
        let mut told = |privileged| {
            let mut answer = Answer::to(&get, Manner::adit(privileged), Given::NOTHING, &mut state);
            let packet = answer.next(&mut state).unwrap();
            let Message::Object(_, object) = messages(&[packet]).swap_remove(0) else {
                panic!("no session is told");
            };
            *object
        };
        let whole = told(true);
        assert_eq!(whole.cookie, Some(spec.cookie));
        assert_eq!(whole.peer_cookie, Some(spec.peer_cookie));
        let without = Attributes {
            cookie: None,
            peer_cookie: None,
            ..whole
        };
        assert_eq!(told(false), without);
    }
}

#[test]
fn dumps_are_complete_in_order_and_in_small_packets() {
    let mut state = state();
    ask(&create_tunnel(&udp(1), 1), &mut state);
    for id in 1..=500 {
        ask(&create_session(&session(1, id), 1), &mut state);
    }
    let dump = request(Command::SessionGet, flag::DUMP).finish();
    let packets = packets(&dump, &mut state);
    assert!(packets.len() > 1);
    assert!(packets.iter().all(|packet| packet.len() <= PACKET_OCTETS));
    let mut told = messages(&packets);
    assert_eq!(told.pop(), Some(Message::Done));
    let id = |message: &Message| match message {
        Message::Object(8, session) => session.session_id,
        Message::Object(..) | Message::Ack | Message::Refusal(..) | Message::Done => None,
    };
    let ids: Vec<_> = told.iter().map(id).collect();
    assert_eq!(ids, (1..=500).map(Some).collect::<Vec<_>>());
}

#[test]
fn a_dump_survives_what_happens_between_its_packets() {
    let mut state = state();
    ask(&create_tunnel(&udp(1), 1), &mut state);
    for id in 1..=500 {
        ask(&create_session(&session(1, id), 1), &mut state);
    }
    let dump = request(Command::SessionGet, flag::DUMP).finish();
    let mut answer = Answer::to(&dump, Manner::adit(false), Given::NOTHING, &mut state);
    let first = answer.next(&mut state).unwrap();
    ask(
        &request(Command::TunnelDelete, 0)
            .word(Attr::ConnId, 1)
            .finish(),
        &mut state,
    );
    let second = answer.next(&mut state).unwrap();
    assert_eq!(answer.next(&mut state), None);
    assert!(messages(&[first]).len() < 500);
    assert_eq!(messages(&[second]), [Message::Done]);
}

#[test]
fn a_reload_tells_its_lines() {
    let mut state = state();
    let reload = request(Command::Reload, flag::ACK);
    let told = ask(&reload.clone().finish(), &mut state);
    assert!(
        matches!(&told[..], [Message::Refusal(Errno::EINVAL, text)] if text.starts_with("config: "))
    );
    state.config = Some(PathBuf::from("any"));
    let dry = ask(&reload.clone().flag(Attr::DryRun).finish(), &mut state);
    assert!(state.engine.desired().tunnels.is_empty());
    assert_eq!(ask(&reload.clone().finish(), &mut state), dry);
    let text = |message: &Message| match message {
        Message::Object(128, line) => line.text.clone().unwrap(),
        Message::Object(..) | Message::Ack | Message::Refusal(..) | Message::Done => {
            format!("{message:?}")
        }
    };
    let texts: Vec<_> = dry.iter().map(text).collect();
    assert_eq!(texts, ["add tunnel 1", "add session 5 in tunnel 1", "Done"]);
}

/// The failed line of a reload's report.
fn problem(text: &str) -> Message {
    Message::Object(
        128,
        Box::new(Attributes {
            problem: Some(text.to_owned()),
            ..Attributes::default()
        }),
    )
}

#[test]
fn a_faulty_file_changes_nothing_and_each_fault_is_a_line() {
    let mut state = state();
    state.config = Some(PathBuf::from("any"));
    let reload = request(Command::Reload, flag::ACK).finish();
    ask(&reload, &mut state);
    let before = state.engine.desired().clone();
    let faults = ["FILE:1:1: debug: no", "FILE:9:1: mtu: no"];
    state.load = |_| {
        Err(vec![
            "FILE:1:1: debug: no".into(),
            "FILE:9:1: mtu: no".into(),
        ])
    };
    let end = "config: nothing is changed; repair the file, then reload".to_owned();
    let [first, second] = faults.map(problem);
    let end = Message::Refusal(Errno::EINVAL, end);
    assert_eq!(ask(&reload, &mut state), [first, second, end]);
    assert_eq!(state.engine.desired(), &before);
}

#[test]
fn a_reload_that_fails_in_part_ends_in_a_refusal() {
    let mut state = state();
    let mut other = udp(1);
    other.peer_id.0 += 1;
    ask(&create_tunnel(&other, 1), &mut state);
    state.config = Some(PathBuf::from("any"));
    let told = ask(&request(Command::Reload, flag::ACK).finish(), &mut state);
    let [
        Message::Object(128, first),
        ..,
        Message::Refusal(Errno::EIO, end),
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    let first = first.problem.as_deref().unwrap_or_default();
    assert!(first.starts_with("tunnel 1: refused"), "{first}");
    assert_eq!(
        end,
        "config: 2 of 2 changes failed; remove the causes, then reload"
    );
}

#[test]
fn a_refusal_can_be_read_whatever_was_refused() {
    let mut state = state();
    for packet in [&b"abc"[..], &[0xff; 200], &[0; 15]] {
        let told = ask(packet, &mut state);
        assert!(
            matches!(&told[..], [Message::Refusal(Errno::EINVAL, text)] if text.starts_with("message: "))
        );
    }
    let mut answer = Answer::too_long(&[b'x'; 100], 9000);
    let packet = answer.next(&mut state).unwrap();
    let text = "message: has 9000 octets; give at most 100".to_owned();
    assert_eq!(
        messages(&[packet]),
        [Message::Refusal(Errno::EMSGSIZE, text)]
    );
}

proptest! {
    #[test]
    fn every_packet_has_an_answer_that_ends(packet in prop::collection::vec(any::<u8>(), 1..300)) {
        let mut state = state();
        let told = ask(&packet, &mut state);
        prop_assert!(told.len() <= 2);
    }
}
