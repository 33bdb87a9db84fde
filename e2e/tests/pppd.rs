//! Two daemons that run pppd for their calls: LAC and LNS with nothing beside Adit and pppd.

use adit_e2e::{Host, LAC_INSIDE, LNS_INSIDE, Pair, Proof, Test, eventually, needing, ppp_devices};
use adit_lab::{Amount, Ping, tcp_transfer};
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    let call = |name: &str, body: fn() -> Test| {
        needing(&["pppd", "unshare"], &format!("pppd::{name}"), body)
    };
    vec![
        call("pap", || whole_call(Proof::Pap, 2)),
        call("chap_and_both_ends_tell_their_scripts", || {
            whole_call(Proof::Chap, 2)
        }),
        call("over_version_3", || whole_call(Proof::MsChapV2, 3)),
        call("a_call_whose_pppd_died_is_placed_again", redial),
        call("a_killed_daemon_hangs_up", a_killed_daemon_hangs_up),
        call("a_wrong_secret_is_told", a_wrong_secret_is_told),
        call("a_call_that_is_stopped_leaves_nothing", stopped),
        call("an_option_that_pppd_does_not_know_is_told", bad_option),
        call("no_more_pppds_run_than_may", limit),
        call("callers_get_addresses_as_long_as_there_are", pool),
        call("on_the_kernels_ppp_or_told_why_not", terminal),
    ]
}

/// Of the LNS and of a caller.
const ADDRESSES: &str = "10.9.0.1:10.9.0.10";

/// What pppd tells its scripts, as far as the tests look at it.
const IP_UP: &str = "#!/bin/sh\n\
    echo \"$6 $ADIT_PEER $ADIT_REMOTE $ADIT_TUNNEL_ID/$ADIT_SESSION_ID $PEERNAME\" \
    >/etc/ppp/told.new && mv /etc/ppp/told.new /etc/ppp/told\n";

fn listener(address: &str) -> String {
    format!("[[listener]]\nname = \"any\"\nlocal = \"{address}\"\n")
}

fn lns(options: &str) -> String {
    format!(
        "{}[[session_profile]]\nname = \"subscriber\"\npseudowire = \"ppp\"\nhand_to = \"pppd\"\n\
         pppd_on = \"socket\"\n\
         pppd_file = \"/etc/ppp/call\"\npppd_options = \"{options}\"\n\
         [[peer]]\nname = \"callers\"\nversion = 2\nsession_profile = \"subscriber\"\n",
        listener("192.0.2.1"),
    )
}

fn lac(options: &str, calls: &[&str]) -> String {
    let mut text = listener("192.0.2.2")
        + "[[connection]]\nname = \"provider\"\nhost = \"192.0.2.1\"\nversion = 2\nredial = 1\n";
    for call in calls {
        text += &format!(
            "[[connection.session]]\nremote_end_id = \"{call}\"\nhand_to = \"pppd\"\n\
         pppd_on = \"socket\"\n\
             pppd_file = \"/etc/ppp/call\"\npppd_options = \"{options}\"\n"
        );
    }
    text
}

/// The files of /etc/ppp.
fn files(secret: &str, own: &str) -> Vec<(&'static str, String)> {
    let secrets = format!("caller * {secret} *\n");
    let common = "mtu 1400\nmru 1400\nnodefaultroute\nnoccp\nnovj\nipcp-accept-local\n\
                  ipcp-accept-remote\nlcp-echo-interval 1\nlcp-echo-failure 4\n\
                  lcp-max-terminate 1\n";
    vec![
        ("options", String::new()),
        ("call", format!("{common}{own}\n")),
        ("pap-secrets", secrets.clone()),
        ("chap-secrets", secrets),
        ("ip-up", IP_UP.to_owned()),
    ]
}

/// Two daemons; A answers the calls that B places.
fn dial(lns_text: &str, lac_text: &str, proof: Proof, secret: &str) -> Pair {
    let mut pair = Pair::idle();
    let demand = match proof {
        Proof::Pap => "require-pap",
        Proof::Chap => "require-chap",
        Proof::MsChapV2 => "require-mschap-v2",
    };
    // Two pppds that start at once may draw the same magic number, and believe the line looped.
    let answers = format!("name lns\nnomagic\nauth\n{demand}");
    pair.a.set_ppp_files(files("secret", &answers));
    pair.b
        .set_ppp_files(files(secret, "name caller\nremotename lns\nnoauth"));
    for host in [&pair.a, &pair.b] {
        use std::os::unix::fs::PermissionsExt;
        let script = host.path("ppp/ip-up");
        fs::set_permissions(script, fs::Permissions::from_mode(0o755)).expect("a script");
    }
    pair.a.start_configured(lns_text);
    pair.b.start_configured(lac_text);
    pair
}

