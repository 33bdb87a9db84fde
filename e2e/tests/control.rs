//! Tunnels and sessions that two daemons set up by protocol.

use adit_e2e::{Family, Host, Pair, Side, Test, eventually, test};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests: Vec<Trial> = TRANSPORTS
        .into_iter()
        .map(|transport| {
            let Transport { encap, family } = transport;
            let name = format!("control::a_session_carries/{encap}_{family:?}");
            test(name, move || a_session_carries(transport))
        })
        .collect();
    tests.extend([
        test("control::secrets_and_digests", secrets_and_digests),
        test(
            "control::any_address_and_any_port",
            any_address_and_any_port,
        ),
        test("control::what_is_shown", what_is_shown),
        test("control::started_and_stopped", started_and_stopped),
        test(
            "control::a_peer_that_ends_says_so",
            a_peer_that_ends_says_so,
        ),
        test("control::a_peer_that_is_killed", a_peer_that_is_killed),
        test(
            "control::a_reload_leaves_calls_alone",
            a_reload_leaves_calls_alone,
        ),
        test("control::strangers_get_nothing", strangers_get_nothing),
        test("control::version_2", version_2),
        test("control::many_calls", many_calls),
    ]);
    tests
}

const TRANSPORTS: [Transport; 4] = [
    Transport::new("udp", Family::V4),
    Transport::new("udp", Family::V6),
    Transport::new("ip", Family::V4),
    Transport::new("ip", Family::V6),
];

/// What carries the control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Transport {
    encap: &'static str,
    family: Family,
}

impl Transport {
    const fn new(encap: &'static str, family: Family) -> Transport {
        Transport { encap, family }
    }
}

const UDP: Transport = TRANSPORTS[0];

/// The file of the end that is called: B.
fn called(transport: Transport, more: &str) -> String {
    format!(
        "[[listener]]\nname = \"l\"\nlocal = \"{}\"\nencap = \"{}\"\n\
         [[peer]]\nname = \"a\"\n{more}\n",
        Side::B.outer(transport.family),
        transport.encap,
    )
}

/// The file of the end that calls: A.
fn calling(transport: Transport, more: &str) -> String {
    format!(
        "[[listener]]\nname = \"l\"\nlocal = \"{}\"\nencap = \"{}\"\n\
         [[connection]]\nname = \"b\"\nhost = \"{}\"\nredial = 1\n{more}\n",
        Side::A.outer(transport.family),
        transport.encap,
        Side::B.outer(transport.family),
    )
}

const CALL: &str = "[[connection.session]]\nremote_end_id = \"blue\"\nname = \"l2tpeth0\"\n";

/// Terms of an end that notices within half a second when the other is gone.
const IMPATIENT: &str = "hello = 1\nretransmit = 50\nretransmit_cap = 100\nretries = 4\n";

/// Two hosts with these files.
fn pair(a: &str, b: &str) -> Pair {
    let mut pair = Pair::idle();
    pair.b.start_configured(b);
    pair.a.start_configured(a);
    pair
}

/// Waits until the host has one established session, and gives it.
#[track_caller]
fn await_session(host: &Host) -> serde_json::Value {
    let mut found = Vec::new();
    eventually("a session is established", || {
        found = host.list("session");
        found.len() == 1 && found[0]["state"] == "established"
    });
    found.remove(0)
}

#[track_caller]
fn await_ping(pair: &Pair) {
    for (host, side) in [(&pair.a, Side::A), (&pair.b, Side::B)] {
        adit_e2e::address_device(host, side);
    }
    pair.await_ping();
}

fn a_session_carries(transport: Transport) -> Test {
    let pair = pair(&calling(transport, CALL), &called(transport, ""));
    let [a, b] = [await_session(&pair.a), await_session(&pair.b)];
    assert_eq!(a["session_id"], b["peer_session_id"]);
    assert_eq!(b["session_id"], a["peer_session_id"]);
    assert_eq!(a["cookie"], b["peer_cookie"]);
    assert_eq!(b["cookie"], a["peer_cookie"]);
    assert!(
        a["cookie"]
            .as_str()
            .is_some_and(|cookie| cookie.len() == 16)
    );
    await_ping(&pair);
    Ok(())
}

fn secrets_and_digests() -> Test {
    let terms = "secret = \"s3cret\"\ndigest = \"md5\"\nhide_avps = true\nversion = 3\n";
    let pair = pair(
        &calling(UDP, &(terms.to_owned() + CALL)),
        &called(
            UDP,
            "ecn = false\nsecret = \"other\"\nold_secret = \"s3cret\"\n",
        ),
    );
    await_session(&pair.b);
    await_ping(&pair);
    assert!(
        pair.a.list("tunnel")[0]["ecn"].is_null(),
        "B does not want it"
    );
    Ok(())
}

