use crate::sys;
use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, UnshareFlags, capabilities};
use std::fs::{self, OpenOptions};
use std::io;
use std::thread;

/// Why this machine, or this user on it, cannot have a lab; one line that names what is missing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Skip(String);

/// Gives this process the right to make network namespaces: as it is when it has CAP_SYS_ADMIN
/// and CAP_NET_ADMIN, else as root of a user namespace of its own.
///
/// Must be called while the process has a single thread, for the kernel refuses a user namespace
/// to any other.
///
/// # Errors
/// What the system forbids and what allows it.
pub fn become_root() -> Result<(), Skip> {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN;
    let sets = capabilities(None).map_err(|error| Skip(format!("capget: {error}")))?;
    if !sets.effective.contains(needed) {
        enter_user_namespace()?;
    }
    thread::spawn(|| sys::unshare(UnshareFlags::NEWNET))
        .join()
        .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
        .map_err(|error| {
            Skip(format!(
                "network namespaces are not available ({error}); run as root, or allow user \
                 namespaces (kernel.apparmor_restrict_unprivileged_userns=0)"
            ))
        })
}

/// Whether TAP devices can be made.
///
/// # Errors
/// Why /dev/net/tun cannot be opened.
pub fn require_tun() -> Result<(), Skip> {
    let path = "/dev/net/tun";
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.map(drop).map_err(|error| {
        Skip(format!(
            "{path} cannot be opened ({error}); load the module tun, and let this user read and \
             write the device"
        ))
    })
}

fn enter_user_namespace() -> Result<(), Skip> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    sys::unshare(UnshareFlags::NEWUSER).map_err(|error| {
        Skip(format!(
            "user namespaces are not available ({error}); run as root, or allow them \
             (user.max_user_namespaces, kernel.unprivileged_userns_clone=1)"
        ))
    })?;
    // Without "deny" the kernel lets nobody unprivileged map a group.
    let maps = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {uid} 1")),
        ("/proc/self/gid_map", format!("0 {gid} 1")),
    ];
    for (path, text) in maps {
        fs::write(path, text).map_err(|error| {
            Skip(format!(
                "{path} cannot be written ({error}); run as root, or allow user namespaces \
                 (kernel.apparmor_restrict_unprivileged_userns=0)"
            ))
        })?;
    }
    Ok(())
}
