use super::*;
use crate::control::AUTOMATIC_MTU;
use crate::control::{create_session, create_tunnel};
use crate::daemon::samples::{any_session, any_tunnel, inventory, ip, key, session as sample, udp};
use adit_datapath::spec::{Change, DebugMask, Device, Inventory, Retuning, SessionTuning};
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
fn tunnel_create_asks_for_its_attributes_in_linuxs_order() {
    let none = Inventory::default();
    let mut message = request(Command::TunnelCreate);
    assert_eq!(
        refused(&none, message.clone()),
        (Errno::EINVAL, "tunnel_id")
    );
    message = message.word(Attr::ConnId, 1);
    assert_eq!(
        refused(&none, message.clone()),
        (Errno::EINVAL, "peer_tunnel_id")
    );
    message = message.word(Attr::PeerConnId, 1);
    assert_eq!(
        refused(&none, message.clone()),
        (Errno::EINVAL, "proto_version")
    );
    message = message.octet(Attr::ProtoVersion, 3);
    assert_eq!(refused(&none, message.clone()), (Errno::EINVAL, "encap"));
    message = message.half(Attr::EncapType, 7);
    assert_eq!(refused(&none, message.clone()), (Errno::EINVAL, "local"));
    message = message.octets(Attr::IpSaddr, &[192, 0, 2, 1]);
    assert_eq!(refused(&none, message.clone()), (Errno::EINVAL, "remote"));
    message = message.octets(Attr::IpDaddr, &[192, 0, 2, 2]);
    assert_eq!(refused(&none, message.clone()), (Errno::EINVAL, "encap"));
    message = message.half(Attr::EncapType, 0);
    assert!(ask(&none, &message.clone().finish()).is_ok());
    let taken = inventory([ip(1)], []);
    assert_eq!(refused(&taken, message), (Errno::EEXIST, "tunnel_id"));
}

fn tunnel_request() -> Writer {
    request(Command::TunnelCreate)
        .word(Attr::ConnId, 1)
        .word(Attr::PeerConnId, 2)
        .octet(Attr::ProtoVersion, 3)
        .half(Attr::EncapType, 0)
        .octets(Attr::IpSaddr, &[192, 0, 2, 1])
}

#[test]
fn tunnel_create_refuses_bad_values() {
    let whole = || tunnel_request().octets(Attr::IpDaddr, &[192, 0, 2, 2]);
    let cases = [
        (whole().word(Attr::ConnId, 0), Errno::EINVAL, "tunnel_id"),
        (
            whole().word(Attr::PeerConnId, 0),
            Errno::EINVAL,
            "peer_tunnel_id",
        ),
        (
            whole().octet(Attr::ProtoVersion, 2),
            Errno::EPROTONOSUPPORT,
            "proto_version",
        ),
        (whole().word(Attr::Fd, 3), Errno::EOPNOTSUPP, "fd"),
        (
            tunnel_request().octets(Attr::Ip6Daddr, &[1; 16]),
            Errno::EINVAL,
            "remote",
        ),
        (
            whole().octets(Attr::UdpSport, &[1]),
            Errno::ERANGE,
            "udp_sport",
        ),
        (
            whole().octets(Attr::Ip6Saddr, &[1; 17]),
            Errno::ERANGE,
            "local",
        ),
    ];
    for (message, errno, field) in cases {
        assert_eq!(refused(&Inventory::default(), message), (errno, field));
    }
}

