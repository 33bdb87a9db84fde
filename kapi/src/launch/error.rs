//! Why a program was not started, in a line with the remedy.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// No system-call table.
    #[error("exec: system calls of this processor are not known; use x86-64 or aarch64")]
    Architecture,
    /// The kernel refuses the filter.
    #[error(
        "seccomp: the filter cannot be installed: {0}; adit exec --check tells what is missing"
    )]
    Filter(io::Error),
    /// Somebody else supervises already, and does not know L2TP.
    #[error(
        "seccomp: this process is supervised already, by its container's runtime say; \
         run adit exec outside of it"
    )]
    Supervised,
    /// The supervisor could not be made.
    #[error("supervisor: cannot be started: {0}")]
    Supervisor(io::Error),
    /// The daemon refuses the session.
    #[error("session: {tunnel}/{session}: {error}; list those of PPP: adit show session")]
    Session {
        /// The tunnel's id here.
        tunnel: u32,
        /// The session's id here.
        session: u32,
        /// The refusal of the socket.
        error: io::Error,
    },
    /// The program could not be executed.
    #[error("command: {}: {}", .program.display(), why_not(.program, .error))]
    Program {
        /// As it was given.
        program: OsString,
        /// The operating system's refusal.
        error: io::Error,
    },
}

impl LaunchError {
    /// The exit status by which shells, and programs that start others, tell that a program was not
    /// found, or found and not run; none where it is not the program's fault.
    pub fn exit_status(&self) -> Option<u8> {
        match self {
            LaunchError::Program { error, .. } if error.kind() == io::ErrorKind::NotFound => {
                Some(127)
            }
            LaunchError::Program { .. } => Some(126),
            LaunchError::Architecture
            | LaunchError::Filter(_)
            | LaunchError::Supervised
            | LaunchError::Supervisor(_)
            | LaunchError::Session { .. } => None,
        }
    }
}

/// Why `program` is none that can be run, and what helps.
fn why_not(program: &OsStr, error: &io::Error) -> String {
    let path = Path::new(program);
    let has_folder = path.components().count() > 1;
    let remedy = match error.raw_os_error() {
        Some(libc::ENOENT) if program.is_empty() => "empty; give the program to run",
        Some(libc::ENOENT) if !has_folder => {
            "no program in PATH has this name; install it, or give its path"
        }
        Some(libc::ENOENT) if path.exists() => {
            "what it names as its interpreter is not there; install that"
        }
        Some(libc::ENOENT) => "no such file; give the path of a program",
        Some(libc::EACCES) if path.is_dir() => "a directory; give the program to run",
        Some(libc::EACCES) => {
            "no permission to execute it; allow that with chmod +x, or give a program"
        }
        Some(_) | None => return format!("{error}; give a program that this machine can run"),
    };
    remedy.to_owned()
}
