//! What `show` prints: the text of `ip l2tp show`, or the JSON of `ip -j l2tp show`, and behind
//! that what Adit knows beyond them.

mod connection;
mod control;
mod json;
mod more;
mod protocol;
mod text;

use adit_wire::netlink::Attributes;
use serde_json::{Map, Value};

#[cfg(test)]
mod tests;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Style {
    /// JSON instead of text.
    pub(super) json: bool,
    /// JSON in lines.
    pub(super) pretty: bool,
    /// Counters, drop reasons and settings too.
    pub(super) statistics: bool,
}

/// The tunnels, in the order given.
pub(super) fn tunnels(tunnels: &[Attributes], style: Style) -> String {
    all(tunnels, style, text::tunnel, json::tunnel)
}

/// The connections, each by a row of its own and those of its peers and calls behind it.
pub(super) fn connections(rows: &[Attributes], style: Style) -> String {
    let each = rows.chunk_by(|a, b| a.connection == b.connection);
    if !style.json && !style.pretty {
        return each.map(connection::text).collect();
    }
    let array = Value::Array(each.map(connection::json).collect());
    written(&array, style)
}

/// What the control protocol has counted, a row a counter.
pub(super) fn control(rows: &[Attributes], style: Style) -> String {
    match style.json || style.pretty {
        true => written(&control::json(rows), style),
        false => control::text(rows),
    }
}

/// The sessions, in the order given.
pub(super) fn sessions(sessions: &[Attributes], style: Style) -> String {
    all(sessions, style, text::session, json::session)
}

fn all(
    objects: &[Attributes],
    style: Style,
    text: fn(&Attributes) -> String,
    json: fn(&Attributes) -> Map<String, Value>,
) -> String {
    if !style.json && !style.pretty {
        let one =
            |object| text(object) + &protocol::text(object) + &more::text(object, style.statistics);
        return objects.iter().map(one).collect();
    }
    let one = |object| {
        let mut map = json(object);
        map.extend(protocol::json(object));
        map.extend(more::json(object, style.statistics));
        Value::Object(map)
    };
    let array = Value::Array(objects.iter().map(one).collect());
    written(&array, style)
}

fn written(array: &Value, style: Style) -> String {
    match style.pretty {
        true => format!("{array:#}\n"),
        false => format!("{array}\n"),
    }
}

/// The name of an encapsulation's code.
fn encap_name(object: &Attributes) -> &'static str {
    use adit_wire::netlink::Encapsulation;
    match object.encap_type.and_then(Encapsulation::from_number) {
        Some(Encapsulation::Udp) => "UDP",
        Some(Encapsulation::Ip) => "IP",
        None => "??",
    }
}

/// Whether there are ports and checksums to print.
fn is_udp(object: &Attributes) -> bool {
    encap_name(object) == "UDP"
}

/// Whether an attribute that is a switch is there and on.
fn is_on(switch: Option<u8>) -> bool {
    switch.is_some_and(|value| value != 0)
}
