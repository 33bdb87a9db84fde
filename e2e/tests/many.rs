//! Thousands of sessions in one daemon.

use adit_e2e::{Host, Test, eventually, test};
use libtest_mimic::Trial;
use std::error::Error;
use std::fmt::Write;
use std::fs;

const TUNNELS: u32 = 10;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "many::ten_thousand_sessions_come_and_go",
            ten_thousand_sessions_come_and_go,
        ),
        test(
            "many::sessions_that_went_leave_nothing",
            sessions_that_went_leave_nothing,
        ),
    ]
}

/// A daemon without sessions, whose configuration file can be replaced.
fn host() -> Result<Host, Box<dyn Error>> {
    let mut host = Host::idle("a");
    host.add_bridge("eth0")?;
    host.add_address("eth0", "192.0.2.1/24")?;
    host.set_up("eth0")?;
    host.start_configured("");
    Ok(host)
}

/// Ten tunnels with so many sessions each.
fn configuration(sessions: u32) -> String {
    let mut text = String::new();
    for tunnel in 1..=TUNNELS {
        let _ = write!(
            text,
            "[[tunnel]]\ntunnel_id = {tunnel}\npeer_tunnel_id = {tunnel}\nencap = \"udp\"\n\
             local = \"192.0.2.1\"\nremote = \"192.0.2.2\"\n\
             udp_sport = {}\nudp_dport = {}\n",
            5000 + tunnel,
            6000 + tunnel,
        );
        for session in 1..=sessions {
            let id = tunnel * 10_000 + session;
            let _ = write!(
                text,
                "[[tunnel.session]]\nsession_id = {id}\npeer_session_id = {id}\n"
            );
        }
    }
    text
}

/// Ten tunnels with so many sessions each come up, are listed, and go.
fn round(host: &Host, sessions: u32) -> Test {
    let all = (TUNNELS * sessions) as usize;
    let devices = host.links()?.len();
    host.configure(&configuration(sessions));
    host.adit("reload");
    assert_eq!(host.list("session").len(), all);
    assert_eq!(host.list("tunnel").len(), TUNNELS as usize);
    assert_eq!(host.links()?.len(), devices + all);
    host.configure("");
    host.adit("reload");
    assert!(host.list("session").is_empty());
    assert!(host.list("tunnel").is_empty());
    eventually("all devices are gone", || {
        host.links().expect("links").len() == devices
    });
    Ok(())
}

fn ten_thousand_sessions_come_and_go() -> Test {
    let mut host = host()?;
    let before = descriptors(&host);
    round(&host, 1000)?;
    eventually("all descriptors are closed", || {
        descriptors(&host) <= before
    });
    assert!(host.stop().success());
    Ok(())
}

fn sessions_that_went_leave_nothing() -> Test {
    let host = host()?;
    // Allocator and database keep some of what they were given.
    for _ in 0..3 {
        round(&host, 100)?;
    }
    let (before, memory) = (descriptors(&host), resident_kib(&host)?);
    for _ in 0..3 {
        round(&host, 100)?;
    }
    eventually("all descriptors are closed", || {
        descriptors(&host) <= before
    });
    // A quarter of a kibibyte for each session that came and went.
    let grown = resident_kib(&host)?.saturating_sub(memory);
    assert!(grown < 750, "{grown} KiB more");
    Ok(())
}

/// How many descriptors the daemon has open. The last client's goes a moment after its answer.
fn descriptors(host: &Host) -> usize {
    let entries = fs::read_dir(host.proc("fd")).expect("a process that runs");
    entries.count()
}

fn resident_kib(host: &Host) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string(host.proc("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line
        .ok_or("no VmRSS")?
        .trim()
        .trim_end_matches(" kB")
        .parse()?)
}