#[test]
fn session_create_asks_for_its_attributes_in_linuxs_order() {
    let state = inventory([udp(1)], [sample(1, 5)]);
    let mut message = request(Command::SessionCreate);
    assert_eq!(
        refused(&state, message.clone()),
        (Errno::EINVAL, "tunnel_id")
    );
    message = message.word(Attr::ConnId, 9);
    assert_eq!(
        refused(&state, message.clone()),
        (Errno::ENODEV, "tunnel_id")
    );
    message = message.word(Attr::ConnId, 1);
    assert_eq!(
        refused(&state, message.clone()),
        (Errno::EINVAL, "session_id")
    );
    message = message.word(Attr::SessionId, 5);
    assert_eq!(
        refused(&state, message.clone()),
        (Errno::EINVAL, "peer_session_id")
    );
    message = message.word(Attr::PeerSessionId, 5);
    assert_eq!(refused(&state, message.clone()), (Errno::EINVAL, "pw_type"));
    message = message.half(Attr::PwType, 12).octet(Attr::L2specType, 2);
    assert_eq!(refused(&state, message.clone()), (Errno::EINVAL, "pw_type"));
    message = message.half(Attr::PwType, 7);
    assert_eq!(
        refused(&state, message.clone()),
        (Errno::EINVAL, "l2spec_type")
    );
    message = message.octet(Attr::L2specType, 1);
    assert_eq!(
        refused(&state, message.clone()),
        (Errno::EPROTONOSUPPORT, "pw_type")
    );
    message = message.half(Attr::PwType, 5);
    assert_eq!(
        refused(&state, message.clone()),
        (Errno::EEXIST, "session_id")
    );
    assert!(ask(&state, &message.word(Attr::SessionId, 6).finish()).is_ok());
}

#[test]
fn session_create_refuses_bad_values() {
    let mut named = sample(1, 5);
    named.ifname = Some("taken".to_owned());
    let state = inventory([udp(1)], [named]);
    let whole = || {
        request(Command::SessionCreate)
            .word(Attr::ConnId, 1)
            .word(Attr::SessionId, 6)
            .word(Attr::PeerSessionId, 6)
            .half(Attr::PwType, 5)
    };
    let cases = [
        (whole().word(Attr::ConnId, 0), Errno::EINVAL, "tunnel_id"),
        (
            whole().word(Attr::SessionId, 0),
            Errno::EINVAL,
            "session_id",
        ),
        (
            whole().word(Attr::PeerSessionId, 0),
            Errno::EINVAL,
            "peer_session_id",
        ),
        (
            whole().octets(Attr::Cookie, &[0; 9]),
            Errno::ERANGE,
            "cookie",
        ),
        (
            whole().octets(Attr::PeerCookie, &[0; 16]),
            Errno::ERANGE,
            "peer_cookie",
        ),
        (whole().string(Attr::Ifname, ""), Errno::EINVAL, "name"),
        (whole().string(Attr::Ifname, "a b"), Errno::EINVAL, "name"),
        (whole().string(Attr::Ifname, "eth%d"), Errno::EINVAL, "name"),
        (
            whole().string(Attr::Ifname, "sixteen-octets-x"),
            Errno::EINVAL,
            "name",
        ),
        (
            whole().octets(Attr::Ifname, b"endless"),
            Errno::EINVAL,
            "name",
        ),
        (whole().string(Attr::Ifname, "taken"), Errno::EEXIST, "name"),
        (whole().half(Attr::Mtu, 67), Errno::EINVAL, "mtu"),
        (whole().half(Attr::Mtu, 65522), Errno::EINVAL, "mtu"),
        (
            whole().long(Attr::RecvTimeout, 1 << 31),
            Errno::ERANGE,
            "reorder_timeout",
        ),
        (
            whole().octets(Attr::RecvTimeout, &[1]),
            Errno::ERANGE,
            "reorder_timeout",
        ),
    ];
    for (message, errno, field) in cases {
        assert_eq!(refused(&state, message), (errno, field));
    }
}

