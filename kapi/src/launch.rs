//! Starting a program under supervision.
//!
//! ```text
//! adit exec ──fork──> (ends) ──fork──> keeper ──fork──> supervisor
//!     │ installs the filter, hands over its listener
//!     └─ becomes the program: same process, same id
//! ```
//!
//! The supervisor is nobody's child that the program would wait for. Should it die, the *keeper*
//! makes a successor, and where that dies soon, again and again, has the kernel go on with every
//! call, so that programs still start; without it those calls would fail with ENOSYS. Those that a
//! supervisor had taken nobody is told of a second time: it leaves word of them in shared memory.

mod error;
mod keeper;

pub use error::LaunchError;

use crate::filter::{self, Architecture, Scope};
use crate::protocol::Ids;
use crate::supervisor::{Daemon, PppoxAddress};
use crate::sys::process::{self, Fork};
use crate::sys::seccomp::{self, Waiting};
use crate::sys::socket;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, socketpair};
use rustix::process::{WaitOptions, waitpid};
use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// How a program is started.
#[derive(Debug)]
pub struct Options {
    /// The program and its arguments.
    pub program: OsString,
    /// What it is given.
    pub arguments: Vec<OsString>,
    /// Where the daemon of a network namespace listens.
    pub daemon: Daemon,
    /// What of its calls is looked at.
    pub scope: Scope,
    /// Tunnel and session, by this end's ids, whose frames its standard input shall be: a PPPoL2TP
    /// socket.
    pub session: Option<(u32, u32)>,
    /// The supervisor's log, if it writes one.
    pub log: Option<Log>,
}

/// Where log lines go.
#[derive(Debug)]
pub struct Log {
    /// Where they go.
    pub file: File,
    /// What sends them there, called in the supervisor.
    pub start: fn(File),
}

/// Starts the program in this process's place, under supervision; returns only when that fails.
/// Only a process with a single thread may. `nested` is called where another supervisor of this
/// kind serves the process already: the one that there is serves the program too, as it was told.
pub fn launch(options: Options, nested: impl FnOnce()) -> Result<Infallible, LaunchError> {
    let architecture = Architecture::NATIVE.ok_or(LaunchError::Architecture)?;
    let program = filter::program(architecture, options.scope);
    let (near, far) = pair().map_err(LaunchError::Supervisor)?;
    match process::fork().map_err(LaunchError::Supervisor)? {
        Fork::Child => {
            drop(near);
            keeper::start_keeper(far, options)
        }
        Fork::Parent(pid) => reap(pid).map_err(LaunchError::Supervisor)?,
    };
    drop(far);
    match install(&program) {
        Ok(listener) => hand_over(&near, &listener).map_err(LaunchError::Supervisor)?,
        Err(err) if err.raw_os_error() == Some(libc::EBUSY) => {
            if !is_emulated() {
                return Err(LaunchError::Supervised);
            }
            nested();
        }
        Err(err) => return Err(LaunchError::Filter(err)),
    }
    drop(near);
    let mut command = Command::new(&options.program);
    command.args(&options.arguments);
    if let Some((tunnel, session)) = options.session {
        let refused = |error| LaunchError::Session {
            tunnel,
            session,
            error,
        };
        command.stdin(attach(tunnel, session).map_err(refused)?);
    }
    process::pass_sigpipe_on(&mut command);
    let error = command.exec();
    Err(LaunchError::Program {
        program: options.program,
        error,
    })
}

fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    Ok(socketpair(family, kind, SocketFlags::CLOEXEC, None)?)
}

/// Waits for a process that ends at once.
fn reap(pid: i32) -> io::Result<()> {
    let pid = rustix::process::Pid::from_raw(pid);
    loop {
        match waitpid(pid, WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            outcome => return outcome.map(drop).map_err(Into::into),
        }
    }
}

/// Installs the filter as well as the kernel and this process's privileges allow.
fn install(program: &[filter::Instruction]) -> io::Result<OwnedFd> {
    let mut waiting = Waiting::Killable;
    loop {
        match seccomp::install(program, waiting) {
            Err(err) if err.raw_os_error() == Some(libc::EACCES) => {
                rustix::thread::set_no_new_privs(true)?;
                return seccomp::install(program, waiting).or_else(|err| {
                    match err.raw_os_error() {
                        Some(libc::EINVAL) => seccomp::install(program, Waiting::Interruptible),
                        _ => Err(err),
                    }
                });
            }
            Err(err)
                if err.raw_os_error() == Some(libc::EINVAL) && waiting == Waiting::Killable =>
            {
                waiting = Waiting::Interruptible;
            }
            outcome => return outcome,
        }
    }
}

/// Whether a supervisor that knows L2TP answers for this process.
pub(crate) fn is_emulated() -> bool {
    pppol2tp().is_ok()
}

/// A new PPPoL2TP socket.
fn pppol2tp() -> io::Result<OwnedFd> {
    let pppox = AddressFamily::from_raw(24);
    let protocol = rustix::net::Protocol::from_raw(NonZeroU32::MIN);
    let (kind, flags) = (SocketType::DGRAM, SocketFlags::CLOEXEC);
    Ok(socket_with(pppox, kind, flags, Some(protocol))?)
}

/// A PPPoL2TP socket of a session that is there. The filter is installed: the supervisor makes it.
fn attach(tunnel: u32, session: u32) -> io::Result<OwnedFd> {
    let socket = pppol2tp()?;
    let address = PppoxAddress {
        version: 3,
        pid: 0,
        fd: -1,
        ids: Ids {
            tunnel,
            session,
            ..Ids::default()
        },
        peer: (Ipv4Addr::UNSPECIFIED, 0).into(),
    };
    socket::connect(&socket, &address.write())?;
    Ok(socket)
}

/// Gives the listener to the supervisor and waits until that is ready.
fn hand_over(to: &OwnedFd, listener: &OwnedFd) -> io::Result<()> {
    socket::send_descriptor(to, listener)?;
    // A call that the filter matches, for the keeper to see where the kernel counts from.
    let _ = rustix::net::getsockname(to);
    let mut ready = [0];
    match rustix::io::retry_on_intr(|| rustix::io::read(to, &mut ready))? {
        0 => Err(io::Error::other("it ended before it was ready")),
        _ => Ok(()),
    }
}
