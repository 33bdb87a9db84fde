//! What the daemon needs of its host, and where it is.

use super::store::Store;
use super::sys;
use adit_datapath::Error;
use adit_wire::netlink::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::CapabilitySet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

const TUN: &str = "/dev/net/tun";

/// Refuses to start without the privileges and the device that the data path needs.
pub(super) fn check() -> Result<(), Error> {
    let have = rustix::thread::capabilities(None);
    let have = have.map_or(CapabilitySet::empty(), |sets| sets.effective);
    let needed = [
        (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN", "network devices"),
        (
            CapabilitySet::NET_RAW,
            "CAP_NET_RAW",
            "sockets of protocol 115",
        ),
    ];
    for (capability, name, purpose) in needed {
        if !have.contains(capability) {
            let text = format!(
                "{name} is missing, it is needed for {purpose}; run as root, or \
                 in a user namespace: unshare --user --map-root-user --net"
            );
            return Err(Error::new(Errno::EPERM, "capability", text));
        }
    }
    match OpenOptions::new().read(true).write(true).open(TUN) {
        Ok(_) => Ok(()),
        Err(err) => {
            let remedy = match err.kind() == ErrorKind::PermissionDenied {
                true => "give this user access to it",
                false => "load the module: modprobe tun",
            };
            let text = format!("{TUN} cannot be opened: {err}; {remedy}");
            let errno = Errno(err.raw_os_error().unwrap_or(Errno::EIO.0));
            Err(Error::new(errno, "device", text))
        }
    }
}

/// Lets this process have as many descriptors as it may: every tunnel and every session takes
/// one.
pub(super) fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(err) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("the limit of {current:?} descriptors cannot be raised: {err}");
    }
}

/// This process's network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Namespace {
    /// The inode number, by which people know it.
    pub(super) inode: u64,
    /// What tells it from all others of this boot, as a socket's option does.
    pub(super) cookie: u64,
    /// The id of the boot in which it is.
    boot: String,
    /// The name under which state is kept: inode numbers are used again, this is not, neither
    /// within a boot nor after one.
    pub(super) identity: String,
}

impl Namespace {
    /// Finds it out; `socket` is any socket in it.
    pub(super) fn of(socket: impl AsFd) -> io::Result<Namespace> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let inode = fs::metadata("/proc/self/ns/net")?.ino();
        let boot = boot.trim().to_owned();
        let cookie = sys::netns_cookie(socket)?;
        Ok(Namespace {
            inode,
            cookie,
            identity: format!("{cookie}-{boot}"),
            boot,
        })
    }
}

/// What this host calls itself.
pub(super) fn name() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    let legal: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    match legal.is_empty() {
        true => "adit".to_owned(),
        false => legal,
    }
}

/// Opens the state file that `asked` names, or the namespace's own where nothing is asked for.
/// Tells also what to call it in the log.
pub(super) fn open_store(
    asked: Option<&Path>,
    namespace: &Namespace,
) -> Result<(Store, String), Error> {
    match asked {
        Some(word) if word == Path::new("none") => Ok((Store::none(), "none".to_owned())),
        Some(path) => {
            let store = open(path, namespace)?;
            Ok((store, path.display().to_string()))
        }
        None => {
            for directory in directories() {
                let path = directory.join(format!("netns-{}.redb", namespace.identity));
                if usable(&directory) {
                    remove_void(&directory, &namespace.boot);
                    let store = open(&path, namespace)?;
                    return Ok((store, path.display().to_string()));
                }
            }
            tracing::warn!(
                "neither /run/adit nor $XDG_RUNTIME_DIR/adit can be written: \
                 nothing will be restored after the process is killed; give --state FILE"
            );
            Ok((Store::none(), "none".to_owned()))
        }
    }
}

fn open(path: &Path, namespace: &Namespace) -> Result<Store, Error> {
    Store::open(path, &namespace.identity).map_err(|err| {
        let busy = matches!(err, redb::Error::DatabaseAlreadyOpen);
        let (errno, remedy) = match busy {
            true => (Errno::EBUSY, "stop the daemon that has it"),
            false => (Errno::EIO, "give another --state FILE or --state none"),
        };
        let text = format!("{} cannot be opened: {err}; {remedy}", path.display());
        Error::new(errno, "state", text)
    })
}

/// Removes the state files of other boots, whose namespaces are all gone. Those of this boot stay:
/// nothing tells whether a namespace without a daemon is gone or will have one again.
fn remove_void(directory: &Path, boot: &str) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(|name| is_of_another_boot(name, boot)) {
            continue;
        }
        match remove_unused(&path) {
            Ok(()) => tracing::info!("{}: removed, it is of another boot", path.display()),
            Err(err) => tracing::debug!("{}: of another boot, kept: {err}", path.display()),
        }
    }
}

/// Whether a state file of this name, `netns-COOKIE-BOOT.redb`, belongs to another boot.
fn is_of_another_boot(name: &str, boot: &str) -> bool {
    let identity = name.strip_prefix("netns-");
    let identity = identity.and_then(|name| name.strip_suffix(".redb"));
    let of = identity.and_then(|identity| identity.split_once('-'));
    of.is_some_and(|(_, other)| other != boot)
}

/// Removes a file unless a daemon has it open: the directory may be shared with another host.
fn remove_unused(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    file.try_lock()?;
    fs::remove_file(path)
}

fn directories() -> impl Iterator<Item = PathBuf> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(|own| PathBuf::from(own).join("adit"));
    [PathBuf::from("/run/adit")].into_iter().chain(own)
}

/// Makes the directory if need be; tells whether files can be made in it.
fn usable(directory: &Path) -> bool {
    let made = fs::DirBuilder::new().mode(0o755).create(directory);
    match made {
        Ok(()) => true,
        Err(err) if err.kind() == ErrorKind::AlreadyExists => {
            let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
            let opened = File::open(directory)
                .is_ok_and(|file| file.metadata().is_ok_and(|metadata| metadata.is_dir()));
            opened && rustix::fs::access(directory, access).is_ok()
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests;
