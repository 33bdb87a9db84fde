//! The thread that reads what programs write to sockets and files.

use super::channel::Channel;
use super::end::{End, OnClose, Taken};
use super::file::{Role, Shared};
use super::registry::Ppp;
use super::terminal::{Heard, Terminal};
use crate::counters::DropReason;
use crate::user::line::Line;
use crate::user::outbox::Outbox;
use crate::user::worker::{Poll, Work};
use adit_wire::ppp::{self, ADDRESS_CONTROL, protocol};
use rustc_hash::FxHashMap;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Reads of one end in a row, of a frame each or of what a terminal has, before others get their
/// turn.
const READS_A_TURN: usize = 64;

/// Room for the longest frame that a datagram can carry.
const LONGEST: usize = 1 << 16;

/// An LCP packet has a header of four octets (RFC 1661 §5) behind its protocol number.
const LCP_LEAST: usize = 6;

/// Whose end it is.
#[derive(Debug)]
pub(crate) enum Owner {
    /// A session's socket.
    Socket(Arc<Channel>, Arc<End>),
    File(Arc<Shared>),
    /// A session's terminal.
    Terminal(Arc<Channel>, Arc<Terminal>),
}

/// What the thread can be told. Ends go by their numbers.
pub(crate) enum EndOrder {
    /// Read an end; the last is called when the program has closed it.
    Serve(u64, Owner, OnClose),
    /// Let go of an end.
    Forget(u64),
}

impl fmt::Debug for EndOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndOrder::Serve(number, owner, _) => {
                f.debug_tuple("Serve").field(number).field(owner).finish()
            }
            EndOrder::Forget(number) => f.debug_tuple("Forget").field(number).finish(),
        }
    }
}

/// The thread's state.
pub(crate) struct Ends {
    owners: FxHashMap<u64, (Owner, OnClose)>,
    outbox: Outbox,
    buffer: Box<[u8]>,
    ppp: Ppp,
}

impl Ends {
    pub(crate) fn new(ppp: Ppp) -> Ends {
        Ends {
            owners: FxHashMap::default(),
            outbox: Outbox::new(),
            buffer: vec![0; LONGEST].into(),
            ppp,
        }
    }

    /// Reads what programs wrote to an end.
    fn read(&mut self, owner: &Owner) -> Left {
        let mut left = Left::Something;
        for _ in 0..READS_A_TURN {
            left = match owner {
                Owner::Socket(_, end) => self.read_end(owner, end),
                Owner::File(file) => self.read_end(owner, &file.end),
                Owner::Terminal(channel, terminal) => self.read_terminal(channel, terminal),
            };
            if left != Left::Something {
                break;
            }
        }
        self.outbox.flush();
        left
    }

    fn read_end(&mut self, owner: &Owner, end: &End) -> Left {
        match end.take(&mut self.buffer) {
            Taken::Frame(len) => {
                let frame = &self.buffer[..len];
                if let Some(line) = owner.way_out(frame) {
                    self.outbox.post(&line, &[&ADDRESS_CONTROL, frame]);
                }
                Left::Something
            }
            Taken::Nothing => Left::Nothing,
            Taken::Closed => Left::Closed,
        }
    }

    fn read_terminal(&mut self, channel: &Channel, terminal: &Terminal) -> Left {
        let Ends { outbox, buffer, .. } = self;
        let heard = terminal.read(buffer, |frame| {
            let Some(line) = channel.way_out() else {
                return;
            };
            match frame.map(ppp::strip_address_control) {
                Err(_) => line.drop_unsent(DropReason::PppTxLine, 1),
                Ok(frame) if ppp::split(frame).is_none() => {
                    line.drop_unsent(DropReason::PppTxShort, 1);
                }
                Ok(frame) => outbox.post(&line, &[&ADDRESS_CONTROL, frame]),
            }
        });
        match heard {
            Heard::Something => Left::Something,
            Heard::Nothing => Left::Nothing,
            Heard::Closed => Left::Closed,
        }
    }
}

/// What is left to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Something,
    Nothing,
    /// The program has closed the other end.
    Closed,
}

impl Work for Ends {
    type Order = EndOrder;

    fn obey(&mut self, poll: &Poll, order: EndOrder) {
        match order {
            EndOrder::Serve(number, owner, on_close) => {
                let added = match &owner {
                    Owner::Socket(_, end) => poll.add(end, number),
                    Owner::File(file) => poll.add(&file.end, number),
                    Owner::Terminal(_, terminal) => poll.add_both_ways(terminal, number),
                };
                if let Err(error) = added {
                    tracing::error!(%error, "cannot wait for a program's frames");
                }
                self.owners.insert(number, (owner, on_close));
            }
            EndOrder::Forget(number) => {
                if let Some((owner, _)) = self.owners.remove(&number) {
                    poll.remove(owner.fd());
                }
            }
        }
    }

    fn serve(&mut self, poll: &Poll, token: u64) {
        let Some((owner, on_close)) = self.owners.remove(&token) else {
            return;
        };
        if let Owner::Terminal(_, terminal) = &owner {
            terminal.flush();
        }
        match (self.read(&owner), &owner) {
            (Left::Closed, _) => {}
            (Left::Something, Owner::Terminal(_, terminal)) => {
                if let Err(error) = poll.again(terminal, token) {
                    tracing::error!(%error, "cannot wait for a program's frames");
                }
                self.owners.insert(token, (owner, on_close));
                return;
            }
            (Left::Something | Left::Nothing, _) => {
                self.owners.insert(token, (owner, on_close));
                return;
            }
        }
        poll.remove(owner.fd());
        match &owner {
            Owner::Socket(channel, _) | Owner::Terminal(channel, _) => {
                self.ppp.close_socket(channel);
            }
            Owner::File(file) => self.ppp.release(file),
        }
        on_close();
    }
}

impl Owner {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Owner::Socket(_, end) => end.as_fd(),
            Owner::File(file) => file.end.as_fd(),
            Owner::Terminal(_, terminal) => terminal.as_fd(),
        }
    }

    /// The line that a frame of the program leaves by; none when it is dropped, and counted.
    fn way_out(&self, frame: &[u8]) -> Option<Arc<Line>> {
        match self {
            Owner::Socket(channel, _) | Owner::Terminal(channel, _) => channel.way_out(),
            Owner::File(file) => match &*file.role() {
                Role::None | Role::Closed => None,
                Role::Channel(channel) => {
                    let line = channel.way_out()?;
                    let refused = refusal(frame);
                    refused.iter().for_each(|why| line.drop_unsent(*why, 1));
                    refused.is_none().then_some(line)
                }
                Role::Unit(unit, _) => unit.way_out(frame),
            },
        }
    }
}

/// Why a frame that a program wrote to a file is not sent.
pub(super) fn refusal(frame: &[u8]) -> Option<DropReason> {
    let lcp = frame.starts_with(&protocol::LCP.to_be_bytes());
    let short = ppp::split(frame).is_none() || lcp && frame.len() < LCP_LEAST;
    short.then_some(DropReason::PppTxShort)
}
