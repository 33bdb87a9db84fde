//! The thread that reads what programs write to sockets and files.

use super::channel::Channel;
use super::end::{End, OnClose, Taken};
use super::file::{Role, Shared};
use super::registry::Ppp;
use crate::counters::DropReason;
use crate::user::line::Line;
use crate::user::outbox::Outbox;
use crate::user::worker::{Poll, Work};
use adit_wire::ppp::{self, ADDRESS_CONTROL, protocol};
use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::Arc;

/// Frames that one end may send in a row before others get their turn.
const FRAMES_A_TURN: usize = 64;

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

    /// Reads an end; false when the program has closed it.
    fn read(&mut self, owner: &Owner) -> bool {
        let mut open = true;
        for _ in 0..FRAMES_A_TURN {
            match owner.end().take(&mut self.buffer) {
                Taken::Frame(len) => {
                    let frame = &self.buffer[..len];
                    if let Some(line) = owner.way_out(frame) {
                        self.outbox.post(&line, &[&ADDRESS_CONTROL, frame]);
                    }
                }
                Taken::Nothing => break,
                Taken::Closed => {
                    open = false;
                    break;
                }
            }
        }
        self.outbox.flush();
        open
    }
}

impl Work for Ends {
    type Order = EndOrder;

    fn obey(&mut self, poll: &Poll, order: EndOrder) {
        match order {
            EndOrder::Serve(number, owner, on_close) => {
                if let Err(error) = poll.add(owner.end(), number) {
                    tracing::error!(%error, "cannot wait for a program's frames");
                }
                self.owners.insert(number, (owner, on_close));
            }
            EndOrder::Forget(number) => {
                if let Some((owner, _)) = self.owners.remove(&number) {
                    poll.remove(owner.end());
                }
            }
        }
    }

    fn serve(&mut self, poll: &Poll, token: u64) {
        let Some((owner, on_close)) = self.owners.remove(&token) else {
            return;
        };
        if self.read(&owner) {
            self.owners.insert(token, (owner, on_close));
            return;
        }
        poll.remove(owner.end());
        match &owner {
            Owner::Socket(channel, _) => self.ppp.close_socket(channel),
            Owner::File(file) => self.ppp.release(file),
        }
        on_close();
    }
}

impl Owner {
    fn end(&self) -> &End {
        match self {
            Owner::Socket(_, end) => end,
            Owner::File(file) => &file.end,
        }
    }

    /// The line that a frame of the program leaves by; none when it is dropped, and counted.
    fn way_out(&self, frame: &[u8]) -> Option<Arc<Line>> {
        match self {
            Owner::Socket(channel, _) => channel.way_out(),
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
