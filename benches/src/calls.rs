//! How fast two daemons set up tunnels and sessions with each other: processes, sockets and data
//! path included, and no user data. The sessions are PPP's, which have no network device.

use crate::cpu::Cpu;
use crate::peer::adit;
use adit_lab::{Namespace, NsCommand, veth};
use anyhow::{Context, ensure};
use clap::Args;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long the last session may take.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

/// The pause between two looks at so many sessions: each look costs the daemon in proportion.
fn pause(sessions: usize) -> Duration {
    PAUSE.max(Duration::from_micros(2 * sessions as u64))
}

/// What is set up.
#[derive(Args, Debug)]
pub(crate) struct Calls {
    /// Numbers of tunnels and of sessions in each, measured with new daemons
    #[arg(
        long,
        value_name = "TUNNELS:SESSIONS,..",
        value_delimiter = ',',
        default_value = "1:1000,10:1000,1000:1,1000:10"
    )]
    sizes: Vec<String>,
}

/// One measurement's size.
#[derive(Debug, Clone, Copy)]
struct Size {
    tunnels: usize,
    sessions: usize,
}

/// Two namespaces on a cable, and a directory for their files.
struct Lab {
    near: Namespace,
    far: Namespace,
    directory: PathBuf,
}

/// Measures, and prints a table.
pub(crate) fn run(plan: &Calls) -> anyhow::Result<()> {
    adit_lab::become_root()?;
    let sizes = plan.sizes.iter().map(|text| Size::read(text));
    let sizes = sizes.collect::<anyhow::Result<Vec<_>>>()?;
    let program = adit::built()?;
    println!(
        "| version | tunnels | sessions | seconds | tunnels/s | sessions/s | sessions per CPU second | KiB per session |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for size in sizes {
        for version in [2, 3] {
            println!("{}", row(version, size, &program)?);
        }
    }
    Ok(())
}

impl Size {
    fn read(text: &str) -> anyhow::Result<Size> {
        let (tunnels, sessions) = text
            .split_once(':')
            .with_context(|| format!("--sizes: {text} is no size; give TUNNELS:SESSIONS"))?;
        let number = |text: &str| {
            let number = text.parse().ok().filter(|number| *number > 0);
            number.with_context(|| format!("--sizes: {text} is no number; give 1 or more"))
        };
        Ok(Size {
            tunnels: number(tunnels)?,
            sessions: number(sessions)?,
        })
    }
}

/// One measurement, as a line of the table. The clock runs from the calling daemon's start, its
/// reading of the file included, until the called one is seen to have every session. Processor time
/// is that of both daemons, which tells more than the clock where others use the machine.
fn row(version: u8, size: Size, program: &Path) -> anyhow::Result<String> {
    let lab = Lab::new()?;
    let mut far = lab.start(&lab.far, program, &called(version))?;
    lab.await_answer(program)?;
    let idle = memory(&far)?;
    let all = size.tunnels * size.sessions;
    let began = Instant::now();
    let mut near = lab.start(&lab.near, program, &calling(version, size))?;
    let seconds = loop {
        let count = lab.sessions(program)?;
        let elapsed = began.elapsed();
        if count == all {
            break elapsed.as_secs_f64();
        }
        let ended = near.try_wait()?.or(far.try_wait()?);
        ensure!(ended.is_none(), "a daemon ended: {ended:?}");
        ensure!(elapsed < PATIENCE, "only {count} of {all} sessions came up");
        thread::sleep(pause(all));
    };
    let used = memory(&far)?.saturating_sub(idle);
    let spent = Cpu::now(&[near.id(), far.id()])?.processes;
    for daemon in [&mut near, &mut far] {
        daemon.kill()?;
        daemon.wait()?;
    }
    Ok(format!(
        "| {version} | {} | {all} | {seconds:.2} | {:.0} | {:.0} | {:.0} | {:.1} |",
        size.tunnels,
        size.tunnels as f64 / seconds,
        all as f64 / seconds,
        all as f64 / spent.max(0.01),
        used as f64 / all as f64
    ))
}

impl Lab {
    fn new() -> anyhow::Result<Lab> {
        let (near, far) = (Namespace::new("near")?, Namespace::new("far")?);
        veth(&near, "cable0", &far, "cable0")?;
        for (namespace, address) in [(&near, "192.0.2.1/24"), (&far, "192.0.2.2/24")] {
            namespace.add_address("cable0", address)?;
            namespace.set_up("cable0")?;
        }
        let directory = env::temp_dir().join(format!("adit-bench-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        Ok(Lab {
            near,
            far,
            directory,
        })
    }

    fn start(&self, namespace: &Namespace, program: &Path, text: &str) -> anyhow::Result<Child> {
        let name = format!("{}.toml", namespace.name());
        let file = self.directory.join(name);
        fs::write(&file, text)?;
        let command = self.command(namespace, program);
        let command = command.args(["run", "--state", "none", "--config"]);
        Ok(command.arg(&file).env("RUST_LOG", "warn").spawn()?)
    }

    fn command(&self, namespace: &Namespace, program: &Path) -> NsCommand {
        namespace.command(program).stdin(Stdio::null())
    }

    fn await_answer(&self, program: &Path) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.sessions(program).is_err() {
            ensure!(began.elapsed() < PATIENCE, "the daemon does not answer");
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// How many sessions the called end has.
    fn sessions(&self, program: &Path) -> anyhow::Result<usize> {
        let command = self.command(&self.far, program);
        let output = command.args(["-j", "show", "tunnel"]).output()?;
        ensure!(output.status.success(), "the daemon does not answer");
        let tunnels: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let tunnels = tunnels.as_array().into_iter().flatten();
        let sessions = tunnels.filter_map(|tunnel| tunnel["sessions"].as_u64());
        Ok(sessions.sum::<u64>() as usize)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // What is left is in the directory for temporary files.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn called(version: u8) -> String {
    format!(
        "[[listener]]\nname = \"l\"\nlocal = \"192.0.2.2\"\n\
         [[peer]]\nname = \"p\"\nversion = {version}\nwindow = 64\nsession_profile = \"s\"\n\
         {PROFILE}{UNLIMITED}"
    )
}

/// By default a peer may open 2000 tunnels a second, and peers may place 20000 calls, which would be
/// all that is measured.
const UNLIMITED: &str = "[limits]\ntunnel_rate = 1000000\ncall_rate = 1000000\n";

const PROFILE: &str = "[[session_profile]]\nname = \"s\"\npseudowire = \"ppp\"\n";

fn calling(version: u8, size: Size) -> String {
    let mut text = format!("[[listener]]\nname = \"l\"\nlocal = \"192.0.2.1\"\n{PROFILE}");
    for tunnel in 0..size.tunnels {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "[[connection]]\nname = \"c{tunnel}\"\nhost = \"192.0.2.2\"\nversion = {version}\n\
             window = 64\nsession_profile = \"s\"\n"
        );
        for session in 0..size.sessions {
            let _ = write!(
                text,
                "[[connection.session]]\nremote_end_id = \"s{session}\"\n"
            );
        }
    }
    text
}

/// Resident memory of a process, in KiB.
fn memory(process: &Child) -> anyhow::Result<usize> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.context("the kernel does not tell how much memory a process has")
}
