use std::fs::File;
use std::io::IsTerminal;
use std::sync::Mutex;
use tracing_subscriber::EnvFilter;

/// What is logged unless RUST_LOG says otherwise. The data path writes debug lines only for
/// objects whose debug mask asks for them, so they need no further permission.
const DEFAULT: &str = "info,adit_datapath=debug";

/// Sends log lines to standard error. The journal has its own clock, so under systemd they carry
/// no time.
pub(super) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    let started = match std::env::var_os("JOURNAL_STREAM") {
        Some(_) => log.without_time().try_init(),
        None => log.try_init(),
    };
    if let Err(err) = started {
        eprintln!("adit: log lines go to an earlier logger: {err}");
    }
}

/// Sends the log lines of a process beside the daemon to `file`.
pub(crate) fn to(file: File) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Mutex::new(file))
        .with_ansi(false)
        .with_target(false);
    // A process logs to one place, and this is its first.
    let _ = log.try_init();
}