#[track_caller]
fn await_answer(pair: &Pair) {
    let ping = Ping::to(LNS_INSIDE).timeout(Duration::from_millis(500));
    eventually("a ping is answered", || {
        ping.run(&pair.b).is_ok_and(|report| report.complete())
    });
}

/// The pppds that a host's daemon runs.
fn pppds(host: &Host) -> Vec<Pid> {
    let tasks = fs::read_dir(host.proc("task")).expect("the daemon's threads");
    let children = tasks.flatten().filter_map(|task| {
        // A thread may end meanwhile.
        fs::read_to_string(task.path().join("children")).ok()
    });
    let children: String = children.collect();
    let is_pppd = |pid: &&str| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm"));
        name.is_ok_and(|name| name.trim() == "pppd")
    };
    let found = children.split_whitespace().filter(is_pppd);
    found
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect()
}

#[track_caller]
fn await_nothing(host: &Host) {
    eventually("nothing is left", || {
        ppp_devices(host) == 0 && pppds(host).is_empty() && host.list("session").is_empty()
    });
}

fn whole_call(proof: Proof, version: u8) -> Test {
    let of_version = |text: String| {
        let text = text.replace("version = 2", &format!("version = {version}"));
        // What goes without saying in version 2.
        text.replace(
            "remote_end_id = \"line\"",
            "remote_end_id = \"line\"\npseudowire = \"ppp\"",
        )
    };
    let (lns, lac) = (of_version(lns(ADDRESSES)), of_version(lac("", &["line"])));
    let mut pair = dial(&lns, &lac, proof, "secret");
    await_answer(&pair);
    for size in [0, 1372, 4000] {
        let report = Ping::to(LAC_INSIDE).size(size).count(3).run(&pair.a)?;
        assert!(report.complete(), "{size} octets: {report:?}");
    }
    for (from, to, address) in [
        (&pair.b, &pair.a, LNS_INSIDE),
        (&pair.a, &pair.b, LAC_INSIDE),
    ] {
        let address = (Ipv4Addr::from(address), 0).into();
        tcp_transfer(from, to, address, Amount::Octets(2_000_000))?;
    }
    for (host, said) in [
        (&pair.a, "callers callers 192.0.2.2"),
        (&pair.b, "provider provider 192.0.2.1"),
    ] {
        let session = &host.list("session")[0];
        let ids = format!("{}/{}", session["tunnel_id"], session["session_id"]);
        let mut told = String::new();
        eventually("the script runs", || {
            told = fs::read_to_string(host.path("ppp/told")).unwrap_or_default();
            !told.is_empty()
        });
        assert!(told.starts_with(&format!("{said} {ids}")), "{told}");
    }
    // Who ends tells the other, and leaves nothing behind.
    assert!(pair.b.stop().success());
    await_nothing(&pair.a);
    assert!(pair.a.log().contains("closed by the peer"));
    assert_eq!(ppp_devices(&pair.b), 0);
    Ok(())
}

fn redial() -> Test {
    let pair = dial(&lns(ADDRESSES), &lac("", &["line"]), Proof::Chap, "secret");
    for (host, peer) in [(&pair.b, &pair.a), (&pair.a, &pair.b)] {
        await_answer(&pair);
        eventually("earlier pppds are gone", || {
            [host, peer].map(|host| pppds(host).len()) == [1, 1]
        });
        let session = host.list("session")[0]["session_id"].clone();
        let before = pppds(peer);
        kill_process(pppds(host)[0], Signal::KILL)?;
        eventually("another call is up", || {
            let sessions = host.list("session");
            let other = sessions.iter().find(|one| one["session_id"] != session);
            other.is_some_and(|one| one["state"] == "established") && pppds(peer) != before
        });
    }
    await_answer(&pair);
    for host in [&pair.a, &pair.b] {
        assert!(host.log().contains("pppd: killed by signal 9"));
        eventually("the first calls' pppds are gone", || {
            pppds(host).len() == 1 && ppp_devices(host) == 1
        });
    }
    Ok(())
}

