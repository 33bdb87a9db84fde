//! Fuzz targets: functions that take any octets and assert what must hold for all of them.
//!
//! A target panics when its property breaks. `cargo test` replays the committed corpus through
//! every target; `fuzz/README.md` shows how to search for more with libFuzzer and how to add one.
#![forbid(unsafe_code)]

mod control;
mod daemon;
mod ip;
mod kapi;
mod l2tp;
mod netlink;
mod node;
mod ppp;
mod written;

pub use control::{l2tp_avps, l2tp_digests, l2tp_hidden_avps, l2tp_v2_message, l2tp_v3_message};
pub use daemon::{control_answer, daemon_request};
pub use ip::ip_views;
pub use kapi::{
    kapi_answer, kapi_datagram, kapi_l2tpip_address, kapi_lookup, kapi_pppox_address, kapi_question,
};
pub use l2tp::{l2tp_ip, l2tp_session, l2tp_udp};
pub use netlink::{netlink_attributes, netlink_frames};
pub use node::l2tp_node;
pub use ppp::{ppp_filter, ppp_hdlc, ppp_vj};
pub use written::{command_words, config_text};

/// A function under the name that its corpus and its libFuzzer program bear.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Directory below `corpus/`, and file below `libfuzzer/targets/`.
    pub name: &'static str,
    /// Panics when a property breaks.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    target("command_words", command_words),
    target("config_text", config_text),
    target("control_answer", control_answer),
    target("daemon_request", daemon_request),
    target("ip_views", ip_views),
    target("l2tp_avps", l2tp_avps),
    target("l2tp_digests", l2tp_digests),
    target("l2tp_hidden_avps", l2tp_hidden_avps),
    target("l2tp_ip", l2tp_ip),
    target("l2tp_node", l2tp_node),
    target("l2tp_session", l2tp_session),
    target("l2tp_udp", l2tp_udp),
    target("l2tp_v2_message", l2tp_v2_message),
    target("l2tp_v3_message", l2tp_v3_message),
    target("kapi_answer", kapi_answer),
    target("kapi_datagram", kapi_datagram),
    target("kapi_l2tpip_address", kapi_l2tpip_address),
    target("kapi_lookup", kapi_lookup),
    target("kapi_pppox_address", kapi_pppox_address),
    target("kapi_question", kapi_question),
    target("netlink_attributes", netlink_attributes),
    target("netlink_frames", netlink_frames),
    target("ppp_filter", ppp_filter),
    target("ppp_hdlc", ppp_hdlc),
    target("ppp_vj", ppp_vj),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// Asserts that `text` cannot break its line or command a terminal.
fn one_line(text: &str) {
    assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
}
