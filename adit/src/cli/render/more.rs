//! What Adit knows beyond `ip l2tp`: settings, counters, drop reasons, and why an object does not
//! carry traffic.

use super::is_on;
use crate::cli::failure::one_line;
use crate::control::{AUTOMATIC_MSS, TOS_INHERIT, TOS_UNIFORM};
use crate::input::debug_names;
use adit_datapath::counters::DropReason;
use adit_datapath::spec::{DebugMask, Pmtudisc};
use adit_wire::netlink::{Attributes, Statistics, pw_type};
use serde_json::{Map, Value, json};

/// Lines for a person. A problem is always told, the rest `in_full` only.
pub(super) fn text(object: &Attributes, in_full: bool) -> String {
    let mut out = String::new();
    if let Some(problem) = &object.problem {
        out.push_str(&format!("  problem: {}\n", one_line(problem)));
    }
    if !in_full {
        return out;
    }
    let settings = settings(object);
    if !settings.is_empty() {
        let pairs: Vec<String> = settings.iter().map(|(k, v)| format!("{k} {v}")).collect();
        out.push_str(&format!("  {}\n", pairs.join(", ")));
    }
    for (direction, counters) in object.stats.iter().flat_map(counters) {
        let pairs: Vec<String> = counters.iter().map(|(k, v)| format!("{v} {k}")).collect();
        out.push_str(&format!("  {direction}: {}\n", pairs.join(", ")));
    }
    if let Some(fast_path) = &object.fast_path {
        out.push_str(&format!("  fast path: {}\n", one_line(fast_path)));
    }
    if let Some(limits) = &object.limits {
        out.push_str(&format!("  degraded: {}\n", one_line(limits)));
    }
    for (reason, count) in drops(object) {
        out.push_str(&format!("  dropped: {count} {reason}\n"));
    }
    out
}

/// The same as JSON members.
pub(super) fn json(object: &Attributes, in_full: bool) -> Map<String, Value> {
    let mut out = Map::new();
    if let Some(problem) = &object.problem {
        out.insert("problem".to_owned(), json!(problem));
    }
    if !in_full {
        return out;
    }
    if let Some(mtu) = object.mtu {
        out.insert("mtu".to_owned(), json!(mtu));
    }
    if let Some(mtu) = object.path_mtu {
        out.insert("path_mtu".to_owned(), json!(mtu));
    }
    if let Some(mode) = object.pmtudisc.and_then(Pmtudisc::from_number) {
        out.insert("pmtudisc".to_owned(), json!(mode.name()));
    }
    if let Some(every) = object.pmtu_probe {
        out.insert("pmtu_probe".to_owned(), json!(every));
    }
    if let Some(ttl) = object.ttl {
        out.insert("ttl".to_owned(), json!(ttl));
    }
    if let Some(tos) = object.tos {
        out.insert("tos".to_owned(), json!(tos_name(tos)));
    }
    if let Some(on) = ecn(object) {
        out.insert("ecn".to_owned(), json!(on));
    }
    if let Some(mss) = object.mss {
        out.insert("mss".to_owned(), json!(mss_name(mss)));
    }
    if object.session_id.is_some() {
        out.insert("lns_mode".to_owned(), json!(is_on(object.lns_mode)));
    }
    if let Some(fast_path) = &object.fast_path {
        out.insert("fast_path".to_owned(), json!(fast_path));
    }
    if let Some(limits) = &object.limits {
        let limits: Vec<&str> = limits.split("; ").collect();
        out.insert("degraded".to_owned(), json!(limits));
    }
    out.insert("debug".to_owned(), json!(object.debug.unwrap_or(0)));
    if let Some(stats) = &object.stats {
        let mut all = Map::new();
        for (direction, counters) in counters(stats) {
            let key = |name: &str| format!("{direction}_{}", name.replace(' ', "_"));
            all.extend(counters.iter().map(|(name, n)| (key(name), json!(n))));
        }
        out.insert("stats".to_owned(), Value::Object(all));
        let drops = drops(object).map(|(reason, n)| (reason, json!(n)));
        out.insert("drops".to_owned(), Value::Object(drops.collect()));
    }
    out
}

fn settings(object: &Attributes) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    if let Some(version @ 2) = object.proto_version {
        out.push(("version", version.to_string()));
    }
    if object.pw_type == Some(pw_type::PPP) {
        out.push(("pseudowire", "ppp".to_owned()));
    }
    if let Some(mtu) = object.mtu {
        out.push(("mtu", mtu.to_string()));
    }
    if let Some(mtu) = object.path_mtu {
        out.push(("path mtu", mtu.to_string()));
    }
    if is_on(object.lns_mode) {
        out.push(("lns_mode", "on".to_owned()));
    }
    if let Some(mode) = object.pmtudisc.and_then(Pmtudisc::from_number) {
        out.push(("pmtudisc", mode.name().to_owned()));
    }
    if let Some(every) = object.pmtu_probe {
        out.push(("pmtu_probe", every.to_string()));
    }
    if let Some(ttl) = object.ttl {
        out.push(("ttl", ttl.to_string()));
    }
    if let Some(tos) = object.tos {
        out.push(("tos", tos_name(tos)));
    }
    if let Some(on) = ecn(object) {
        out.push(("ecn", if on { "on" } else { "off" }.to_owned()));
    }
    if let Some(mss) = object.mss {
        out.push(("mss", mss_name(mss)));
    }
    if let Some(mask) = object.debug.filter(|mask| *mask != 0) {
        out.push(("debug", debug_names(DebugMask(mask))));
    }
    out
}

/// Whether congestion is told through it. A session may be without where its tunnel is not.
fn ecn(object: &Attributes) -> Option<bool> {
    let on = is_on(object.ecn);
    (on || object.ecn.is_some() && object.session_id.is_some()).then_some(on)
}

fn tos_name(number: u16) -> String {
    match number {
        TOS_INHERIT => "inherit".to_owned(),
        TOS_UNIFORM => "uniform".to_owned(),
        octet => format!("{octet:#04x}"),
    }
}

fn mss_name(number: u16) -> String {
    match number {
        AUTOMATIC_MSS => "auto".to_owned(),
        octets => octets.to_string(),
    }
}

type Named = Vec<(&'static str, u64)>;

fn counters(s: &Statistics) -> [(&'static str, Named); 2] {
    let sent = vec![
        ("packets", s.tx_packets),
        ("bytes", s.tx_bytes),
        ("errors", s.tx_errors),
    ];
    let received = vec![
        ("packets", s.rx_packets),
        ("bytes", s.rx_bytes),
        ("errors", s.rx_errors),
        ("seq discards", s.rx_seq_discards),
        ("oos packets", s.rx_oos_packets),
        ("cookie discards", s.rx_cookie_discards),
        ("invalid", s.rx_invalid),
    ];
    [("tx", sent), ("rx", received)]
}

/// Drop reasons with their counts. A code of a newer daemon keeps its number for a name.
pub(super) fn drops(object: &Attributes) -> impl Iterator<Item = (String, u64)> + '_ {
    let name = |code: u16| {
        let known = DropReason::ALL
            .iter()
            .find(|reason| **reason as u16 == code);
        known.map_or_else(
            || format!("reason_{code}"),
            |reason| reason.name().to_owned(),
        )
    };
    let all = object.drops.iter().flatten();
    all.filter(|(_, count)| *count != 0)
        .map(move |(code, count)| (name(*code), *count))
}
