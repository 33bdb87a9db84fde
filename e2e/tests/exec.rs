//! Programs that know Linux's L2TP API only, under `adit exec`.

use adit_e2e::{Host, Pair, Test, eventually, kill_supervisors, program, supervisors, test};
use adit_lab::{CapabilitySet, NsCommand, Ping};
use libtest_mimic::Trial;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("exec::ip_l2tp_joins_two_hosts", ip_l2tp_joins_two_hosts),
        test(
            "exec::ip_l2tp_is_refused_as_by_linux",
            ip_l2tp_is_refused_as_by_linux,
        ),
        test(
            "exec::a_batch_of_400_sessions_is_listed",
            a_batch_of_400_sessions_is_listed,
        ),
        test(
            "exec::the_rest_of_netlink_is_the_kernels",
            the_rest_of_netlink_is_the_kernels,
        ),
        test(
            "exec::a_caller_has_no_power_of_the_daemons",
            a_caller_has_no_power_of_the_daemons,
        ),
        test(
            "exec::a_new_daemon_serves_programs_that_run_already",
            a_new_daemon_serves_programs_that_run_already,
        ),
        test(
            "exec::rounds_of_sessions_leave_nothing_behind",
            rounds_of_sessions_leave_nothing_behind,
        ),
        test(
            "exec::a_dead_supervisor_has_a_successor",
            a_dead_supervisor_has_a_successor,
        ),
        test(
            "exec::the_drivers_texts_are_read",
            the_drivers_texts_are_read,
        ),
    ]
}

/// A command line under supervision.
fn supervised(host: &Host, line: &str) -> NsCommand {
    host.command(program())
        .args(["exec", "--"])
        .args(line.split_whitespace())
        .stdin(Stdio::null())
        .env_remove("ADIT_SOCKET")
}

fn output(host: &Host, line: &str) -> Output {
    supervised(host, line).output().expect("a command")
}

/// What a command prints, which must do what it is asked for.
#[track_caller]
fn run(host: &Host, line: &str) -> String {
    let output = output(host, line);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What a command complains about, which must be refused.
#[track_caller]
fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned()
}

/// The walk-through of the kernel's own document, word for word but for the addresses outside.
fn join(pair: &Pair) {
    for (host, words) in [
        (&pair.a, [3000, 4000, 1, 2, 5000, 6000, 1000, 5000]),
        (&pair.b, [4000, 3000, 2, 1, 6000, 5000, 5000, 1000]),
    ] {
        let [
            tunnel,
            peer_tunnel,
            near,
            far,
            sport,
            dport,
            session,
            peer_session,
        ] = words;
        run(
            host,
            &format!(
                "ip l2tp add tunnel tunnel_id {tunnel} peer_tunnel_id {peer_tunnel} encap udp \
                 local 192.0.2.{near} remote 192.0.2.{far} udp_sport {sport} udp_dport {dport}"
            ),
        );
        run(
            host,
            &format!(
                "ip l2tp add session tunnel_id {tunnel} session_id {session} \
                 peer_session_id {peer_session}"
            ),
        );
        run(host, &format!("ip addr add 10.42.1.{near}/30 dev l2tpeth0"));
        run(host, "ip link set l2tpeth0 up");
    }
}

fn ip_l2tp_joins_two_hosts() -> Test {
    let pair = Pair::new();
    join(&pair);
    let report = Ping::to([10, 42, 1, 2]).count(3).run(&pair.a)?;
    assert!(report.complete(), "{report:?}");
    assert_eq!(
        run(&pair.a, "ip l2tp show tunnel"),
        "Tunnel 3000, encap UDP\n  From 192.0.2.1 to 192.0.2.2\n  Peer tunnel 4000\n  \
         UDP source / dest ports: 5000/6000\n  UDP checksum: disabled\n"
    );
    assert_eq!(
        run(&pair.a, "ip l2tp show session"),
        "Session 1000 in tunnel 3000\n  Peer session 5000, tunnel 4000\n  \
         interface name: l2tpeth0\n  offset 0, peer offset 0\n\n"
    );
    // Both ways of speaking to the daemon mean the same objects.
    assert_eq!(
        run(&pair.a, "ip l2tp show tunnel"),
        pair.a.adit("show tunnel")
    );
    run(&pair.a, "ip l2tp del tunnel tunnel_id 3000");
    assert_eq!(run(&pair.a, "ip l2tp show session"), "");
    eventually("the device goes", || pair.a.link("l2tpeth0").is_err());
    Ok(())
}

