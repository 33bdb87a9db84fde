use crate::counters::DropReason;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use socket2::{Domain, Socket, Type};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Frames that wait for a reader, as many as Linux keeps.
const QUEUE: usize = 32;

/// What is called once when a program has closed its last copy of an end, from a thread of the
/// data path: it must not block.
pub type OnClose = Box<dyn FnOnce() + Send>;

/// This side's end of a pair of sequenced-packet sockets, whose other end a program has. A message
/// is a frame.
pub struct End {
    socket: Socket,
}

/// What an end gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// A message of so many octets.
    Frame(usize),
    Nothing,
    /// The program has closed the other end.
    Closed,
}

impl End {
    /// A new pair: this side's end and the program's, which blocks and closes on exec.
    pub fn pair() -> io::Result<(End, OwnedFd)> {
        let (ours, theirs) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None)?;
        Ok((End::of(ours)?, theirs.into()))
    }

    /// The end that `fd` is: a sequenced-packet Unix socket. Anything else is refused, because who
    /// sent it may be mistaken, or worse.
    pub fn new(fd: OwnedFd) -> io::Result<End> {
        let socket = Socket::from(fd);
        match (socket.domain()?, socket.r#type()?) {
            (Domain::UNIX, Type::SEQPACKET) => End::of(socket),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn of(socket: Socket) -> io::Result<End> {
        socket.set_nonblocking(true)?;
        Ok(End { socket })
    }

    /// Gives the program one message. False when its queue is full or nobody is there.
    pub(super) fn give(&self, pieces: &[&[u8]]) -> bool {
        let pieces: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        self.socket.send_vectored_with_flags(&pieces, flags).is_ok()
    }

    /// Ends what the program reads, for good; what it writes is still taken.
    pub(super) fn hang_up(&self) {
        // Fails when the program is gone, which is as good.
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Takes the next message that the program wrote; what is longer than `buffer` is cut.
    pub(super) fn take(&self, buffer: &mut [u8]) -> Taken {
        // Whoever made the pair may have it block again.
        match recv(&self.socket, buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) if self.is_closed() => Taken::Closed,
            Ok((len, _)) => Taken::Frame(len),
            Err(Errno::AGAIN | Errno::INTR) => Taken::Nothing,
            Err(_) => Taken::Closed,
        }
    }

    /// An empty message reads like the end. A program that has shut its side down for writing has
    /// closed it as far as frames go.
    pub(super) fn is_closed(&self) -> bool {
        End::is_any_closed(&[self])
    }

    /// Whether the program has closed one of these.
    pub(super) fn is_any_closed(ends: &[&End]) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let closed = PollFlags::HUP | PollFlags::RDHUP | PollFlags::ERR;
        let fds = ends.iter().map(|end| PollFd::new(&end.socket, closed));
        let mut fds: Vec<PollFd<'_>> = fds.collect();
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let seen = |fd: &PollFd<'_>| fd.revents().intersects(closed);
        poll(&mut fds, Some(&now)).is_err() || fds.iter().any(seen)
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl From<End> for OwnedFd {
    fn from(end: End) -> OwnedFd {
        end.socket.into()
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").finish_non_exhaustive()
    }
}

/// Who reads the frames of a channel or a unit. Without a reader some wait for the next.
#[derive(Debug, Default)]
pub(super) struct Readers {
    state: Mutex<Reading>,
}

#[derive(Debug, Default)]
struct Reading {
    /// By the numbers of their files, the latest last: it alone gets the frames.
    ends: Vec<(u64, Arc<End>)>,
    queue: VecDeque<Box<[u8]>>,
}

impl Readers {
    /// Gives a frame to the reader, or keeps it. Fails when a frame was lost by it.
    pub(super) fn give(&self, pieces: &[&[u8]]) -> Result<(), DropReason> {
        let mut reading = self.lock();
        if let Some((_, end)) = reading.ends.last() {
            let given = end.give(pieces);
            return given.then_some(()).ok_or(DropReason::PppReader);
        }
        reading.queue.push_back(pieces.concat().into());
        if reading.queue.len() > QUEUE {
            reading.queue.pop_front();
            return Err(DropReason::PppReader);
        }
        Ok(())
    }

    /// Adds a reader, which gets what has waited.
    pub(super) fn add(&self, number: u64, end: Arc<End>) {
        let mut reading = self.lock();
        for frame in reading.queue.drain(..) {
            end.give(&[&frame]);
        }
        reading.ends.push((number, end));
    }

    /// Takes the frames that wait.
    pub(super) fn drain(&self) -> VecDeque<Box<[u8]>> {
        std::mem::take(&mut self.lock().queue)
    }

    pub(super) fn remove(&self, number: u64) {
        self.lock().ends.retain(|(other, _)| *other != number);
    }

    /// Tells the readers that there is nothing to read at the moment: one empty message.
    pub(super) fn pause(&self) {
        for (_, end) in &self.lock().ends {
            end.give(&[]);
        }
    }

    /// Ends what the readers read.
    pub(super) fn hang_up(&self) {
        let mut reading = self.lock();
        reading.ends.drain(..).for_each(|(_, end)| end.hang_up());
        reading.queue.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