/// One end listens on every address, the other calls from a port of the tunnel's own.
fn any_address_and_any_port() -> Test {
    let anywhere =
        |text: String, side: Side| text.replacen(&side.outer(Family::V4).to_string(), "0.0.0.0", 1);
    let a = calling(UDP, &format!("source_port = \"ephemeral\"\n{CALL}"));
    let pair = pair(&anywhere(a, Side::A), &anywhere(called(UDP, ""), Side::B));
    await_session(&pair.b);
    await_ping(&pair);
    let tunnel = pair.b.list("tunnel").remove(0);
    assert_ne!(tunnel["peer_port"], 1701);
    assert_eq!(tunnel["local_port"], 1701);
    assert_eq!(tunnel["local"], Side::B.outer(Family::V4).to_string());
    Ok(())
}

fn what_is_shown() -> Test {
    let pair = pair(&calling(UDP, CALL), &called(UDP, ""));
    await_session(&pair.a);
    await_session(&pair.b);
    let tunnel = pair.a.list("tunnel").remove(0);
    assert_eq!(tunnel["state"], "established");
    assert_eq!(tunnel["origin"], "connection b");
    assert_eq!(tunnel["version"], 3);
    assert!(tunnel["retransmissions"].is_u64(), "{tunnel}");
    assert_eq!(
        (&tunnel["sessions"], &tunnel["ecn"]),
        (&1.into(), &true.into())
    );
    assert_eq!(pair.b.list("tunnel")[0]["ecn"], true);
    assert!(tunnel["rtt_us"].as_u64().is_some(), "{tunnel}");
    assert!(tunnel["window"].as_u64().is_some_and(|window| window > 0));
    assert_eq!(pair.b.list("tunnel")[0]["origin"], "peer a");
    let text = pair.a.adit("show tunnel");
    assert!(
        text.contains("\n  L2TPv3 established, connection b, peer "),
        "{text}"
    );
    assert!(text.contains("\n  control channel: window "), "{text}");
    let text = pair.a.adit("show session");
    assert!(text.contains("\n  established, call blue, up "), "{text}");
    // Objects made by hand have nothing of it.
    pair.a.adit(
        "add tunnel tunnel_id 1 peer_tunnel_id 1 local 192.0.2.1 remote 192.0.2.9 \
         udp_sport 5000 udp_dport 5000",
    );
    let text = pair.a.adit("show tunnel tunnel_id 1");
    assert!(!text.contains("L2TP"), "{text}");
    let id = tunnel["tunnel_id"].as_u64().ok_or("an id")?;
    let line = format!("add session tunnel_id {id} session_id 1 peer_session_id 1");
    let refusal = pair.a.refused(&line).text;
    assert!(refusal.contains("set up by protocol"), "{refusal}");
    Ok(())
}

fn started_and_stopped() -> Test {
    let passive = format!("persistent = false\n{CALL}");
    let pair = pair(&calling(UDP, &passive), &called(UDP, ""));
    assert!(pair.a.list("tunnel").is_empty());
    pair.a.adit("start tunnel connection b");
    let session = await_session(&pair.b);
    await_session(&pair.a);
    let ids = ["tunnel_id", "session_id"].map(|key| session[key].as_u64().unwrap_or(0));
    pair.b.adit(&format!(
        "stop session tunnel_id {} session_id {}",
        ids[0], ids[1]
    ));
    await_nothing(&pair.a, "session");
    pair.a.adit("start session connection b call blue");
    await_session(&pair.b);
    pair.a.adit("drain tunnel connection b");
    pair.a.adit("stop session connection b call blue");
    await_nothing(&pair.a, "tunnel");
    await_nothing(&pair.b, "tunnel");
    let refusal = pair.a.refused("start tunnel connection c");
    assert_eq!(
        refusal.text,
        "adit: connection: c is not in the configuration file; give one that is"
    );
    pair.a.adit("start tunnel connection b");
    await_session(&pair.a);
    // `ip l2tp`'s own words do it too, with the peer's knowledge.
    let id = pair.a.list("tunnel")[0]["tunnel_id"]
        .as_u64()
        .ok_or("an id")?;
    pair.a.adit(&format!("del tunnel tunnel_id {id}"));
    await_nothing(&pair.b, "tunnel");
    Ok(())
}

