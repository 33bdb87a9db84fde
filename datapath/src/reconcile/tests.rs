use super::diff;
use crate::spec::{
    Change, DebugMask, Encap, Inventory, Pseudowire, Retuning, SessionKey, SessionSpec,
    SessionTuning, TunnelRetuning, TunnelSpec, TunnelTuning,
};
use adit_wire::l2tp::{Cookie, SessionId, Sublayer, TunnelId};
use proptest::prelude::*;

/// What `changes` make of `state`. Panics on a change that does not fit it, so that a wrong order
/// shows.
fn apply(mut state: Inventory, changes: &[Change]) -> Inventory {
    for change in changes {
        match change.clone() {
            Change::AddTunnel(spec) => assert!(state.tunnels.insert(spec.id, spec).is_none()),
            Change::TuneTunnel(id, change) => {
                let tuning = &mut state.tunnels.get_mut(&id).unwrap().tuning;
                *tuning = change.of(tuning);
            }
            Change::RemoveTunnel(id) => {
                state.tunnels.remove(&id).unwrap();
                state.sessions.retain(|key, _| key.tunnel != id);
            }
            Change::AddSession(spec) => {
                assert!(state.tunnels.contains_key(&spec.key.tunnel));
                assert!(state.sessions.insert(spec.key, spec).is_none());
            }
            Change::TuneSession(key, change) => {
                let tuning = &mut state.sessions.get_mut(&key).unwrap().tuning;
                *tuning = change.of(tuning);
            }
            Change::RemoveSession(key) => drop(state.sessions.remove(&key).unwrap()),
        }
    }
    state
}

fn tunnel(id: u32, peer: u32, debug: u32) -> TunnelSpec {
    let [local, remote] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(Into::into);
    let encap = Encap::Ip { local, remote };
    let (id, peer_id, debug) = (TunnelId(id), TunnelId(peer), DebugMask(debug));
    TunnelSpec {
        id,
        peer_id,
        version: 3,
        encap,
        via: None,
        tuning: TunnelTuning {
            debug,
            ..TunnelTuning::default()
        },
    }
}

fn session(tunnel: u32, id: u32, peer: u32, send_seq: bool) -> SessionSpec {
    let key = SessionKey {
        tunnel: TunnelId(tunnel),
        session: SessionId(id),
    };
    SessionSpec {
        key,
        peer_id: SessionId(peer),
        pseudowire: Pseudowire::Ethernet,
        ifname: None,
        cookie: Cookie::EMPTY,
        peer_cookie: Cookie::EMPTY,
        sublayer: Sublayer::Default,
        peer_sublayer: Sublayer::Default,
        tuning: SessionTuning {
            send_seq,
            ..SessionTuning::default()
        },
    }
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let tunnels = proptest::collection::vec((1u32..5, 1u32..3, 0u32..3), 0..5);
    let sessions = proptest::collection::vec((1u32..5, 1u32..4, 1u32..3, any::<bool>()), 0..10);
    (tunnels, sessions).prop_map(|(tunnels, sessions)| {
        let tunnels = tunnels
            .into_iter()
            .map(|(id, peer, debug)| tunnel(id, peer, debug));
        let mut all = Inventory {
            tunnels: tunnels.map(|t| (t.id, t)).collect(),
            ..Inventory::default()
        };
        let sessions = sessions
            .into_iter()
            .map(|(t, id, peer, seq)| session(t, id, peer, seq));
        for spec in sessions.filter(|spec| all.tunnels.contains_key(&spec.key.tunnel)) {
            all.sessions.insert(spec.key, spec);
        }
        all
    })
}

proptest! {
    #[test]
    fn the_changes_lead_from_one_to_the_other(from in inventory(), to in inventory()) {
        prop_assert_eq!(&apply(from.clone(), &diff(&to, &from)), &to);
        prop_assert_eq!(diff(&from, &from), vec![]);
    }
}

#[test]
fn what_may_change_in_place_is_tuned() {
    let with = |debug, seq| Inventory {
        tunnels: [(TunnelId(1), tunnel(1, 1, debug))].into(),
        sessions: [session(1, 1, 1, seq)].map(|spec| (spec.key, spec)).into(),
    };
    let louder = TunnelRetuning {
        debug: Some(DebugMask(4)),
        ..TunnelRetuning::default()
    };
    let tuning = Retuning {
        send_seq: Some(true),
        ..Retuning::default()
    };
    let key = SessionKey {
        tunnel: TunnelId(1),
        session: SessionId(1),
    };
    let expected = [
        Change::TuneTunnel(TunnelId(1), louder),
        Change::TuneSession(key, tuning),
    ];
    assert_eq!(diff(&with(4, true), &with(0, false)), expected);
}

#[test]
fn any_name_satisfies_no_wish_for_one() {
    let named = |name: Option<&str>| {
        let spec = SessionSpec {
            ifname: name.map(str::to_owned),
            ..session(1, 1, 1, false)
        };
        Inventory {
            tunnels: [(TunnelId(1), tunnel(1, 1, 0))].into(),
            sessions: [(spec.key, spec)].into(),
        }
    };
    assert_eq!(diff(&named(None), &named(Some("pw1"))), []);
    assert_eq!(diff(&named(Some("pw1")), &named(None)).len(), 2);
}