fn ip_l2tp_is_refused_as_by_linux() -> Test {
    let pair = Pair::new();
    join(&pair);
    let tunnel = "ip l2tp add tunnel tunnel_id 3000 peer_tunnel_id 1 encap ip";
    for (line, refused) in [
        (format!("{tunnel} local 192.0.2.1 remote 192.0.2.2"), "File exists"),
        (
            "ip l2tp add tunnel tunnel_id 1 peer_tunnel_id 1 encap ip local 192.0.9.9 remote 192.0.2.2".into(),
            "Cannot assign requested address",
        ),
        (
            "ip l2tp add session tunnel_id 999 session_id 1 peer_session_id 1".into(),
            "No such device",
        ),
        (
            "ip l2tp add session tunnel_id 3000 session_id 1000 peer_session_id 1".into(),
            "File exists",
        ),
        (
            "ip l2tp add session tunnel_id 3000 session_id 1 peer_session_id 1 name l2tpeth0".into(),
            "File exists",
        ),
        ("ip l2tp del tunnel tunnel_id 999".into(), "No such device"),
        ("ip l2tp del session tunnel_id 3000 session_id 999".into(), "No such device"),
    ] {
        let text = refusal(&output(&pair.a, &line));
        assert_eq!(text, format!("RTNETLINK answers: {refused}"), "{line}");
    }
    Ok(())
}

fn a_batch_of_400_sessions_is_listed() -> Test {
    let pair = Pair::new();
    let mut batch = String::from(
        "l2tp add tunnel tunnel_id 1 peer_tunnel_id 1 encap ip local 192.0.2.1 remote 192.0.2.2\n",
    );
    for id in 1..=400 {
        batch += &format!(
            "l2tp add session name pw{id} tunnel_id 1 session_id {id} peer_session_id {id}\n"
        );
    }
    let path = pair.a.path("batch");
    fs::write(&path, batch)?;
    run(&pair.a, &format!("ip -batch {}", path.display()));
    let listed = run(&pair.a, "ip l2tp show session");
    assert_eq!(listed.matches("in tunnel 1\n").count(), 400, "{listed}");
    run(&pair.a, "ip l2tp del tunnel tunnel_id 1");
    assert_eq!(run(&pair.a, "ip l2tp show session"), "");
    Ok(())
}

fn the_rest_of_netlink_is_the_kernels() -> Test {
    let host = Host::new("exec");
    let family = run(&host, "genl ctrl get name l2tp");
    assert!(family.contains("Name: l2tp"), "{family}");
    assert!(family.contains("name: l2tp"), "{family}");
    for line in [
        "ip -o link show lo",
        "genl ctrl get name nlctrl",
        "genl ctrl get name nosuch",
    ] {
        let mut words = line.split(' ');
        let bare = host
            .command(words.next().unwrap_or_default())
            .args(words)
            .output()?;
        let same = output(&host, line);
        assert_eq!(same.status, bare.status, "{line}");
        assert_eq!(same.stdout, bare.stdout, "{line}");
    }
    Ok(())
}

fn a_caller_has_no_power_of_the_daemons() -> Test {
    let host = Host::new("exec");
    for line in ["ip l2tp show tunnel", "ip l2tp del tunnel tunnel_id 1"] {
        let command = supervised(&host, line).without(CapabilitySet::NET_ADMIN);
        let text = refusal(&command.output()?);
        assert!(
            text.starts_with("RTNETLINK answers: Operation not permitted"),
            "{line}: {text}"
        );
    }
    Ok(())
}

