//! The supervisor's keeper: what becomes of calls when the supervisor dies.

use super::Options;
use crate::supervisor::{self, Word};
use crate::sys::process::{self, Fork};
use crate::sys::seccomp;
use crate::sys::socket;
use rustix::process::{Resource, Rlimit, WaitOptions, getrlimit, setrlimit, waitpid};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// A supervisor that ends sooner has had a short life, and after so many of these on end none gets
/// a successor: programs must get on without.
const SHORT: Duration = Duration::from_secs(10);
const SHORT_LIVES: u32 = 4;

/// Makes the keeper an orphan, and ends.
pub(super) fn start_keeper(link: OwnedFd, options: Options) -> ! {
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
    let supervise = |listener: OwnedFd, link: Option<OwnedFd>| {
        if let (Some(log), Some(start_log)) = (log.as_ref(), start_log) {
            log.try_clone().map(start_log)?;
        }
        seccomp::wake_synchronously(listener.as_fd());
        supervisor::run(
            listener,
            options.daemon.clone(),
            options.scope,
            word,
            || {
                if let Some(link) = link {
                    let _ = rustix::io::write(&link, &[0]);
                }
            },
        )
    };
    let mut link = Some(link);
    let mut short_lives = 0;
    while short_lives < SHORT_LIVES {
        let begun = Instant::now();
        match process::fork()? {
            Fork::Child => {
                rustix::thread::set_name(c"adit-supervisor")?;
                raise_descriptor_limit();
                let outcome = supervise(listener, link);
                if let Err(err) = &outcome {
                    tracing::error!("the supervisor ends: {err}");
                }
                process::exit(i32::from(outcome.is_err()))
            }
            Fork::Parent(pid) => {
                link = None;
                if ends_well(pid)? {
                    return Ok(());
                }
            }
        }
        answer_taken(listener.as_fd(), word);
        short_lives = match begun.elapsed() < SHORT {
            true => short_lives + 1,
            false => 0,
        };
    }
    let_pass(listener.as_fd())
}

/// Waits for a supervisor's end; whether it was the end of its programs too.
fn ends_well(pid: i32) -> io::Result<bool> {
    let pid = rustix::process::Pid::from_raw(pid);
    let ended = rustix::io::retry_on_intr(|| waitpid(pid, WaitOptions::empty()))?;
    let status = ended.and_then(|(_, status)| status.exit_status());
    Ok(status == Some(0))
}

/// Has the kernel go on with the calls that a supervisor had taken.
fn answer_taken(listener: BorrowedFd<'_>, word: Word) {
    for id in word.candidates() {
        let _ = seccomp::respond(listener, id, seccomp::Outcome::Continue);
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

/// Has the kernel go on with every call, until no program is left.
fn let_pass(listener: BorrowedFd<'_>) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
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
