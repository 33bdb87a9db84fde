//! Who may do what the kernel reserves for CAP_NET_ADMIN.

use rustix::fd::{AsFd, OwnedFd};
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;

const CAP_NET_ADMIN: u32 = 12;

/// Whether process or thread `pid` has CAP_NET_ADMIN in the user namespace that owns the network
/// namespace `net`: there or in one above it. A process that `/proc` hides has not.
pub(super) fn is_admin(pid: i32, net: impl AsFd) -> bool {
    capable(pid).unwrap_or(false) && reaches(pid, net).unwrap_or(false)
}

/// Whether the process's user namespace is the owner of `net`, or above the owner. Where nobody
/// may look that far up it is, since no user namespace below this process's own can see its owner.
fn reaches(pid: i32, net: impl AsFd) -> Option<bool> {
    let own = identity(&fs::metadata(format!("/proc/{pid}/ns/user")).ok()?);
    let mut next: Option<OwnedFd> = crate::sys::process::owning_user_namespace(net).ok();
    while let Some(namespace) = next {
        let above = crate::sys::process::parent_user_namespace(&namespace).ok();
        if identity(&File::from(namespace).metadata().ok()?) == own {
            return Some(true);
        }
        next = above;
    }
    Some(false)
}

fn identity(namespace: &Metadata) -> (u64, u64) {
    (namespace.dev(), namespace.ino())
}

fn capable(pid: i32) -> Option<bool> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    effective(&status).map(|set| set & (1 << CAP_NET_ADMIN) != 0)
}

/// The effective capabilities that a `/proc/PID/status` tells.
fn effective(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// The id that a thread's process knows itself by, in its own PID namespace.
pub(super) fn own_process_id(tid: i32) -> Option<u32> {
    innermost(&fs::read_to_string(format!("/proc/{tid}/status")).ok()?)
}

/// The last of the ids that a `/proc/PID/status` tells, one a PID namespace.
fn innermost(status: &str) -> Option<u32> {
    let mut lines = status.lines();
    let ids = lines.find_map(|line| line.strip_prefix("NStgid:"))?;
    ids.split_whitespace().next_back()?.parse().ok()
}

/// The thread group of a thread, by which the process is known elsewhere.
pub(super) fn process_of(tid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_the_status() {
        let status = "Name:\tsh\nCapPrm:\t00000000ffffffff\nCapEff:\t0000000000001000\n";
        assert_eq!(effective(status), Some(0x1000));
        assert_eq!(effective("CapEff:\tlots\n"), None);
        assert_eq!(effective(""), None);
    }

    #[test]
    fn a_process_knows_itself_by_the_innermost_id() {
        let status = "Tgid:\t4711\nNStgid:\t4711\t17\nNSpid:\t4712\t18\n";
        assert_eq!(innermost(status), Some(17));
        assert_eq!(innermost("Tgid:\t4711\n"), None);
        assert_eq!(
            own_process_id(std::process::id().cast_signed()),
            Some(std::process::id())
        );
    }

    #[test]
    fn a_process_without_a_status_may_nothing() {
        let net = File::open("/proc/self/ns/net").unwrap();
        assert!(!is_admin(i32::MAX, &net));
    }
}
