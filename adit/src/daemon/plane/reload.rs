//! The policy against what there is: only what has changed is touched.

use super::{Dial, Origin, Plane, Tunnel, terms};
use crate::daemon::engine::{Engine, Line};
use crate::policy::{Connection, Peer, Policy};
use adit_proto::l2tp::{ResultCode, TunnelKey};
use adit_wire::l2tp::avp::StopCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

impl Plane {
    /// Makes `policy` the one that counts, or only tells what that takes: a line a change.
    pub fn reload(&mut self, policy: &Policy, dry_run: bool, engine: &mut Engine) -> Vec<Line> {
        let mut lines = Vec::new();
        self.reload_listeners(policy, dry_run, engine, &mut lines);
        let peers = changes(&by_name(&self.policy.peers), &by_name(&policy.peers));
        let dials = changes(&self.policy.connections, &policy.connections);
        self.tell("peer", &peers, &mut lines, |name| {
            let mut left = policy.peers.iter();
            match left.any(|peer| peer.name == name && peer.accept) {
                true => String::new(),
                false => Self::ended(self.called_by(name)),
            }
        });
        self.tell("connection", &dials, &mut lines, |name| {
            self.interruption(name, policy.connections.get(name))
        });
        if self.policy.limits != policy.limits {
            lines.push(line("change limits".to_owned()));
        }
        if dry_run {
            return lines;
        }
        self.policy = policy.clone();
        let admitted = terms::policy(policy, &self.host_name);
        self.node.set_policy(admitted);
        self.reserve(engine);
        self.reload_peers(&peers);
        self.reload_connections(&dials, engine);
        self.settle(engine);
        self.tick(engine);
        lines
    }

    fn reload_listeners(
        &mut self,
        policy: &Policy,
        dry_run: bool,
        engine: &mut Engine,
        lines: &mut Vec<Line>,
    ) {
        for (name, change) in changes(&self.policy.listeners, &policy.listeners) {
            let id = self.listeners.named(&name);
            let used = id.map_or(0, |id| self.uses(id).count());
            lines.push(line(format!(
                "{change} listener {name}{}",
                Self::ended(used)
            )));
            if dry_run {
                continue;
            }
            if change != Change::Add {
                if let Some(id) = self.listeners.named(&name) {
                    let tunnels: Vec<TunnelKey> = self.uses(id).collect();
                    self.close(&tunnels, engine);
                }
                self.listeners.remove(&name, engine);
            }
            if let Some(listener) = policy.listeners.get(&name) {
                self.listeners.add(&name, listener, engine);
            }
        }
    }

    fn tell(
        &self,
        what: &str,
        changes: &BTreeMap<String, Change>,
        lines: &mut Vec<Line>,
        more: impl Fn(&str) -> String,
    ) {
        for (name, change) in changes {
            lines.push(line(format!("{change} {what} {name}{}", more(name))));
        }
    }

    /// Tunnels of a peer that may not call any more are closed; those of one whose terms have
    /// changed go on, on the new terms as far as these can change.
    fn reload_peers(&mut self, changes: &BTreeMap<String, Change>) {
        let tunnels: Vec<(TunnelKey, Origin)> = self
            .tunnels
            .iter()
            .map(|(key, tunnel)| (*key, tunnel.origin.clone()))
            .collect();
        for (key, origin) in tunnels {
            let Origin::Peer(name) = origin else {
                continue;
            };
            if !changes.contains_key(&name) {
                continue;
            }
            let now = self.now();
            let peer = self.policy.peers.iter().find(|peer| peer.name == name);
            // A tunnel that has gone meanwhile needs neither.
            let _ = match peer.filter(|peer| peer.accept) {
                Some(peer) => {
                    let config = Arc::new(terms::tunnel(&peer.tunnel, &self.host_name));
                    self.node.set_tunnel_config(now, key, config)
                }
                None => {
                    let code = ResultCode::stop(StopCode::NOT_AUTHORIZED);
                    self.node.close_tunnel(now, key, code)
                }
            };
        }
    }

