//! Processor time, as /proc tells it.

use anyhow::Context;
use std::fs;

/// Processor time spent since the machine started, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cpu {
    /// By the processes asked about, in user and kernel mode.
    pub(crate) processes: f64,
    /// By the whole machine on anything, interrupts included.
    pub(crate) machine: f64,
}

impl Cpu {
    /// Reads the clocks of the machine and of `processes`.
    pub(crate) fn now(processes: &[u32]) -> anyhow::Result<Cpu> {
        let mut ticks = 0;
        for id in processes {
            ticks += process_ticks(&fs::read_to_string(format!("/proc/{id}/stat"))?)?;
        }
        Ok(Cpu {
            processes: seconds(ticks),
            machine: seconds(machine_ticks(&fs::read_to_string("/proc/stat")?)?),
        })
    }

    /// What was spent between `earlier` and this.
    pub(crate) fn since(self, earlier: Cpu) -> Cpu {
        Cpu {
            processes: self.processes - earlier.processes,
            machine: self.machine - earlier.machine,
        }
    }
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// utime and stime of a /proc/PID/stat line (proc_pid_stat(5), fields 14 and 15).
fn process_ticks(stat: &str) -> anyhow::Result<u64> {
    // The name in parentheses may itself contain spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat: no name")?;
    sum(fields.split_whitespace().skip(11).take(2))
}

/// Busy time of a /proc/stat's first line (proc_stat(5)): user, nice, system, irq and softirq.
fn machine_ticks(stat: &str) -> anyhow::Result<u64> {
    let line = stat
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("cpu "));
    let fields = line
        .context("/proc/stat: no line cpu")?
        .split_whitespace()
        .enumerate();
    sum(fields
        .filter(|(index, _)| matches!(index, 0..=2 | 5 | 6))
        .map(|(_, field)| field))
}

fn sum<'a>(fields: impl Iterator<Item = &'a str>) -> anyhow::Result<u64> {
    fields
        .map(|field| {
            field
                .parse::<u64>()
                .with_context(|| format!("not a number: {field}"))
        })
        .sum()
}

#[cfg(test)]
mod tests;
