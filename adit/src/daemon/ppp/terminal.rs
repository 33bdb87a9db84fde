//! Pseudo-terminals for pppd, and whether the kernel has what it needs to speak PPP on them.

use crate::daemon::sys;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;

/// Where the kernel's generic PPP driver is found.
const PPP: &str = "/dev/ppp";

/// N_PPP of `linux/tty.h`.
const N_PPP: i32 = 3;

/// A terminal in raw mode: the side of the modem, and pppd's.
pub(super) fn open() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let modem = openpt(flags)?;
    grantpt(&modem)?;
    unlockpt(&modem)?;
    let line = ioctl_tiocgptpeer(&modem, flags)?;
    // Before pppd has it, nothing that is written to one side may be echoed by the other.
    let mut raw = tcgetattr(&line)?;
    raw.make_raw();
    tcsetattr(&line, OptionalActions::Now, &raw)?;
    Ok((modem, line))
}

/// What helps where something is missing.
pub(super) const REMEDY: &str =
    "load the modules ppp_generic and ppp_async, or give pppd_on socket";

/// What of the kernel's PPP is missing for a pppd on a terminal, by trying; modules that are there
/// are loaded by that.
pub(super) fn missing() -> Option<String> {
    let opened = OpenOptions::new().read(true).write(true).open(PPP);
    if let Err(error) = opened {
        return Some(format!("{PPP} cannot be opened: {error}"));
    }
    let tried = open().and_then(|(_modem, line)| sys::set_line_discipline(&line, N_PPP));
    let told = |error| format!("no terminal speaks PPP: {error}");
    tried.err().map(told)
}

#[cfg(test)]
mod tests;
