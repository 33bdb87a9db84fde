use crate::control::{create_session, create_tunnel};
use crate::daemon::genl::{Action, Dialect, Request, decide};
use crate::daemon::samples::{inventory, ip, key, session, udp};
use adit_datapath::Error;
use adit_datapath::spec::{
    Change, Encap, Inventory, Pseudowire, SessionSpec, TunnelSpec, TxChecksum,
};
use adit_wire::l2tp::Sublayer;
use adit_wire::netlink::{Attr, Command, Errno, Writer, flag, pw_type};

fn ask(state: &Inventory, message: Writer) -> Result<Action, Error> {
    ask_as(Dialect::Linux, state, message)
}

fn ask_as(dialect: Dialect, state: &Inventory, message: Writer) -> Result<Action, Error> {
    let message = message.finish();
    let request = Request::read_as(&message, dialect)?;
    decide(&request, state, &mut |spec| spec.ifname.clone())
}

fn request(command: Command) -> Writer {
    Writer::command(command, flag::REQUEST | flag::ACK, 1, 0)
}

fn errno(state: &Inventory, message: Writer) -> Option<Errno> {
    ask(state, message).err().map(|refused| refused.errno)
}

fn tunnel(version: u8) -> Writer {
    request(Command::TunnelCreate)
        .word(Attr::ConnId, 7)
        .word(Attr::PeerConnId, 8)
        .octet(Attr::ProtoVersion, version)
        .half(Attr::EncapType, 0)
        .octets(Attr::IpSaddr, &[192, 0, 2, 1])
        .octets(Attr::IpDaddr, &[192, 0, 2, 2])
}

fn added(state: &Inventory, message: Writer) -> SessionSpec {
    match ask(state, message) {
        Ok(Action::Change(Change::AddSession(spec))) => spec,
        other => panic!("{other:?}"),
    }
}

/// A state with a tunnel of each version.
fn both() -> Inventory {
    let v2 = TunnelSpec {
        version: 2,
        ..udp(2)
    };
    inventory([udp(3), v2, udp(4)], [session(3, 30)])
}

fn session_in(tunnel: u32, number: u16) -> Writer {
    request(Command::SessionCreate)
        .word(Attr::ConnId, tunnel)
        .word(Attr::SessionId, 9)
        .word(Attr::PeerSessionId, 10)
        .half(Attr::PwType, number)
}

#[test]
fn what_looks_like_an_accident_is_accepted() {
    let none = Inventory::default();
    for message in [
        tunnel(3).word(Attr::ConnId, 0),
        tunnel(3).word(Attr::PeerConnId, 0),
        tunnel(2),
        tunnel(2).word(Attr::ConnId, 70_000),
    ] {
        let made = ask(&none, message);
        assert!(
            matches!(made, Ok(Action::Change(Change::AddTunnel(_)))),
            "{made:?}"
        );
    }
}

