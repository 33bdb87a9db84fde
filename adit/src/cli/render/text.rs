use super::{encap_name, is_on, is_udp};
use adit_wire::netlink::Attributes;

/// A tunnel as `ip l2tp show tunnel` prints it.
pub(super) fn tunnel(t: &Attributes) -> String {
    let id = t.conn_id.unwrap_or(0);
    let peer_id = t.peer_conn_id.unwrap_or(0);
    let encap = encap_name(t);
    let (from, to) = match t.addresses() {
        Some((local, remote)) => (local.to_string(), remote.to_string()),
        None => Default::default(),
    };
    let mut out = format!("Tunnel {id}, encap {encap}\n  From {from} to {to}\n");
    out.push_str(&format!("  Peer tunnel {peer_id}\n"));
    if is_udp(t) {
        let (sport, dport) = (t.udp_sport.unwrap_or(0), t.udp_dport.unwrap_or(0));
        let checksum = checksum(t);
        out.push_str(&format!("  UDP source / dest ports: {sport}/{dport}\n"));
        out.push_str(&format!("  UDP checksum: {checksum}\n"));
    }
    out
}

/// A session as `ip l2tp show session` prints it. The line of the cookies is there even when it
/// is empty.
pub(super) fn session(s: &Attributes) -> String {
    let (id, tunnel) = (s.session_id.unwrap_or(0), s.conn_id.unwrap_or(0));
    let (peer_id, peer_tunnel) = (s.peer_session_id.unwrap_or(0), s.peer_conn_id.unwrap_or(0));
    let mut out = format!("Session {id} in tunnel {tunnel}\n");
    out.push_str(&format!("  Peer session {peer_id}, tunnel {peer_tunnel}\n"));
    if let Some(name) = &s.ifname {
        out.push_str(&format!("  interface name: {name}\n"));
    }
    out.push_str("  offset 0, peer offset 0\n");
    if let Some(cookie) = s.cookie.filter(|cookie| !cookie.is_empty()) {
        out.push_str(&format!("  cookie {cookie}"));
    }
    if let Some(cookie) = s.peer_cookie.filter(|cookie| !cookie.is_empty()) {
        out.push_str(&format!("  peer cookie {cookie}"));
    }
    if let Some(timeout) = s.recv_timeout.filter(|timeout| !timeout.is_zero()) {
        out.push_str(&format!("  reorder timeout: {}", timeout.as_millis()));
    }
    if is_on(s.send_seq) || is_on(s.recv_seq) {
        out.push_str("\n  sequence numbering:");
        out.push_str(if is_on(s.send_seq) { " send" } else { "" });
        out.push_str(if is_on(s.recv_seq) { " recv" } else { "" });
    }
    out.push('\n');
    out
}

fn checksum(t: &Attributes) -> &'static str {
    if t.ip6_saddr.is_none() {
        return if is_on(t.udp_csum) {
            "enabled"
        } else {
            "disabled"
        };
    }
    match (!t.udp_zero_csum6_tx, !t.udp_zero_csum6_rx) {
        (true, true) => "enabled",
        (true, false) => "tx",
        (false, true) => "rx",
        (false, false) => "disabled",
    }
}
