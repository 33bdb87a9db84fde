//! Commands that need no daemon.

use super::command::{Reader, command};
use super::execute::print;
use super::failure::Failure;
use super::verb::{Verb, form};
use crate::config::Config;
use clap::{ArgMatches, Command};
use clap_complete::Shell;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `adit check FILE`.
pub(super) fn check(file: &Path) -> Result<ExitCode, Failure> {
    match Config::load(file) {
        Ok(config) => {
            let (inventory, policy) = (&config.inventory, &config.policy);
            let found = [
                (inventory.tunnels.len(), "tunnel"),
                (inventory.sessions.len(), "session"),
                (policy.listeners.len(), "listener"),
                (policy.peers.len(), "peer"),
                (policy.connections.len(), "connection"),
            ];
            let found = found.into_iter().filter(|(n, _)| *n > 0);
            let found: Vec<_> = found.map(|(n, noun)| count(n, noun)).collect();
            let found = match found.is_empty() {
                true => "asks for nothing".to_owned(),
                false => found.join(", "),
            };
            let lines = crate::daemon::ppp::outlook(policy);
            let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
            print(&format!("{}: {found}\n{lines}", file.display()))
        }
        Err(faults) => Err(Failure::refused(faults)),
    }
}

/// `adit completions SHELL`.
pub(super) fn completions(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let Some(shell) = matches.get_one::<Shell>("shell").copied() else {
        return Err(Failure::usage("shell: none given; give bash, zsh or fish"));
    };
    print(&script(shell))
}

/// `adit man [DIR]`.
pub(super) fn man(directory: Option<PathBuf>) -> Result<ExitCode, Failure> {
    match directory {
        None => print(&page(command(Reader::Parser))),
        Some(directory) => {
            let written = clap_mangen::generate_to(command(Reader::Parser), &directory);
            written.map_err(|error| {
                let directory = directory.display();
                Failure::refused(format!(
                    "directory: {directory}: {error}; name a directory that can be written"
                ))
            })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The completion script for `shell`.
pub(super) fn script(shell: Shell) -> String {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command(Reader::Shell), "adit", &mut out);
    let mut out = String::from_utf8_lossy(&out).into_owned();
    if shell == Shell::Fish {
        out.push_str(&fish_keywords());
    }
    out
}

/// The keywords for fish, for which `clap_complete` writes flags and commands only.
fn fish_keywords() -> String {
    let mut out = String::new();
    for verb in Verb::ALL {
        let names = [&[verb.name()], verb.aliases()].concat().join(" ");
        for object in verb.objects().iter().map(|object| (*object, object.name())) {
            let seen = format!(
                "__fish_seen_subcommand_from {names}; and __fish_seen_subcommand_from {}",
                object.1
            );
            for word in form(verb, object.0).words() {
                let help = word.help.replace('\'', "\\'");
                // Writing to a String cannot fail.
                let _ = writeln!(
                    out,
                    "complete -c adit -n '{seen}' -f -a {} -d '{help}'",
                    word.name
                );
            }
        }
    }
    out
}

/// The manual page of `command`.
fn page(command: Command) -> String {
    let mut out = Vec::new();
    // Writing to a Vec cannot fail.
    let _ = clap_mangen::Man::new(command).render(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
