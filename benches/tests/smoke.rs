//! Runs the benchmark for a moment on the bare cable, and the control plane with a few sessions.
//! The figures do not matter, only that every traffic program, every wire and the report work
//! together.

use libtest_mimic::{Arguments, Trial};
use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

type Test = Result<(), Box<dyn Error>>;

/// Where the system offers no namespaces the test is shown as ignored and the reason is printed;
/// in continuous integration (CI=true) that is a failure.
fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let skip = adit_lab::become_root().err();
    if let Some(reason) = &skip {
        eprintln!("skipped: {reason}");
        if env::var_os("CI").is_some_and(|ci| ci == "true") && !arguments.list {
            return ExitCode::FAILURE;
        }
    }
    let test = Trial::test("bare cable on every wire", || {
        bare_cable_on_every_wire().map_err(|error| error.to_string().into())
    });
    let set_up = Trial::test("control plane of both versions", || {
        control_plane_of_both_versions().map_err(|error| error.to_string().into())
    });
    let daemons = Trial::test("two daemons", || {
        two_daemons().map_err(|error| error.to_string().into())
    });
    let tests = vec![
        test.with_ignored_flag(skip.is_some()),
        daemons.with_ignored_flag(skip.is_some()),
        set_up,
    ];
    libtest_mimic::run(&arguments, tests).exit_code()
}

fn two_daemons() -> Test {
    let output = Command::new(env!("CARGO_BIN_EXE_adit-bench"))
        .args(["calls", "--sizes", "3:100"])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let table = String::from_utf8(output.stdout)?;
    let rows = table.lines().filter(|line| line.contains(" | 3 | 300 | "));
    assert_eq!(rows.count(), 2, "{table}");
    Ok(())
}

/// Needs no privilege.
fn control_plane_of_both_versions() -> Test {
    let output = Command::new(env!("CARGO_BIN_EXE_adit-bench"))
        .args(["set-up", "--tunnels", "5", "--sessions", "100,200"])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let table = String::from_utf8(output.stdout)?;
    let rows = table.lines().filter(|line| line.contains(" | 5 | "));
    assert_eq!(rows.count(), 4, "{table}");
    Ok(())
}

fn bare_cable_on_every_wire() -> Test {
    let out = Scratch::new();
    let output = Command::new(env!("CARGO_BIN_EXE_adit-bench"))
        .args(["--only", "bare", "--runs", "1", "--seconds", "0.1", "--out"])
        .arg(out.path("performance.md"))
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let table = fs::read_to_string(out.path("performance.md"))?;
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| bare veth | "));
    // One among the versions, two on each wire.
    assert_eq!(rows.count(), 7, "{table}");

    let record: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.path("performance.json"))?)?;
    let figures = record["figures"].as_array().ok_or("no figures")?;
    // Three wires with every metric but the daemons' processor time.
    assert_eq!(figures.len(), 21, "{record}");
    for figure in figures {
        assert!(
            figure["median"].as_f64().is_some_and(|median| median > 0.0),
            "{figure}"
        );
        assert!(
            figure["ratio"].is_null(),
            "nothing to compare with: {figure}"
        );
    }
    Ok(())
}

/// A directory that is gone after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        Scratch(env::temp_dir().join(format!("adit-bench-{}", std::process::id())))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
