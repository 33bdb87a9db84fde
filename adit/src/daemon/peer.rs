//! Who may change the state: holders of CAP_NET_ADMIN over this network namespace, as the
//! kernel's own family demands it.

use super::sys;
use rustix::event::{PollFd, PollFlags, Timespec};
use std::fs::{self, File, Metadata};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

const CAP_NET_ADMIN: u32 = 12;

/// The user namespaces whose CAP_NET_ADMIN reaches this network namespace: the one that owns it
/// and those above. Somebody who is root in a user namespace of his own has the capability there
/// and nothing here.
#[derive(Debug)]
pub(super) struct Authority {
    namespaces: Vec<(u64, u64)>,
}

impl Authority {
    /// Of this process's network namespace. Namespaces that this process may not see are not in
    /// it; then [`Authority::admits`] falls back on the user id.
    pub(super) fn of_this_namespace() -> Authority {
        let net = File::open("/proc/self/ns/net");
        let mut next = net.and_then(sys::owning_user_namespace).ok();
        let mut namespaces = Vec::new();
        while let Some(fd) = next {
            next = sys::parent_user_namespace(&fd).ok();
            let metadata = File::from(fd).metadata();
            namespaces.extend(metadata.ok().as_ref().map(identity));
        }
        Authority { namespaces }
    }

    /// Whether the process at the other end of `socket` may change the state.
    ///
    /// Asked once, when the connection is accepted. The process must still be the one that
    /// connected and have the user id it had then, so that the capability is not that of a
    /// set-user-id program which it became meanwhile. Where `/proc` hides the process, only root is
    /// admitted.
    pub(super) fn admits(&self, socket: impl AsFd) -> bool {
        let Ok((pid, uid)) = sys::peer_credentials(socket.as_fd()) else {
            return false;
        };
        let pidfd = sys::peer_pidfd(socket).ok();
        let root = uid == 0;
        let Some((euid, capable)) = status(pid) else {
            return root;
        };
        let within = match fs::metadata(format!("/proc/{pid}/ns/user")) {
            Ok(namespace) if !self.namespaces.is_empty() => {
                self.namespaces.contains(&identity(&namespace))
            }
            Ok(_) | Err(_) => root,
        };
        // Last, because only now is it certain whom the files told of.
        let same = pidfd.is_none_or(lives);
        euid == uid && capable && within && same
    }
}

fn identity(namespace: &Metadata) -> (u64, u64) {
    (namespace.dev(), namespace.ino())
}

/// Effective user id of a process, and whether it has CAP_NET_ADMIN in its user namespace.
fn status(pid: i32) -> Option<(u32, bool)> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let euid = field("Uid:")?.split_whitespace().nth(1)?.parse().ok()?;
    let effective = u64::from_str_radix(field("CapEff:")?.trim(), 16).ok()?;
    Some((euid, effective & (1 << CAP_NET_ADMIN) != 0))
}

/// Whether the process has not ended, so that its id cannot be another's by now.
fn lives(pidfd: OwnedFd) -> bool {
    let mut poll = [PollFd::new(&pidfd, PollFlags::IN)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    matches!(rustix::event::poll(&mut poll, Some(&now)), Ok(0))
}

#[cfg(test)]
mod tests;
