//! From tables to the policy: profiles are taken over, names are looked up.

use super::document::{Table, Tables};
use super::{Fault, Lines};
use crate::input::keyword::Keyword;
use crate::input::keyword::Word;
use crate::input::keyword::policy::{
    ACCEPT, ADDRESSES, HOST, INHERIT, LABEL, LISTENER, PEER_NAME, PERSISTENT, REMOTE_END_ID,
    SESSION_PROFILE, SOURCE_PORT, TUNNEL_PROFILE, VERSION,
};
use crate::input::{FieldError, Fields, build};
use crate::policy::{
    Call, Candidate, Connection, Host, Peer, Policy, SessionTerms, SourcePort, TunnelTerms,
    VersionChoice,
};
use adit_datapath::spec::ListenerAddress;
use std::collections::BTreeMap;

/// The most profiles that take over one from the other.
const LONGEST_CHAIN: usize = 16;

/// The policy that `tables` ask for, and what is wrong with them.
pub(super) fn policy(tables: &Tables, lines: &Lines<'_>) -> (Policy, Vec<Fault>) {
    let mut resolver = Resolver {
        tables,
        lines,
        faults: Vec::new(),
    };
    let policy = resolver.policy();
    (policy, resolver.faults)
}

struct Resolver<'a> {
    tables: &'a Tables,
    lines: &'a Lines<'a>,
    faults: Vec<Fault>,
}

impl<'a> Resolver<'a> {
    fn policy(&mut self) -> Policy {
        let tables = self.tables;
        for kind in [
            &tables.listeners,
            &tables.tunnel_profiles,
            &tables.session_profiles,
            &tables.peers,
            &tables.connections,
        ] {
            self.names_differ(kind);
        }
        self.check_profiles();
        let mut policy = Policy::default();
        for table in &tables.listeners {
            let listener = build::policy::listener(&table.fields);
            policy.listeners.extend(self.named(table, listener));
        }
        for table in &tables.peers {
            let peer = self.peer(table);
            policy.peers.extend(self.kept(table, peer));
        }
        for table in &tables.connections {
            let connection = self.connection(table);
            policy.connections.extend(self.named(table, connection));
        }
        if let Some(table) = &tables.limits {
            let limits = build::policy::limits(&table.fields);
            policy.limits = self.kept(table, limits).unwrap_or_default();
        }
        policy
    }

    /// A profile that nobody uses is wrong all the same.
    fn check_profiles(&mut self) {
        for table in &self.tables.tunnel_profiles {
            let terms = self.whole(table, &self.tables.tunnel_profiles);
            let terms = terms.and_then(|fields| build::policy::tunnel_profile(&fields));
            self.kept(table, terms);
        }
        for table in &self.tables.session_profiles {
            let terms = self.whole(table, &self.tables.session_profiles);
            let both = VersionChoice::Both;
            let terms = terms.and_then(|fields| build::policy::session_terms(&fields, both));
            self.kept(table, terms);
        }
    }

    fn peer(&mut self, table: &'a Table) -> Result<Peer, FieldError> {
        let own = self.whole(table, &self.tables.peers)?;
        let fields = self.with_tunnel_profile(&own)?;
        let tunnel = build::policy::tunnel_terms(&fields)?;
        let profile = own.get(&SESSION_PROFILE)?;
        let session = self.session_profile(profile.as_deref())?;
        let calls = self.calls(table, profile.as_deref(), tunnel.version);
        Ok(Peer {
            name: own.demand(&LABEL)?,
            addresses: own.get(&ADDRESSES)?.unwrap_or_default(),
            host_name: own.get(&PEER_NAME)?,
            accept: own.get(&ACCEPT)?.unwrap_or(true),
            session: build::policy::session_terms(&session, tunnel.version)?,
            tunnel,
            calls,
        })
    }

