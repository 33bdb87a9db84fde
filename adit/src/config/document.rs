//! From TOML to tunnels and sessions, remembering where each value stands.

mod policy;

pub(super) use policy::{Table, Tables};

use super::{Fault, Lines};
use crate::input::form::{ADD_TUNNEL, CONFIG_SESSION, Form};
use crate::input::keyword::{Notation, TUNNEL_ID, Word};
use crate::input::{FieldError, Fields, build};
use adit_datapath::spec::{SessionSpec, TunnelSpec};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a file asks for, in its order.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) tunnels: Vec<Located<TunnelSpec>>,
    pub(super) sessions: Vec<Located<SessionSpec>>,
    pub(super) policy: Tables,
}

/// The other tables that a file may have.
const TABLES: &str = "[[listener]], [[tunnel_profile]], [[session_profile]], [[peer]], \
                      [[connection]] or [limits]";

/// A spec and where its fields stand.
#[derive(Debug)]
pub(super) struct Located<S> {
    pub(super) spec: S,
    places: Places,
}

impl<S> Located<S> {
    /// The offset of the value of `word`, or of the table that lacks it.
    pub(super) fn at(&self, word: &Word) -> usize {
        self.places.offset(word.name)
    }
}

/// Offsets into the file: of a table, and of the values in it.
#[derive(Debug)]
pub(super) struct Places {
    table: usize,
    values: BTreeMap<&'static str, usize>,
}

impl Places {
    pub(super) fn offset(&self, field: &str) -> usize {
        self.values.get(field).copied().unwrap_or(self.table)
    }
}

/// Reads the text of `lines`: what could be understood, and what is wrong with the rest.
pub(super) fn read(lines: &Lines<'_>) -> (Found, Vec<Fault>) {
    let mut reader = Reader {
        lines,
        found: Found::default(),
        faults: Vec::new(),
    };
    match DeTable::parse(lines.text) {
        Ok(document) => reader.document(document.get_ref()),
        Err(error) => {
            let at = error.span().unwrap_or_default().start;
            let what = error.message().replace('\n', "; ");
            reader.fault(at, format!("syntax: {what}; write it as TOML has it"));
        }
    }
    (reader.found, reader.faults)
}

struct Reader<'a> {
    lines: &'a Lines<'a>,
    found: Found,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn document(&mut self, document: &DeTable<'_>) {
        for (key, value) in document {
            match key.get_ref().as_ref() {
                "tunnel" => self.each(key.get_ref(), value, Self::tunnel),
                other if self.policy_table(other, value) => {}
                other => {
                    let text = format!("{other}: not a key here; write [[tunnel]], {TABLES}");
                    self.fault(key.span().start, text);
                }
            }
        }
    }

    /// Has `read` read each table of the array `value`.
    fn each(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        mut read: impl FnMut(&mut Self, &DeTable<'_>, usize),
    ) {
        let not_tables = format!("{key}: not an array of tables; write [[{key}]]");
        let Some(array) = value.get_ref().as_array() else {
            return self.fault(value.span().start, not_tables);
        };
        for item in array.iter() {
            match item.get_ref().as_table() {
                Some(table) => read(self, table, item.span().start),
                None => self.fault(item.span().start, not_tables.clone()),
            }
        }
    }

    fn tunnel(&mut self, table: &DeTable<'_>, at: usize) {
        let (fields, places) = self.fields(&ADD_TUNNEL, table, at);
        let id = fields.get(&TUNNEL_ID).ok().flatten();
        let built = fields.check_needs().and_then(|()| build::tunnel(&fields));
        match built {
            Ok(spec) => self.found.tunnels.push(Located { spec, places }),
            Err(error) => self.refuse(&error, &places),
        }
        if let Some(sessions) = table.get("session") {
            // Sessions of a tunnel without an id are read for their faults only.
            let tunnel = id.unwrap_or_default();
            self.each("tunnel.session", sessions, |reader, table, at| {
                reader.session(tunnel, table, at);
            });
        }
    }

    fn session(&mut self, tunnel: u32, table: &DeTable<'_>, at: usize) {
        let (fields, places) = self.fields(&CONFIG_SESSION, table, at);
        let built = fields
            .check_needs()
            .and_then(|()| build::session(tunnel, &fields));
        match built {
            Ok(spec) => self.found.sessions.push(Located { spec, places }),
            Err(error) => self.refuse(&error, &places),
        }
    }

    /// The fields of a table; keys and types that do not belong there become faults.
    fn fields(&mut self, form: &'static Form, table: &DeTable<'_>, at: usize) -> (Fields, Places) {
        let below = |name: &str| {
            let static_tunnel = std::ptr::eq(form, &ADD_TUNNEL) && name == "session";
            static_tunnel || policy::is_below(form, name)
        };
        let mut fields = Fields::new(form);
        let mut places = Places {
            table: at,
            values: BTreeMap::new(),
        };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if below(name) {
                continue;
            }
            let Some(word) = form.words().find(|word| word.name == name) else {
                self.fault(key.span().start, form.unknown(name).to_string());
                continue;
            };
            places.values.insert(word.name, value.span().start);
            // Checked at once, so that one bad value does not hide the next.
            let taken = scalar(word, value.get_ref()).and_then(|text| {
                fields.insert(name, &text)?;
                word.check(&text)
            });
            if let Err(error) = taken {
                self.refuse(&error, &places);
            }
        }
        (fields, places)
    }

    fn refuse(&mut self, error: &FieldError, places: &Places) {
        self.fault(places.offset(&error.field), error.to_string());
    }

    fn fault(&mut self, at: usize, text: String) {
        let place = Some(self.lines.place(at));
        self.faults.push(Fault { place, text });
    }
}

/// Strings joined by commas. One string may stand for an array of it.
fn list(value: &DeValue<'_>) -> Option<String> {
    let item = |value: &DeValue<'_>| {
        let text = value.as_str().filter(|text| !text.contains(','));
        text.map(str::to_owned)
    };
    match value.as_array() {
        None => item(value),
        Some(array) => {
            let items: Option<Vec<_>> = array.iter().map(|one| item(one.get_ref())).collect();
            items
                .filter(|items| !items.is_empty())
                .map(|items| items.join(","))
        }
    }
}

/// A value as the command line would write it, if its TOML type is the keyword's.
fn scalar(word: &Word, value: &DeValue<'_>) -> Result<String, FieldError> {
    let number = || value.as_integer().map(|number| number.to_string());
    let text = || value.as_str().map(str::to_owned);
    let switch = || {
        value
            .as_bool()
            .map(|on| if on { "on" } else { "off" }.to_owned())
    };
    let (found, wanted) = match word.notation {
        Notation::Number => (number(), "a number"),
        Notation::Boolean => (switch(), "true or false"),
        Notation::Text => (text(), "a string in quotes"),
        Notation::NumberOrText => (number().or_else(text), "a number or a string in quotes"),
        Notation::List => (
            list(value),
            "an array of strings in quotes, without commas in them",
        ),
    };
    found.ok_or_else(|| {
        let kind = value.type_str();
        FieldError::new(
            word.name,
            format!("the value is of type {kind}; write {wanted}"),
        )
    })
}
