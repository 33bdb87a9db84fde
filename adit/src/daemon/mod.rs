//! The daemon.

pub mod engine;
pub mod genl;
pub mod store;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod samples;

use crate::control::Address;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `adit run` was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// Where the control socket shall be.
    pub socket: Address,
    /// The file that keeps the state for the case that the process is killed; `None` chooses one
    /// for the network namespace, the word `none` keeps nothing.
    pub state: Option<PathBuf>,
    /// Worker threads; `None` is one a processor.
    pub workers: Option<usize>,
}

/// Runs the daemon until it is told to end.
pub fn run(_options: Options) -> ExitCode {
    eprintln!("adit: run: this build has no daemon");
    ExitCode::FAILURE
}
