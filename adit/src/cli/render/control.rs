//! What the control protocol has counted.

use super::more::drops;
use crate::cli::failure::one_line;
use adit_wire::netlink::Attributes;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Lines for a person.
pub(super) fn text(rows: &[Attributes]) -> String {
    let counted = |row: &Attributes| {
        let name = one_line(row.counter.as_deref()?).replace('_', " ");
        Some(format!("{} {name}", row.count.unwrap_or(0)))
    };
    let counters: Vec<String> = rows.iter().filter_map(counted).collect();
    let dropped = rows.iter().filter_map(dropped);
    let listeners = rows.iter().filter_map(listener);
    let first = format!("Control protocol: {}\n", counters.join(", "));
    [first]
        .into_iter()
        .chain(dropped)
        .chain(listeners)
        .collect()
}

fn dropped(row: &Attributes) -> Option<String> {
    let reason = one_line(row.dropped.as_deref()?);
    let latest = row.host.as_deref().map(one_line).map(|from| {
        let ago = Duration::from_millis(row.ago.unwrap_or(0)).as_secs_f64();
        format!(", last from {from} {ago:.1} s ago")
    });
    let (count, latest) = (row.count.unwrap_or(0), latest.unwrap_or_default());
    Some(format!("  dropped: {count} {reason}{latest}\n"))
}

fn listener(row: &Attributes) -> Option<String> {
    let name = one_line(row.listener.as_deref()?);
    let local = one_line(row.text.as_deref().unwrap_or("?"));
    let problem = row.problem.as_deref().map(one_line);
    let problem = problem.map(|problem| format!("  problem: {problem}\n"));
    let drops = drops(row).map(|(reason, count)| format!("  dropped: {count} {reason}\n"));
    let lines = problem.into_iter().chain(drops);
    Some(format!("Listener {name}: {local}\n") + &lines.collect::<String>())
}

/// One object.
pub(super) fn json(rows: &[Attributes]) -> Value {
    let mut counters = Map::new();
    let mut dropped = Map::new();
    let mut listeners = Vec::new();
    for row in rows {
        if let Some(name) = &row.counter {
            counters.insert(name.clone(), json!(row.count));
        } else if let Some(reason) = &row.dropped {
            let mut one = Map::from_iter([("count".to_owned(), json!(row.count))]);
            if let Some(from) = &row.host {
                one.insert("last_from".to_owned(), json!(from));
                one.insert("last_ms_ago".to_owned(), json!(row.ago));
            }
            dropped.insert(reason.clone(), Value::Object(one));
        } else if let Some(name) = &row.listener {
            let drops: Map<String, Value> =
                drops(row).map(|(reason, n)| (reason, json!(n))).collect();
            listeners.push(json!({
                "name": name, "local": row.text, "problem": row.problem, "drops": drops,
            }));
        }
    }
    json!({ "counters": counters, "drops": dropped, "listeners": listeners })
}
