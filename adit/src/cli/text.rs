//! `adit show debug` and `adit show pppol2tp`: what Linux's driver would show of its state.

use super::execute;
use super::failure::Failure;
use crate::control::{Address, Client};
use adit_kapi::protocol::Dump;
use clap::ArgMatches;
use std::process::ExitCode;

/// A text and what it is called.
pub(super) struct Text {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    dump: Dump,
}

pub(super) const TEXTS: [Text; 2] = [
    Text {
        name: "debug",
        about: "Print what debugfs l2tp/tunnels of Linux's driver would read",
        dump: Dump::Tunnels,
    },
    Text {
        name: "pppol2tp",
        about: "Print what /proc/net/pppol2tp of Linux's driver would read",
        dump: Dump::Pppol2tp,
    },
];

/// The text of this name.
pub(super) fn named(name: &str) -> Option<&'static Text> {
    TEXTS.iter().find(|text| text.name == name)
}

/// Asks the daemon at `socket` for a text and prints it. It has one form only.
pub(super) fn print(
    text: &Text,
    below: &ArgMatches,
    socket: &Address,
) -> Result<ExitCode, Failure> {
    let mut flags = ["json", "pretty", "statistics"].into_iter();
    if let Some(flag) = flags.find(|flag| below.get_flag(flag)) {
        let name = text.name;
        let line = format!("--{flag}: {name} is always the same text; leave it out");
        return Err(Failure::usage(line));
    }
    execute::print(&Client::connect(socket)?.text(text.dump)?)
}
