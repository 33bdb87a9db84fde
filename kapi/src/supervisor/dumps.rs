//! The files that list tunnels and sessions. What a program opens is a file in memory, which the
//! daemon of the namespace has written.

use super::authority::process_of;
use super::caller::{Caller, errno};
use super::{Reply, Supervisor};
use crate::protocol::{Ask, Dump};
use crate::sys::seccomp::Outcome;
use adit_wire::netlink::Errno;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

const DEBUGFS: &str = "/sys/kernel/debug/l2tp/tunnels";

/// Which text a path means, and of whose network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listing {
    dump: Dump,
    whose: Whose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The calling thread's.
    Thread,
    /// The calling process's.
    Process,
    /// That of the process or thread of this id, as the caller counts them.
    Of(u32),
}

impl Listing {
    /// The listing that stands at an absolute path.
    pub(super) fn at(path: &[u8]) -> Option<Listing> {
        let path = std::str::from_utf8(path).ok()?;
        if path == DEBUGFS {
            return Some(Listing {
                dump: Dump::Tunnels,
                whose: Whose::Thread,
            });
        }
        let whose = path.strip_prefix("/proc/")?.strip_suffix("net/pppol2tp")?;
        let whose = match whose {
            "" | "self/" => Whose::Process,
            "thread-self/" => Whose::Thread,
            of => Whose::Of(process(of.strip_suffix('/')?)?),
        };
        Some(Listing {
            dump: Dump::Pppol2tp,
            whose,
        })
    }
}

/// The id in `PID` or `PID/task/TID`.
fn process(name: &str) -> Option<u32> {
    let id = |name: &str| {
        let digits = name.bytes().all(|octet| octet.is_ascii_digit());
        digits.then(|| name.parse().ok()).flatten()
    };
    match name.split_once("/task/") {
        Some((process, thread)) => id(process).and_then(|_| id(thread)),
        None => id(name),
    }
}

/// Answers open of a listing, if there is a daemon to tell what it reads.
pub(super) async fn open(
    supervisor: &Supervisor,
    caller: &Caller<'_>,
    listing: Listing,
    flags: i32,
) -> Result<Reply, Errno> {
    let go_on = Ok(Reply::So(Outcome::Continue));
    // Without a namespace there is no such process, and without a daemon no such file.
    let Ok(file) = namespace(caller, listing.whose) else {
        return go_on;
    };
    let namespace = supervisor.namespaces.get(file).map_err(|err| errno(&err))?;
    let Some(link) = namespace.link().await else {
        return go_on;
    };
    let privileged = caller.is_admin(&*namespace);
    admit(flags, listing.dump, privileged)?;
    let dump = listing.dump;
    let text = link.text(Ask::Dump { dump, privileged }).await?;
    let file = in_memory(&text).map_err(|err| errno(&err))?;
    caller.give(&file, flags & libc::O_CLOEXEC != 0)?;
    Ok(Reply::Done)
}

/// Refuses what an open of an existing file that is no directory refuses.
fn admit(flags: i32, dump: Dump, privileged: bool) -> Result<(), Errno> {
    let new = libc::O_CREAT | libc::O_EXCL;
    let reads = flags & libc::O_ACCMODE == libc::O_RDONLY;
    if flags & new == new {
        Err(Errno::EEXIST)
    } else if flags & libc::O_DIRECTORY != 0 {
        Err(Errno(libc::ENOTDIR))
    } else if !privileged && (dump == Dump::Tunnels || !reads) {
        Err(Errno(libc::EACCES))
    } else {
        Ok(())
    }
}

fn namespace(caller: &Caller<'_>, whose: Whose) -> io::Result<File> {
    let path = match whose {
        Whose::Thread => return caller.network_namespace(),
        Whose::Process => {
            let process = process_of(caller.tid()).ok_or(io::ErrorKind::NotFound)?;
            format!("/proc/{process}/ns/net")
        }
        // By the caller's own /proc, which may belong to another pid namespace.
        Whose::Of(id) => format!("/proc/{}/root/proc/{id}/ns/net", caller.tid()),
    };
    // The program may have put something else there that opening would wait for.
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    match caller.waits() {
        true => Ok(file),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// A file with this text, to be read only and changed by nobody.
fn in_memory(text: &[u8]) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("l2tp", flags)?);
    file.write_all(text)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(test)]
mod tests;
