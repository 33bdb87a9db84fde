use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::fs;

/// The supervisors that were started with `mark` in their environment.
pub fn supervisors(mark: &str) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let process = entry.path();
        let read = |file| fs::read(process.join(file)).unwrap_or_default();
        let environment = String::from_utf8_lossy(&read("environ")).into_owned();
        let is_one = read("comm") == b"adit-supervisor\n" && environment.contains(mark);
        let pid = entry.file_name().to_string_lossy().parse().ok();
        pid.filter(|_| is_one).and_then(Pid::from_raw)
    });
    found.collect()
}

/// Kills the supervisors that were started with `mark` in their environment, and tells how many.
pub fn kill_supervisors(mark: &str) -> Result<usize, Box<dyn Error>> {
    let found = supervisors(mark);
    let mut killed = 0;
    for pid in found {
        match kill_process(pid, Signal::KILL) {
            Ok(()) => killed += 1,
            // It has ended by itself meanwhile.
            Err(Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(killed)
}
