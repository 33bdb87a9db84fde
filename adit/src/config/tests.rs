use super::*;
use crate::input::form::{ADD_TUNNEL, CONFIG_SESSION};
use adit_datapath::spec::{Encap, SessionKey};
use adit_wire::l2tp::{SessionId, TunnelId};
use proptest::prelude::*;

mod policy;

/// One UDP tunnel over 6 lines, its id given.
fn tunnel(id: u32) -> String {
    format!(
        "[[tunnel]]\ntunnel_id = {id}\npeer_tunnel_id = 9\nlocal = \"192.168.1.1\"\n\
         remote = \"192.168.1.2\"\nudp_sport = {port}\nudp_dport = 5000\n",
        port = 5000 + id
    )
}

fn session(id: u32, more: &str) -> String {
    format!("[[tunnel.session]]\nsession_id = {id}\npeer_session_id = 2\n{more}\n")
}

fn parsed(text: &str) -> Config {
    Config::from_text(Path::new("f"), text).unwrap()
}

/// What is wrong with `text`, as `adit check` would print it for the file `f`.
fn faults(text: &str) -> Vec<String> {
    let all = Config::from_text(Path::new("f"), text)
        .unwrap_err()
        .to_string();
    all.lines().map(str::to_owned).collect()
}

fn fault(text: &str) -> String {
    let all = faults(text);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.into_iter().next().unwrap()
}

#[test]
fn the_example_is_good() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/adit.toml");
    let inventory = Config::load(Path::new(file)).unwrap().inventory;
    assert_eq!((inventory.tunnels.len(), inventory.sessions.len()), (2, 3));
    let key = SessionKey {
        tunnel: TunnelId(3000),
        session: SessionId(1000),
    };
    let session = &inventory.sessions[&key];
    assert_eq!(session.peer_id, SessionId(2000));
    assert_eq!(session.ifname.as_deref(), Some("pw-office"));
    assert_eq!(session.cookie.to_string(), "0123456789abcdef");
    assert!(matches!(
        inventory.tunnels[&TunnelId(3001)].encap,
        Encap::Ip { .. }
    ));
}

#[test]
fn what_does_not_go_together_is_told() {
    let v2 = |more: &str| tunnel(1) + "version = 2\n" + more;
    let cases = [
        (
            v2(&session(1, "")),
            "9:1: pseudowire: a tunnel of version 2 carries ppp only; give ppp, or make the tunnel \
             version 3",
        ),
        (
            v2(&session(1, "pseudowire = \"ppp\"\ncookie = \"01020304\"")),
            "13:10: cookie: version 2 has no cookies; leave it out",
        ),
        (
            v2(&session(65536, "pseudowire = \"ppp\"")),
            "10:14: session_id: 65536 is too large for version 2; give a number from 1 to 65535",
        ),
        (
            tunnel(1) + &session(1, "pseudowire = \"ppp\"\nname = \"x\""),
            "12:8: name: a ppp session has no device; leave it out",
        ),
        (
            tunnel(1).replace(
                "udp_sport = 5001\nudp_dport = 5000",
                "encap = \"ip\"\nversion = 2",
            ),
            "6:9: encap: version 2 goes over udp only; give udp, or version 3",
        ),
        (
            tunnel(1).replace("peer_tunnel_id = 9", "peer_tunnel_id = 70000") + "version = 2\n",
            "3:18: peer_tunnel_id: 70000 is too large for version 2; give a number from 1 to 65535",
        ),
    ];
    for (text, told) in cases {
        assert_eq!(fault(&text), format!("f:{told}"), "{text}");
    }
}

#[test]
fn the_example_names_every_key() {
    let file = include_str!("../../../packaging/adit.toml");
    for word in ADD_TUNNEL.words().chain(CONFIG_SESSION.words()) {
        let assigned = format!("{} = ", word.name);
        assert!(
            file.contains(&assigned),
            "{} is not in the example",
            word.name
        );
    }
}

#[test]
fn an_empty_file_asks_for_nothing() {
    assert_eq!(Config::parse(""), Ok(Config::default()));
}

#[test]
fn switches_are_booleans_and_a_debug_mask_is_a_number_or_names() {
    let text = tunnel(1)
        + "udp_csum = true\ndebug = 0x5\n"
        + &session(1, "debug = \"seq\"\nlns_mode = true");
    let inventory = Config::parse(&text).unwrap().inventory;
    let tunnel = inventory.tunnels[&TunnelId(1)];
    assert_eq!(tunnel.tuning.debug.0, 5);
    assert!(matches!(tunnel.encap, Encap::Udp { checksum, .. } if checksum.tx.is_on()));
    let session = inventory.sessions.values().next().unwrap();
    assert_eq!(session.tuning.debug.0, 4);
    assert!(session.tuning.lns_mode);
}

#[test]
fn an_mtu_is_a_number_or_auto() {
    let mtu = |value: &str| {
        let text = tunnel(1) + &session(1, &format!("mtu = {value}"));
        let inventory = Config::parse(&text).unwrap().inventory;
        inventory.sessions.values().next().unwrap().tuning.mtu
    };
    assert_eq!(mtu("1400"), Some(1400));
    assert_eq!(mtu("\"auto\""), None);
}

