use super::{encap_name, is_on, is_udp};
use adit_wire::netlink::Attributes;
use serde_json::{Map, Value, json};

/// A tunnel with the keys of `ip -j l2tp show tunnel`, in their order.
pub(super) fn tunnel(t: &Attributes) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
    put("tunnel_id", json!(t.conn_id.unwrap_or(0)));
    put("encap", json!(encap_name(t)));
    if let Some((local, remote)) = t.addresses() {
        put("local", json!(local.to_string()));
        put("peer", json!(remote.to_string()));
    }
    put("peer_tunnel", json!(t.peer_conn_id.unwrap_or(0)));
    if is_udp(t) {
        put("local_port", json!(t.udp_sport.unwrap_or(0)));
        put("peer_port", json!(t.udp_dport.unwrap_or(0)));
        if t.ip6_saddr.is_some() {
            put("checksum_tx", json!(!t.udp_zero_csum6_tx));
            put("checksum_rx", json!(!t.udp_zero_csum6_rx));
        } else {
            put("checksum", json!(is_on(t.udp_csum)));
        }
    }
    out
}

/// A session with the keys of `ip -j l2tp show session`, in their order. What is on in the
/// sequence numbering is there with the value null.
pub(super) fn session(s: &Attributes) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
    put("session_id", json!(s.session_id.unwrap_or(0)));
    put("tunnel_id", json!(s.conn_id.unwrap_or(0)));
    put("peer_session_id", json!(s.peer_session_id.unwrap_or(0)));
    put("peer_tunnel_id", json!(s.peer_conn_id.unwrap_or(0)));
    if let Some(name) = &s.ifname {
        put("interface", json!(name));
    }
    if let Some(cookie) = s.cookie.filter(|cookie| !cookie.is_empty()) {
        put("cookie", json!(cookie.to_string()));
    }
    if let Some(cookie) = s.peer_cookie.filter(|cookie| !cookie.is_empty()) {
        put("peer_cookie", json!(cookie.to_string()));
    }
    if let Some(timeout) = s.recv_timeout.filter(|timeout| !timeout.is_zero()) {
        put("reorder_timeout", json!(timeout.as_millis() as u64));
    }
    if is_on(s.send_seq) {
        put("send_seq", Value::Null);
    }
    if is_on(s.recv_seq) {
        put("recv_seq", Value::Null);
    }
    out
}
