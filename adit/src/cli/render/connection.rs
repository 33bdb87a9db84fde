//! The connections of the configuration file.

use crate::cli::failure::one_line;
use adit_wire::netlink::Attributes;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Lines for a person. `rows` are a connection, its peers and its calls.
pub(super) fn text(rows: &[Attributes]) -> String {
    rows.iter().map(line).collect()
}

fn line(row: &Attributes) -> String {
    let mut parts = Vec::new();
    let state = row.state.as_deref().map(one_line);
    parts.extend(state);
    if let Some(host) = &row.host {
        let [port, priority, weight] =
            [row.udp_dport, row.priority, row.weight].map(Option::unwrap_or_default);
        parts.push(format!(
            "{} port {port}, priority {priority}, weight {weight}",
            one_line(host)
        ));
        parts.extend(row.called.then(|| "called last".to_owned()));
        parts.extend(
            row.next
                .map(|ms| format!("lets others go first for {}", seconds(ms))),
        );
        return format!("  peer {}\n", parts.join(", "));
    }
    parts.extend(row.uptime.map(|ms| format!("for {} s", ms / 1000)));
    parts.extend(row.conn_id.map(|id| format!("tunnel {id}")));
    parts.extend(row.session_id.map(|id| format!("session {id}")));
    parts.extend(
        row.next
            .map(|ms| format!("next attempt in {}", seconds(ms))),
    );
    let failures = row.failures.filter(|count| *count > 0);
    parts.extend(failures.map(|count| format!("failures {count}")));
    let problem = row.problem.as_deref().map(one_line);
    parts.extend(problem.map(|problem| format!("last: {problem}")));
    let parts = parts.join(", ");
    match (&row.call, &row.connection) {
        (Some(call), _) => format!("  call {}: {parts}\n", one_line(call)),
        (None, Some(name)) => format!("Connection {}: {parts}\n", one_line(name)),
        (None, None) => String::new(),
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{:.1} s", Duration::from_millis(milliseconds).as_secs_f64())
}

/// One object, with its peers and its calls as arrays.
pub(super) fn json(rows: &[Attributes]) -> Value {
    let mut out = Map::new();
    let mut below = [Vec::new(), Vec::new()];
    for row in rows {
        match (&row.host, &row.call) {
            (Some(_), _) => below[0].push(members(row)),
            (None, Some(_)) => below[1].push(members(row)),
            (None, None) => out = members(row),
        }
    }
    let [peers, calls] = below;
    out.insert("peers".to_owned(), json!(peers));
    out.insert("calls".to_owned(), json!(calls));
    Value::Object(out)
}

fn members(row: &Attributes) -> Map<String, Value> {
    let is_part = row.host.is_some() || row.call.is_some();
    let name = row.connection.as_ref().filter(|_| !is_part);
    let all = [
        ("name", name.map(|name| json!(name))),
        ("call", row.call.as_ref().map(|call| json!(call))),
        ("host", row.host.as_ref().map(|host| json!(host))),
        ("port", row.udp_dport.map(|port| json!(port))),
        ("priority", row.priority.map(|number| json!(number))),
        ("weight", row.weight.map(|number| json!(number))),
        ("called", row.host.as_ref().map(|_| json!(row.called))),
        ("state", row.state.as_ref().map(|state| json!(state))),
        ("tunnel_id", row.conn_id.map(|id| json!(id))),
        ("session_id", row.session_id.map(|id| json!(id))),
        ("uptime_ms", row.uptime.map(|time| json!(time))),
        ("next_ms", row.next.map(|time| json!(time))),
        ("failures", row.failures.map(|count| json!(count))),
        ("problem", row.problem.as_ref().map(|text| json!(text))),
    ];
    let given = all.into_iter();
    let given = given.filter_map(|(key, value)| Some((key.to_owned(), value?)));
    given.collect()
}
