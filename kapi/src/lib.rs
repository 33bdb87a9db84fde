//! Linux's L2TP API for unmodified programs, on kernels without it.
//!
//! [`launch`] starts a program whose rare calls to that API a *supervisor* answers, a process
//! beside it with its credentials: seccomp's user notification stops the caller, the supervisor
//! reads what it asked for, and gives it sockets whose other end Adit holds. What belongs to the
//! kernel goes on to the kernel. [`protocol`] is how supervisors speak to the daemon.
#![deny(unsafe_code)]

pub mod filter;
pub mod protocol;

mod check;
mod launch;
mod supervisor;
mod sys;

pub use check::{Finding, check};
pub use launch::{LaunchError, Log, Options, launch};
pub use supervisor::{Daemon, L2tpIpAddress, PppoxAddress, messages, named_descriptor};