/// The daemon is killed under a shell and started again: in between the family is unknown, as where
/// the kernel has no module, and programs run.
fn a_new_daemon_serves_programs_that_run_already() -> Test {
    let mut host = Host::new("exec");
    let [up, dead, again] = ["up", "dead", "again"].map(|name| host.path(name));
    let script = host.path("script");
    let wait = |file: &Path| format!("while ! test -e {}; do sleep 0.05; done", file.display());
    let lines = [
        "ip l2tp show tunnel || exit 1".to_owned(),
        format!("touch {}", up.display()),
        wait(&dead),
        "ip -o link show lo || exit 2".to_owned(),
        "ip l2tp show tunnel 2>/dev/null && exit 3".to_owned(),
        format!("touch {}.seen", dead.display()),
        wait(&again),
        "ip l2tp show tunnel || exit 4".to_owned(),
    ];
    fs::write(&script, lines.join("\n"))?;
    let mut shell = supervised(&host, &format!("sh {}", script.display()))
        .stdout(Stdio::null())
        .spawn()?;
    eventually("the shell is at work", || up.exists());
    host.kill();
    fs::write(&dead, "")?;
    let seen = host.path("dead.seen");
    eventually("the family is unknown", || seen.exists());
    host.start(&[]);
    fs::write(&again, "")?;
    assert_eq!(shell.wait()?.code(), Some(0));
    Ok(())
}

fn rounds_of_sessions_leave_nothing_behind() -> Test {
    let pair = Pair::new();
    let open = || fs::read_dir(pair.a.proc("fd")).map(Iterator::count);
    let mut batch = String::from(
        "l2tp add tunnel tunnel_id 1 peer_tunnel_id 1 encap ip local 192.0.2.1 remote 192.0.2.2\n",
    );
    for id in 1..=50 {
        batch += &format!("l2tp add session tunnel_id 1 session_id {id} peer_session_id {id}\n");
    }
    batch += "l2tp del tunnel tunnel_id 1\n";
    let path = pair.a.path("batch");
    fs::write(&path, batch)?;
    let line = format!("ip -batch {}", path.display());
    run(&pair.a, &line);
    let before = open()?;
    for _ in 0..4 {
        run(&pair.a, &line);
    }
    // The last supervisor may be about to leave.
    eventually("descriptors are given back", || {
        open().is_ok_and(|now| now <= before)
    });
    assert_eq!(run(&pair.a, "ip l2tp show session"), "");
    eventually("the device goes", || pair.a.link("l2tpeth0").is_err());
    Ok(())
}

/// The supervisor is killed under a shell, and has a successor, which serves what is opened from
/// then on; killed again and again it has none: programs start all the same, and what only it knew
/// is unknown.
fn a_dead_supervisor_has_a_successor() -> Test {
    let host = Host::new("exec");
    let [ready, once] = ["ready", "once"].map(|name| host.path(name));
    let script = host.path("script");
    let wait = |file: &Path| format!("while ! test -e {}; do sleep 0.05; done", file.display());
    let lines = [
        "ip l2tp show tunnel || exit 1".to_owned(),
        format!("touch {}", ready.display()),
        wait(&once),
        "exec 3<>/dev/null || exit 2".to_owned(),
        "ip l2tp show tunnel || exit 3".to_owned(),
        format!("touch {}.seen", once.display()),
        // Unknown once may be a call that was being answered.
        "n=0; while test $n -lt 5; do n=$((n + 1))".to_owned(),
        "ip l2tp show tunnel 2>/dev/null && n=0; done".to_owned(),
        "ip -o link show lo || exit 4".to_owned(),
        "exec 3<>/dev/null || exit 5".to_owned(),
    ];
    fs::write(&script, lines.join("\n"))?;
    let mut shell = supervised(&host, &format!("sh {}", script.display()))
        .env("ADIT_MARK", &script)
        .stdout(Stdio::null())
        .spawn()?;
    eventually("the shell is at work", || ready.exists());
    let mark = format!("ADIT_MARK={}", script.display());
    assert_eq!(kill_supervisors(&mark)?, 1);
    eventually("there is another", || supervisors(&mark).len() == 1);
    fs::write(&once, "")?;
    let seen = host.path("once.seen");
    eventually("that one serves", || seen.exists());
    eventually("there is no other, and the shell ends", || {
        let killed = kill_supervisors(&mark);
        assert!(killed.is_ok(), "{killed:?}");
        shell.try_wait().is_ok_and(|ended| ended.is_some())
    });
    assert_eq!(shell.wait()?.code(), Some(0));
    Ok(())
}

