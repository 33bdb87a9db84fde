//! A pseudo-terminal, at whose other end a program speaks PPP over a line.

use super::channel::Stage;
use super::end::OnClose;
use super::registry::Ppp;
use super::worker::{EndOrder, Owner};
use crate::spec::SessionKey;
use adit_wire::netlink::Errno;
use adit_wire::ppp::ADDRESS_CONTROL;
use adit_wire::ppp::hdlc::{ControlMap, Damage, Decoder, encode};
use rustix::io::Errno as Refused;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Octets that wait until the line takes them; while there are more, frames are dropped.
const BACKLOG: usize = 64 << 10;

/// Frames that wait until the program has begun to speak.
const HELD: usize = 32;

/// How long frames wait for a program that does not begin to speak: it may mean to listen first.
const SHYNESS: Duration = Duration::from_secs(2);

/// The longest frame that a program may write, from Address on.
const LONGEST: usize = 16 << 10;

/// The side of a pseudo-terminal at which a modem would be.
///
/// Until the program has made a PPP line of the other side, what is written there is lost, so that
/// frames wait until it has written something.
pub struct Terminal {
    master: OwnedFd,
    outward: Mutex<Outward>,
    inward: Mutex<Decoder>,
}

/// What is on its way to the program.
#[derive(Debug)]
struct Outward {
    /// Encoded, from `sent` on still to be written.
    backlog: Vec<u8>,
    sent: usize,
    /// Frames that wait for the program, until this moment at the latest.
    held: Option<(VecDeque<Box<[u8]>>, Instant)>,
}

/// What a line gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Something,
    Nothing,
    /// No program has the other side open.
    Closed,
}

impl Terminal {
    /// `master` is that side, of a terminal in raw mode.
    pub fn new(master: OwnedFd) -> io::Result<Terminal> {
        let flags = rustix::fs::fcntl_getfl(&master)?;
        rustix::fs::fcntl_setfl(&master, flags | rustix::fs::OFlags::NONBLOCK)?;
        Ok(Terminal {
            master,
            outward: Mutex::new(Outward {
                backlog: Vec::new(),
                sent: 0,
                held: Some((VecDeque::new(), Instant::now() + SHYNESS)),
            }),
            inward: Mutex::new(Decoder::new(ControlMap::NONE, LONGEST)),
        })
    }

    /// Writes a frame, from its protocol field on. False when there is no room for it.
    pub(super) fn give(&self, frame: &[u8]) -> bool {
        let mut outward = self.outward();
        if let Some((held, until)) = &mut outward.held {
            if Instant::now() < *until {
                held.push_back(frame.into());
                return held.len() <= HELD || held.pop_front().is_none();
            }
            outward.release();
        }
        if outward.backlog.len() - outward.sent > BACKLOG {
            return false;
        }
        outward.encode(frame);
        outward.write(self.master.as_fd());
        true
    }

    /// Writes what waits, as far as the line takes it.
    pub(super) fn flush(&self) {
        self.outward().write(self.master.as_fd());
    }

    /// Reads once what the line has; gives `each` the frames that end in it, from Address on.
    pub(super) fn read(&self, buffer: &mut [u8], each: impl FnMut(Result<&[u8], Damage>)) -> Heard {
        let len = match rustix::io::retry_on_intr(|| rustix::io::read(&self.master, &mut *buffer)) {
            Ok(0) => return Heard::Closed,
            Ok(len) => len,
            Err(Refused::AGAIN) => return Heard::Nothing,
            // EIO when the last program has closed it.
            Err(_) => return Heard::Closed,
        };
        {
            let mut outward = self.outward();
            if outward.held.is_some() {
                outward.release();
                outward.write(self.master.as_fd());
            }
        }
        let mut inward = self.inward.lock().unwrap_or_else(PoisonError::into_inner);
        inward.read(&buffer[..len], each);
        Heard::Something
    }

    fn outward(&self) -> MutexGuard<'_, Outward> {
        self.outward.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ppp {
    /// Gives the frames of a PPP session to a program at the other side of a terminal, and takes
    /// its own. Refused as [`Ppp::connect`] is. Both sides hang up together: when no program has
    /// the other side open any more `on_close` is called, and the end of the session closes this
    /// side.
    pub fn attach(
        &self,
        session: SessionKey,
        terminal: Terminal,
        on_close: OnClose,
    ) -> Result<(), Errno> {
        let workers = self.workers()?;
        let registry = self.lock();
        let channel = registry.sessions.get(&session).ok_or(Errno::ENODEV)?;
        // No number by which others would find it.
        channel.index.set(0).map_err(|_| Errno::EEXIST)?;
        let (number, terminal) = (workers.end_number(), Arc::new(terminal));
        channel.enter(Stage::Terminal(terminal.clone(), number));
        for frame in channel.readers.drain() {
            terminal.give(&frame);
        }
        let owner = Owner::Terminal(channel.clone(), terminal);
        workers.ends.order(EndOrder::Serve(number, owner, on_close));
        Ok(())
    }
}

impl Outward {
    fn encode(&mut self, frame: &[u8]) {
        // The line changes no octet.
        encode(
            &[&ADDRESS_CONTROL, frame],
            ControlMap::NONE,
            &mut self.backlog,
        );
    }

    fn release(&mut self) {
        for frame in self.held.take().into_iter().flat_map(|(held, _)| held) {
            self.encode(&frame);
        }
    }

    fn write(&mut self, line: BorrowedFd<'_>) {
        while self.sent < self.backlog.len() {
            let rest = &self.backlog[self.sent..];
            match rustix::io::retry_on_intr(|| rustix::io::write(line, rest)) {
                Ok(0) | Err(Refused::AGAIN) => return,
                Ok(len) => self.sent += len,
                // Nobody will read it.
                Err(_) => break,
            }
        }
        self.backlog.clear();
        self.sent = 0;
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").finish_non_exhaustive()
    }
}
