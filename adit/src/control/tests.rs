use super::*;
use adit_datapath::spec::*;
use adit_wire::l2tp::{Cookie, SessionId, Sublayer, TunnelId};
use adit_wire::netlink::{Attributes, Command, Frames};
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;
use std::time::Duration;

/// The command and attributes of one message.
fn read(message: &[u8]) -> (Option<Command>, Attributes) {
    let frames: Vec<_> = Frames::new(message).collect();
    let [Ok(frame)] = frames.as_slice() else {
        panic!("{frames:?}");
    };
    let (command, _, attributes) = frame.genl().unwrap();
    let attributes = Attributes::read(attributes).unwrap();
    (Command::from_number(command), attributes)
}

fn cookie() -> impl Strategy<Value = Cookie> {
    proptest::collection::vec(any::<u8>(), 0..=8).prop_map(|octets| Cookie::new(&octets).unwrap())
}

prop_compose! {
    fn tuning()(
        recv_seq: bool, send_seq: bool, lns_mode: bool, ms: u32,
        mtu: Option<u16>, mss: Option<u16>, debug: u32,
        codepoint: Option<u8>, ecn: Option<bool>, ttl: u8,
    ) -> SessionTuning {
        SessionTuning {
            recv_seq, send_seq, lns_mode, mtu, ecn,
            tos: codepoint.map(|octet| if octet == 1 { Tos::Uniform } else { Tos::Fixed(octet & 0xfc) }),
            ttl: NonZeroU8::new(ttl),
            mss: mss.map(|octets| if octets > 9000 { Mss::Auto } else { Mss::Octets(octets) }),
            reorder_timeout: Duration::from_millis(ms.into()),
            debug: DebugMask(debug),
        }
    }
}

prop_compose! {
    fn session()(
        tunnel: u32, id: u32, peer: u32,
        ifname in proptest::option::of("[a-z][a-z0-9.]{0,14}"),
        cookie in cookie(), peer_cookie in cookie(), plain: bool, tuning in tuning(),
    ) -> SessionSpec {
        SessionSpec {
            key: SessionKey { tunnel: TunnelId(tunnel), session: SessionId(id) },
            peer_id: SessionId(peer),
            pseudowire: Pseudowire::Ethernet, ifname, cookie, peer_cookie, tuning,
            sublayer: if plain { Sublayer::None } else { Sublayer::Default },
            peer_sublayer: if plain { Sublayer::None } else { Sublayer::Default },
        }
    }
}

/// The session that a SESSION_CREATE's attributes describe.
fn session_of(a: &Attributes) -> SessionSpec {
    let on = |switch: Option<u8>| switch == Some(1);
    let sublayer = match a.l2spec_type {
        Some(0) => Sublayer::None,
        _ => Sublayer::Default,
    };
    SessionSpec {
        key: SessionKey {
            tunnel: TunnelId(a.conn_id.unwrap()),
            session: SessionId(a.session_id.unwrap()),
        },
        peer_id: SessionId(a.peer_session_id.unwrap()),
        pseudowire: Pseudowire::Ethernet,
        ifname: a.ifname.clone(),
        cookie: a.cookie.unwrap_or_default(),
        peer_cookie: a.peer_cookie.unwrap_or_default(),
        sublayer,
        peer_sublayer: sublayer,
        tuning: SessionTuning {
            recv_seq: on(a.recv_seq),
            send_seq: on(a.send_seq),
            lns_mode: on(a.lns_mode),
            reorder_timeout: a.recv_timeout.unwrap_or_default(),
            mtu: a.mtu,
            mss: a.mss.map(|octets| match octets {
                AUTOMATIC_MSS => Mss::Auto,
                octets => Mss::Octets(octets),
            }),
            tos: a.tos.map(|number| match number {
                TOS_UNIFORM => Tos::Uniform,
                octet => Tos::Fixed(octet as u8),
            }),
            ecn: a.ecn.map(|on| on == 1),
            ttl: a.ttl.and_then(NonZeroU8::new),
            debug: DebugMask(a.debug.unwrap_or_default()),
        },
    }
}

