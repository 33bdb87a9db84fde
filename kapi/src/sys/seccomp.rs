//! seccomp's user notification: `seccomp_unotify(2)`.

use super::check;
use crate::filter::Instruction;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, Linux 6.6.
const SYNC_WAKE_UP: u64 = 1;

/// How a filter is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Once the supervisor has taken a call, only a fatal signal interrupts it (Linux 5.19).
    Killable,
    /// Any signal interrupts it, and the call is made anew.
    Interruptible,
}

/// A call that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Notification {
    /// Names the waiting call.
    pub(crate) id: u64,
    /// The calling thread, 0 when it is not in this process's pid namespace.
    pub(crate) tid: i32,
    /// The call's number.
    pub(crate) number: u32,
    /// AUDIT_ARCH of the caller.
    pub(crate) audit: u32,
    /// The arguments as they were in registers.
    pub(crate) args: [u64; 6],
}

/// Installs `program` for this thread and all that it starts, and gives the listener.
pub(crate) fn install(program: &[Instruction], waiting: Waiting) -> io::Result<OwnedFd> {
    let mut instructions: Vec<libc::sock_filter> = program
        .iter()
        .map(|instruction| libc::sock_filter {
            code: instruction.code,
            jt: instruction.if_true,
            jf: instruction.if_false,
            k: instruction.operand,
        })
        .collect();
    let program = libc::sock_fprog {
        len: instructions.len() as u16,
        filter: instructions.as_mut_ptr(),
    };
    let mut flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    if waiting == Waiting::Killable {
        flags |= libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    }
    // SAFETY: `program` points to as many instructions as it says; the kernel copies them.
    let fd = check(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    })?;
    // SAFETY: the call made a new descriptor, which nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Has answers wake the caller on this processor, which makes each exchange several times faster.
/// Older kernels do without.
pub(crate) fn wake_synchronously(listener: BorrowedFd<'_>) {
    // SAFETY: the request takes its flags by value.
    let _ = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
            SYNC_WAKE_UP,
        )
    };
}

/// Takes the next call; ENOENT when its caller has ended meanwhile.
pub(crate) fn receive(listener: BorrowedFd<'_>) -> io::Result<Notification> {
    // SAFETY: a seccomp_notif is integers, for which zeros are a value.
    let mut taken: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the request fills one seccomp_notif, which must be zero before.
    let outcome = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_RECV,
            &raw mut taken,
        )
    };
    check(outcome.into())?;
    Ok(Notification {
        id: taken.id,
        tid: taken.pid as i32,
        number: taken.data.nr as u32,
        audit: taken.data.arch,
        args: taken.data.args,
    })
}

/// Whether the call still waits, so that its thread's id has not become another's.
pub(crate) fn is_waiting(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the request reads one u64.
    let outcome = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
            &raw const id,
        )
    };
    outcome == 0
}

/// What a waiting call is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The kernel goes on with the call.
    Continue,
    /// It returns this.
    Value(i64),
    /// It fails with this positive error number.
    Error(i32),
}

/// Answers a call; ENOENT when it waits no longer.
pub(crate) fn respond(listener: BorrowedFd<'_>, id: u64, outcome: Outcome) -> io::Result<()> {
    let (val, error, flags) = match outcome {
        Outcome::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
        Outcome::Value(value) => (value, 0, 0),
        Outcome::Error(errno) => (0, errno.saturating_neg(), 0),
    };
    let response = libc::seccomp_notif_resp {
        id,
        val,
        error,
        flags,
    };
    // SAFETY: the request reads one seccomp_notif_resp.
    let outcome = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SEND,
            &raw const response,
        )
    };
    check(outcome.into())?;
    Ok(())
}

/// Puts a copy of `fd` into the caller's table, at the lowest free number, and has the call return
/// that in the same step: a caller that a signal takes away gets neither.
pub(crate) fn return_descriptor(
    listener: BorrowedFd<'_>,
    id: u64,
    fd: impl AsFd,
    close_on_exec: bool,
) -> io::Result<i32> {
    let mut added = libc::seccomp_notif_addfd {
        id,
        flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
        srcfd: fd.as_fd().as_raw_fd() as u32,
        newfd: 0,
        newfd_flags: if close_on_exec {
            libc::O_CLOEXEC as u32
        } else {
            0
        },
    };
    match request_addition(listener, &added) {
        // Before Linux 5.14 it takes two steps.
        Err(err) if err.raw_os_error() == Some(libc::EINVAL) => {
            added.flags = 0;
            let number = request_addition(listener, &added)?;
            respond(listener, id, Outcome::Value(number.into()))?;
            Ok(number)
        }
        outcome => outcome,
    }
}

fn request_addition(
    listener: BorrowedFd<'_>,
    added: &libc::seccomp_notif_addfd,
) -> io::Result<i32> {
    // SAFETY: the request reads one seccomp_notif_addfd.
    let outcome = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ADDFD,
            std::ptr::from_ref(added),
        )
    };
    let number = check(outcome.into())?;
    Ok(number as i32)
}
