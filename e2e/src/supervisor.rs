use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::fs;

/// Kills the supervisors that were started with `mark` in their environment, and tells how many.
pub fn kill_supervisors(mark: &str) -> Result<usize, Box<dyn Error>> {
    let mut killed = 0;
    for entry in fs::read_dir("/proc")?.flatten() {
        let process = entry.path();
        let read = |file| fs::read(process.join(file)).unwrap_or_default();
        let environment = String::from_utf8_lossy(&read("environ")).into_owned();
        if read("comm") == b"adit-supervisor\n" && environment.contains(mark) {
            let pid = entry.file_name().to_string_lossy().parse()?;
            let pid = Pid::from_raw(pid).ok_or("a process without an id")?;
            kill_process(pid, Signal::KILL)?;
            killed += 1;
        }
    }
    Ok(killed)
}
