//! The way from what is to what should be.

use crate::spec::{Change, Inventory, Retuning, SessionSpec, TunnelRetuning, TunnelSpec};

/// The changes that make `actual` equal `desired`, removals first, in an order that can be
/// applied. What may change in place is tuned; any other difference removes and adds.
pub fn diff(desired: &Inventory, actual: &Inventory) -> Vec<Change> {
    let mut changes = Vec::new();
    let replaced = |id| match (desired.tunnels.get(id), actual.tunnels.get(id)) {
        (Some(want), Some(have)) => {
            TunnelSpec {
                tuning: want.tuning,
                ..*have
            } != *want
        }
        (None, _) | (_, None) => true,
    };
    for id in actual.tunnels.keys().filter(|id| replaced(id)) {
        changes.push(Change::RemoveTunnel(*id));
    }
    for (key, have) in &actual.sessions {
        if replaced(&key.tunnel) {
            continue;
        }
        match desired.sessions.get(key) {
            Some(want) if same_session(want, have) => {}
            Some(_) | None => changes.push(Change::RemoveSession(*key)),
        }
    }
    for (id, want) in &desired.tunnels {
        match actual.tunnels.get(id) {
            Some(have) if !replaced(id) => {
                if have.tuning != want.tuning {
                    let change = TunnelRetuning::between(&have.tuning, &want.tuning);
                    changes.push(Change::TuneTunnel(*id, change));
                }
            }
            Some(_) | None => changes.push(Change::AddTunnel(*want)),
        }
    }
    for (key, want) in &desired.sessions {
        match actual.sessions.get(key) {
            Some(have) if !replaced(&key.tunnel) && same_session(want, have) => {
                if have.tuning != want.tuning {
                    let change = Retuning::between(&have.tuning, &want.tuning);
                    changes.push(Change::TuneSession(*key, change));
                }
            }
            Some(_) | None => changes.push(Change::AddSession(want.clone())),
        }
    }
    changes
}

/// Whether the two differ at most in what may change in place. A name is compared only when one
/// is asked for.
fn same_session(want: &SessionSpec, have: &SessionSpec) -> bool {
    let ifname = if want.ifname.is_some() {
        want.ifname.clone()
    } else {
        have.ifname.clone()
    };
    SessionSpec {
        tuning: have.tuning,
        ifname,
        ..want.clone()
    } == *have
}

#[cfg(test)]
mod tests;
