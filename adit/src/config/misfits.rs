//! Things that do not go together, each sound for itself: the daemon would refuse them.

use super::document::{Found, Located};
use super::{Fault, Lines};
use crate::input::keyword::{
    COOKIE, ENCAP, MTU, NAME, PEER_COOKIE, PEER_SESSION_ID, PEER_TUNNEL_ID, PSEUDOWIRE, SESSION_ID,
    TUNNEL_ID, Word,
};
use adit_datapath::spec::{Pseudowire, SessionSpec, TunnelSpec};
use adit_wire::l2tp::TunnelId;
use std::collections::BTreeMap;

/// What of `found` does not go together.
pub(super) fn find(found: &Found, lines: &Lines<'_>) -> Vec<Fault> {
    let mut misfits: Vec<Misfit> = found.tunnels.iter().flat_map(of_tunnel).collect();
    let versions: BTreeMap<TunnelId, u8> = found
        .tunnels
        .iter()
        .map(|tunnel| (tunnel.spec.id, tunnel.spec.version))
        .collect();
    for session in &found.sessions {
        misfits.extend(of_device(session));
        if versions.get(&session.spec.key.tunnel) == Some(&2) {
            misfits.extend(of_version_2(session));
        }
    }
    let fault = |(word, at, text): Misfit| Fault {
        place: Some(lines.place(at)),
        text: format!("{}: {text}", word.name),
    };
    misfits.into_iter().map(fault).collect()
}

/// Which word's value, where it stands, and what is wrong with it.
type Misfit = (&'static Word, usize, String);

fn of_tunnel(tunnel: &Located<TunnelSpec>) -> Vec<Misfit> {
    let spec = &tunnel.spec;
    if spec.version != 2 {
        return Vec::new();
    }
    let mut misfits = Vec::new();
    if !spec.encap.is_udp() {
        let text = "version 2 goes over udp only; give udp, or version 3";
        misfits.push((&ENCAP.word, tunnel.at(&ENCAP.word), text.to_owned()));
    }
    for (word, id) in [
        (&TUNNEL_ID.word, spec.id.0),
        (&PEER_TUNNEL_ID.word, spec.peer_id.0),
    ] {
        misfits.extend(too_wide(id).map(|text| (word, tunnel.at(word), text)));
    }
    misfits
}

/// What takes a device, in a session that has none.
fn of_device(session: &Located<SessionSpec>) -> Vec<Misfit> {
    let spec = &session.spec;
    let given = [
        (&NAME.word, spec.ifname.is_some()),
        (&MTU.word, spec.tuning.mtu.is_some()),
    ];
    let misfit = |(word, given): (&'static Word, bool)| {
        let text = "a ppp session has no device; leave it out";
        (given && !spec.pseudowire.has_device()).then(|| (word, session.at(word), text.to_owned()))
    };
    given.into_iter().filter_map(misfit).collect()
}

fn of_version_2(session: &Located<SessionSpec>) -> Vec<Misfit> {
    let spec = &session.spec;
    let mut misfits = Vec::new();
    if spec.pseudowire != Pseudowire::Ppp {
        let text = "a tunnel of version 2 carries ppp only; give ppp, or make the tunnel version 3";
        misfits.push((
            &PSEUDOWIRE.word,
            session.at(&PSEUDOWIRE.word),
            text.to_owned(),
        ));
    }
    for (word, cookie) in [
        (&COOKIE.word, spec.cookie),
        (&PEER_COOKIE.word, spec.peer_cookie),
    ] {
        if !cookie.is_empty() {
            let text = "version 2 has no cookies; leave it out";
            misfits.push((word, session.at(word), text.to_owned()));
        }
    }
    for (word, id) in [
        (&SESSION_ID.word, spec.key.session.0),
        (&PEER_SESSION_ID.word, spec.peer_id.0),
    ] {
        misfits.extend(too_wide(id).map(|text| (word, session.at(word), text)));
    }
    misfits
}

/// What is wrong with an id that has no room in the 16 bits of version 2.
fn too_wide(id: u32) -> Option<String> {
    let text = || format!("{id} is too large for version 2; give a number from 1 to 65535");
    (id > u16::MAX.into()).then(text)
}