/// Whether a process runs, ended ones that nobody has waited for aside.
fn runs(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// Nothing of a daemon's death escapes its pppds, nor those of its peer.
fn a_killed_daemon_hangs_up() -> Test {
    let mut pair = dial(&lns(ADDRESSES), &lac("", &["line"]), Proof::Chap, "secret");
    await_answer(&pair);
    let [pid] = pppds(&pair.a)[..] else {
        panic!("one pppd");
    };
    pair.a.kill();
    eventually("its pppd ends", || !runs(pid));
    // The other one notices that nobody answers its echo requests.
    eventually("no device is left", || {
        ppp_devices(&pair.a) + ppp_devices(&pair.b) == 0
    });
    eventually("the call has ended", || pair.b.list("session").is_empty());
    Ok(())
}

fn a_wrong_secret_is_told() -> Test {
    let pair = dial(&lns(ADDRESSES), &lac("", &["line"]), Proof::Chap, "another");
    for (host, text) in [
        (&pair.a, "pppd: the peer has not proved who it is"),
        (&pair.b, "PPP cause 16, authentication failed"),
    ] {
        eventually(text, || host.log().contains(text));
    }
    Ok(())
}

fn stopped() -> Test {
    let pair = dial(&lns(ADDRESSES), &lac("", &["line"]), Proof::Pap, "secret");
    await_answer(&pair);
    let session = &pair.a.list("session")[0];
    let ids = format!(
        "tunnel_id {} session_id {}",
        session["tunnel_id"], session["session_id"]
    );
    pair.b.adit("stop session connection provider call line");
    await_nothing(&pair.a);
    await_nothing(&pair.b);
    let gone = pair.a.refused(&format!("del session {ids}"));
    assert!(gone.text.contains("session"), "{}", gone.text);
    Ok(())
}

/// A configuration that cannot work says so in one line, and the call ends.
fn bad_option() -> Test {
    let pair = dial(
        &lns(ADDRESSES),
        &lac("no-such-option", &["line"]),
        Proof::Pap,
        "secret",
    );
    let line = "pppd: an option is wrong; it says: ";
    eventually("the reason is in the log", || {
        let log = pair.b.log();
        let found = log.lines().find(|one| one.contains(line));
        found.is_some_and(|one| one.contains("no-such-option"))
    });
    eventually("the peer is told", || {
        pair.a.log().contains("PPP is not to be had here")
    });
    Ok(())
}

fn limit() -> Test {
    let limits = "[limits]\nmax_pppd = 1\n";
    let pair = dial(
        &(lns(ADDRESSES) + limits),
        &lac("", &["one", "two"]),
        Proof::Pap,
        "secret",
    );
    eventually("one too many is refused", || {
        pair.a.log().contains("raise max_pppd")
    });
    await_answer(&pair);
    assert_eq!(pppds(&pair.a).len(), 1);
    Ok(())
}

/// Most kernels of virtual machines have no PPP, others have; `e2e/tests/kernel/pppd.rs` knows.
fn terminal() -> Test {
    let lns = lns(ADDRESSES).replace("socket", "terminal");
    let pair = dial(&lns, &lac("", &["line"]), Proof::Chap, "secret");
    let told = pair
        .a
        .adit(&format!("check {}", pair.a.path("adit.toml").display()));
    let has_ppp = told.contains("pppd_on terminal: the kernel has PPP");
    assert!(
        has_ppp || told.contains("pppd_on terminal: not possible here"),
        "{told}"
    );
    if has_ppp {
        await_answer(&pair);
        return Ok(());
    }
    let reason = "load the modules ppp_generic and ppp_async, or give pppd_on socket";
    eventually("the reason is in the log", || pair.a.log().contains(reason));
    let told = "closed by the peer: result 5 (lack of facilities for good)";
    eventually("the peer is told", || pair.b.log().contains(told));
    assert!(pppds(&pair.a).is_empty());
    Ok(())
}

/// Two of three callers have what there is; who comes after one of them has gone gets his.
fn pool() -> Test {
    let lns = lns("10.9.0.1:").replace(
        "pppd_file",
        "pppd_pool = \"10.9.0.10-10.9.0.11\"\npppd_file",
    );
    let lac = lac("", &["one", "two", "three"]);
    let pair = dial(&lns, &lac, Proof::Chap, "secret");
    let refusal = "all addresses are in use; enlarge pppd_pool";
    eventually("one too many is refused", || pair.a.log().contains(refusal));
    let await_answers = || {
        for address in [LAC_INSIDE, [10, 9, 0, 11]] {
            let ping = Ping::to(address).timeout(Duration::from_millis(500));
            eventually("a caller answers", || {
                ping.run(&pair.a).is_ok_and(|report| report.complete())
            });
        }
    };
    await_answers();
    let before = pppds(&pair.a);
    assert_eq!(before.len(), 2);
    kill_process(before[0], Signal::KILL)?;
    eventually("another one runs", || {
        let now = pppds(&pair.a);
        now.len() == 2 && !now.contains(&before[0])
    });
    await_answers();
    Ok(())
}
