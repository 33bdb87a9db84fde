//! Making processes.

use super::check;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which side of a fork this is.
pub(crate) enum Fork {
    /// The new process.
    Child,
    /// The old one, and the new one's id.
    Parent(i32),
}

/// Makes a copy of this process.
///
/// Only a process with a single thread may: a lock that another thread held would stay locked in
/// the copy for ever. Refuses when there are more.
pub(crate) fn fork() -> io::Result<Fork> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(io::Error::other("a process with threads cannot be copied"));
    }
    // SAFETY: this is the process's only thread, so its copy finds every lock free and all memory
    // in a consistent state.
    match check(unsafe { libc::fork() }.into())? {
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid as i32)),
    }
}

/// Takes the calling thread into a new network namespace.
pub(crate) fn unshare_network() -> io::Result<()> {
    // SAFETY: only unsharing the table of open files can invalidate descriptors that other code
    // relies on, and this is not it.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }?;
    Ok(())
}

/// Ends this process at once, without running what others left to be done at exit.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: _exit takes an int and does not return.
    unsafe { libc::_exit(status) }
}

/// Closes every descriptor but the standard ones and those of `keep`.
///
/// For a copy just forked, whose inherited descriptors belong to code that never runs in it.
pub(crate) fn close_inherited(keep: &[i32]) -> io::Result<()> {
    let mut keep: Vec<u32> = keep
        .iter()
        .filter_map(|fd| u32::try_from(*fd).ok())
        .collect();
    keep.sort_unstable();
    let mut from = 3;
    for stays in keep.into_iter().filter(|fd| *fd >= 3) {
        close_range(from, stays - 1)?;
        from = stays + 1;
    }
    close_range(from, u32::MAX)
}

fn close_range(from: u32, to: u32) -> io::Result<()> {
    if from > to {
        return Ok(());
    }
    // SAFETY: the call touches no memory; by the contract of `close_inherited` nothing uses the
    // closed descriptors any more.
    check(unsafe { libc::syscall(libc::SYS_close_range, from, to, 0) })?;
    Ok(())
}

/// Ignores a signal from now on.
pub(crate) fn ignore(signal: libc::c_int) {
    // SAFETY: SIG_IGN runs no code of this process.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// NS_GET_USERNS and NS_GET_PARENT of `linux/nsfs.h`.
const NS_GET_USERNS: libc::Ioctl = 0xb701;
const NS_GET_PARENT: libc::Ioctl = 0xb702;

/// The user namespace that owns the namespace `ns`.
pub(crate) fn owning_user_namespace(ns: impl AsFd) -> io::Result<OwnedFd> {
    related(ns, NS_GET_USERNS)
}

/// The parent of the user namespace `ns`, as far as this process may see it.
pub(crate) fn parent_user_namespace(ns: impl AsFd) -> io::Result<OwnedFd> {
    related(ns, NS_GET_PARENT)
}

fn related(ns: impl AsFd, request: libc::Ioctl) -> io::Result<OwnedFd> {
    // SAFETY: both requests take no argument and touch no memory of this process.
    let fd = check(unsafe { libc::ioctl(ns.as_fd().as_raw_fd(), request) }.into())?;
    // SAFETY: on success both requests return a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Waits for a signal.
pub(crate) fn pause() {
    // SAFETY: pause touches no memory.
    unsafe { libc::pause() };
}

/// Whether SIGPIPE was ignored when this process began.
static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

// Called before the standard library changes what becomes of the signal.
#[used]
// SAFETY: the section holds pointers to functions that take nothing they need, which this is one of.
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = note_sigpipe;

extern "C" fn note_sigpipe() {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null action changes nothing, and the other points to room for one, which is
    // written to when the call succeeds.
    let found = unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), action.as_mut_ptr()) };
    if found == 0 {
        // SAFETY: the call has succeeded.
        let action = unsafe { action.assume_init() };
        PIPE_WAS_IGNORED.store(action.sa_sigaction == libc::SIG_IGN, Ordering::Relaxed);
    }
}

/// Has the program that `command` becomes ignore SIGPIPE if this process was started so, as systemd
/// starts services. The standard library would give it the default.
pub(crate) fn pass_sigpipe_on(command: &mut Command) {
    if PIPE_WAS_IGNORED.load(Ordering::Relaxed) {
        let ignoring = || {
            ignore(libc::SIGPIPE);
            Ok(())
        };
        // SAFETY: between fork and exec, as well as before exec alone, it calls signal only, which
        // may be called there.
        unsafe { command.pre_exec(ignoring) };
    }
}