    fn reload_connections(&mut self, changes: &BTreeMap<String, Change>, engine: &mut Engine) {
        let now = Instant::now();
        for name in changes.keys() {
            let wanted = self.policy.connections.get(name).cloned();
            match (self.dials.get_mut(name), wanted) {
                (Some(dial), Some(wanted)) if dial.can_become(&wanted) => {
                    let config = terms::tunnel(&wanted.tunnel, &self.host_name);
                    let gone = dial.adjust(wanted, now);
                    dial.note(&mut self.agenda);
                    let tunnel = dial.tunnel();
                    let now = self.now();
                    if let Some(key) = tunnel {
                        // One that has gone meanwhile needs none.
                        let _ = self.node.set_tunnel_config(now, key, Arc::new(config));
                    }
                    let code = ResultCode::disconnect(
                        adit_wire::l2tp::avp::DisconnectCode::ADMINISTRATIVE,
                    );
                    for session in gone {
                        let _ = self.node.close_session(now, session, code.clone());
                    }
                }
                (old, wanted) => {
                    let tunnel = old.and_then(|dial| dial.tunnel());
                    self.dials.remove(name);
                    self.close(tunnel.as_slice(), engine);
                    if let Some(wanted) = wanted {
                        let dial = Dial::new(wanted, now);
                        dial.note(&mut self.agenda);
                        self.dials.insert(name.clone(), dial);
                    }
                }
            }
        }
    }

    fn close(&mut self, tunnels: &[TunnelKey], engine: &mut Engine) {
        let now = self.now();
        for key in tunnels {
            let code = ResultCode::stop(StopCode::GENERAL_REQUEST);
            // One that has gone meanwhile needs no closing.
            let _ = self.node.close_tunnel(now, *key, code);
        }
        self.settle(engine);
    }

    /// What a change of a connection does to its tunnel, if it has one.
    fn interruption(&self, name: &str, new: Option<&Connection>) -> String {
        let tunnel = |dial: &&Dial| dial.tunnel().is_some();
        match (self.dials.get(name).filter(tunnel), new) {
            (None, _) => String::new(),
            (Some(dial), Some(new)) if dial.can_become(new) => String::new(),
            (Some(_), Some(_)) => "; its tunnel is interrupted".to_owned(),
            (Some(_), None) => " and its tunnel".to_owned(),
        }
    }

    /// How many tunnels the peer of this name has opened.
    fn called_by(&self, name: &str) -> usize {
        let by = |tunnel: &&Tunnel| matches!(&tunnel.origin, Origin::Peer(peer) if peer == name);
        self.tunnels.values().filter(by).count()
    }

    /// How many tunnels a change of what they belong to ends.
    fn ended(count: usize) -> String {
        match count {
            0 => String::new(),
            1 => ", which ends a tunnel".to_owned(),
            count => format!(", which ends {count} tunnels"),
        }
    }
}

/// What becomes of an object of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Add,
    Alter,
    Remove,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Change::Add => "add",
            Change::Alter => "change",
            Change::Remove => "remove",
        })
    }
}

fn changes<T: PartialEq>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
) -> BTreeMap<String, Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &&String| match (old.get(*name), new.get(*name)) {
        (Some(old), Some(new)) if old == new => None,
        (Some(_), Some(_)) => Some(Change::Alter),
        (None, _) => Some(Change::Add),
        (Some(_), None) => Some(Change::Remove),
    };
    names
        .into_iter()
        .filter_map(|name| Some((name.clone(), change(&name)?)))
        .collect()
}

fn by_name(peers: &[Peer]) -> BTreeMap<String, &Peer> {
    peers.iter().map(|peer| (peer.name.clone(), peer)).collect()
}

fn line(text: String) -> Line {
    Line {
        text,
        failed: false,
    }
}
