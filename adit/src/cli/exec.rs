//! `adit exec`: a program that finds Linux's L2TP API where the kernel has none.

use super::execute::print;
use super::failure::{Failure, complain};
use crate::control::{self, Address, Client, SessionSelector};
use adit_datapath::spec::SessionKey;
use adit_kapi::filter::Scope;
use adit_kapi::{Daemon, Log, Options, launch};
use adit_wire::l2tp::{SessionId, TunnelId};
use clap::ArgMatches;
use clap::parser::ValueSource;
use rustix::net::SocketAddrUnix;
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

/// Becomes the program; returns when it cannot.
pub(super) fn run(below: &ArgMatches, socket: &Address) -> Result<ExitCode, Failure> {
    if below.get_flag("check") {
        return check(socket);
    }
    let mut words = below.get_many::<OsString>("command").into_iter().flatten();
    let Some(program) = words.next().cloned() else {
        return Err(Failure::usage(
            "command: none given; give the program to run",
        ));
    };
    // The parser takes every word from the first that it does not know for the program's.
    if let Some(option) = program.to_str().filter(|word| word.starts_with('-')) {
        return Err(Failure::usage(format!(
            "{option}: not known here; see adit exec --help"
        )));
    }
    let options = Options {
        program,
        arguments: words.cloned().collect(),
        daemon: Daemon {
            address: address(socket)?,
            strict: below.get_flag("strict"),
        },
        scope: Scope {
            files: below.get_flag("proc"),
        },
        session: session(below, socket)?,
        log: log(below)?,
    };
    if !options.daemon.answers() {
        let place = match socket {
            Address::Namespace(_) => " in this network namespace",
            Address::Path(_) => "",
        };
        complain(format!(
            "socket: no daemon answers on {socket}{place}; programs find no L2TP until one is \
             started with: adit run"
        ));
    }
    match launch(options, || say_what_is_idle(below)) {
        Err(refused) => Err(Failure::NotRun {
            text: refused.to_string(),
            status: refused.exit_status().unwrap_or(1),
        }),
    }
}

/// Says which of the options do nothing inside another `adit exec`.
fn say_what_is_idle(below: &ArgMatches) {
    for option in ["strict", "proc", "log"] {
        if below.value_source(option) == Some(ValueSource::CommandLine) {
            complain(format!(
                "{option}: does nothing inside another adit exec; give it to that one"
            ));
        }
    }
}

/// Says what works here. The exit status is 1 when nothing would.
fn check(socket: &Address) -> Result<ExitCode, Failure> {
    let daemon = Daemon {
        address: address(socket)?,
        strict: false,
    };
    let findings = adit_kapi::check(&daemon);
    let findings = findings.map_err(|err| Failure::refused(format!("check: {err}")))?;
    let text: String = findings
        .iter()
        .map(|finding| format!("{finding}\n"))
        .collect();
    print(&text)?;
    let fails = findings.iter().any(|it| it.needed && it.problem.is_some());
    Ok(ExitCode::from(u8::from(fails)))
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

/// The session that the program's standard input is connected to, if it is to be one. It must be
/// there: a PPPoL2TP socket would make one, as in Linux.
fn session(below: &ArgMatches, socket: &Address) -> Result<Option<(u32, u32)>, Failure> {
    let Some(given) = below.get_one::<String>("session") else {
        return Ok(None);
    };
    let ids = given.split_once('/');
    let ids = ids.and_then(|(tunnel, session)| Some((tunnel.parse().ok()?, session.parse().ok()?)));
    let Some((tunnel, session)) = ids else {
        return Err(Failure::usage(format!(
            "session: {given}: not two ids; give this end's, TUNNEL/SESSION"
        )));
    };
    let key = SessionKey {
        tunnel: TunnelId(tunnel),
        session: SessionId(session),
    };
    let question = control::get_session(&SessionSelector::Ids(key), 1);
    Client::connect(socket)?.request(&question)?;
    Ok(Some((tunnel, session)))
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
