//! The data path in user space: UDP and raw sockets on one side, TAP devices on the other.
//!
//! Receiving threads own sockets and the sessions they carry, sending threads own devices.
//! Control talks to both by messages, so packets never wait for it:
//!
//! ```text
//!               rx threads                                 tx threads
//! socket -> decap -> order -> delivery -> TAP      TAP -> outbox -> socket
//!                            (merge)                     (split)
//!             \___ Session: tuning, counters, Ns, shared by both ___/
//! ```

mod carrier;
mod control;
mod decap;
mod delivery;
mod devices;
mod inner;
mod key;
mod line;
mod log;
mod offload;
mod order;
mod outbox;
mod outer;
mod outlet;
mod path;
mod port;
mod recursion;
mod remote;
mod rx;
mod session;
mod tx;
mod watch;
mod worker;

pub use control::{Options, UserDatapath};

use crate::spec::SessionKey;
use std::sync::Arc;

/// What the data path tells of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody deleted a session's device. Applying the session again makes a new one.
    DeviceLost(SessionKey),
}

/// Where events go; called from the data path's threads, so it must not block.
pub type Notify = Arc<dyn Fn(Event) + Send + Sync>;
