//! PPP between its users: what Linux's generic PPP driver does, in user space.
//!
//! A PPP session is a *channel*: PPP frames in and out, without address and control. What becomes
//! of received frames is up to those who use it, as in Linux:
//!
//! ```text
//!                      +-> socket of the session, until the channel is bound
//! session -> channel --+-> file attached to the channel: LCP and its kin, or all while free
//!                      +-> unit --+-> device pppN: what the network layer gets, by its NpMode
//!                      |          +-> file attached to the unit: all else
//!                      +-> channel that it is bridged to
//!                      +-> terminal, as a line of HDLC-like framing
//! ```
//!
//! Programs hold ends of socket pairs ([`End`]), whose messages are frames. They read and write
//! them as they would the kernel's sockets and `/dev/ppp`; orders are calls of [`Ppp`] and
//! [`File`], whose refusals are the kernel's.

mod channel;
mod end;
mod file;
mod filter;
mod registry;
mod route;
mod terminal;
mod unit;
mod worker;

pub use channel::Ending;
pub use end::{End, OnClose};
pub use file::{File, Kind};
pub use filter::{Filter, Instruction, MAX_INSTRUCTIONS, Unsound};
pub use registry::Ppp;
pub use route::NpMode;
pub use terminal::Terminal;
pub use unit::{FilterKind, Idle, UnitStatistics, flag};

pub(crate) use channel::Channel;
pub(crate) use unit::Unit;
pub(crate) use worker::{EndOrder, Ends};

#[cfg(test)]
pub(crate) mod tests;