#[test]
fn each_bad_value_of_a_table_is_told_once() {
    let text = tunnel(1).replace("9\n", "0\n") + "debug = 99\nudp_csm = true\n";
    let told = faults(&text);
    let places: Vec<_> = told
        .iter()
        .map(|fault| fault.splitn(4, ' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        places,
        [
            "f:3:18: peer_tunnel_id:",
            "f:8:9: debug:",
            "f:9:1: udp_csm:"
        ],
        "{told:#?}"
    );
}

#[test]
fn a_fault_has_its_line_and_column() {
    assert_eq!(
        fault(&(tunnel(1) + "udp_csm = true")),
        "f:8:1: udp_csm: not a keyword here; did you mean udp_csum?"
    );
    assert_eq!(
        fault(&tunnel(1).replace("peer_tunnel_id = 9", "peer_tunnel_id = 0")),
        "f:3:18: peer_tunnel_id: 0 is not an id; give a number from 1 to 4294967295"
    );
    assert_eq!(
        fault("# ü\n  [[tunel]]"),
        "f:2:5: tunel: not a key here; write [[tunnel]], [[listener]], [[tunnel_profile]], \
         [[session_profile]], [[peer]], [[connection]] or [limits]"
    );
    assert_eq!(
        fault(&(tunnel(1) + &session(1, "cookie = 12345678"))),
        "f:11:10: cookie: the value is of type integer; write a string in quotes"
    );
    assert_eq!(
        fault("tunnel = 5"),
        "f:1:10: tunnel: not an array of tables; write [[tunnel]]"
    );
    assert_eq!(
        fault(&(tunnel(1) + "[[tunnel.session]]\nsession_id = 1")),
        "f:8:1: peer_session_id: required and missing; add peer_session_id ID"
    );
}

#[test]
fn what_is_not_toml_is_told_with_its_place() {
    let fault = fault("[[tunnel]]\ntunnel_id 1");
    assert!(fault.starts_with("f:2:11: syntax: "), "{fault}");
    assert!(fault.ends_with("; write it as TOML has it"), "{fault}");
}

#[test]
fn a_keyword_has_one_spelling_in_a_file() {
    let fault = fault(&(tunnel(1) + "tid = 1"));
    assert_eq!(
        fault,
        "f:8:1: tid: not a keyword here; did you mean tunnel_id?"
    );
}

#[test]
fn all_faults_are_told_in_the_order_of_their_lines() {
    let text = tunnel(1) + &session(1, "mtu = 1") + &session(0, "") + &tunnel(1);
    let places: Vec<_> = faults(&text)
        .iter()
        .map(|fault| fault.split(": ").take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        places,
        [
            "f:11:7 mtu",
            "f:13:14 session_id",
            "f:17:13 tunnel_id",
            "f:21:13 udp_sport"
        ]
    );
}

#[test]
fn a_tunnel_id_stands_once() {
    let text = tunnel(1) + &tunnel(1).replace("udp_sport = 5001", "udp_sport = 7");
    assert_eq!(
        fault(&text),
        "f:9:13: tunnel_id: 1 stands on line 2 too; give each tunnel its own id"
    );
}

#[test]
fn a_local_endpoint_stands_once() {
    let same = tunnel(2).replace("5002", "5001");
    let expected = "f:13:13: udp_sport: the endpoint 192.168.1.1:5001 stands on line 6 too; \
                    give each tunnel its own port";
    assert_eq!(fault(&(tunnel(1) + &same)), expected);
    let any = same.replace("local = \"192.168.1.1\"", "local = \"0.0.0.0\"");
    assert_eq!(fault(&(tunnel(1) + &any)), expected);
    let other = same.replace("local = \"192.168.1.1\"", "local = \"192.168.1.3\"");
    assert!(Config::parse(&(tunnel(1) + &other)).is_ok());
}

#[test]
fn only_sessions_of_different_udp_tunnels_share_an_id() {
    let ip = "[[tunnel]]\ntunnel_id = 2\npeer_tunnel_id = 9\nencap = \"ip\"\n\
              local = \"192.168.1.1\"\nremote = \"192.168.1.2\"\n";
    let one = tunnel(1) + &session(7, "");
    let remedy = "too; give it another id; only sessions of different UDP tunnels may share one";
    assert!(Config::parse(&(one.clone() + &tunnel(2) + &session(7, ""))).is_ok());
    assert_eq!(
        fault(&(one.clone() + ip + &session(7, ""))),
        format!("f:19:14: session_id: 7 stands on line 9 {remedy}")
    );
    assert_eq!(
        fault(&(one + &session(7, ""))),
        format!("f:13:14: session_id: 7 stands on line 9 {remedy}")
    );
}

#[test]
fn an_interface_name_stands_once() {
    let text = tunnel(1) + &session(1, "name = \"pw1\"") + &session(2, "name = \"pw1\"");
    assert_eq!(
        fault(&text),
        "f:15:8: name: pw1 stands on line 11 too; give each session its own name"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Config::load(Path::new("/nonexistent/adit.toml")).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("/nonexistent/adit.toml: cannot be read: No such file"),
        "{text}"
    );
}

/// A line of a configuration file, good or bad.
fn line() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = ADD_TUNNEL
        .words()
        .chain(CONFIG_SESSION.words())
        .map(|word| word.name)
        .collect();
    let values = vec![
        "0",
        "1",
        "\"1\"",
        "true",
        "[]",
        "{}",
        "\"192.168.1.1\"",
        "1.5",
        "\"é\"",
    ];
    prop_oneof![
        Just("[[tunnel]]".to_owned()),
        Just("[[tunnel.session]]".to_owned()),
        Just("session = 1".to_owned()),
        (
            proptest::sample::select(keys),
            proptest::sample::select(values)
        )
            .prop_map(|(key, value)| format!("{key} = {value}")),
        ".{0,20}",
    ]
}

proptest! {
    #[test]
    fn no_text_panics(lines in proptest::collection::vec(line(), 0..12), text: String) {
        let _ = Config::parse(&lines.join("\n"));
        let _ = Config::parse(&text);
    }
}