    fn connection(&mut self, table: &'a Table) -> Result<Connection, FieldError> {
        let own = &table.fields;
        let fields = self.with_tunnel_profile(own)?;
        let tunnel = build::policy::tunnel_terms(&fields)?;
        let listener = own.get(&LISTENER)?;
        let candidates = self.candidates(table)?;
        self.check_listener(listener.as_deref(), &tunnel, &candidates)?;
        let profile = own.get(&SESSION_PROFILE)?;
        let calls = self.calls(table, profile.as_deref(), tunnel.version);
        let session = self.session_profile(profile.as_deref())?;
        let call = |(name, terms): (String, SessionTerms)| (name.clone(), Call { name, terms });
        Ok(Connection {
            name: own.demand(&LABEL)?,
            listener,
            peers: candidates,
            persistent: own.get(&PERSISTENT)?.unwrap_or(true),
            redial: build::policy::redial(own)?,
            session: build::policy::session_terms(&session, tunnel.version)?,
            tunnel,
            calls: calls.into_iter().map(call).collect(),
        })
    }

    /// Refuses what cannot leave by the listener that is named, or by any.
    fn check_listener(
        &self,
        name: Option<&str>,
        terms: &TunnelTerms,
        candidates: &[Candidate],
    ) -> Result<(), FieldError> {
        let refuse = |word: &Word, text| Err(FieldError::new(word.name, text));
        let tables = &self.tables.listeners;
        let Some(name) = name else {
            return match tables.is_empty() {
                true => refuse(&LISTENER.word, "the file has none; add [[listener]]".into()),
                false => Ok(()),
            };
        };
        // What is wrong with the listener itself is told where it stands.
        let Ok(listener) = build::policy::listener(&find(&LISTENER.word, name, tables)?.fields)
        else {
            return Ok(());
        };
        let over_ip = matches!(listener.local, ListenerAddress::Ip(_));
        if over_ip && terms.version == VersionChoice::V2 {
            let text =
                format!("2 goes over udp, and {name} has encap ip; give 3, or another listener");
            return refuse(&VERSION.word, text);
        }
        if over_ip && terms.source_port != SourcePort::Listener {
            let text = format!("{name} has encap ip, where there are no ports; leave it out");
            return refuse(&SOURCE_PORT.word, text);
        }
        let own = listener.local.ip();
        let reachable = |candidate: &Candidate| match candidate.host {
            Host::Address(address) => address.is_ipv4() == own.is_ipv4(),
            Host::Name(_) => true,
        };
        match candidates.iter().find(|one| !reachable(one)) {
            Some(Candidate { host, .. }) => {
                let text =
                    format!("{name} is at {own}, and {host} is of the other family; give another");
                refuse(&LISTENER.word, text)
            }
            None => Ok(()),
        }
    }

    /// Whom a connection calls: the host in its own table, and those in tables below.
    fn candidates(&mut self, table: &'a Table) -> Result<Vec<Candidate>, FieldError> {
        let mut found = Vec::new();
        if table.fields.has(&HOST.word) {
            found.push(build::policy::candidate(&table.fields)?);
        }
        for table in &table.candidates {
            let candidate = build::policy::candidate(&table.fields);
            found.extend(self.kept(table, candidate));
        }
        if found.is_empty() && table.candidates.is_empty() {
            let text = "required and missing; add host ADDRESS|NAME, or [[connection.peer]]";
            return Err(FieldError::new(HOST.word.name, text));
        }
        found.sort_by_key(|candidate| candidate.priority);
        Ok(found)
    }

    /// The calls below a table, by Remote End ID, on the terms of `profile` but for their own.
    fn calls(
        &mut self,
        table: &'a Table,
        profile: Option<&str>,
        version: VersionChoice,
    ) -> BTreeMap<String, SessionTerms> {
        let mut calls = BTreeMap::new();
        let mut places = BTreeMap::new();
        for table in &table.calls {
            let call = self.call(table, profile, version);
            let Some((name, terms)) = self.kept(table, call) else {
                continue;
            };
            let at = table.places.offset(REMOTE_END_ID.word.name);
            if let Some(first) = places.insert(name.clone(), at) {
                self.twice(&REMOTE_END_ID.word, &name, first, at);
            }
            calls.insert(name, terms);
        }
        calls
    }

