//! Programs under `adit exec` that misbehave, many at once, or killed at any moment, and what is
//! left of them. The programs are in Python, beside this file.

use adit_e2e::{Host, Test, eventually, kill_supervisors, needing, program, test};
use adit_lab::NsCommand;
use libtest_mimic::Trial;
use std::error::Error;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    let python = |name: &str, body: fn() -> Test| needing(&["python3"], name, body);
    vec![
        python(
            "robust::a_thousand_sessions_come_and_go_ten_times",
            a_thousand_sessions_come_and_go_ten_times,
        ),
        python(
            "robust::threads_and_processes_race_for_the_same_ids",
            threads_and_processes_race_for_the_same_ids,
        ),
        python(
            "robust::hostile_arguments_are_refused_as_by_linux",
            hostile_arguments_are_refused_as_by_linux,
        ),
        python(
            "robust::programs_killed_at_any_moment_leave_nothing",
            programs_killed_at_any_moment_leave_nothing,
        ),
        python(
            "robust::a_killed_supervisor_hangs_programs_up",
            a_killed_supervisor_hangs_programs_up,
        ),
        python(
            "robust::a_killed_daemon_hangs_programs_up",
            a_killed_daemon_hangs_programs_up,
        ),
        python(
            "robust::nobody_has_more_power_than_his_own",
            nobody_has_more_power_than_his_own,
        ),
        test(
            "robust::set_user_id_programs_have_what_the_kernel_gives",
            set_user_id_programs_have_what_the_kernel_gives,
        ),
    ]
}

const ROUNDS: &str = concat!(
    include_str!("robust/l2tp.py"),
    include_str!("robust/rounds.py")
);
const RACES: &str = concat!(
    include_str!("robust/l2tp.py"),
    include_str!("robust/races.py")
);
const HOSTILE: &str = concat!(
    include_str!("robust/l2tp.py"),
    include_str!("robust/hostile.py")
);
const POWER: &str = concat!(
    include_str!("robust/l2tp.py"),
    include_str!("robust/power.py")
);
const KILLS: &str = concat!(
    include_str!("robust/l2tp.py"),
    include_str!("robust/kills.py")
);

/// A program under supervision, started by the words `before`; it is given the daemon's process id
/// before `arguments`. What it prints and its supervisor's log are files of the host.
fn supervised(
    host: &Host,
    before: &str,
    text: &str,
    arguments: &[&str],
) -> Result<NsCommand, Box<dyn Error>> {
    let script = host.path("program.py");
    fs::write(&script, text)?;
    let output = File::create(host.path("output"))?;
    let daemon = host
        .proc("fd")
        .components()
        .nth(2)
        .map(|id| id.as_os_str().to_owned());
    let command = host
        .command(program())
        .args(["exec", "--log"])
        .arg(host.path("supervisor.log"))
        .arg("--")
        .args(before.split_whitespace())
        .arg("python3")
        .arg(&script)
        .arg(daemon.ok_or("no daemon")?)
        .args(arguments);
    Ok(command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .env("ADIT_MARK", mark(host))
        .env_remove("ADIT_SOCKET"))
}

/// What tells a host's supervisor from others'.
fn mark(host: &Host) -> String {
    host.path("").display().to_string()
}

fn printed(host: &Host) -> String {
    fs::read_to_string(host.path("output")).unwrap_or_default()
}

/// Waits for a program's good end; neither supervisor nor daemon has panicked.
fn ends_well(host: &Host, mut child: Child) -> Test {
    let status = child.wait()?;
    let log = fs::read_to_string(host.path("supervisor.log")).unwrap_or_default();
    assert!(status.success(), "{}{log}", printed(host));
    for log in [log, host.log()] {
        assert!(!log.contains("panicked"), "{log}");
    }
    Ok(())
}

fn run(text: &str, arguments: &[&str]) -> Test {
    let host = Host::new("robust");
    let child = supervised(&host, "", text, arguments)?.spawn()?;
    ends_well(&host, child)?;
    assert_eq!(host.state(), "");
    Ok(())
}

fn a_thousand_sessions_come_and_go_ten_times() -> Test {
    run(ROUNDS, &["10", "1000"])
}

fn threads_and_processes_race_for_the_same_ids() -> Test {
    run(RACES, &["1", "4", "4", "60"])
}

