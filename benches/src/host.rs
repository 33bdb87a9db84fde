//! The machine that the figures belong to.

use crate::cpu::Cpu;
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

/// What a reader needs to know in order to compare.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Host {
    /// When the run began, in UTC (RFC 3339).
    pub(crate) date: String,
    /// Kernel release.
    pub(crate) kernel: String,
    /// Processor model.
    pub(crate) cpu: String,
    /// Processors that this program may use.
    pub(crate) cpus: usize,
    /// How busy the machine was before the run, 0 to 1.
    pub(crate) busy_before: f64,
    /// State of the sources, as `git describe` names it.
    pub(crate) sources: Option<String>,
}

impl Host {
    /// Looks at this machine, for half a second.
    pub(crate) fn look() -> anyhow::Result<Host> {
        let cpus = thread::available_parallelism()?.get();
        Ok(Host {
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            kernel: kernel_release(),
            cpu: cpu_model(&fs::read_to_string("/proc/cpuinfo")?),
            cpus,
            busy_before: busy(Duration::from_millis(500))? / cpus as f64,
            sources: sources(),
        })
    }
}

/// The release of the running kernel.
pub(crate) fn kernel_release() -> String {
    format!(
        "Linux {}",
        rustix::system::uname().release().to_string_lossy()
    )
}

/// Processors that were busy, on average, during `length`.
fn busy(length: Duration) -> anyhow::Result<f64> {
    let before = Cpu::now(&[])?;
    thread::sleep(length);
    Ok(Cpu::now(&[])?.since(before).machine / length.as_secs_f64())
}

fn cpu_model(cpuinfo: &str) -> String {
    let fields = || cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let model = fields().find(|(key, _)| key.trim() == "model name");
    model.map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |(_, name)| name.trim().to_owned(),
    )
}

fn sources() -> Option<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty"])
        .current_dir(here);
    let output = git.output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
