//! What a create request must say, and what refuses it.

use super::*;

/// How a request is refused, and what to add to it then.
type Step = (Refusal, fn(Writer) -> Writer);

/// Takes a request from its beginning through all refusals; gives the one that none is left for.
fn through(state: &Inventory, command: Command, steps: &[Step]) -> Writer {
    steps
        .iter()
        .fold(request(command), |message, (refusal, more)| {
            assert_eq!(refused(state, message.clone()), *refusal);
            more(message)
        })
}

#[test]
fn tunnel_create_asks_for_its_attributes_in_linuxs_order() {
    let none = Inventory::default();
    let steps: [Step; 7] = [
        ((Errno::EINVAL, "tunnel_id"), |m| m.word(Attr::ConnId, 1)),
        ((Errno::EINVAL, "peer_tunnel_id"), |m| {
            m.word(Attr::PeerConnId, 1)
        }),
        ((Errno::EINVAL, "proto_version"), |m| {
            m.octet(Attr::ProtoVersion, 3)
        }),
        ((Errno::EINVAL, "encap"), |m| m.half(Attr::EncapType, 7)),
        ((Errno::EINVAL, "local"), |m| {
            m.octets(Attr::IpSaddr, &[192, 0, 2, 1])
        }),
        ((Errno::EINVAL, "remote"), |m| {
            m.octets(Attr::IpDaddr, &[192, 0, 2, 2])
        }),
        ((Errno::EINVAL, "encap"), |m| m.half(Attr::EncapType, 0)),
    ];
    let message = through(&none, Command::TunnelCreate, &steps);
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
            whole().octet(Attr::ProtoVersion, 4),
            Errno::EPROTONOSUPPORT,
            "proto_version",
        ),
        (
            whole()
                .octet(Attr::ProtoVersion, 2)
                .word(Attr::PeerConnId, 0x1_0000),
            Errno::EINVAL,
            "peer_tunnel_id",
        ),
        (
            whole()
                .octet(Attr::ProtoVersion, 2)
                .half(Attr::EncapType, 1),
            Errno::EINVAL,
            "encap",
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
    let steps: [Step; 9] = [
        ((Errno::EINVAL, "tunnel_id"), |m| m.word(Attr::ConnId, 9)),
        ((Errno::ENODEV, "tunnel_id"), |m| m.word(Attr::ConnId, 1)),
        ((Errno::EINVAL, "session_id"), |m| {
            m.word(Attr::SessionId, 5)
        }),
        ((Errno::EINVAL, "peer_session_id"), |m| {
            m.word(Attr::PeerSessionId, 5)
        }),
        ((Errno::EINVAL, "pw_type"), |m| {
            m.half(Attr::PwType, 12).octet(Attr::L2specType, 2)
        }),
        ((Errno::EINVAL, "pw_type"), |m| m.half(Attr::PwType, 4)),
        ((Errno::EINVAL, "l2spec_type"), |m| {
            m.octet(Attr::L2specType, 1)
        }),
        ((Errno::EPROTONOSUPPORT, "pw_type"), |m| {
            m.half(Attr::PwType, 5)
        }),
        ((Errno::EEXIST, "session_id"), |m| {
            m.word(Attr::SessionId, 6)
        }),
    ];
    let message = through(&state, Command::SessionCreate, &steps);
    assert!(ask(&state, &message.finish()).is_ok());
}

#[test]
fn ppp_sessions_say_nothing_of_devices_and_in_version_2_nothing_of_cookies() {
    let v2 = TunnelSpec {
        version: 2,
        ..udp(1)
    };
    let state = inventory([v2, udp(2)], []);
    let whole = |tunnel, pw_type| {
        request(Command::SessionCreate)
            .word(Attr::ConnId, tunnel)
            .word(Attr::SessionId, 6)
            .word(Attr::PeerSessionId, 6)
            .half(Attr::PwType, pw_type)
    };
    for tunnel in [1, 2] {
        let action = ask(&state, &whole(tunnel, 7).finish()).unwrap();
        let Action::Change(Change::AddSession(spec)) = action else {
            panic!("{action:?}");
        };
        assert_eq!(spec.pseudowire, Pseudowire::Ppp);
        let named = whole(tunnel, 7).string(Attr::Ifname, "p0");
        assert_eq!(refused(&state, named), (Errno::EINVAL, "name"));
        let sized = whole(tunnel, 7).half(Attr::Mtu, 1400);
        assert_eq!(refused(&state, sized), (Errno::EINVAL, "mtu"));
    }
    let cases = [
        (whole(1, 5), Errno::EPROTONOSUPPORT, "pw_type"),
        (
            whole(1, 7).octets(Attr::Cookie, &[1; 4]),
            Errno::EINVAL,
            "cookie",
        ),
        (
            whole(1, 7).octets(Attr::PeerCookie, &[1; 4]),
            Errno::EINVAL,
            "peer_cookie",
        ),
        (
            whole(1, 7).word(Attr::PeerSessionId, 0x1_0000),
            Errno::EINVAL,
            "peer_session_id",
        ),
    ];
    for (message, errno, field) in cases {
        assert_eq!(refused(&state, message), (errno, field));
    }
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
