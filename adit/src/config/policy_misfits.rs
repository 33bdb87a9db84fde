//! What does not go together in a policy whose tables are each sound: what would be refused by the
//! host again and again, or would never count.

use super::document::{Table, Tables};
use super::duplicates::overlap;
use super::{Fault, Lines};
use crate::input::keyword::policy::{BIND, HOST, LABEL, PORT, SOURCE_PORT, VERSION};
use crate::input::keyword::{NAME, Word};
use crate::policy::{Candidate, Connection, Host, Listener, Policy, SourcePort, VersionChoice};
use adit_datapath::spec::{Encap, Inventory, ListenerAddress};
use std::collections::BTreeMap;

/// What of `policy`, which was read from `tables`, does not go together, or not with the tunnels
/// that are set up by hand.
pub(super) fn find(
    tables: &Tables,
    policy: &Policy,
    by_hand: &Inventory,
    lines: &Lines<'_>,
) -> Vec<Fault> {
    let finder = Finder {
        tables,
        policy,
        lines,
    };
    let mut faults = finder.sockets(by_hand);
    faults.extend(finder.nobody_listens());
    faults.extend(finder.shadowed_peers());
    faults.extend(finder.unreachable());
    faults.extend(finder.device_names(by_hand));
    faults
}

struct Finder<'a> {
    tables: &'a Tables,
    policy: &'a Policy,
    lines: &'a Lines<'a>,
}

impl Finder<'_> {
    fn fault(&self, table: &Table, word: &Word, text: &str) -> Fault {
        let at = table.places.offset(word.name);
        Fault {
            place: Some(self.lines.place(at)),
            text: format!("{}: {text}", word.name),
        }
    }

    /// Sockets that the host would not let stand beside each other.
    fn sockets(&self, by_hand: &Inventory) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut seen: Vec<(&str, &Listener)> = Vec::new();
        for table in &self.tables.listeners {
            let Some((name, listener)) = self.listener(table) else {
                continue;
            };
            if let Some((other, _)) = seen.iter().find(|(_, other)| clash(other, listener)) {
                let text = format!("{other} has this socket; give each its own");
                faults.push(self.fault(table, &BIND.word, &text));
            }
            let taken = by_hand.tunnels.values().find(|tunnel| match tunnel.encap {
                Encap::Udp { local, .. } => {
                    matches!(listener.local, ListenerAddress::Udp(own) if own.port() == local.port() && overlap(own, local))
                }
                Encap::Ip { .. } => false,
            });
            if let Some(tunnel) = taken {
                let text = format!("tunnel {} has this port; give another", tunnel.id);
                faults.push(self.fault(table, &PORT.word, &text));
            }
            seen.push((name, listener));
        }
        faults
    }

    fn listener(&self, table: &Table) -> Option<(&str, &Listener)> {
        let name = table.fields.get(&LABEL).ok()??;
        let (name, listener) = self.policy.listeners.get_key_value(&name)?;
        Some((name, listener))
    }

    /// Peers that cannot call.
    fn nobody_listens(&self) -> Option<Fault> {
        let table = self.tables.peers.first()?;
        let text = "nobody listens to it; add [[listener]]";
        let none = self.policy.listeners.is_empty();
        none.then(|| self.fault(table, &LABEL.word, text))
    }

    /// Peers behind one that is everybody.
    fn shadowed_peers(&self) -> Vec<Fault> {
        let peers = self.policy.peers.iter();
        let everybody = |peer: &crate::policy::Peer| {
            let named = peer.host_name.as_ref();
            peer.addresses.is_empty() && named.is_none_or(|name| name.to_string() == "*")
        };
        let Some(at) = peers.clone().position(everybody) else {
            return Vec::new();
        };
        let first = peers.clone().nth(at).map_or("", |peer| &peer.name);
        let text =
            format!("nobody is left for it, as {first} above is everybody; put it above that");
        let behind = self.tables.peers.iter().skip(at + 1);
        behind
            .map(|table| self.fault(table, &LABEL.word, &text))
            .collect()
    }

    /// Connections for which there is no listener of the right kind.
    fn unreachable(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for table in &self.tables.connections {
            let name = table.fields.get(&LABEL).ok().flatten();
            let Some(connection) = name.and_then(|name| self.policy.connections.get(&name)) else {
                continue;
            };
            if connection.listener.is_none() {
                let misfit = self.without_listener(connection);
                faults.extend(misfit.map(|(word, text)| self.fault(table, word, &text)));
            }
        }
        faults
    }

    fn without_listener(&self, connection: &Connection) -> Option<(&'static Word, String)> {
        let terms = &connection.tunnel;
        let listeners = || self.policy.listeners.values().map(|one| one.local);
        let udp = || listeners().any(|local| matches!(local, ListenerAddress::Udp(_)));
        if terms.version == VersionChoice::V2 && !udp() {
            let text = "2 goes over udp, and every listener has encap ip; add one, or give 3";
            return Some((&VERSION.word, text.to_owned()));
        }
        if terms.source_port != SourcePort::Listener && !udp() {
            let text = "every listener has encap ip, where there are no ports; leave it out";
            return Some((&SOURCE_PORT.word, text.to_owned()));
        }
        let reached = |one: &Candidate| match one.host {
            Host::Address(to) => listeners().any(|local| local.ip().is_ipv4() == to.is_ipv4()),
            Host::Name(_) => true,
        };
        let lost = connection.peers.iter().find(|one| !reached(one))?;
        let text = format!(
            "no listener is of the family of {}; add one that is",
            lost.host
        );
        Some((&HOST.word, text))
    }

    /// Devices of one name that are wanted at the same time.
    fn device_names(&self, by_hand: &Inventory) -> Vec<Fault> {
        let mut faults = Vec::new();
        let by_hand = by_hand.sessions.values();
        let by_hand = by_hand.filter_map(|session| session.ifname.clone());
        let mut seen: BTreeMap<String, String> = by_hand
            .map(|name| (name, "a session set up by hand".to_owned()))
            .collect();
        for table in &self.tables.connections {
            let name = table.fields.get(&LABEL).ok().flatten().unwrap_or_default();
            let connection = self.policy.connections.get(&name);
            if connection.is_none_or(|connection| !connection.persistent) {
                continue;
            }
            for call in &table.calls {
                let Ok(Some(device)) = call.fields.get(&NAME) else {
                    continue;
                };
                if let Some(other) = seen.get(&device) {
                    let text = format!("{device} is that of {other}; give each its own");
                    faults.push(self.fault(call, &NAME.word, &text));
                }
                seen.insert(device, format!("another call of connection {name}"));
            }
        }
        faults
    }
}

/// Whether two listeners cannot both be open.
fn clash(a: &Listener, b: &Listener) -> bool {
    let apart = matches!((&a.interface, &b.interface), (Some(a), Some(b)) if a != b);
    let meet = match (a.local, b.local) {
        (ListenerAddress::Udp(a), ListenerAddress::Udp(b)) => a.port() == b.port() && overlap(a, b),
        (ListenerAddress::Ip(a), ListenerAddress::Ip(b)) => overlap((a, 0).into(), (b, 0).into()),
        (ListenerAddress::Udp(_), ListenerAddress::Ip(_))
        | (ListenerAddress::Ip(_), ListenerAddress::Udp(_)) => false,
    };
    meet && !apart
}
