//! A daemon in the guest, whose kernel has PPP, so that its pppd is on a terminal; the host's, on
//! whatever its own kernel has, calls it.

use crate::rig::insist;
use adit_e2e::guest::{Guest, Kit};
use adit_e2e::{Host, LAC_INSIDE, LNS_INSIDE, MRU, Test, eventually, ppp_devices, program};
use adit_lab::Ping;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const TAP: &str = "tap0";

const LNS: &str = "[[listener]]
name = \"any\"
local = \"192.0.2.2\"
[[session_profile]]
name = \"subscriber\"
pseudowire = \"ppp\"
hand_to = \"pppd\"
pppd_on = \"terminal\"
pppd_file = \"/etc/ppp/call\"
[[peer]]
name = \"callers\"
version = 2
session_profile = \"subscriber\"
";

const LAC: &str = "[[listener]]
name = \"any\"
local = \"192.0.2.1\"
[[connection]]
name = \"provider\"
host = \"192.0.2.2\"
version = 2
redial = 1
[[connection.session]]
remote_end_id = \"line\"
hand_to = \"pppd\"
pppd_file = \"/etc/ppp/call\"
";

const SECRETS: &str = "caller * secret *\n";

pub(crate) fn pppd_on_a_terminal() -> Test {
    let mut host = Host::idle("lac");
    let console = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pppd-console.log");
    let directory = TempDir::new()?;
    let adit = stripped(&directory)?;
    let mut guest = Guest::boot_with(&Kit::find()?, &[&adit], &host, TAP, &console)?;
    host.add_address(TAP, "192.0.2.1/24")?;
    host.set_up(TAP)?;
    run(
        &mut guest,
        "ip link set eth0 up && ip addr add 192.0.2.2/24 dev eth0",
    )?;
    start_lns(&mut guest)?;
    let own = format!("mtu {MRU}\nmru {MRU}\nname caller\nremotename lns\nnoauth\nnoccp\n");
    host.set_ppp_files([
        ("options", String::new()),
        ("call", own),
        ("chap-secrets", SECRETS.to_owned()),
    ]);
    host.start_configured(LAC);
    let outcome = calls(&mut host, &mut guest);
    if outcome.is_err() {
        let log = run(&mut guest, "cat /tmp/adit.log")?;
        eprintln!(
            "--- log of the guest:\n{log}---\n--- log of the host:\n{}---",
            host.log()
        );
    }
    outcome
}

fn calls(host: &mut Host, guest: &mut Guest) -> Test {
    await_answer(host)?;
    // 28 octets of headers around what fills the link; more travels in pieces.
    for size in [0, MRU - 28, MRU - 27, 4000] {
        let report = Ping::to(LNS_INSIDE).size(size).count(3).run(host)?;
        assert!(report.complete(), "{size} octets: {report:?}");
    }
    let lac = LAC_INSIDE.map(|octet| octet.to_string()).join(".");
    // Every octet that there is crosses the line, many times.
    run(guest, &format!("ping -q -c 20 -i 0.1 -p ff -s 1372 {lac}"))?;
    for pattern in ["7d", "7e", "11"] {
        run(
            guest,
            &format!("ping -q -c 2 -i 0.1 -p {pattern} -s 1372 {lac}"),
        )?;
    }
    let counters = run(guest, "adit -s show session")?;
    assert!(!counters.contains("ppp_line"), "{counters}");
    run(
        guest,
        "grep -q pppd /proc/$(pidof pppd)/cmdline && ls -l /proc/$(pidof pppd)/fd | grep pts",
    )?;
    // The kernel's driver has the device, and no program's.
    run(guest, "! ip -d link show ppp0 | grep -w tun")?;

    let before = host.list("session")[0]["session_id"].clone();
    run(guest, "kill -9 $(pidof pppd)")?;
    insist(|| {
        let sessions = host.list("session");
        let other = sessions.iter().find(|one| one["session_id"] != before);
        let up = other.is_some_and(|one| one["state"] == "established");
        up.then_some(()).ok_or_else(|| "no other call".into())
    })?;
    await_answer(host)?;
    run(guest, "grep -q 'killed by signal 9' /tmp/adit.log")?;

    assert!(host.stop().success());
    eventually("the host keeps no device", || ppp_devices(host) == 0);
    insist(|| run(guest, "! pidof pppd && ! test -e /sys/class/net/ppp0"))?;
    let left = run(guest, "adit show session")?;
    assert_eq!(left, "");
    Ok(())
}

fn start_lns(guest: &mut Guest) -> Test {
    let own = format!(
        "debug\nmtu {MRU}\nmru {MRU}\nname lns\nnomagic\nauth\nrequire-chap\nnoccp\n10.9.0.1:10.9.0.10\n"
    );
    guest.write("/etc/ppp/call", &own)?;
    guest.write("/etc/ppp/chap-secrets", SECRETS)?;
    guest.write("/etc/adit.toml", LNS)?;
    let told = run(guest, "adit check /etc/adit.toml")?;
    assert!(
        told.contains("pppd_on terminal: the kernel has PPP"),
        "{told}"
    );
    run(
        guest,
        "mkdir -p /run; RUST_LOG=debug adit run --config /etc/adit.toml --state none >/tmp/adit.log 2>&1 &",
    )?;
    insist(|| run(guest, "adit show tunnel")).map(drop)
}

/// The program without what debuggers want: the guest has little memory.
fn stripped(directory: &TempDir) -> Result<PathBuf, Box<dyn Error>> {
    let place = directory.path().join("adit");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&place).arg(program());
    assert!(strip.status()?.success(), "strip");
    Ok(place)
}

fn await_answer(host: &Host) -> Test {
    let ping = Ping::to(LNS_INSIDE).timeout(Duration::from_secs(1));
    insist(|| match ping.run(host)?.complete() {
        true => Ok(()),
        false => Err("no answer through ppp0".into()),
    })
}

/// Runs `command` in the guest and gives what it prints; a failure is an error.
fn run(guest: &mut Guest, command: &str) -> Result<String, Box<dyn Error>> {
    let output = guest.run(command)?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("guest: {command}: {}\n{stdout}{stderr}", output.status).into());
    }
    Ok(stdout.into_owned())
}
