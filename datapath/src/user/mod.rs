//! The data path in user space: UDP and raw sockets on one side, TAP devices on the other.
//!
//! Receiving threads own sockets and deliver the packets of sessions, sending threads own devices.
//! Control talks to both by messages, so packets never wait for it:
//!
//! ```text
//!               rx threads                                 tx threads
//! socket -> decap -> order -> delivery -> TAP      TAP -> outbox -> socket
//!               \            (merge)                     (split)
//!                deal -> order -> delivery -> TAP
//!             \___ Session: tuning, counters, Ns, shared by both ___/
//! ```

pub(crate) mod carrier;
mod closing;
mod control;
mod deal;
mod decap;
pub(crate) mod delivery;
pub(crate) mod devices;
pub(crate) mod gate;
mod inner;
pub(crate) mod key;
mod leaving;
pub(crate) mod line;
mod log;
mod marks;
pub(crate) mod offload;
pub(crate) mod order;
pub(crate) mod outbox;
mod outer;
mod outlet;
mod path;
pub(crate) mod port;
mod recursion;
mod remote;
mod rx;
pub(crate) mod session;
mod twin;
pub(crate) mod tx;
pub(crate) mod watch;
pub(crate) mod worker;
pub(crate) mod workers;

pub use control::{Options, UserDatapath};

use crate::spec::SessionKey;
use adit_wire::l2tp::TunnelId;
use std::sync::Arc;

/// What the data path tells of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody deleted a session's device. Applying the session again makes a new one.
    DeviceLost(SessionKey),
    /// Somebody brought a session's device up, or down if this is false. A new one is down.
    DeviceSwitched(SessionKey, bool),
    /// A program has closed the socket of its tunnel, which is to be removed.
    TunnelClosed(TunnelId),
}

/// Where events go; called from the data path's threads, so it must not block.
pub type Notify = Arc<dyn Fn(Event) + Send + Sync>;
