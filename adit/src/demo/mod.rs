//! `adit demo`.

use std::process::ExitCode;

/// What `adit demo` was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long data moves, in seconds.
    pub seconds: u64,
}

/// Runs the demonstration.
pub fn run(_options: Options) -> ExitCode {
    eprintln!("adit: demo: this build has no demonstration");
    ExitCode::FAILURE
}
