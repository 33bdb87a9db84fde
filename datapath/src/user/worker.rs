//! A thread that waits for descriptors and orders.

use rustix::event::{Timespec, epoll};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

mod mailbox;

use mailbox::Letters;
pub(crate) use mailbox::Mailbox;

/// The token of a worker's own wake-up descriptor; every other is the owner's choice.
const WAKE: u64 = u64::MAX;

/// Descriptors served in one turn.
const TURN: usize = 64;

/// Before it sleeps, a worker gives its processor away and looks again, so often. Whoever fills its
/// descriptors goes on meanwhile, and there is more to do at once; to be woken costs much more.
const LOOKS: usize = 2;

/// What a worker does with its descriptors.
pub(crate) trait Work: Send + 'static {
    /// What others may ask of it.
    type Order: Send;

    /// Obeys an order; `poll` holds the descriptors.
    fn obey(&mut self, poll: &Poll, order: Self::Order);

    /// Serves the descriptor under `token`, which is readable or broken.
    fn serve(&mut self, poll: &Poll, token: u64);

    /// Does what is due by the clock and says when to be called again.
    fn tick(&mut self, _now: Instant) -> Option<Instant> {
        None
    }
}

const BOTH_WAYS: epoll::EventFlags = epoll::EventFlags::IN
    .union(epoll::EventFlags::OUT)
    .union(epoll::EventFlags::ET);

/// The descriptors that a worker waits for.
#[derive(Debug)]
pub(crate) struct Poll {
    epoll: OwnedFd,
}

impl Poll {
    /// Waits for `fd` to become readable from now on.
    pub(crate) fn add(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::add(&self.epoll, fd, data, epoll::EventFlags::IN)?)
    }

    /// Tells each time that `fd` becomes readable or writable, from now on: once, until all that
    /// can be has been read, or [`Poll::again`] was called.
    pub(crate) fn add_both_ways(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::add(&self.epoll, fd, data, BOTH_WAYS)?)
    }

    /// Tells again of such an `fd` what has been told and is still so.
    pub(crate) fn again(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::modify(&self.epoll, fd, data, BOTH_WAYS)?)
    }

    /// Waits for `fd` no longer.
    pub(crate) fn remove(&self, fd: impl AsFd) {
        // A descriptor that is not there needs no removal.
        let _ = epoll::delete(&self.epoll, fd);
    }
}

/// A running worker. Dropped, it ends the thread after its present turn.
#[derive(Debug)]
pub(crate) struct Handle<O> {
    mailbox: Mailbox<O>,
    thread: Option<JoinHandle<()>>,
}

impl<O: Send + 'static> Handle<O> {
    /// Starts `work` on a thread of this name.
    pub(crate) fn start(name: String, work: impl Work<Order = O>) -> io::Result<Handle<O>> {
        let poll = Poll {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        };
        let (mailbox, letters) = Mailbox::new()?;
        poll.add(&letters, WAKE)?;
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || run(work, &poll, &letters))?;
        Ok(Handle {
            mailbox,
            thread: Some(thread),
        })
    }

    /// Sends an order.
    pub(crate) fn order(&self, order: O) {
        self.mailbox.order(order);
    }

    /// Returns when every order sent so far was obeyed.
    pub(crate) fn settle(&self) {
        self.mailbox.settle();
    }

    /// Another way to send it orders.
    pub(crate) fn mailbox(&self) -> Mailbox<O> {
        self.mailbox.clone()
    }
}

impl<O> Drop for Handle<O> {
    fn drop(&mut self) {
        self.mailbox.end();
        if let Some(thread) = self.thread.take()
            // Its own thread may be the last to let go of it.
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

fn run<W: Work>(mut work: W, poll: &Poll, letters: &Letters<W::Order>) {
    let mut due = None;
    let mut events = [epoll::Event {
        flags: epoll::EventFlags::empty(),
        data: epoll::EventData::new_u64(0),
    }; TURN];
    loop {
        let ready = wait(poll, &mut events, due);
        for token in ready {
            if token != WAKE {
                work.serve(poll, token);
            } else if !letters.read(|order| work.obey(poll, order)) {
                return;
            }
        }
        due = work.tick(Instant::now());
    }
}

/// The tokens of ready descriptors; none when `due` comes first.
fn wait<'a>(
    poll: &Poll,
    events: &'a mut [epoll::Event; TURN],
    due: Option<Instant>,
) -> impl Iterator<Item = u64> + 'a {
    let ready = |events: &mut [epoll::Event; TURN], wait: Option<&Timespec>| {
        epoll::wait(&poll.epoll, &mut events[..], wait).unwrap_or(0)
    };
    let mut count = ready(events, Some(&timespec(Duration::ZERO)));
    for _ in 0..LOOKS {
        if count == 0 {
            std::thread::yield_now();
            count = ready(events, Some(&timespec(Duration::ZERO)));
        }
    }
    if count == 0 {
        // Rounded up: waking early means waiting again.
        let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
        let wait = wait.map(|wait| timespec(wait + Duration::from_micros(50)));
        count = ready(events, wait.as_ref());
    }
    events[..count].iter().map(|event| event.data.u64())
}

fn timespec(wait: Duration) -> Timespec {
    let tv_sec = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
    Timespec {
        tv_sec,
        tv_nsec: i64::from(wait.subsec_nanos()),
    }
}
