//! The command line of a pppd.

use super::Call;
use crate::control::Address;
use std::ffi::{OsStr, OsString};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

const PPPD: &str = "pppd";

/// This program, even when its file has been replaced.
const SELF: &str = "/proc/self/exe";

/// Where programs of administrators are, which not everybody's PATH has.
const PLACES: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// Most octets of a number that a peer says and pppd is told.
const NUMBER: usize = 64;

/// pppd under `adit exec`, on the session's PPPoL2TP socket as its standard input.
pub(super) fn on_socket(call: &Call, lease: Option<Ipv4Addr>, daemon: &Address) -> Command {
    let mut command = Command::new(SELF);
    command.arg("exec");
    if let Address::Path(path) = daemon {
        command.arg("--socket").arg(absolute(path));
    }
    let session = format!("{}/{}", call.data.tunnel, call.data.session);
    command.arg("--session").arg(session).args(["--", PPPD]);
    command.args(["plugin", "pppol2tp.so", "pppol2tp", "0"]);
    finish(&mut command, call, lease);
    command.stdin(Stdio::null());
    command
}

/// pppd on the terminal that is its standard input.
pub(super) fn on_terminal(call: &Call, lease: Option<Ipv4Addr>, terminal: OwnedFd) -> Command {
    let mut command = Command::new(PPPD);
    // No modem, and what the other side writes needs no escapes.
    command.args(["local", "receive-all"]);
    finish(&mut command, call, lease);
    command.stdin(terminal);
    command
}

/// Adds the options, and what else does not depend on how pppd gets its frames.
fn finish(command: &mut Command, call: &Call, lease: Option<Ipv4Addr>) {
    command
        .args(options(call, lease))
        .env_clear()
        .env("PATH", places(std::env::var_os("PATH").as_deref()))
        .current_dir("/");
}

/// The options. What the administrator gives comes later and counts more, but for what the daemon
/// relies on.
fn options(call: &Call, lease: Option<Ipv4Addr>) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    let mut give = |given: &[&OsStr]| words.extend(given.iter().map(OsString::from));
    give(&["ipparam".as_ref(), call.peer.as_ref()]);
    let calling = call.calling_number.as_deref().map(number);
    if let Some(calling) = &calling {
        give(&["remotenumber".as_ref(), calling.as_ref()]);
    }
    let called = call.called_number.as_deref().map(number);
    for (name, value) in [
        ("ADIT_PEER", Some(call.peer.clone())),
        ("ADIT_REMOTE", Some(call.remote.to_string())),
        ("ADIT_TUNNEL_ID", Some(call.data.tunnel.to_string())),
        ("ADIT_SESSION_ID", Some(call.data.session.to_string())),
        ("ADIT_CALLING_NUMBER", calling),
        ("ADIT_CALLED_NUMBER", called),
    ] {
        if let Some(value) = value {
            give(&["set".as_ref(), format!("{name}={value}").as_ref()]);
        }
    }
    if let Some(mtu) = call.terms.mtu.map(|mtu| mtu.to_string()) {
        give(&["mtu".as_ref(), mtu.as_ref(), "mru".as_ref(), mtu.as_ref()]);
    }
    if let Some(name) = &call.terms.ifname {
        give(&["ifname".as_ref(), name.as_ref()]);
    }
    if let Some(lease) = lease {
        give(&[format!(":{lease}").as_ref()]);
    }
    if let Some(file) = &call.terms.pppd.file {
        give(&["file".as_ref(), file.as_ref()]);
    }
    let own = call.terms.pppd.options.iter();
    own.for_each(|word| give(&[word.as_ref()]));
    give(&["nodetach".as_ref(), "logfd".as_ref(), "2".as_ref()]);
    words
}

/// A telephone number or a name, of which scripts of the superuser are told: nothing in it means
/// anything to a shell.
fn number(octets: &[u8]) -> String {
    let harmless = |c: &char| c.is_ascii_alphanumeric() || "+#*.:@_/-".contains(*c);
    let octets = octets.iter().map(|octet| char::from(*octet));
    octets.filter(harmless).take(NUMBER).collect()
}

/// Whether there is a program of this name where one will be looked for.
pub(super) fn is_installed() -> bool {
    let places = places(std::env::var_os("PATH").as_deref());
    std::env::split_paths(&places).any(|place| place.join(PPPD).is_file())
}

/// The daemon's own PATH, and what may be missing in it.
fn places(own: Option<&OsStr>) -> OsString {
    let mut places = OsString::new();
    if let Some(own) = own.filter(|own| !own.is_empty()) {
        places.push(own);
        places.push(":");
    }
    places.push(PLACES);
    places
}

/// pppd has another working directory.
fn absolute(path: &Path) -> std::path::PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests;
