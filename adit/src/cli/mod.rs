//! The command line.
//!
//! `clap` takes the command and its flags (`command`); the words behind a verb and an object are
//! read by the forms of [`crate::input`]; `request` makes of them a message for the daemon,
//! `render` prints what it answers.

mod command;
mod exec;
mod execute;
mod failure;
mod offline;
mod render;
mod request;
mod text;
mod verb;

use crate::control::Address;
use crate::{daemon, demo};
use adit_datapath::FastScope;
use clap::ArgMatches;
use command::{Reader, command};
use failure::Failure;
use render::Style;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use verb::{Object, Verb};

#[cfg(test)]
mod tests;

/// Runs the command line of this process. The exit status is 0 when all was done, 1 when it was
/// refused, 2 when the command line was not understood.
pub fn main() -> ExitCode {
    match start(std::env::args_os().skip(1).collect()) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn start(args: Vec<OsString>) -> Result<ExitCode, Failure> {
    let matches = parse(args)?;
    let Some((name, below)) = matches.subcommand() else {
        return Err(Failure::usage("command: none given; see adit --help"));
    };
    let socket = Address::from_option(below.get_one::<OsString>("socket").map(|s| s.as_os_str()));
    match (name, Verb::named(name)) {
        (_, Some(verb)) => on_objects(verb, below, &socket),
        ("run", None) => Ok(daemon::run(daemon_options(below, socket))),
        ("demo", None) => Ok(demo::run(demo::Options {
            seconds: below.get_one("seconds").copied().unwrap_or(5),
        })),
        ("reload", None) => execute::reload(&socket, below.get_flag("dry-run")),
        ("exec", None) => exec::run(below, &socket),
        ("check", None) => offline::check(&path(below, "file").unwrap_or_default()),
        ("completions", None) => offline::completions(below),
        ("man", None) => offline::man(path(below, "directory")),
        (_, None) => Err(Failure::usage(format!("command: {name} is not known"))),
    }
}

fn parse(args: Vec<OsString>) -> Result<ArgMatches, clap::Error> {
    let args = verb::expand(args);
    command(Reader::Parser).try_get_matches_from([OsString::from("adit")].into_iter().chain(args))
}

fn on_objects(verb: Verb, below: &ArgMatches, socket: &Address) -> Result<ExitCode, Failure> {
    let Some((object, below)) = below.subcommand() else {
        return Err(Failure::usage("object: none given; give tunnel or session"));
    };
    if let Some(text) = text::named(object) {
        return text::print(text, below, socket);
    }
    let Some(object) = Object::named(object) else {
        let text = format!("object: {object} is not known; give tunnel or session");
        return Err(Failure::usage(text));
    };
    let words = words(below)?;
    let (request, notes) = request::Request::parse(verb, object, &words)?;
    for note in notes {
        failure::complain(note);
    }
    execute::run(&request, socket, style(below))
}

fn words(matches: &ArgMatches) -> Result<Vec<String>, Failure> {
    let given = matches.get_many::<OsString>("words").into_iter().flatten();
    let text = |word: &OsString| {
        word.to_str().map(str::to_owned).ok_or_else(|| {
            let word = word.to_string_lossy();
            Failure::usage(format!("{word}: not UTF-8; write it in UTF-8"))
        })
    };
    given.map(text).collect()
}

fn style(matches: &ArgMatches) -> Style {
    Style {
        json: matches.get_flag("json"),
        pretty: matches.get_flag("pretty"),
        statistics: matches.get_flag("statistics"),
    }
}

fn daemon_options(matches: &ArgMatches, socket: Address) -> daemon::Options {
    daemon::Options {
        config: path(matches, "config"),
        socket,
        state: path(matches, "state"),
        workers: matches.get_one::<u16>("workers").map(|n| usize::from(*n)),
        queues: matches.get_one::<u16>("queues").map(|n| usize::from(*n)),
        without: matches.get_one("without").copied().unwrap_or_default(),
        fast_path: fast_scope(matches),
    }
}

fn fast_scope(matches: &ArgMatches) -> Option<FastScope> {
    let scope = matches.get_one::<String>("fast-path")?;
    Some(match scope.as_str() {
        "all" => FastScope::All,
        _ => FastScope::Wires,
    })
}

fn path(matches: &ArgMatches, name: &str) -> Option<PathBuf> {
    matches.get_one::<PathBuf>(name).cloned()
}