    fn call(
        &self,
        table: &Table,
        profile: Option<&str>,
        version: VersionChoice,
    ) -> Result<(String, SessionTerms), FieldError> {
        let own = table.fields.get(&SESSION_PROFILE)?;
        let mut fields = table.fields.clone();
        fields.inherit(&self.session_profile(own.as_deref().or(profile))?, is_term);
        let name = fields.demand(&REMOTE_END_ID)?;
        Ok((name, build::policy::session_terms(&fields, version)?))
    }

    /// Fields with those of their tunnel profile.
    fn with_tunnel_profile(&self, own: &Fields) -> Result<Fields, FieldError> {
        let mut fields = own.clone();
        if let Some(name) = own.get(&TUNNEL_PROFILE)? {
            let tables = &self.tables.tunnel_profiles;
            let profile = find(&TUNNEL_PROFILE.word, &name, tables)?;
            fields.inherit(&self.whole(profile, tables)?, is_term);
        }
        Ok(fields)
    }

    /// The terms that a session profile gives; none without a name.
    fn session_profile(&self, name: Option<&str>) -> Result<Fields, FieldError> {
        let tables = &self.tables.session_profiles;
        let mut terms = Fields::new(&crate::input::form::policy::SESSION_PROFILE);
        if let Some(name) = name {
            let profile = find(&SESSION_PROFILE.word, name, tables)?;
            terms.inherit(&self.whole(profile, tables)?, is_term);
        }
        Ok(terms)
    }

    /// The fields of a table with all that it inherits from others of its kind.
    fn whole(&self, table: &Table, kind: &[Table]) -> Result<Fields, FieldError> {
        let mut fields = table.fields.clone();
        let mut next = table.fields.get(&INHERIT)?;
        for _ in 0..LONGEST_CHAIN {
            let Some(name) = next else {
                return Ok(fields);
            };
            let base = find(&INHERIT.word, &name, kind)?;
            fields.inherit(&base.fields, is_term);
            next = base.fields.get(&INHERIT)?;
        }
        let text = "leads in a circle, or through too many; inherit from one that has all";
        Err(FieldError::new(INHERIT.word.name, text))
    }

    fn names_differ(&mut self, kind: &[Table]) {
        let mut seen = BTreeMap::new();
        for table in kind {
            let Ok(Some(name)) = table.fields.get(&LABEL) else {
                continue;
            };
            let at = table.places.offset(LABEL.word.name);
            if let Some(first) = seen.insert(name.clone(), at) {
                self.twice(&LABEL.word, &name, first, at);
            }
        }
    }

    fn twice(&mut self, word: &Word, name: &str, first: usize, second: usize) {
        let line = self.lines.place(first).line;
        self.faults.push(Fault {
            place: Some(self.lines.place(second)),
            text: format!(
                "{}: {name} stands on line {line} too; give each its own",
                word.name
            ),
        });
    }

    fn named<T>(&mut self, table: &Table, outcome: Result<T, FieldError>) -> Option<(String, T)> {
        let value = self.kept(table, outcome)?;
        Some((table.fields.get(&LABEL).ok()??, value))
    }

    /// The value, or a fault where it stands.
    fn kept<T>(&mut self, table: &Table, outcome: Result<T, FieldError>) -> Option<T> {
        outcome
            .map_err(|error| {
                let at = table.places.offset(&error.field);
                self.faults.push(Fault {
                    place: Some(self.lines.place(at)),
                    text: error.to_string(),
                });
            })
            .ok()
    }
}

/// Whether another table may give the value: names are each table's own.
fn is_term(word: &Word) -> bool {
    fn is<T>(keyword: &Keyword<T>, word: &Word) -> bool {
        keyword.word.name == word.name
    }
    !is(&LABEL, word) && !is(&INHERIT, word)
}

fn find<'t>(word: &Word, name: &str, kind: &'t [Table]) -> Result<&'t Table, FieldError> {
    let called = |table: &&Table| matches!(table.fields.get(&LABEL), Ok(Some(own)) if own == name);
    kind.iter().find(called).ok_or_else(|| {
        let text = format!("{name} is not in the file; give the name of one that is");
        FieldError::new(word.name, text)
    })
}
