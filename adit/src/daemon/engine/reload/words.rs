//! Changes in words, a line each.

use super::plan::Task;
use crate::daemon::engine::{Object, sessions_of};
use adit_datapath::spec::{
    Change, Encap, Inventory, Retuning, SessionKey, SessionSpec, TunnelRetuning, TunnelSpec,
    UdpChecksum,
};
use adit_wire::l2tp::TunnelId;

/// The line of a change on the way from `have` to `want`. A removal and an addition of one object
/// are told as one, and so is a tunnel with sessions that come and go with it: the other changes
/// have none.
pub(super) fn line(change: &Change, have: &Inventory, want: &Inventory) -> Option<String> {
    match change {
        Change::AddTunnel(spec) => Some(new_tunnel(spec, have)),
        Change::TuneTunnel(id, change) => {
            let difference = tunnel_tuning_difference(change).join(", ");
            Some(format!("change {} ({difference})", Object::Tunnel(*id)))
        }
        Change::RemoveTunnel(id) if want.tunnels.contains_key(id) => None,
        Change::RemoveTunnel(id) => Some(old_tunnel(*id, have)),
        Change::AddSession(spec) => new_session(spec, have),
        Change::TuneSession(key, change) => {
            let difference = tuning_difference(change).join(", ");
            Some(format!("change {} ({difference})", Object::Session(*key)))
        }
        Change::RemoveSession(key) if want.sessions.contains_key(key) => None,
        Change::RemoveSession(key) => Some(format!("remove {}", Object::Session(*key))),
    }
}

fn new_tunnel(spec: &TunnelSpec, have: &Inventory) -> String {
    let Some(old) = have.tunnels.get(&spec.id) else {
        return format!("add tunnel {}", spec.id);
    };
    let difference = tunnel_difference(old, spec).join(", ");
    let sessions = match sessions_of(have, spec.id).count() {
        0 => String::new(),
        1 => "; its session is interrupted".to_owned(),
        count => format!("; its {count} sessions are interrupted"),
    };
    format!(
        "replace tunnel {} ({difference} changes{sessions})",
        spec.id
    )
}

fn old_tunnel(id: TunnelId, have: &Inventory) -> String {
    match sessions_of(have, id).count() {
        0 => format!("remove tunnel {id}"),
        1 => format!("remove tunnel {id} and its session"),
        count => format!("remove tunnel {id} and its {count} sessions"),
    }
}

/// Nothing for a session that only follows its tunnel.
fn new_session(spec: &SessionSpec, have: &Inventory) -> Option<String> {
    let object = Object::Session(spec.key);
    let Some(old) = have.sessions.get(&spec.key) else {
        return Some(format!("add {object}"));
    };
    let difference = session_difference(old, spec).join(", ");
    (!difference.is_empty()).then(|| format!("replace {object} ({difference} changes)"))
}

/// What a step does whose story is part of another step's.
pub(super) fn task(task: &Task) -> String {
    match task {
        Task::Adopt(object) => format!("take over {object}"),
        Task::Change(change, _) => match change {
            Change::AddTunnel(spec) => format!("add {}", Object::Tunnel(spec.id)),
            Change::AddSession(spec) => format!("add {}", Object::Session(spec.key)),
            Change::TuneTunnel(id, _) => format!("change {}", Object::Tunnel(*id)),
            Change::TuneSession(key, _) => format!("change {}", Object::Session(*key)),
            Change::RemoveTunnel(id) => format!("remove {}", Object::Tunnel(*id)),
            Change::RemoveSession(key) => format!("remove {}", Object::Session(*key)),
        },
    }
}

/// Why an object that somebody made otherwise is left alone.
pub(super) fn by_hand(difference: &[&str]) -> String {
    let difference = difference.join(", ");
    format!("one made by hand differs ({difference}); delete it or change the file")
}

/// Why a tunnel is not removed.
pub(super) fn inhabited(session: SessionKey) -> String {
    let session = session.session;
    format!("session {session} in it was made by hand; delete it or put both into the file")
}

/// What cannot change in place and differs between two tunnels.
pub(super) fn tunnel_difference(old: &TunnelSpec, new: &TunnelSpec) -> Vec<&'static str> {
    let ports = |encap: &Encap| match encap {
        Encap::Udp { local, remote, .. } => Some((local.port(), remote.port())),
        Encap::Ip { .. } => None,
    };
    let checksum = |encap: &Encap| -> Option<UdpChecksum> {
        match encap {
            Encap::Udp { checksum, .. } => Some(*checksum),
            Encap::Ip { .. } => None,
        }
    };
    let (a, b) = (&old.encap, &new.encap);
    let same_encap = a.is_udp() == b.is_udp();
    named([
        ("peer tunnel id", old.peer_id != new.peer_id),
        ("version", old.version != new.version),
        ("encapsulation", !same_encap),
        ("local address", a.local() != b.local()),
        ("peer address", a.remote() != b.remote()),
        ("port", same_encap && ports(a) != ports(b)),
        ("checksum", same_encap && checksum(a) != checksum(b)),
    ])
}

/// What cannot change in place and differs between two sessions. No wish for a name is satisfied
/// by any.
pub(super) fn session_difference(old: &SessionSpec, new: &SessionSpec) -> Vec<&'static str> {
    let renamed = new.ifname.is_some() && new.ifname != old.ifname;
    named([
        ("peer session id", old.peer_id != new.peer_id),
        ("name", renamed),
        ("cookie", old.cookie != new.cookie),
        ("peer cookie", old.peer_cookie != new.peer_cookie),
        (
            "sublayer",
            (old.sublayer, old.peer_sublayer) != (new.sublayer, new.peer_sublayer),
        ),
    ])
}

fn tunnel_tuning_difference(change: &TunnelRetuning) -> Vec<&'static str> {
    named([
        ("debug", change.debug.is_some()),
        ("pmtudisc", change.pmtudisc.is_some()),
        ("ttl", change.ttl.is_some()),
        ("tos", change.tos.is_some()),
        ("ecn", change.ecn.is_some()),
        ("pmtu_probe", change.pmtu_probe.is_some()),
    ])
}

fn tuning_difference(change: &Retuning) -> Vec<&'static str> {
    named([
        ("seq", change.recv_seq.or(change.send_seq).is_some()),
        ("lns_mode", change.lns_mode.is_some()),
        ("reorder_timeout", change.reorder_timeout.is_some()),
        ("mtu", change.mtu.is_some()),
        ("mss", change.mss.is_some()),
        ("tos", change.tos.is_some()),
        ("ecn", change.ecn.is_some()),
        ("ttl", change.ttl.is_some()),
        ("debug", change.debug.is_some()),
    ])
}

fn named<const N: usize>(fields: [(&'static str, bool); N]) -> Vec<&'static str> {
    let differing = fields.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(name, _)| name).collect()
}
