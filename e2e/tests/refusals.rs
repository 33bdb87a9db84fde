//! Bad input and missing rights: one line that names the field, and nothing changes.

use adit_e2e::{Host, Refusal, Test, test};
use adit_lab::CapabilitySet;
use libtest_mimic::Trial;
use std::fs;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "refusals::bad_words_are_usage_errors",
            bad_words_are_usage_errors,
        ),
        test(
            "refusals::what_cannot_be_done_is_refused",
            what_cannot_be_done_is_refused,
        ),
        test(
            "refusals::a_missing_daemon_is_named",
            a_missing_daemon_is_named,
        ),
        test(
            "refusals::a_second_daemon_is_refused",
            a_second_daemon_is_refused,
        ),
        test(
            "refusals::missing_capabilities_are_named",
            missing_capabilities_are_named,
        ),
        test(
            "refusals::only_the_privileged_may_change",
            only_the_privileged_may_change,
        ),
        test(
            "refusals::a_bad_file_keeps_the_daemon_from_starting",
            a_bad_file_keeps_the_daemon_from_starting,
        ),
    ]
}

const TUNNEL: &str = "add tunnel tunnel_id 1 peer_tunnel_id 2 local 127.0.0.1 remote 127.0.0.2 \
                      encap udp udp_sport 5000 udp_dport 6000";
const SESSION: &str = "add session tunnel_id 1 session_id 10 peer_session_id 20";

/// A host with one tunnel and one session.
fn host() -> Host {
    let host = Host::new("a");
    host.adit(TUNNEL);
    host.adit(SESSION);
    host
}

fn check(refusal: &Refusal, status: i32, words: &[&str]) {
    assert_eq!(refusal.status, status, "{}", refusal.text);
    for word in words {
        assert!(
            refusal.text.contains(word),
            "no {word:?} in: {}",
            refusal.text
        );
    }
}

/// What to replace in [`TUNNEL`] and by what, and the words that the refusal must have.
const BAD_TUNNELS: [(&str, &str, [&str; 2]); 10] = [
    ("tunnel_id 1 ", "tunnel_id 0 ", ["tunnel_id", "0"]),
    (
        "peer_tunnel_id 2",
        "peer_tunnel_id 0",
        ["peer_tunnel_id", "0"],
    ),
    (
        "peer_tunnel_id 2",
        "peer_tunnel_id 4294967296",
        ["peer_tunnel_id", "4294967296"],
    ),
    ("udp_sport 5000", "udp_sport 65536", ["udp_sport", "65536"]),
    ("udp_dport 6000", "udp_dport -1", ["udp_dport", "-1"]),
    ("udp_dport 6000", "", ["udp_dport", "required"]),
    ("remote 127.0.0.2", "remote ::1", ["remote", "::1"]),
    ("local 127.0.0.1", "local 127.0.0", ["local", "127.0.0"]),
    ("encap udp", "encap tcp", ["encap", "tcp"]),
    ("encap udp", "colour red", ["colour", "keyword"]),
];

/// What follows a session's ids, and the words that the refusal must have.
const BAD_SESSIONS: [(&str, [&str; 2]); 10] = [
    ("", ["peer_session_id", "required"]),
    ("peer_session_id 0", ["peer_session_id", "0"]),
    (
        "psid 21 cookie 010203040506070809",
        ["cookie", "010203040506070809"],
    ),
    ("psid 21 cookie 0102", ["cookie", "0102"]),
    ("psid 21 peer_cookie xyzw0123", ["peer_cookie", "xyzw0123"]),
    ("psid 21 seq sometimes", ["seq", "sometimes"]),
    ("psid 21 l2spec_type atm", ["l2spec_type", "atm"]),
    ("psid 21 mtu 70000", ["mtu", "70000"]),
    ("psid 21 name a/b", ["name", "a/b"]),
    (
        "psid 21 name sixteen-letters-",
        ["name", "sixteen-letters-"],
    ),
];

fn bad_words_are_usage_errors() -> Test {
    let host = host();
    let state = host.state();
    let tunnels = BAD_TUNNELS.map(|(from, to, words)| (TUNNEL.replacen(from, to, 1), words));
    let sessions = BAD_SESSIONS.map(|(more, words)| {
        let line = format!("add session tunnel_id 1 session_id 11 {more}");
        (line, words)
    });
    let other = [("frobnicate".to_owned(), ["frobnicate", "frobnicate"])];
    for (line, words) in tunnels.into_iter().chain(sessions).chain(other) {
        check(&host.refused(&line), 2, &words);
        assert_eq!(host.state(), state, "{line}");
    }
    Ok(())
}