fn the_drivers_texts_are_read() -> Test {
    let host = Host::new("exec");
    let bare = |path: &str| host.command("cat").arg(path).output();
    host.adit(
        "add tunnel tunnel_id 7 peer_tunnel_id 8 encap udp local 127.0.0.1 remote 127.0.0.2 \
         udp_sport 5000 udp_dport 6000",
    );
    host.adit("add session tunnel_id 7 session_id 70 peer_session_id 80 name pw7 cookie deadbeef");
    let (debugfs, proc) = ("/sys/kernel/debug/l2tp/tunnels", "/proc/net/pppol2tp");
    let tunnels = host.adit("show debug");
    let (_, listed) = tunnels.split_once("\n\n").ok_or("no tunnel")?;
    assert_eq!(
        listed,
        "TUNNEL 7 peer 8 from 127.0.0.1 to 127.0.0.2\n source port 5000, dest port 6000\n \
         L2TPv3, UDP\n 1 sessions, refcnt 3/3\n 00000000 rx 0/0/0 rx 0/0/0\n  \
         SESSION 70, peer 80, ETH\n   refcnt 2\n   config 0/0/-/-/-/LAC 00000000 0\n   \
         offset 0 l2specific 1/4\n   cookie deadbeef\n   0/0 tx 0/0/0 rx 0/0/0\n   \
         interface pw7\n"
    );
    let of_the_daemon = host.proc("net/pppol2tp");
    let legend = host.adit("show pppol2tp");
    assert_eq!(legend.lines().count(), 6, "{legend}");
    for (path, text) in [
        (debugfs, &tunnels),
        (proc, &legend),
        ("/proc/self/net/pppol2tp", &legend),
        ("/proc/thread-self/net/pppol2tp", &legend),
        (&of_the_daemon.display().to_string(), &legend),
    ] {
        let read = reading(&host, path).output()?;
        assert_eq!(
            String::from_utf8_lossy(&read.stdout),
            **text,
            "{path}: {read:?}"
        );
    }
    let refused = refusal(
        &reading(&host, debugfs)
            .without(CapabilitySet::NET_ADMIN)
            .output()?,
    );
    assert!(refused.ends_with("Permission denied"), "{refused}");
    let read = reading(&host, proc)
        .without(CapabilitySet::NET_ADMIN)
        .output()?;
    assert_eq!(String::from_utf8_lossy(&read.stdout), legend);
    let refused = host.refused_without(CapabilitySet::NET_ADMIN, "show debug");
    assert!(refused.text.contains("CAP_NET_ADMIN"), "{}", refused.text);
    // Other files are the kernel's, and so are these without --proc.
    let other = reading(&host, "/proc/net/dev_mcast").output()?;
    assert_eq!(other.stdout, bare("/proc/net/dev_mcast")?.stdout);
    assert_eq!(
        output(&host, "cat /proc/net/pppol2tp").stderr,
        bare(proc)?.stderr
    );
    Ok(())
}

/// `cat`, served the files too.
fn reading(host: &Host, path: &str) -> NsCommand {
    host.command(program())
        .args(["exec", "--proc", "--", "cat", path])
        .stdin(Stdio::null())
        .env_remove("ADIT_SOCKET")
}
