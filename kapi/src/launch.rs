//! Starting a program under supervision.
//!
//! ```text
//! adit exec ──fork──> (ends) ──fork──> keeper ──fork──> supervisor
//!     │ installs the filter, hands over its listener
//!     └─ becomes the program: same process, same id
//! ```
//!
//! The supervisor is nobody's child that the program would wait for. Should it die, the *keeper*
//! has the kernel go on with every call that waits or comes, so that programs still start; without
//! it those calls would fail with ENOSYS. Those that the supervisor had taken nobody is told of a
//! second time: it leaves word of them in shared memory.

mod error;

pub use error::LaunchError;

use crate::filter::{self, Architecture, Scope};
use crate::protocol::Ids;
use crate::supervisor::{self, Daemon, PppoxAddress, Word};
use crate::sys::process::{self, Fork};
use crate::sys::seccomp::{self, Waiting};
use crate::sys::socket;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, socketpair};
use rustix::process::{Resource, Rlimit, WaitOptions, getrlimit, setrlimit, waitpid};
use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
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
            start_keeper(far, options)
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

/// Makes the keeper an orphan, and ends.
fn start_keeper(link: OwnedFd, options: Options) -> ! {
    // Signals from a terminal are for the program.
    let _ = rustix::process::setsid();
    match process::fork() {
        Ok(Fork::Child) => {
            let outcome = keep(link, options);
            process::exit(i32::from(outcome.is_err()))
        }
        Ok(Fork::Parent(_)) => process::exit(0),
        Err(_) => process::exit(1),
    }
}

/// What the keeper does for all its life.
fn keep(link: OwnedFd, options: Options) -> io::Result<()> {
    let (log, start_log) = options.log.map(|log| (log.file, log.start)).unzip();
    let log = withdraw(&link, log)?;
    let listener = await_listener(&link)?;
    let word = Word::new(first_call(listener.as_fd())?)?;
    rustix::thread::set_name(c"adit-keeper")?;
    match process::fork()? {
        Fork::Child => {
            rustix::thread::set_name(c"adit-supervisor")?;
            raise_descriptor_limit();
            if let (Some(log), Some(start_log)) = (log, start_log) {
                start_log(log);
            }
            seccomp::wake_synchronously(listener.as_fd());
            let outcome = supervisor::run(listener, options.daemon, options.scope, word, || {
                let _ = rustix::io::write(&link, &[0]);
                drop(link);
            });
            if let Err(err) = &outcome {
                tracing::error!("the supervisor ends: {err}");
            }
            process::exit(i32::from(outcome.is_err()))
        }
        Fork::Parent(pid) => {
            drop(link);
            let pid = rustix::process::Pid::from_raw(pid);
            let ended = rustix::io::retry_on_intr(|| waitpid(pid, WaitOptions::empty()))?;
            match ended.and_then(|(_, status)| status.exit_status()) {
                Some(0) => Ok(()),
                Some(_) | None => let_pass(listener.as_fd(), word),
            }
        }
    }
}

/// Every socket of its programs takes the supervisor up to two descriptors, whatever their own
/// limit is.
fn raise_descriptor_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Only what may be raised is: nothing is lost where it cannot.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// Keeps nothing of the caller's but the link: no terminal, no descriptor, no directory, and no
/// signal but KILL ends it before the programs it serves.
fn withdraw(link: &OwnedFd, log: Option<File>) -> io::Result<Option<File>> {
    for signal in [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGTERM,
        libc::SIGPIPE,
    ] {
        process::ignore(signal);
    }
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(log.as_ref().unwrap_or(&null))?;
    // Owners go before the descriptors that are closed wholesale.
    drop(null);
    std::env::set_current_dir("/")?;
    let kept = log.as_ref().map_or(-1, |log| log.as_raw_fd());
    process::close_inherited(&[link.as_raw_fd(), kept])?;
    Ok(log)
}

fn await_listener(link: &OwnedFd) -> io::Result<OwnedFd> {
    rustix::io::retry_on_intr(|| {
        rustix::event::poll(
            &mut [rustix::event::PollFd::new(
                link,
                rustix::event::PollFlags::IN,
            )],
            None,
        )
    })?;
    let mut received = socket::receive(link, &mut [0])?;
    received
        .descriptors
        .pop()
        .ok_or_else(|| io::Error::other("no listener came"))
}

/// Takes the call that [`hand_over`] makes and has the kernel go on with it. Gives its number, from
/// which others are counted.
fn first_call(listener: BorrowedFd<'_>) -> io::Result<u64> {
    let call = seccomp::receive(listener)?;
    seccomp::respond(listener, call.id, seccomp::Outcome::Continue)?;
    Ok(call.id)
}

/// Has the kernel go on with every call, until no program is left; first with those that the
/// supervisor had taken.
fn let_pass(listener: BorrowedFd<'_>, word: Word) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    for id in word.candidates() {
        let _ = seccomp::respond(listener, id, seccomp::Outcome::Continue);
    }
    loop {
        let mut polled = [PollFd::from_borrowed_fd(listener, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut polled, None))?;
        let [polled] = polled;
        if !polled.revents().contains(PollFlags::IN) {
            return Ok(());
        }
        if let Ok(call) = seccomp::receive(listener) {
            let _ = seccomp::respond(listener, call.id, seccomp::Outcome::Continue);
        }
    }
}
