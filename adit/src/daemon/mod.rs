//! The daemon: what `adit run` is.
//!
//! One thread owns the state; packets move on the data path's own threads. A packet of a client
//! goes `server` → `answer` → [`genl`] (is it admissible?) → [`engine`] (data path, then
//! [`store`]) → answer. Signals, lost devices and retries arrive in the loop of `run`.

pub mod engine;
pub mod genl;
pub mod plane;
pub mod ppp;
pub mod store;

mod answer;
mod attend;
mod devices;
mod dumps;
mod host;
mod log;
mod news;
mod peer;
mod programs;
mod run;
mod server;
mod socket;
mod state;
mod supervised;
mod sys;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod samples;

pub(crate) use log::to as log_to;

use crate::complaint::complain;
use crate::control::Address;
use adit_datapath::FastScope;
use adit_datapath::limits::Without;
use std::path::PathBuf;
use std::process::ExitCode;

/// How a daemon is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The configuration file, read at the start and at every reload.
    pub config: Option<PathBuf>,
    /// Where clients find it.
    pub socket: Address,
    /// The file that keeps the state for the case that the process is killed; `None` chooses one
    /// for the network namespace, the word `none` keeps nothing.
    pub state: Option<PathBuf>,
    /// Threads that receive, and as many that send; `None` chooses by the processors.
    pub workers: Option<usize>,
    /// Queues of each device that sessions get.
    pub queues: Option<usize>,
    /// Features of the kernel to do without.
    pub without: Without,
    /// Over which devices sessions get a path inside the kernel, where they can.
    pub fast_path: Option<FastScope>,
}

/// Runs the daemon in the foreground until SIGTERM or SIGINT. Fails when it cannot start; standard
/// error has a line for each reason then.
pub fn run(options: Options) -> ExitCode {
    log::start();
    match run::run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reasons) => {
            reasons.iter().for_each(complain);
            ExitCode::FAILURE
        }
    }
}
