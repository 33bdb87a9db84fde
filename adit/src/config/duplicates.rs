//! Things of which there can be only one. The line of the first is named with the second.

use super::document::{Found, Located};
use super::{Fault, Lines};
use crate::input::keyword::{NAME, SESSION_ID, TUNNEL_ID, UDP_SPORT, Word};
use adit_datapath::spec::{Encap, SessionSpec, TunnelSpec};
use adit_wire::l2tp::{SessionId, TunnelId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// What `found` holds twice.
pub(super) fn find(found: &Found, lines: &Lines<'_>) -> Vec<Fault> {
    let mut clashes = tunnel_ids(&found.tunnels);
    clashes.extend(endpoints(&found.tunnels));
    clashes.extend(session_ids(found));
    clashes.extend(names(&found.sessions));
    clashes.iter().map(|clash| clash.fault(lines)).collect()
}

/// The second of two values that exclude each other.
struct Clash {
    word: &'static Word,
    value: String,
    /// Offsets of the two values.
    first: usize,
    second: usize,
    remedy: &'static str,
}

impl Clash {
    fn fault(&self, lines: &Lines<'_>) -> Fault {
        let Clash { value, remedy, .. } = self;
        let (name, line) = (self.word.name, lines.place(self.first).line);
        Fault {
            place: Some(lines.place(self.second)),
            text: format!("{name}: {value} stands on line {line} too; {remedy}"),
        }
    }
}

fn tunnel_ids(tunnels: &[Located<TunnelSpec>]) -> Vec<Clash> {
    let ids = tunnels.iter().map(|t| (t.spec.id, t.at(&TUNNEL_ID.word)));
    repeated(ids, &TUNNEL_ID.word, "give each tunnel its own id")
}

fn names(sessions: &[Located<SessionSpec>]) -> Vec<Clash> {
    let named = |s: &Located<SessionSpec>| Some((s.spec.ifname.clone()?, s.at(&NAME.word)));
    let names = sessions.iter().filter_map(named);
    repeated(names, &NAME.word, "give each session its own name")
}

/// Clashes of values that must differ from each other, given with their offsets.
fn repeated<T: Ord + ToString>(
    values: impl Iterator<Item = (T, usize)>,
    word: &'static Word,
    remedy: &'static str,
) -> Vec<Clash> {
    let mut seen = BTreeMap::new();
    let mut clashes = Vec::new();
    for (value, second) in values {
        let text = value.to_string();
        if let Some(first) = seen.insert(value, second) {
            clashes.push(Clash {
                word,
                value: text,
                first,
                second,
                remedy,
            });
        }
    }
    clashes
}

/// Two sockets cannot be bound to one address and port, nor to a port of all addresses and the
/// same port of one.
fn endpoints(tunnels: &[Located<TunnelSpec>]) -> Vec<Clash> {
    let mut by_port: BTreeMap<u16, Vec<(SocketAddr, usize)>> = BTreeMap::new();
    let mut clashes = Vec::new();
    for tunnel in tunnels {
        let Encap::Udp { local, .. } = tunnel.spec.encap else {
            continue;
        };
        let second = tunnel.at(&UDP_SPORT.word);
        let same_port = by_port.entry(local.port()).or_default();
        if let Some((other, first)) = same_port.iter().find(|(other, _)| overlap(*other, local)) {
            clashes.push(Clash {
                word: &UDP_SPORT.word,
                value: format!("the endpoint {other}"),
                first: *first,
                second,
                remedy: "give each tunnel its own port",
            });
        }
        same_port.push((local, second));
    }
    clashes
}

/// Whether two endpoints of one port are bound to an address that they share.
pub(super) fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let any = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.ip() == b.ip() || (any && a.is_ipv4() == b.is_ipv4())
}

/// Session ids may repeat only among UDP tunnels, whose sockets tell the sessions apart.
fn session_ids(found: &Found) -> Vec<Clash> {
    let over_ip = found.tunnels.iter().filter(|t| !t.spec.encap.is_udp());
    let over_ip: BTreeSet<TunnelId> = over_ip.map(|t| t.spec.id).collect();
    let mut seen: BTreeMap<SessionId, Vec<(TunnelId, usize)>> = BTreeMap::new();
    let mut clashes = Vec::new();
    for session in &found.sessions {
        let key = session.spec.key;
        let second = session.at(&SESSION_ID.word);
        let others = seen.entry(key.session).or_default();
        let clash = others.iter().find(|(tunnel, _)| {
            *tunnel == key.tunnel || over_ip.contains(tunnel) || over_ip.contains(&key.tunnel)
        });
        if let Some((_, first)) = clash {
            clashes.push(Clash {
                word: &SESSION_ID.word,
                value: key.session.to_string(),
                first: *first,
                second,
                remedy: "give it another id; only sessions of different UDP tunnels may share one",
            });
        }
        others.push((key.tunnel, second));
    }
    clashes
}
