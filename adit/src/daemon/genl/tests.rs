mod create;
mod reply;

use super::*;
use crate::control::{AUTOMATIC_MTU, create_session, create_tunnel};
use crate::daemon::samples::{any_session, any_tunnel, inventory, ip, key, session as sample, udp};
use adit_datapath::spec::{
    Change, DebugMask, Device, Inventory, Pseudowire, Retuning, SessionTuning, TunnelRetuning,
    TunnelSpec,
};
use adit_wire::netlink::{Attributes, Command, FAMILY_ID, Frames, Writer, flag};
use proptest::prelude::*;

fn ask(state: &Inventory, message: &[u8]) -> Result<Action, Error> {
    decide(&Request::read(message)?, state, &mut |session| {
        Some(format!("l2tpeth{}", session.key.session))
    })
}

fn request(command: Command) -> Writer {
    Writer::command(command, flag::REQUEST | flag::ACK, 1, 0)
}

/// An errno and the field that the text starts with.
type Refusal = (Errno, &'static str);

fn refused(state: &Inventory, message: Writer) -> Refusal {
    let refused = ask(state, &message.finish()).expect_err("is to be refused");
    assert!(refused.text.len() > 8, "tells little: {refused}");
    (refused.errno, refused.field)
}

#[test]
fn objects_are_selected_as_linux_selects_them() {
    let state = inventory([udp(1), udp(2)], [sample(1, 5), sample(2, 6)]);
    let by_name = request(Command::SessionDelete).string(Attr::Ifname, "l2tpeth6");
    let change = Action::Change(Change::RemoveSession(key(2, 6)));
    assert_eq!(ask(&state, &by_name.clone().finish()), Ok(change.clone()));
    let name_wins = by_name.word(Attr::ConnId, 1).word(Attr::SessionId, 5);
    assert_eq!(ask(&state, &name_wins.finish()), Ok(change));
    let ids = |tunnel, session| {
        request(Command::SessionGet)
            .word(Attr::ConnId, tunnel)
            .word(Attr::SessionId, session)
    };
    assert_eq!(
        ask(&state, &ids(1, 5).finish()),
        Ok(Action::Session(key(1, 5)))
    );
    let cases = [
        (ids(1, 6), Errno::ENODEV, "session_id"),
        (ids(3, 6), Errno::ENODEV, "tunnel_id"),
        (request(Command::SessionGet), Errno::ENODEV, "tunnel_id"),
        (
            request(Command::SessionGet).word(Attr::ConnId, 1),
            Errno::ENODEV,
            "session_id",
        ),
        (
            request(Command::SessionDelete).string(Attr::Ifname, ""),
            Errno::ENODEV,
            "name",
        ),
        (request(Command::TunnelGet), Errno::EINVAL, "tunnel_id"),
        (request(Command::TunnelDelete), Errno::EINVAL, "tunnel_id"),
        (
            request(Command::TunnelModify).word(Attr::ConnId, 3),
            Errno::ENODEV,
            "tunnel_id",
        ),
    ];
    for (message, errno, field) in cases {
        assert_eq!(refused(&state, message), (errno, field));
    }
}

#[test]
fn modify_changes_what_it_names_and_nothing_else() {
    let mut old = sample(1, 5);
    old.tuning = SessionTuning {
        send_seq: true,
        mtu: Some(1400),
        ..SessionTuning::default()
    };
    let state = inventory([udp(1)], [old]);
    let message = request(Command::SessionModify)
        .word(Attr::ConnId, 1)
        .word(Attr::SessionId, 5)
        .octet(Attr::RecvSeq, 1)
        .word(Attr::Debug, 4);
    let change = Retuning {
        recv_seq: Some(true),
        debug: Some(DebugMask(4)),
        ..Retuning::default()
    };
    let change = Change::TuneSession(key(1, 5), change);
    assert_eq!(ask(&state, &message.finish()), Ok(Action::Change(change)));
    let message = request(Command::SessionModify)
        .word(Attr::ConnId, 1)
        .word(Attr::SessionId, 5)
        .half(Attr::Mtu, AUTOMATIC_MTU);
    let change = Retuning {
        mtu: Some(None),
        ..Retuning::default()
    };
    let change = Change::TuneSession(key(1, 5), change);
    assert_eq!(ask(&state, &message.finish()), Ok(Action::Change(change)));
    let message = request(Command::TunnelModify).word(Attr::ConnId, 1);
    let change = Change::TuneTunnel(udp(1).id, TunnelRetuning::default());
    assert_eq!(ask(&state, &message.finish()), Ok(Action::Change(change)));
}

#[test]
fn only_one_wellformed_request_a_packet_is_read() {
    let noop = request(Command::Noop).finish();
    let errno = |packet: &[u8]| {
        let read = Request::read(packet).and_then(|request| request.servable());
        read.map_err(|e| e.errno)
    };
    assert_eq!(errno(&noop), Ok(()));
    assert_eq!(errno(&[]), Err(Errno::EINVAL));
    assert_eq!(errno(&noop[..noop.len() - 1]), Err(Errno::EINVAL));
    assert_eq!(
        errno(&[noop.clone(), noop.clone()].concat()),
        Err(Errno::EINVAL)
    );
    let mut other = noop.clone();
    other[4..6].copy_from_slice(&(FAMILY_ID + 1).to_ne_bytes());
    assert_eq!(errno(&other), Err(Errno::ENOENT));
    let mut unknown = noop.clone();
    unknown[16] = 9;
    assert_eq!(errno(&unknown), Err(Errno::EOPNOTSUPP));
    let dump = Writer::command(Command::SessionDelete, flag::REQUEST | flag::DUMP, 1, 0);
    assert_eq!(errno(&dump.finish()), Err(Errno::EOPNOTSUPP));
}

#[test]
fn looking_needs_no_privilege_and_everything_else_does() {
    use Command::{ConnectionGet, ControlGet, Noop, SessionGet, TunnelGet};
    for command in Command::ALL {
        let message = request(*command).finish();
        let looks = matches!(
            command,
            Noop | TunnelGet | SessionGet | ConnectionGet | ControlGet
        );
        assert_eq!(
            Request::read(&message).unwrap().needs_privilege(),
            !looks,
            "{command:?}"
        );
    }
}

fn attributes(message: &[u8]) -> Attributes {
    Request::read(message).unwrap().attributes().unwrap()
}

proptest! {
    #[test]
    fn create_messages_are_read_as_they_were_meant(tunnel in any_tunnel(), session in any_session()) {
        prop_assert_eq!(tunnel_spec(&attributes(&create_tunnel(&tunnel, 1))), Ok(tunnel));
        prop_assert_eq!(session_spec(&attributes(&create_session(&session, 1))), Ok(session));
    }

    #[test]
    fn no_packet_panics(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = ask(&inventory([udp(1)], [sample(1, 5)]), &packet);
    }

    #[test]
    fn no_attributes_panic(command in 0u8..=8, octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let command = Command::from_number(command).unwrap();
        let mut packet = request(command).finish();
        packet.extend(octets);
        let len = (packet.len() as u32).to_ne_bytes();
        packet[..4].copy_from_slice(&len);
        let _ = ask(&inventory([udp(1)], [sample(1, 5)]), &packet);
    }
}
