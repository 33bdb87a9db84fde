//! What is told of tunnels and sessions that were set up by protocol. Those set up by hand have
//! nothing of it.

use crate::cli::failure::one_line;
use adit_wire::netlink::Attributes;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Lines for a person.
pub(super) fn text(object: &Attributes) -> String {
    let Some(state) = &object.state else {
        return String::new();
    };
    let mut parts = vec![one_line(state)];
    let some = |text: &Option<String>| {
        text.as_deref()
            .filter(|text| !text.is_empty())
            .map(one_line)
    };
    parts.extend(some(&object.origin));
    parts.extend(some(&object.peer_name).map(|name| format!("peer {name}")));
    let uptime = object.uptime.map(Duration::from_millis);
    parts.extend(uptime.map(|uptime| format!("up {} s", uptime.as_secs())));
    let version = object.proto_version.filter(|_| object.session_id.is_none());
    let version = version.map_or_else(String::new, |version| format!("L2TPv{version} "));
    let mut out = format!("  {version}{}\n", parts.join(", "));
    if let Some(window) = object.window {
        let in_flight = object.in_flight.unwrap_or(0);
        let again = object.retransmissions.unwrap_or(0);
        out.push_str(&format!(
            "  control channel: window {window}, in flight {in_flight}, retransmissions {again}"
        ));
        if let Some(sessions) = object.sessions {
            out.push_str(&format!(", sessions {sessions}"));
        }
        if let Some(micros) = object.round_trip {
            out.push_str(&format!(", rtt {}.{:03} ms", micros / 1000, micros % 1000));
        }
        out.push('\n');
    }
    let down = |circuit: &&String| *circuit != "up";
    let (own, peer) = (&object.circuit, &object.peer_circuit);
    if own.iter().chain(peer).any(|circuit| down(&circuit)) {
        let [own, peer] = [own, peer].map(|circuit| one_line(circuit.as_deref().unwrap_or("?")));
        out.push_str(&format!("  circuit {own}, the peer's {peer}\n"));
    }
    out
}

/// The same as JSON members.
pub(super) fn json(object: &Attributes) -> Map<String, Value> {
    let mut out = Map::new();
    let texts = [
        ("state", &object.state),
        ("origin", &object.origin),
        ("peer_name", &object.peer_name),
        ("circuit", &object.circuit),
        ("peer_circuit", &object.peer_circuit),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            out.insert(key.to_owned(), json!(text));
        }
    }
    let numbers = [
        ("uptime_ms", object.uptime),
        ("window", object.window.map(u64::from)),
        ("in_flight", object.in_flight.map(u64::from)),
        ("sessions", object.sessions.map(u64::from)),
        ("retransmissions", object.retransmissions),
        ("rtt_us", object.round_trip),
    ];
    for (key, number) in numbers {
        if let Some(number) = number {
            out.insert(key.to_owned(), json!(number));
        }
    }
    if object.state.is_some()
        && object.session_id.is_none()
        && let Some(version) = object.proto_version
    {
        out.insert("version".to_owned(), json!(version));
    }
    out
}
