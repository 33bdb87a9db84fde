//! `adit exec`: a program that finds Linux's L2TP API where the kernel has none.

use super::failure::Failure;
use crate::control::Address;
use adit_kapi::{Daemon, Log, Options, launch};
use clap::ArgMatches;
use rustix::net::SocketAddrUnix;
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

/// Becomes the program; returns when it cannot.
pub(super) fn run(below: &ArgMatches, socket: &Address) -> Result<ExitCode, Failure> {
    let mut words = below.get_many::<OsString>("command").into_iter().flatten();
    let Some(program) = words.next().cloned() else {
        return Err(Failure::usage(
            "command: none given; give the program to run",
        ));
    };
    let options = Options {
        program,
        arguments: words.cloned().collect(),
        daemon: Daemon {
            address: address(socket)?,
        },
        log: log(below)?,
    };
    match launch(options) {
        Err(refused) => Err(Failure::refused(refused)),
    }
}

fn address(socket: &Address) -> Result<SocketAddrUnix, Failure> {
    let address = match socket {
        Address::Namespace(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
        // The supervisor has another working directory.
        Address::Path(path) => {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            SocketAddrUnix::new(absolute)
        }
    };
    address.map_err(|err| Failure::refused(format!("socket: {socket}: {err}; give a shorter path")))
}

/// Where the supervisor's log goes, which is nowhere unless asked for.
fn log(below: &ArgMatches) -> Result<Option<Log>, Failure> {
    let Some(path) = below.get_one::<PathBuf>("log") else {
        return Ok(None);
    };
    let opened = File::options().append(true).create(true).open(path);
    let file = opened.map_err(|err| {
        let path = path.display();
        Failure::refused(format!(
            "log: {path}: {err}; name a file that can be written"
        ))
    })?;
    Ok(Some(Log {
        file,
        start: crate::daemon::log_to,
    }))
}
