//! The demonstration works, and leaves nothing behind however it ends.

use adit_e2e::{Test, eventually, program, test};
use adit_lab::Namespace;
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{self, Child, Stdio};

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = vec![test("demo::it_runs_to_its_end", it_runs_to_its_end)];
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let name = format!("demo::interrupted_by_{signal:?}");
        tests.push(test(name, move || interrupted(signal)));
    }
    tests
}

/// Marks the demonstration and what it starts.
const MARK: &str = "ADIT_E2E_DEMO";

fn it_runs_to_its_end() -> Test {
    let outside = Namespace::new("outside")?;
    let links = outside.links()?;
    let output = outside
        .command(program())
        .args(["demo", "--seconds", "1"])
        .env(MARK, mark("whole"))
        .output()?;
    let transcript = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{transcript}{errors}");
    for text in [
        "host1# adit add tunnel tunnel_id 3000 peer_tunnel_id 4000",
        "host2# adit add session tunnel_id 4000 session_id 5000 peer_session_id 1000",
        "5 of 5 answered",
        "Gbit/s",
        "Session 1000 in tunnel 3000",
    ] {
        assert!(transcript.contains(text), "no {text:?} in:\n{transcript}");
    }
    assert_eq!(outside.links()?, links);
    eventually("every process has ended", || marked(&mark("whole")) == 0);
    Ok(())
}

fn interrupted(signal: Signal) -> Test {
    let outside = Namespace::new("outside")?;
    let mark = mark(&format!("{signal:?}"));
    // Who ignores a signal has children that do: a shell's background jobs ignore SIGINT.
    let mut demo = outside
        .command("env")
        .arg("--default-signal")
        .arg(program())
        .args(["demo", "--seconds", "600"])
        .env(MARK, &mark)
        .stdout(Stdio::piped())
        .spawn()?;
    await_data(&mut demo)?;
    assert_eq!(marked(&mark), 3, "the demonstration and two daemons");
    kill_process(Pid::from_child(&demo), signal)?;
    let mut ended = None;
    eventually("the demonstration has ended", || {
        ended = demo.try_wait().expect("a child");
        ended.is_some()
    });
    assert!(ended.is_some_and(|status| !status.success()), "{ended:?}");
    eventually("every process has ended", || marked(&mark) == 0);
    Ok(())
}

/// A mark that no other run of these tests has.
fn mark(what: &str) -> String {
    format!("{what}-{}", process::id())
}

/// Reads the transcript until data moves.
fn await_data(demo: &mut Child) -> Test {
    let transcript = BufReader::new(demo.stdout.take().ok_or("no pipe")?);
    for line in transcript.lines() {
        if line?.contains("answered") {
            return Ok(());
        }
    }
    Err("the demonstration ended early".into())
}

/// How many living processes carry this mark.
fn marked(mark: &str) -> usize {
    let wanted = format!("{MARK}={mark}");
    let processes = fs::read_dir("/proc").expect("a list of processes");
    let marked = processes.filter_map(|entry| {
        // Processes come and go while they are listed; the dead have an empty environment.
        let environment = fs::read(entry.ok()?.path().join("environ")).ok()?;
        let mut variables = environment.split(|octet| *octet == 0);
        variables.find(|variable| *variable == wanted.as_bytes())?;
        Some(())
    });
    marked.count()
}