#[test]
fn session_ids_repeat_only_among_udp_tunnels() {
    let cases = [
        (udp(1), udp(2), true),
        (udp(1), ip(2), false),
        (ip(1), udp(2), false),
        (ip(1), ip(2), false),
    ];
    for (old, new, allowed) in cases {
        let state = inventory([old, new], [sample(1, 5)]);
        let asked = ask(&state, &create_session(&sample(2, 5), 1));
        match allowed {
            true => assert_eq!(asked, Ok(Action::Change(Change::AddSession(sample(2, 5))))),
            false => assert_eq!(asked.map_err(|e| e.errno), Err(Errno::EEXIST)),
        }
    }
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
    let change = Change::TuneTunnel(udp(1).id, DebugMask(0));
    assert_eq!(ask(&state, &message.finish()), Ok(Action::Change(change)));
}

#[test]
fn only_one_wellformed_request_a_packet_is_read() {
    let noop = request(Command::Noop).finish();
    let errno = |packet: &[u8]| Request::read(packet).map(|_| ()).map_err(|e| e.errno);
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
    use Command::{Noop, SessionGet, TunnelGet};
    for command in Command::ALL {
        let message = request(*command).finish();
        let looks = matches!(command, Noop | TunnelGet | SessionGet);
        assert_eq!(
            Request::read(&message).unwrap().needs_privilege(),
            !looks,
            "{command:?}"
        );
    }
}

const HEADER: Header = Header {
    multi: true,
    seq: 7,
    portid: 9,
    cookies: true,
};

/// The attributes' numbers in the order in which they stand.
fn order(message: &[u8]) -> Vec<Attr> {
    let frame = Frames::new(message).next().unwrap().unwrap();
    assert_eq!((frame.flags, frame.seq, frame.portid), (flag::MULTI, 7, 9));
    let (_, _, mut rest) = frame.genl().unwrap();
    let mut out = Vec::new();
    while let Some(head) = rest.first_chunk::<4>() {
        let len = u16::from_ne_bytes([head[0], head[1]]);
        out.extend(Attr::from_number(u16::from_ne_bytes([head[2], head[3]])));
        rest = rest
            .get(usize::from(len).next_multiple_of(4)..)
            .unwrap_or(&[]);
    }
    out
}

#[test]
fn tunnels_are_told_in_linuxs_order() {
    use Attr::*;
    let first = [ProtoVersion, ConnId, PeerConnId, Debug, EncapType, Stats];
    let plain = Extra::default();
    let v4 = order(&tunnel(HEADER, &udp(1), &plain));
    assert_eq!(v4[..6], first);
    assert_eq!(v4[6..], [UdpCsum, UdpSport, UdpDport, IpSaddr, IpDaddr]);
    let waiting = Extra {
        configured: true,
        problem: Some("no address".to_owned()),
        ..Extra::default()
    };
    let v6 = order(&tunnel(HEADER, &ip(1), &waiting));
    assert_eq!(v6[6..], [Ip6Saddr, Ip6Daddr, Configured, Problem]);
}

#[test]
fn sessions_are_told_in_linuxs_order() {
    use Attr::*;
    let mut spec = sample(1, 5);
    spec.tuning.reorder_timeout = std::time::Duration::from_millis(20);
    spec.cookie = "01020304".parse().unwrap();
    spec.peer_cookie = spec.cookie;
    let device = Device {
        name: "l2tpeth0".to_owned(),
        index: 3,
        mtu: 1446,
    };
    let mut extra = Extra::default();
    extra.counters.drops[4] = 1;
    let message = session(HEADER, &udp(1), &spec, Some(&device), &extra);
    let linux = [
        ConnId,
        SessionId,
        PeerConnId,
        PeerSessionId,
        Debug,
        PwType,
        Ifname,
        Cookie,
        PeerCookie,
        RecvSeq,
        SendSeq,
        LnsMode,
        RecvTimeout,
        Stats,
    ];
    let told = order(&message);
    assert_eq!(told[..14], linux);
    assert_eq!(told[14..], [Mtu, Ifindex, Drops]);
}

#[test]
fn texts_are_cut_between_characters() {
    assert_eq!(cut("häh", 2), "h");
    assert_eq!(cut("häh", 3), "hä");
    assert_eq!(cut("häh", 9), "häh");
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
