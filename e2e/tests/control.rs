//! Tunnels and sessions that two daemons set up by protocol.

use adit_e2e::{Family, Host, Pair, Side, Test, Translator, eventually, test};
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
        test(
            "control::a_device_follows_the_far_circuit",
            a_device_follows_the_far_circuit,
        ),
        test(
            "control::another_server_takes_over",
            another_server_takes_over,
        ),
        test(
            "control::a_translator_forgets_the_port",
            a_translator_forgets_the_port,
        ),
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
pub(crate) struct Transport {
    encap: &'static str,
    family: Family,
}

impl Transport {
    const fn new(encap: &'static str, family: Family) -> Transport {
        Transport { encap, family }
    }
}

pub(crate) const UDP: Transport = TRANSPORTS[0];

/// The file of the end that is called: B.
pub(crate) fn called(transport: Transport, more: &str) -> String {
    format!(
        "[[listener]]\nname = \"l\"\nlocal = \"{}\"\nencap = \"{}\"\n\
         [[peer]]\nname = \"a\"\n{more}\n",
        Side::B.outer(transport.family),
        transport.encap,
    )
}

/// The file of the end that calls: A.
pub(crate) fn calling(transport: Transport, more: &str) -> String {
    format!(
        "[[listener]]\nname = \"l\"\nlocal = \"{}\"\nencap = \"{}\"\n\
         [[connection]]\nname = \"b\"\nhost = \"{}\"\nredial = 1\n{more}\n",
        Side::A.outer(transport.family),
        transport.encap,
        Side::B.outer(transport.family),
    )
}

pub(crate) const CALL: &str =
    "[[connection.session]]\nremote_end_id = \"blue\"\nname = \"l2tpeth0\"\n";

/// Terms of an end that notices soon when the other is gone, and bears with one that is kept from
/// answering for a while.
const IMPATIENT: &str = "hello = 1\nretransmit = 300\nretransmit_cap = 600\nretries = 6\n";

/// Two hosts with these files.
pub(crate) fn pair(a: &str, b: &str) -> Pair {
    let mut pair = Pair::idle();
    pair.b.start_configured(b);
    pair.a.start_configured(a);
    pair
}

/// Waits until the host has one established session, and gives it.
#[track_caller]
pub(crate) fn await_session(host: &Host) -> serde_json::Value {
    let mut found = Vec::new();
    eventually("a session is established", || {
        found = host.list("session");
        found.len() == 1 && found[0]["state"] == "established"
    });
    found.remove(0)
}

#[track_caller]
pub(crate) fn await_ping(pair: &Pair) {
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
    eventually("the device goes", || pair.b.link("l2tpeth0").is_err());
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

/// A device that is down at one end takes the carrier of the other's, as a cable would.
fn a_device_follows_the_far_circuit() -> Test {
    let pair = pair(&calling(UDP, CALL), &called(UDP, ""));
    for host in [&pair.a, &pair.b] {
        let session = await_session(host);
        assert_eq!(session["circuit"], "down (RT)");
        assert_eq!(session["peer_circuit"], "down (RT)");
    }
    await_ping(&pair);
    let carrier = |host: &Host| host.link("l2tpeth0").is_ok_and(|link| link.carrier);
    for (host, far) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
        assert!(carrier(host));
        far.set_down("l2tpeth0")?;
        eventually("the carrier goes", || !carrier(host));
        assert_eq!(host.list("session")[0]["peer_circuit"], "down (RT)");
        assert_eq!(far.list("session")[0]["circuit"], "down (RT)");
        let text = host.adit("show session");
        let line = "\n  circuit up, the peer's down (RT)\n";
        assert!(text.contains(line), "{text}");
        far.set_up("l2tpeth0")?;
        eventually("the carrier is back", || carrier(host));
        assert_eq!(host.list("session")[0]["peer_circuit"], "up");
    }
    // One that is deleted is down, and comes back down.
    pair.b.delete_link("l2tpeth0")?;
    eventually("the carrier goes", || !carrier(&pair.a));
    eventually("it is back", || pair.b.set_up("l2tpeth0").is_ok());
    eventually("so is the carrier", || carrier(&pair.a));
    Ok(())
}

