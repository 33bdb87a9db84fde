//! What an operator asks of connections that daemons open to each other: ports, servers, changes of
//! the file, and the counters that tell why something does not work.

use adit_e2e::{Host, Pair, Test, eventually, needing, test};
use libtest_mimic::Trial;
use serde_json::Value;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        needing(
            &["nft"],
            "dialling::a_port_that_is_blocked_is_left",
            a_port_that_is_blocked_is_left,
        ),
        test(
            "dialling::a_wrong_secret_is_counted_and_told",
            a_wrong_secret_is_counted_and_told,
        ),
        test(
            "dialling::a_further_server_interrupts_nothing",
            a_further_server_interrupts_nothing,
        ),
        test("dialling::numbers_are_told", numbers_are_told),
        test(
            "dialling::a_drained_daemon_ends_after_the_last_call",
            a_drained_daemon_ends_after_the_last_call,
        ),
    ]
}

const CALLED: &str = "[[listener]]\nname = \"l\"\nlocal = \"0.0.0.0\"\n[[peer]]\nname = \"a\"\n";
const CALLING: &str = "[[listener]]\nname = \"l\"\nlocal = \"0.0.0.0\"\n\
                       [[connection]]\nname = \"b\"\nhost = \"192.0.2.2\"\nredial = 1\n";
const CALL: &str = "[[connection.session]]\nremote_end_id = \"blue\"\n";
/// Who gives a peer up within half a second.
const IMPATIENT: &str = "hello = 1\nretransmit = 50\nretransmit_cap = 100\nretries = 4\n";

fn pair(a: &str, b: &str) -> Pair {
    let mut pair = Pair::idle();
    pair.b.start_configured(b);
    pair.a.start_configured(a);
    pair
}

#[track_caller]
fn await_session(host: &Host) -> Value {
    let mut found = Vec::new();
    eventually("a session is established", || {
        found = host.list("session");
        found.len() == 1 && found[0]["state"] == "established"
    });
    found.remove(0)
}

/// With source_port "auto" the listener's port is tried, then another, and what has worked is tried
/// first again.
fn a_port_that_is_blocked_is_left() -> Test {
    let mut pair = Pair::idle();
    let rules = "add table ip f; \
                 add chain ip f in { type filter hook input priority 0; }; \
                 add rule ip f in udp sport 1701 drop";
    let filter = pair.b.command("nft").args([rules]).output()?;
    assert!(filter.status.success(), "{filter:?}");
    pair.b.start_configured(&format!("{CALLED}{IMPATIENT}"));
    let terms = format!("source_port = \"auto\"\n{IMPATIENT}{CALL}");
    pair.a.start_configured(&format!("{CALLING}{terms}"));
    await_session(&pair.a);
    let port = |pair: &Pair| pair.a.list("tunnel")[0]["local_port"].as_u64();
    assert!(port(&pair).is_some_and(|port| port != 1701));
    let attempts = |pair: &Pair| pair.a.log().matches("the peer does not answer").count();
    let failed = attempts(&pair);
    assert!(failed >= 1, "{}", pair.a.log());
    // The peer ends it, and it comes back without an attempt by the port that is blocked.
    let before = pair.b.list("tunnel").remove(0);
    pair.b
        .adit(&format!("stop tunnel tunnel_id {}", before["tunnel_id"]));
    eventually("it is there again", || {
        let tunnels = pair.b.list("tunnel");
        tunnels.len() == 1 && tunnels[0]["tunnel_id"] != before["tunnel_id"]
    });
    await_session(&pair.a);
    assert!(port(&pair).is_some_and(|port| port != 1701));
    assert_eq!(attempts(&pair), failed, "{}", pair.a.log());
    Ok(())
}

/// The end that is called says whose messages it drops and why; nobody else could.
fn a_wrong_secret_is_counted_and_told() -> Test {
    let pair = pair(
        &format!("{CALLING}version = 3\nsecret = \"wrong\"\n{IMPATIENT}"),
        &format!("{CALLED}secret = \"right\"\n"),
    );
    let mut shown = Value::Null;
    eventually("messages are dropped", || {
        let text = pair.b.adit("-j show control");
        shown = serde_json::from_str(&text).unwrap_or_default();
        shown["drops"]["unauthentic"]["count"].as_u64() > Some(1)
    });
    let dropped = &shown["drops"]["unauthentic"];
    assert_eq!(dropped["last_from"], "192.0.2.1:1701");
    assert_eq!(shown["listeners"][0]["name"], "l");
    assert_eq!(shown["counters"]["tunnels"], 0);
    let text = pair.b.adit("show control");
    assert!(text.starts_with("Control protocol: "), "{text}");
    assert!(
        text.contains(" unauthentic, last from 192.0.2.1:1701 "),
        "{text}"
    );
    assert!(text.contains("\nListener l: 0.0.0.0 port 1701\n"), "{text}");
    // The log tells of the first one, not of each.
    let line = "control message dropped: unauthentic; compare the secrets";
    assert_eq!(pair.b.log().matches(line).count(), 1, "{}", pair.b.log());
    Ok(())
}

fn a_further_server_interrupts_nothing() -> Test {
    let pair = pair(&format!("{CALLING}{CALL}"), CALLED);
    let before = await_session(&pair.a);
    let server = "[[connection.peer]]\nhost = \"192.0.2.9\"\npriority = 5\n";
    pair.a
        .configure(&format!("{CALLING}hello = 7\nretries = 3\n{server}{CALL}"));
    assert_eq!(pair.a.adit("reload"), "change connection b\n");
    assert_eq!(await_session(&pair.a)["session_id"], before["session_id"]);
    let connection = pair.a.list("connection").remove(0);
    assert_eq!(connection["peers"][1]["host"], "192.0.2.9");
    assert_eq!(connection["peers"][0]["called"], true);
    // Whom it was opened to may not go away.
    pair.a
        .configure(&format!("{CALLING}{CALL}").replace("192.0.2.2", "192.0.2.9"));
    let told = pair.a.adit("reload --dry-run");
    assert_eq!(told, "change connection b; its tunnel is interrupted\n");
    Ok(())
}

/// The LNS knows a call by its numbers, as version 2 has no other names.
fn numbers_are_told() -> Test {
    let numbers = "calling_number = \"4930111\"\ncalled_number = \"4930222\"\n";
    let pair = pair(
        &format!("{CALLING}version = 2\nrole = \"lac\"\n{CALL}{numbers}"),
        &format!("{CALLED}version = 2\n"),
    );
    let session = await_session(&pair.b);
    assert_eq!(session["origin"], "call from 4930111 to 4930222");
    assert_eq!(await_session(&pair.a)["origin"], "call blue");
    Ok(())
}

fn a_drained_daemon_ends_after_the_last_call() -> Test {
    let pair = pair(&format!("{CALLING}{CALL}"), CALLED);
    let before = await_session(&pair.b);
    pair.b.adit("drain daemon");
    assert_eq!(await_session(&pair.b)["session_id"], before["session_id"]);
    pair.a.adit("stop session connection b call blue");
    eventually("it has ended", || {
        pair.b.output("show tunnel").status.code() == Some(1)
    });
    eventually("its peer knows", || pair.a.list("tunnel").is_empty());
    let log = pair.b.log();
    assert!(log.contains("draining: the daemon ends"), "{log}");
    Ok(())
}