fn what_cannot_be_done_is_refused() -> Test {
    let host = host();
    let state = host.state();
    let other = TUNNEL.replace("tunnel_id 1 ", "tunnel_id 5 ");
    let session = "add session tunnel_id 1 session_id 11 peer_session_id 21";
    let cases = [
        (TUNNEL.to_owned(), ["tunnel_id", "1"]),
        (other.clone(), ["udp_sport", "5000"]),
        (
            other.replace("local 127.0.0.1", "local 192.0.2.7"),
            ["local", "192.0.2.7"],
        ),
        (SESSION.to_owned(), ["session_id", "10"]),
        (format!("{session} name lo"), ["name", "lo"]),
        (format!("{session} name l2tpeth0"), ["name", "l2tpeth0"]),
        (
            session.replace("tunnel_id 1", "tunnel_id 9"),
            ["tunnel_id", "9"],
        ),
        ("del tunnel tunnel_id 9".to_owned(), ["tunnel_id", "9"]),
        (
            "del session tunnel_id 1 session_id 9".to_owned(),
            ["session_id", "9"],
        ),
        (
            "set session tunnel_id 1 session_id 9 mtu 1300".to_owned(),
            ["session_id", "9"],
        ),
    ];
    for (line, words) in cases {
        check(&host.refused(&line), 1, &words);
        assert_eq!(host.state(), state, "{line}");
    }
    Ok(())
}

fn a_missing_daemon_is_named() -> Test {
    let host = Host::idle("a");
    for line in ["show tunnel", "del tunnel tunnel_id 1", TUNNEL, "reload"] {
        check(&host.refused(line), 1, &["adit run"]);
    }
    Ok(())
}

fn a_second_daemon_is_refused() -> Test {
    let host = host();
    let state = host.state();
    let second = host.daemon_command().output()?;
    let errors = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{errors}");
    assert_eq!(host.state(), state);
    let elsewhere = host.daemon_command();
    let elsewhere = elsewhere
        .args(["--socket", "/nonexistent/socket"])
        .output()?;
    let errors = String::from_utf8_lossy(&elsewhere.stderr);
    assert_eq!(elsewhere.status.code(), Some(1), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(
        errors.contains("--socket") && !errors.contains("os error"),
        "{errors}"
    );
    Ok(())
}

fn missing_capabilities_are_named() -> Test {
    let cases = [
        (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN", "CAP_NET_RAW"),
        (CapabilitySet::NET_RAW, "CAP_NET_RAW", "CAP_NET_ADMIN"),
    ];
    for (missing, named, had) in cases {
        let host = Host::idle("a");
        let output = host.daemon_command().without(missing).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.contains(named) && !errors.contains(had), "{errors}");
    }
    Ok(())
}

fn only_the_privileged_may_change() -> Test {
    let host = host();
    let state = host.state();
    let changes = [
        TUNNEL
            .replace("tunnel_id 1 ", "tunnel_id 5 ")
            .replace("5000", "5001"),
        "del tunnel tunnel_id 1".to_owned(),
        "set session tunnel_id 1 session_id 10 mtu 1300".to_owned(),
        "reload".to_owned(),
    ];
    for line in changes {
        let refusal = host.refused_without(CapabilitySet::NET_ADMIN, &line);
        check(&refusal, 1, &["CAP_NET_ADMIN"]);
        assert_eq!(host.state(), state, "{line}");
    }
    assert_eq!(
        host.adit_without(CapabilitySet::NET_ADMIN, "show tunnel"),
        host.adit("show tunnel")
    );
    Ok(())
}

fn a_bad_file_keeps_the_daemon_from_starting() -> Test {
    let host = Host::idle("a");
    let path = host.path("adit.toml");
    fs::write(&path, "[[tunnel]]\ntunnel_id = 1\ncolour = \"red\"\n")?;
    let output = host.daemon_command().arg("--config").arg(&path).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("adit.toml:3:1: colour"), "{errors}");
    Ok(())
}
