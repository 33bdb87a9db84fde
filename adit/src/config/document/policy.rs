//! The tables about tunnels and calls that are set up by protocol, read but not yet resolved.

use super::{Places, Reader};
use crate::input::Fields;
use crate::input::form::Form;
use crate::input::form::policy as form;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a file holds of them, in its order.
#[derive(Debug, Default)]
pub(in crate::config) struct Tables {
    pub(in crate::config) listeners: Vec<Table>,
    pub(in crate::config) tunnel_profiles: Vec<Table>,
    pub(in crate::config) session_profiles: Vec<Table>,
    pub(in crate::config) peers: Vec<Table>,
    pub(in crate::config) connections: Vec<Table>,
    pub(in crate::config) limits: Option<Table>,
}

/// A table, where its fields stand, and the tables below it.
#[derive(Debug)]
pub(in crate::config) struct Table {
    pub(in crate::config) fields: Fields,
    pub(in crate::config) places: Places,
    /// `[[connection.peer]]`.
    pub(in crate::config) candidates: Vec<Table>,
    /// `[[connection.session]]` and `[[peer.session]]`.
    pub(in crate::config) calls: Vec<Table>,
}

/// Whether `name` is the key of tables below those of `form`.
pub(super) fn is_below(of: &'static Form, name: &str) -> bool {
    let connection = std::ptr::eq(of, &form::CONNECTION);
    let peer = std::ptr::eq(of, &form::PEER);
    match name {
        "session" => connection || peer,
        "peer" => connection,
        _ => false,
    }
}

impl Reader<'_> {
    /// Reads the tables under `key`; tells whether there are such tables.
    pub(super) fn policy_table(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> bool {
        let form: &'static Form = match key {
            "listener" => &form::LISTENER,
            "tunnel_profile" => &form::TUNNEL_PROFILE,
            "session_profile" => &form::SESSION_PROFILE,
            "peer" => &form::PEER,
            "connection" => &form::CONNECTION,
            "limits" => {
                self.limits(value);
                return true;
            }
            _ => return false,
        };
        self.each(key, value, |reader, table, at| {
            let table = reader.table(form, key, table, at);
            let tables = &mut reader.found.policy;
            match key {
                "listener" => tables.listeners.push(table),
                "tunnel_profile" => tables.tunnel_profiles.push(table),
                "session_profile" => tables.session_profiles.push(table),
                "peer" => tables.peers.push(table),
                _ => tables.connections.push(table),
            }
        });
        true
    }

    fn limits(&mut self, value: &Spanned<DeValue<'_>>) {
        let at = value.span().start;
        match value.get_ref().as_table() {
            Some(table) => {
                let table = self.table(&form::LIMITS, "limits", table, at);
                self.found.policy.limits = Some(table);
            }
            None => self.fault(at, "limits: not a table; write [limits]".to_owned()),
        }
    }

    /// A table and those below it.
    fn table(&mut self, of: &'static Form, key: &str, table: &DeTable<'_>, at: usize) -> Table {
        let (fields, places) = self.fields(of, table, at);
        if let Err(missing) = fields.check_needs() {
            self.refuse(&missing, &places);
        }
        let mut below = |name: &str, form: &'static Form| {
            let mut found = Vec::new();
            if is_below(of, name)
                && let Some(tables) = table.get(name)
            {
                let key = format!("{key}.{name}");
                self.each(&key, tables, |reader, table, at| {
                    found.push(reader.table(form, &key, table, at));
                });
            }
            found
        };
        Table {
            candidates: below("peer", &form::CANDIDATE),
            calls: below("session", &form::CALL),
            fields,
            places,
        }
    }
}