fn hostile_arguments_are_refused_as_by_linux() -> Test {
    run(HOSTILE, &["1", "500"])
}

fn programs_killed_at_any_moment_leave_nothing() -> Test {
    run(KILLS, &["program", "1", "100"])
}

/// How long a program has been at work when somebody is killed.
const MOMENTS: [Duration; 3] = [
    Duration::from_millis(3),
    Duration::from_millis(31),
    Duration::from_millis(97),
];

fn a_killed_supervisor_hangs_programs_up() -> Test {
    let host = Host::new("robust");
    for moment in MOMENTS {
        let child = at_work(&host, "supervisor")?;
        thread::sleep(moment);
        let killed = kill_supervisors(&format!("ADIT_MARK={}", mark(&host)))?;
        assert_eq!(killed, 1);
        ends_well(&host, child)?;
        leaves_what_it_may(&host)?;
    }
    Ok(())
}

fn a_killed_daemon_hangs_programs_up() -> Test {
    let mut host = Host::new("robust");
    for moment in MOMENTS {
        let child = at_work(&host, "daemon")?;
        thread::sleep(moment);
        host.kill();
        host.start(&[]);
        fs::write(host.path("again"), "")?;
        ends_well(&host, child)?;
        fs::remove_file(host.path("again"))?;
        leaves_what_it_may(&host)?;
    }
    Ok(())
}

/// A program that sets up everything again and again.
fn at_work(host: &Host, killed: &str) -> Result<Child, Box<dyn Error>> {
    let again = host.path("again").display().to_string();
    let child = supervised(host, "", KILLS, &[killed, "1", &again])?.spawn()?;
    eventually("the program is at work", || printed(host).contains("ready"));
    Ok(child)
}

/// Of a program that was cut short stays what Linux keeps as well, and that can be removed.
fn leaves_what_it_may(host: &Host) -> Test {
    for tunnel in host.list("tunnel") {
        // Those that were a program's own go by themselves.
        host.output(&format!("del tunnel tunnel_id {}", tunnel["tunnel_id"]));
    }
    let devices = || {
        host.links()
            .is_ok_and(|links| links.iter().any(|it| it.name != "lo"))
    };
    eventually("nothing is left", || host.state().is_empty() && !devices());
    Ok(())
}

/// By another user id, another bounding set or another user namespace, by a socket that somebody
/// else opened: the daemon's power is nobody's.
fn nobody_has_more_power_than_his_own() -> Test {
    for (how, before) in [
        ("user id", ""),
        ("bounding set", "setpriv --bounding-set=-net_admin"),
        ("user namespace", "unshare --user --map-root-user"),
        ("handed over", ""),
    ] {
        let host = Host::new("robust");
        let child = supervised(&host, before, POWER, &[how])?.spawn()?;
        ends_well(&host, child).map_err(|error| format!("{how}: {error}"))?;
    }
    Ok(())
}

/// A set-user-id program has its rights under a supervisor that has them too; under one that has
/// not, the filter came with no_new_privs.
fn set_user_id_programs_have_what_the_kernel_gives() -> Test {
    let host = Host::new("robust");
    let open =
        |name: &str, mode| fs::set_permissions(host.path(name), Permissions::from_mode(mode));
    open("", 0o755)?;
    let [adit, ip] = ["adit", "ip"].map(|name| host.path(name).display().to_string());
    fs::copy(program(), &adit)?;
    fs::copy("/usr/sbin/ip", &ip).or_else(|_| fs::copy("/sbin/ip", &ip))?;
    open("adit", 0o755)?;
    open("ip", 0o4755)?;
    let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all";
    let told = |line: &str| {
        let mut words = line.split_whitespace();
        let command = host.command(words.next().unwrap_or_default()).args(words);
        let command = command.stdin(Stdio::null()).env_remove("ADIT_SOCKET");
        let output = command.output()?;
        let errors = String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned();
        Ok::<_, Box<dyn Error>>((output.status.success(), errors))
    };
    let asks = format!("{ip} l2tp show tunnel");
    let (allowed, errors) = told(&format!("{adit} exec -- {nobody} {asks}"))?;
    assert!(allowed, "{errors}");
    let (allowed, errors) = told(&format!("{nobody} {adit} exec -- {asks}"))?;
    assert!(!allowed);
    assert!(errors.contains("Operation not permitted"), "{errors}");
    Ok(())
}