proptest! {
    #[test]
    fn a_session_survives_its_message(spec in session()) {
        let (command, attributes) = read(&create_session(&spec, 1));
        prop_assert_eq!(command, Some(Command::SessionCreate));
        prop_assert_eq!(session_of(&attributes), spec);
    }

    #[test]
    fn a_udp_tunnel_survives_its_message(
        v6: bool, octets: [[u8; 16]; 2], ports: [u16; 2], tx in 0usize..3, rx: bool,
    ) {
        let address = |octets: [u8; 16]| match v6 {
            true => IpAddr::from(octets),
            false => IpAddr::from([octets[0], octets[1], octets[2], octets[3]]),
        };
        let [local, remote] = octets.map(address);
        let tx = [TxChecksum::Always, TxChecksum::Spare, TxChecksum::Never][tx];
        let spec = TunnelSpec {
            id: TunnelId(1),
            peer_id: TunnelId(2),
            version: 3,
            encap: Encap::Udp {
                local: SocketAddr::new(local, ports[0]),
                remote: SocketAddr::new(remote, ports[1]),
                checksum: UdpChecksum { tx, rx },
            },
            via: None,
            tuning: TunnelTuning::default(),
        };
        let (command, a) = read(&create_tunnel(&spec, 1));
        prop_assert_eq!(command, Some(Command::TunnelCreate));
        prop_assert_eq!(a.addresses(), Some((local, remote)));
        prop_assert_eq!((a.udp_sport, a.udp_dport), (Some(ports[0]), Some(ports[1])));
        prop_assert_eq!(a.encap_type, Some(0));
        prop_assert_eq!(a.udp_csum.is_some(), tx == TxChecksum::Always && !v6);
        prop_assert_eq!(a.udp_no_csum, tx == TxChecksum::Never && !v6);
        prop_assert_eq!(a.udp_zero_csum6_tx, tx != TxChecksum::Always && v6);
        prop_assert_eq!(a.udp_zero_csum6_rx, !rx && v6);
    }
}

#[test]
fn a_change_names_only_what_changes() {
    let which = SessionSelector::Name("pw1".into());
    let change = Retuning {
        recv_seq: Some(false),
        send_seq: Some(true),
        ..Retuning::default()
    };
    let (command, attributes) = read(&modify_session(&which, &change, 1));
    let expected = Attributes {
        ifname: Some("pw1".into()),
        recv_seq: Some(0),
        send_seq: Some(1),
        ..Attributes::default()
    };
    assert_eq!(
        (command, attributes),
        (Some(Command::SessionModify), expected)
    );
}

#[test]
fn an_automatic_mtu_is_asked_for_by_0() {
    let which = SessionSelector::Name("pw1".into());
    let asked = |mtu| {
        let change = Retuning {
            mtu: Some(mtu),
            ..Retuning::default()
        };
        read(&modify_session(&which, &change, 1)).1.mtu
    };
    assert_eq!(asked(None), Some(AUTOMATIC_MTU));
    assert_eq!(asked(Some(1400)), Some(1400));
}

#[test]
fn a_session_is_selected_by_its_ids() {
    let key = SessionKey {
        tunnel: TunnelId(1),
        session: SessionId(2),
    };
    let (command, attributes) = read(&delete_session(&SessionSelector::Ids(key), 1));
    let expected = Attributes {
        conn_id: Some(1),
        session_id: Some(2),
        ..Attributes::default()
    };
    assert_eq!(
        (command, attributes),
        (Some(Command::SessionDelete), expected)
    );
}

#[test]
fn only_a_dry_run_is_marked_as_one() {
    assert!(read(&reload(true, 1)).1.dry_run);
    assert!(!read(&reload(false, 1)).1.dry_run);
}
