//! What this kernel and this process's privileges allow, tried out in processes made for it.

use crate::filter::{self, Architecture, Scope};
use crate::launch::is_emulated;
use crate::supervisor::{Daemon, may_make_room};
use crate::sys::process::{self, Fork};
use crate::sys::seccomp::{self, Waiting};
use crate::sys::{self, memory};
use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Signal, WaitOptions, kill_process, pidfd_getfd, pidfd_open,
    waitpid,
};
use std::fmt;
use std::io;

/// Something that programs under supervision need, and whether it is there.
#[derive(Debug)]
pub struct Finding {
    /// What it is.
    pub what: &'static str,
    /// Nothing, or what does not work and what helps.
    pub problem: Option<String>,
    /// Whether nothing works without.
    pub needed: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            None => write!(f, "{}: yes", self.what),
            Some(problem) => write!(f, "{}: no: {problem}", self.what),
        }
    }
}

/// Tries everything out. Only a process with a single thread may.
pub fn check(daemon: &Daemon) -> io::Result<Vec<Finding>> {
    let filter = try_filter()?;
    let refused = filter.refused.map(|errno| match errno {
        libc::EBUSY => "something supervises this process already; run it outside of it".to_owned(),
        _ => {
            let err = io::Error::from_raw_os_error(errno);
            format!("{err}; allow seccomp, and take Linux 5.5 or later")
        }
    });
    let finding = |what, needed, problem| Finding {
        what,
        problem,
        needed,
    };
    let told = |problem: bool, text: &str| problem.then(|| text.to_owned());
    let (memory, descriptors) = try_sibling()?;
    Ok(vec![
        finding("calls can be answered", true, refused),
        finding(
            "signals leave answered calls alone",
            false,
            told(
                !filter.killable,
                "a signal may have a call made twice; take Linux 5.19 or later",
            ),
        ),
        finding(
            "set-user-id programs keep their rights",
            false,
            filter.privileges.map(str::to_owned),
        ),
        finding(
            "programs' memory can be read",
            true,
            told(
                !memory,
                "add CAP_SYS_PTRACE, or set kernel.yama.ptrace_scope to 0",
            ),
        ),
        finding(
            "programs' own sockets can carry tunnels",
            false,
            told(
                !descriptors,
                "pidfd_getfd is refused; add CAP_SYS_PTRACE, or take Linux 5.6 or later",
            ),
        ),
        finding(
            "sockets of L2TP over IP can be had",
            false,
            told(
                in_child(|| i32::from(may_make_room().is_err()))? != 0,
                "no network namespace can be made for them, with a socket that tells what is \
                 closed; add CAP_SYS_ADMIN, and take a kernel with INET_UDP_DIAG",
            ),
        ),
        finding(
            "a daemon serves this network namespace",
            true,
            daemon.connect().err().map(|err| {
                let told = match err.kind() == io::ErrorKind::PermissionDenied {
                    true => "it runs as neither root nor this user; start one as root",
                    false => "none answers; start one with: adit run",
                };
                told.to_owned()
            }),
        ),
    ])
}

/// How a filter could be installed.
struct Tried {
    refused: Option<i32>,
    killable: bool,
    /// Why set-user-id programs get no rights.
    privileges: Option<&'static str>,
}

/// Installs the filter in a process of its own, which tells by its exit status how it went.
fn try_filter() -> io::Result<Tried> {
    let Some(architecture) = Architecture::NATIVE else {
        return Ok(Tried {
            refused: Some(libc::ENOSYS),
            killable: true,
            privileges: None,
        });
    };
    let program = filter::program(architecture, Scope::default());
    let attempt = |waiting, privs: bool| {
        in_child(|| {
            if privs && rustix::thread::set_no_new_privs(true).is_err() {
                return libc::EPERM;
            }
            let installed = seccomp::install(&program, waiting);
            installed
                .err()
                .and_then(|err| err.raw_os_error())
                .unwrap_or(0)
        })
    };
    let first = attempt(Waiting::Killable, false)?;
    let no_new_privs = first == libc::EACCES;
    let privileges = if rustix::thread::no_new_privs()? {
        Some("no_new_privs is set; start this without, and without NoNewPrivileges= in a service")
    } else {
        no_new_privs.then_some("without CAP_SYS_ADMIN they get none; start this as root")
    };
    let killable = match attempt(Waiting::Killable, no_new_privs)? {
        0 => Ok(true),
        // The supervisor that is there serves what is started here.
        libc::EBUSY if is_emulated() => Ok(true),
        libc::EINVAL => match attempt(Waiting::Interruptible, no_new_privs)? {
            0 => Ok(false),
            errno => Err(errno),
        },
        errno => Err(errno),
    };
    Ok(Tried {
        refused: killable.err(),
        killable: killable.unwrap_or(true),
        privileges,
    })
}

/// Whether a process can read the memory, and take a copy of a descriptor, of one that is not its
/// descendant: the supervisor and its program are such.
fn try_sibling() -> io::Result<(bool, bool)> {
    let word = 0x5afe_u32.to_ne_bytes();
    let address = word.as_ptr() as u64;
    let target = match process::fork()? {
        Fork::Child => loop {
            sys::process::pause();
        },
        Fork::Parent(pid) => pid,
    };
    let found = in_child(|| {
        let mut read = [0; 4];
        let sees =
            memory::read(target, address, &mut read).is_ok_and(|len| len == 4) && read == word;
        let pidfd = Pid::from_raw(target).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
        let takes = match pidfd {
            Some(Ok(pidfd)) => pidfd_getfd(pidfd, 0, PidfdGetfdFlags::empty()).is_ok(),
            Some(Err(_)) | None => false,
        };
        i32::from(sees) | i32::from(takes) << 1
    });
    if let Some(pid) = Pid::from_raw(target) {
        kill_process(pid, Signal::KILL)?;
        waitpid(Some(pid), WaitOptions::empty())?;
    }
    let found = found?;
    Ok((found & 1 != 0, found & 2 != 0))
}

/// What `work` gives, from 0 to 255, done in a process of its own.
fn in_child(work: impl FnOnce() -> i32) -> io::Result<i32> {
    match process::fork()? {
        Fork::Child => process::exit(work()),
        Fork::Parent(pid) => {
            let pid = Pid::from_raw(pid);
            let ended = rustix::io::retry_on_intr(|| waitpid(pid, WaitOptions::empty()))?;
            let status = ended.and_then(|(_, status)| status.exit_status());
            Ok(status.unwrap_or(libc::EIO))
        }
    }
}
