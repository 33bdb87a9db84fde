//! The configuration file, and changes to it while the daemon runs.

use adit_e2e::{Encap, Family, Pair, Setup, Side, Test, address_device, eventually, test};
use libtest_mimic::Trial;
use rustix::process::Signal;

const TUNNEL: &str = r#"
[[tunnel]]
tunnel_id = 3000
peer_tunnel_id = 4000
local = "192.0.2.1"
remote = "192.0.2.2"
udp_sport = 5000
udp_dport = 6000

[[tunnel.session]]
session_id = 1000
peer_session_id = 2000
name = "l2tpeth0"
"#;
const SECOND: &str = r#"
[[tunnel.session]]
session_id = 1001
peer_session_id = 2001
name = "second"
"#;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("reload::the_file_is_set_up", the_file_is_set_up),
        test(
            "reload::only_the_difference_is_touched",
            only_the_difference_is_touched,
        ),
        test("reload::sighup_reloads", sighup_reloads),
        test("reload::what_was_typed_stays", what_was_typed_stays),
        test(
            "reload::a_bad_file_changes_nothing",
            a_bad_file_changes_nothing,
        ),
        test(
            "reload::a_restart_drops_what_left_the_file",
            a_restart_drops_what_left_the_file,
        ),
        test(
            "reload::a_tunnel_waits_for_its_address",
            a_tunnel_waits_for_its_address,
        ),
    ]
}

/// A pair whose end A runs from a file that starts out as `text`.
fn configured(text: &str) -> Pair {
    let mut pair = Pair::idle();
    pair.a.start_configured(text);
    pair.b.start(&[]);
    address_device(&pair.a, Side::A);
    Setup::new(Encap::Udp, Family::V4).install(&pair.b, Side::B);
    pair
}

fn the_file_is_set_up() -> Test {
    let pair = configured(TUNNEL);
    pair.await_ping();
    Ok(())
}

fn only_the_difference_is_touched() -> Test {
    let pair = configured(TUNNEL);
    pair.await_ping();
    let (device, sent) = (pair.a.link("l2tpeth0")?, pair.a.counter(1000, "tx_packets"));
    let state = pair.a.state();
    pair.a.configure(&(TUNNEL.to_owned() + SECOND));

    let plan = pair.a.adit("reload --dry-run");
    assert!(plan.contains("1001"), "{plan}");
    assert!(!plan.contains("1000"), "{plan}");
    assert_eq!(pair.a.state(), state);

    pair.a.adit("reload");
    assert!(pair.a.link("second").is_ok());
    pair.a.configure(TUNNEL);
    pair.a.adit("reload");
    eventually("the second session goes", || pair.a.link("second").is_err());
    assert_eq!(pair.a.state(), state);
    assert_eq!(pair.a.link("l2tpeth0")?, device);
    assert!(pair.a.counter(1000, "tx_packets") >= sent);
    pair.await_ping();
    Ok(())
}

fn sighup_reloads() -> Test {
    let pair = configured(TUNNEL);
    let index = pair.a.link("l2tpeth0")?.index;
    let tuned = TUNNEL.to_owned() + "mtu = 1300\n" + SECOND;
    pair.a.configure(&tuned);
    pair.a.signal(Signal::HUP);
    eventually("the second session comes, the first is tuned", || {
        let tuned = pair.a.link("l2tpeth0").is_ok_and(|link| link.mtu == 1300);
        tuned && pair.a.link("second").is_ok()
    });
    assert_eq!(pair.a.link("l2tpeth0")?.index, index);
    Ok(())
}

/// A reload is about the file's own tunnels and sessions.
fn what_was_typed_stays() -> Test {
    let pair = configured(TUNNEL);
    pair.a
        .adit("add session tunnel_id 3000 session_id 7 peer_session_id 8 name typed");
    let index = pair.a.link("typed")?.index;
    pair.a.configure(&(TUNNEL.to_owned() + SECOND));
    pair.a.adit("reload");
    assert!(pair.a.link("second").is_ok());
    assert_eq!(pair.a.link("typed")?.index, index);
    Ok(())
}

fn a_bad_file_changes_nothing() -> Test {
    let pair = configured(TUNNEL);
    let state = pair.a.state();
    let misspelt = TUNNEL.replace("peer_session_id", "peer_sesion_id");
    let duplicate = TUNNEL.to_owned() + SECOND + SECOND;
    for (text, word) in [(misspelt, "peer_sesion_id"), (duplicate, "session_id")] {
        let path = pair.a.configure(&text);
        for line in ["reload", "reload --dry-run", &format!("check {path}")] {
            let output = pair.a.output(line);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{line}: {errors}");
            assert!(errors.contains(word), "{line}: {errors}");
        }
        pair.a.signal(Signal::HUP);
        eventually("the refusal is logged", || pair.a.log().contains(word));
        assert_eq!(pair.a.state(), state);
    }
    let path = pair.a.configure(TUNNEL);
    pair.a.adit(&format!("check {path}"));
    Ok(())
}

fn a_restart_drops_what_left_the_file() -> Test {
    let mut pair = configured(&(TUNNEL.to_owned() + SECOND));
    pair.await_ping();
    let index = pair.a.link("l2tpeth0")?.index;
    pair.a.kill();
    pair.a.start_configured(TUNNEL);
    eventually("the second session goes", || pair.a.link("second").is_err());
    assert_eq!(pair.a.link("l2tpeth0")?.index, index);
    pair.await_ping();
    Ok(())
}

/// What the file asks for is listed with the reason why it carries nothing yet, and comes up
/// without another command.
fn a_tunnel_waits_for_its_address() -> Test {
    let elsewhere = |text: &str| text.replace("192.0.2.1", "192.0.2.7");
    let setup = Setup::new(Encap::Udp, Family::V4);
    let mut pair = Pair::idle();
    pair.a.start_configured(&elsewhere(TUNNEL));
    pair.b.start(&[]);
    pair.b.adit(&elsewhere(&setup.add_tunnel(Side::B)));
    pair.b.adit(&setup.add_session(Side::B));
    address_device(&pair.b, Side::B);

    let tunnel = pair.a.adit("show tunnel");
    assert!(tunnel.contains("problem: local: 192.0.2.7"), "{tunnel}");
    let session = pair.a.adit("show session");
    let problem = "problem: tunnel 3000: local: 192.0.2.7";
    assert!(session.contains(problem), "{session}");
    assert!(pair.a.link("l2tpeth0").is_err());

    pair.a.add_address("eth0", "192.0.2.7/24")?;
    eventually("tunnel and session are up", || {
        !pair.a.state().contains("problem")
    });
    address_device(&pair.a, Side::A);
    pair.await_ping();
    Ok(())
}