#[track_caller]
fn await_nothing(host: &Host, kind: &str) {
    eventually("nothing is left", || host.list(kind).is_empty());
}

fn a_peer_that_ends_says_so() -> Test {
    // Nobody would notice by asking.
    let quiet = "hello = 0\n";
    let mut pair = pair(
        &calling(UDP, &(quiet.to_owned() + CALL)),
        &called(UDP, quiet),
    );
    await_session(&pair.b);
    assert!(pair.a.stop().success());
    await_nothing(&pair.b, "tunnel");
    assert!(pair.b.link("l2tpeth0").is_err());
    let a = calling(UDP, CALL);
    pair.a.start_configured(&a);
    await_session(&pair.b);
    assert!(pair.b.stop().success());
    await_nothing(&pair.a, "tunnel");
    // A persistent connection comes back with its peer.
    pair.b.start_configured(&called(UDP, ""));
    await_session(&pair.a);
    await_ping(&pair);
    Ok(())
}

/// Its devices go with it, the other end notices, and the connection comes back.
fn a_peer_that_is_killed() -> Test {
    let a = calling(UDP, &(IMPATIENT.to_owned() + CALL));
    let mut pair = pair(&a, &called(UDP, IMPATIENT));
    await_session(&pair.a);
    pair.b.kill();
    assert!(pair.b.link("l2tpeth0").is_err(), "its device is gone");
    await_nothing(&pair.a, "tunnel");
    pair.b.start_configured(&called(UDP, IMPATIENT));
    await_session(&pair.b);
    pair.a.kill();
    await_nothing(&pair.b, "tunnel");
    pair.a.start_configured(&a);
    await_session(&pair.a);
    await_ping(&pair);
    Ok(())
}

fn a_reload_leaves_calls_alone() -> Test {
    let pair = pair(&calling(UDP, CALL), &called(UDP, ""));
    let before = await_session(&pair.a);
    await_ping(&pair);
    let red = "[[connection.session]]\nremote_end_id = \"red\"\n";
    pair.a.configure(&calling(UDP, &(CALL.to_owned() + red)));
    let told = pair.a.adit("reload --dry-run");
    assert_eq!(told, "change connection b\n");
    assert_eq!(pair.a.list("session").len(), 1);
    assert_eq!(pair.a.adit("reload"), told);
    eventually("the second call is up", || {
        let sessions = pair.b.list("session");
        sessions.len() == 2 && sessions.iter().all(|one| one["state"] == "established")
    });
    let sessions = pair.a.list("session");
    let same = |one: &serde_json::Value| one["session_id"] == before["session_id"];
    assert!(sessions.iter().any(same), "{before} left {sessions:?}");
    pair.await_ping();
    assert_eq!(pair.a.adit("reload"), "");
    Ok(())
}

fn strangers_get_nothing() -> Test {
    let pair = pair(
        &calling(UDP, &format!("secret = \"wrong\"\n{IMPATIENT}")),
        &called(UDP, "secret = \"right\"\n"),
    );
    let refused = |log: String| log.contains("connection b") && log.contains("down");
    eventually("A is told or gives up", || refused(pair.a.log()));
    assert!(pair.b.list("tunnel").is_empty());
    Ok(())
}

/// PPP sessions wait for a program that takes their frames.
fn version_2() -> Test {
    let secret = "version = 2\nsecret = \"s\"\nhide_avps = true\n";
    let call = "[[connection.session]]\nremote_end_id = \"x\"\n";
    for role in ["lac", "lns"] {
        let a = calling(UDP, &format!("role = \"{role}\"\n{secret}{call}"));
        let pair = pair(&a, &called(UDP, secret));
        let [a, b] = [await_session(&pair.a), await_session(&pair.b)];
        assert_eq!(a["session_id"], b["peer_session_id"], "{role}");
        assert!(a["session_id"].as_u64().is_some_and(|id| id <= 0xffff));
        assert_eq!(pair.b.list("tunnel")[0]["version"], 2);
    }
    Ok(())
}

fn many_calls() -> Test {
    const CALLS: usize = 60;
    let calls: String = (0..CALLS)
        .map(|n| format!("[[connection.session]]\nremote_end_id = \"c{n}\"\nname = \"pw{n}\"\n"))
        .collect();
    let pair = pair(&calling(UDP, &calls), &called(UDP, ""));
    eventually("every call is up", || {
        let sessions = pair.b.list("session");
        sessions.len() == CALLS && sessions.iter().all(|one| one["state"] == "established")
    });
    assert_eq!(pair.a.list("tunnel").len(), 1);
    Ok(())
}
