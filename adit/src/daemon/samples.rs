//! Objects for tests.

use super::engine::Engine;
use super::plane::Plane;
use super::ppp::Endpoints;
use super::programs::Programs;
use super::state::{Load, State};
use crate::control::Address;
use adit_datapath::spec::{
    DebugMask, Encap, Inventory, Mss, Pmtudisc, Pseudowire, SessionKey, SessionSpec, SessionTuning,
    Tos, TunnelSpec, TunnelTuning, TxChecksum, UdpChecksum,
};
use adit_wire::l2tp::{Cookie, SessionId, Sublayer, TunnelId};
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;

/// A UDP tunnel over IPv4, its ports made from its id.
pub(super) fn udp(id: u16) -> TunnelSpec {
    TunnelSpec {
        id: TunnelId(id.into()),
        peer_id: TunnelId(u32::from(id) + 100),
        version: 3,
        encap: Encap::Udp {
            local: SocketAddr::from(([192, 0, 2, 1], 5000 + id)),
            remote: SocketAddr::from(([192, 0, 2, 2], 6000 + id)),
            checksum: UdpChecksum {
                tx: TxChecksum::Spare,
                rx: false,
            },
        },
        via: None,
        tuning: TunnelTuning::default(),
    }
}

/// A tunnel over protocol 115 and IPv6.
pub(super) fn ip(id: u16) -> TunnelSpec {
    TunnelSpec {
        encap: Encap::Ip {
            local: "2001:db8::1".parse().unwrap(),
            remote: "2001:db8::2".parse().unwrap(),
        },
        ..udp(id)
    }
}

/// A session without wishes.
pub(super) fn session(tunnel: u16, session: u16) -> SessionSpec {
    SessionSpec {
        key: key(tunnel, session),
        peer_id: SessionId(u32::from(session) + 100),
        pseudowire: Pseudowire::Ethernet,
        ifname: None,
        cookie: Cookie::EMPTY,
        peer_cookie: Cookie::EMPTY,
        sublayer: Sublayer::Default,
        peer_sublayer: Sublayer::Default,
        tuning: SessionTuning::default(),
    }
}

pub(super) fn key(tunnel: u16, session: u16) -> SessionKey {
    SessionKey {
        tunnel: TunnelId(tunnel.into()),
        session: SessionId(session.into()),
    }
}

pub(super) fn inventory(
    tunnels: impl IntoIterator<Item = TunnelSpec>,
    sessions: impl IntoIterator<Item = SessionSpec>,
) -> Inventory {
    Inventory {
        tunnels: tunnels.into_iter().map(|spec| (spec.id, spec)).collect(),
        sessions: sessions.into_iter().map(|spec| (spec.key, spec)).collect(),
    }
}

/// Any tunnel that a create message can describe.
pub(super) fn any_tunnel() -> impl Strategy<Value = TunnelSpec> {
    let addresses = prop_oneof![
        any::<([u8; 4], [u8; 4])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
        any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
    ];
    let ids = (1..=u32::MAX, 1..=u32::MAX);
    let rest = any::<(Option<(u16, u16)>, bool, bool)>();
    let all = (ids, addresses, rest, any_tunnel_tuning());
    all.prop_map(|((id, peer), (local, remote), (ports, tx, rx), tuning)| {
        let encap = match ports {
            None => Encap::Ip { local, remote },
            Some((near, far)) => Encap::Udp {
                local: SocketAddr::new(local, near),
                remote: SocketAddr::new(remote, far),
                checksum: UdpChecksum {
                    tx: match (tx, rx) {
                        (true, _) => TxChecksum::Always,
                        (false, true) if local.is_ipv4() => TxChecksum::Spare,
                        (false, _) => TxChecksum::Never,
                    },
                    rx: rx && local.is_ipv6(),
                },
            },
        };
        TunnelSpec {
            id: TunnelId(id),
            peer_id: TunnelId(peer),
            version: 3,
            encap,
            via: None,
            tuning,
        }
    })
}

fn any_tos() -> impl Strategy<Value = Tos> {
    prop_oneof![
        (0..64u8).prop_map(|codepoint| Tos::Fixed(codepoint * 4)),
        Just(Tos::Inherit),
        Just(Tos::Uniform),
    ]
}

fn any_tunnel_tuning() -> impl Strategy<Value = TunnelTuning> {
    let all = (
        any::<u32>(),
        0..4u8,
        any::<u8>(),
        any_tos(),
        any::<bool>(),
        any::<u16>(),
    );
    all.prop_map(
        |(debug, pmtudisc, ttl, tos, ecn, pmtu_probe)| TunnelTuning {
            pmtu_probe,
            tos,
            ecn,
            debug: DebugMask(debug),
            pmtudisc: Pmtudisc::from_number(pmtudisc).unwrap(),
            ttl: NonZeroU8::new(ttl),
        },
    )
}

fn any_cookie() -> impl Strategy<Value = Cookie> {
    proptest::collection::vec(any::<u8>(), 0..=8).prop_map(|octets| Cookie::new(&octets).unwrap())
}

/// Any session that a create message can describe.
pub(super) fn any_session() -> impl Strategy<Value = SessionSpec> {
    let ids = (1..=u32::MAX, 1..=u32::MAX, 1..=u32::MAX);
    let name = proptest::option::of("[a-z][a-z0-9.-]{0,14}");
    let flags = any::<(bool, bool, bool, bool)>();
    let numbers = (
        0..=i32::MAX as u64,
        proptest::option::of(68..=65521u16),
        proptest::option::of(prop_oneof![
            Just(Mss::Auto),
            (64..=65495u16).prop_map(Mss::Octets)
        ]),
        (
            proptest::option::of(any_tos()),
            any::<Option<bool>>(),
            0..=255u8,
        ),
        any::<u32>(),
    );
    (ids, name, any_cookie(), any_cookie(), flags, numbers).prop_map(
        |(ids, ifname, cookie, peer_cookie, flags, (timeout, mtu, mss, marks, debug))| {
            let sublayer = match flags.3 {
                true => Sublayer::Default,
                false => Sublayer::None,
            };
            SessionSpec {
                key: SessionKey {
                    tunnel: TunnelId(ids.0),
                    session: SessionId(ids.1),
                },
                peer_id: SessionId(ids.2),
                pseudowire: Pseudowire::Ethernet,
                ifname,
                cookie,
                peer_cookie,
                sublayer,
                peer_sublayer: sublayer,
                tuning: SessionTuning {
                    recv_seq: flags.0,
                    send_seq: flags.1,
                    lns_mode: flags.2,
                    reorder_timeout: Duration::from_millis(timeout),
                    mtu,
                    mss,
                    tos: marks.0,
                    ecn: marks.1,
                    ttl: NonZeroU8::new(marks.2),
                    debug: DebugMask(debug),
                },
            }
        },
    )
}

/// A directory that goes with its value; in memory where there is a place for that, as a state
/// file is synced at every change.
pub(super) fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// What the tasks of a daemon share that has no file yet.
pub(super) fn state(engine: Engine, load: Load) -> State {
    State {
        engine,
        plane: Plane::new([7; 32], "adit".into(), Arc::new(|_, _| true)),
        config: None,
        load,
        changed: Rc::new(Notify::new()),
        programs: Programs::new(None, None, unbounded_channel().0),
        endpoints: Endpoints::new(None, Address::DEFAULT, unbounded_channel().0),
        news: Vec::new(),
    }
}