/// Of several servers the one of the best priority is called, and when it dies the next; the first
/// lets others go first for a while. `show connection` tells all of it.
fn another_server_takes_over() -> Test {
    let [own, first] = [Side::A, Side::B].map(|side| side.outer(Family::V4));
    let second = "192.0.2.3";
    let mut pair = Pair::idle();
    pair.b.add_address("eth0", &format!("{second}/24"))?;
    let listener =
        |name: &str, local: &str| format!("[[listener]]\nname = \"{name}\"\nlocal = \"{local}\"\n");
    let servers = |all: &[&str]| {
        let all = all.iter().enumerate();
        let listeners: String = all.map(|(n, at)| listener(&format!("l{n}"), at)).collect();
        format!("{listeners}[[peer]]\nname = \"a\"\n{IMPATIENT}")
    };
    let first = first.to_string();
    pair.b.start_configured(&servers(&[&first, second]));
    let call = "[[connection.session]]\nremote_end_id = \"blue\"\n";
    pair.a.start_configured(&format!(
        "{}[[connection]]\nname = \"lns\"\nredial = 2\n{IMPATIENT}{call}\
         [[connection.peer]]\nhost = \"{second}\"\npriority = 1\nweight = 5\n\
         [[connection.peer]]\nhost = \"{first}\"\n",
        listener("l", &own.to_string()),
    ));
    await_session(&pair.a);
    let connection = |host: &Host| host.list("connection").remove(0);
    let shown = connection(&pair.a);
    assert_eq!(
        (&shown["name"], &shown["state"]),
        (&"lns".into(), &"up".into())
    );
    assert_eq!(shown["tunnel_id"], pair.a.list("tunnel")[0]["tunnel_id"]);
    assert_eq!(shown["calls"][0]["call"], "blue");
    assert_eq!(shown["calls"][0]["state"], "up");
    let hosts = [&shown["peers"][0]["host"], &shown["peers"][1]["host"]];
    assert_eq!(hosts, [first.as_str(), second]);
    assert_eq!(shown["peers"][0]["called"], true);
    // The first server dies; the second one serves on.
    pair.b.configure(&servers(&[second]));
    pair.b.adit("reload");
    eventually("the second one is called", || {
        let shown = connection(&pair.a);
        shown["state"] == "up" && shown["peers"][1]["called"] == true
    });
    assert_eq!(pair.a.list("tunnel")[0]["peer"], second);
    await_session(&pair.b);
    // Without any server it waits, and says until when and why.
    pair.b.kill();
    let mut shown = serde_json::Value::Null;
    eventually("it waits, and who failed lets others go first", || {
        shown = connection(&pair.a);
        let avoided = |at: usize| shown["peers"][at]["next_ms"].is_u64();
        shown["state"] == "waiting" && shown["next_ms"].is_u64() && (avoided(0) || avoided(1))
    });
    assert!(shown["problem"].is_string(), "{shown}");
    assert_eq!(shown["calls"][0]["state"], "idle");
    let text = pair.a.adit("show connection");
    assert!(text.starts_with("Connection lns: "), "{text}");
    let peer = format!("\n  peer {second} port 1701, priority 1, weight 5");
    assert!(text.contains(&peer), "{text}");
    let refused = pair.a.refused("show connection connection x").text;
    assert!(refused.contains("there is no connection x"), "{refused}");
    pair.b.start_configured(&servers(&[&first, second]));
    await_session(&pair.a);
    pair.a.adit("drain tunnel connection lns");
    assert_eq!(connection(&pair.a)["state"], "draining");
    pair.a.adit("stop session connection lns call blue");
    eventually("it is idle", || connection(&pair.a)["state"] == "idle");
    Ok(())
}

/// The peer behind a translator that forgets its port is followed when its messages prove who it
/// is, or when the policy does not mind; else it is another peer, and its old tunnel dies.
fn a_translator_forgets_the_port() -> Test {
    let secret = "secret = \"s3cret\"\n";
    for (version, roaming, follows) in [
        (3, "authenticated", true),
        (2, "always", true),
        (3, "never", false),
    ] {
        let (mut pair, translator) = Translator::between();
        let terms = format!("version = {version}\n{secret}{IMPATIENT}");
        let call = "[[connection.session]]\nremote_end_id = \"blue\"\n";
        pair.b
            .start_configured(&called(UDP, &format!("roaming = \"{roaming}\"\n{terms}")));
        pair.a.start_configured(&calling(UDP, &(terms + call)));
        let before = await_session(&pair.b);
        if version == 3 {
            await_ping(&pair);
        }
        let port = translator.forget();
        let now = |session: &serde_json::Value| session["session_id"] == before["session_id"];
        eventually("the peer is there by its new port", || {
            let tunnels = pair.b.list("tunnel");
            let there = tunnels.iter().any(|one| one["peer_port"] == port);
            there && pair.b.list("session").iter().any(now) == follows
        });
        if version == 3 && follows {
            pair.await_ping();
        }
    }
    Ok(())
}