#[test]
fn a_checksum_that_is_off_is_off_to_the_strict_alone() {
    let sends = |dialect, value| {
        let message = tunnel(3).octet(Attr::UdpCsum, value);
        match ask_as(dialect, &Inventory::default(), message) {
            Ok(Action::Change(Change::AddTunnel(TunnelSpec {
                encap: Encap::Udp { checksum, .. },
                ..
            }))) => checksum.tx == TxChecksum::Always,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([0, 1].map(|value| sends(Dialect::Linux, value)), [true; 2]);
    assert_eq!(
        [0, 1].map(|value| sends(Dialect::Strict, value)),
        [false, true]
    );
}

#[test]
fn no_session_is_called_nothing_to_the_strict() {
    let mut state = both();
    let made = added(&state, session_in(2, pw_type::PPP));
    state.sessions.insert(made.key, made);
    for command in [
        Command::SessionGet,
        Command::SessionModify,
        Command::SessionDelete,
    ] {
        let nameless = || request(command).string(Attr::Ifname, "");
        assert!(ask(&state, nameless()).is_ok());
        let refused = ask_as(Dialect::Strict, &state, nameless()).unwrap_err();
        assert_eq!(refused.errno, Errno::ENODEV);
    }
}

#[test]
fn a_session_is_found_in_its_own_tunnel() {
    let state = both();
    let get = |tunnel, session| {
        request(Command::SessionGet)
            .word(Attr::ConnId, tunnel)
            .word(Attr::SessionId, session)
    };
    assert_eq!(ask(&state, get(3, 30)), Ok(Action::Session(key(3, 30))));
    for (tunnel, session) in [(4, 30), (2, 30), (5, 30), (3, 31)] {
        assert_eq!(errno(&state, get(tunnel, session)), Some(Errno::ENODEV));
    }
}

#[test]
fn a_dump_is_not_looked_into() {
    let flags = flag::REQUEST | flag::DUMP;
    let message = Writer::command(Command::TunnelGet, flags, 1, 0).octets(Attr::ConnId, &[1]);
    assert_eq!(ask(&both(), message), Ok(Action::Tunnels));
}

#[test]
fn version_2_carries_ppp_without_cookies() {
    let state = both();
    let ethernet = session_in(2, pw_type::ETHERNET);
    assert_eq!(errno(&state, ethernet), Some(Errno::EPROTONOSUPPORT));
    let made = added(
        &state,
        session_in(2, pw_type::PPP)
            .octets(Attr::Cookie, &[1; 8])
            .octet(Attr::L2specType, 9)
            .string(Attr::Ifname, "pw1"),
    );
    assert_eq!(made.pseudowire, Pseudowire::Ppp);
    assert!(made.cookie.is_empty());
    assert_eq!((made.sublayer, made.ifname), (Sublayer::None, None));
}

#[test]
fn a_session_is_refused_for_the_first_thing_that_linux_looks_at() {
    let state = both();
    let start = || request(Command::SessionCreate);
    let cases = [
        (start(), Errno::EINVAL),
        (start().word(Attr::ConnId, 99), Errno::ENODEV),
        (start().word(Attr::ConnId, 3), Errno::EINVAL),
        (session_in(3, 0x0c), Errno::EINVAL),
        (session_in(3, 5).octet(Attr::L2specType, 2), Errno::EINVAL),
        (session_in(3, 4), Errno::EPROTONOSUPPORT),
        (session_in(3, 0), Errno::EPROTONOSUPPORT),
        (session_in(3, 5).word(Attr::SessionId, 30), Errno::EEXIST),
        (
            session_in(3, 5).octets(Attr::Cookie, &[0; 9]),
            Errno::ERANGE,
        ),
    ];
    for (message, expected) in cases {
        assert_eq!(
            errno(&state, message.clone()),
            Some(expected),
            "{message:?}"
        );
    }
    let accepted = added(&state, session_in(3, 5).word(Attr::SessionId, 0));
    assert_eq!(accepted.key, key(3, 0));
}

#[test]
fn what_linux_passes_over_changes_nothing() {
    let state = both();
    let made = added(
        &state,
        session_in(3, 5)
            .word(Attr::Debug, 15)
            .half(Attr::Mtu, 1)
            .half(Attr::VlanId, 7)
            .long(Attr::RecvTimeout, u64::MAX),
    );
    assert_eq!(made.tuning.debug.0, 0);
    assert_eq!(made.tuning.mtu, None);
    assert_eq!(made.tuning.reorder_timeout.as_millis(), i32::MAX as u128);
}

#[test]
fn all_but_the_empty_command_takes_privilege() {
    for command in Command::ALL {
        let message = request(*command).finish();
        let read = Request::read_as(&message, Dialect::Linux);
        let needs = read.map(|request| request.needs_privilege());
        if command.is_linux() {
            assert_eq!(needs, Ok(*command != Command::Noop), "{command:?}");
        } else {
            assert_eq!(needs.unwrap_err().errno, Errno::EOPNOTSUPP);
        }
    }
}

#[test]
fn what_adits_own_clients_send_means_the_same() {
    let state = inventory([ip(1)], []);
    for spec in [udp(5), ip(6)] {
        let message = create_tunnel(&spec, 1);
        let request = Request::read_as(&message, Dialect::Linux).unwrap();
        let made = decide(&request, &state, &mut |_| None);
        assert_eq!(made, Ok(Action::Change(Change::AddTunnel(spec))));
    }
    let message = create_session(&session(1, 5), 1);
    let request = Request::read_as(&message, Dialect::Linux).unwrap();
    let made = decide(&request, &state, &mut |_| None);
    assert_eq!(made, Ok(Action::Change(Change::AddSession(session(1, 5)))));
}
