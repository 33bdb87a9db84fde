//! Sockets that carry tunnels no longer.

use super::pppox::borrow;
use crate::protocol::TunnelSocket;
use crate::sys::socket::set_option;
use rustix::net::sockopt::socket_cookie;
use std::fs;
use std::os::fd::OwnedFd;

/// Takes the filter off a program's socket that a daemon has put there: everything is the program's
/// again. A socket that nobody has any more needs nothing.
pub(super) fn release(of: TunnelSocket) {
    let is_it = |fd: i32| {
        let socket = borrow(of.process, fd).ok()?;
        (socket_cookie(&socket).ok() == Some(of.cookie)).then_some(socket)
    };
    // It may have been renumbered since.
    let found = is_it(of.fd).or_else(|| descriptors(of.process).into_iter().find_map(is_it));
    let taken = found.map(|socket: OwnedFd| {
        // The value means nothing, but the kernel wants one.
        set_option(
            socket,
            libc::SOL_SOCKET,
            libc::SO_DETACH_FILTER,
            &0i32.to_ne_bytes(),
        )
    });
    tracing::debug!(?of, ?taken, "a tunnel's socket is its program's again");
}

/// The descriptors of a process that are sockets.
fn descriptors(process: i32) -> Vec<i32> {
    let Ok(entries) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return Vec::new();
    };
    let sockets = entries.flatten().filter(|entry| {
        let target = fs::read_link(entry.path());
        target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    });
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    sockets.filter_map(number).collect()
}

#[cfg(test)]
mod tests;
