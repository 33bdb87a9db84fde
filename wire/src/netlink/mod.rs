//! The generic-netlink family `l2tp`: Linux's management interface and Adit's own.
//!
//! [`Frames`] walks the messages of one datagram, [`Attributes`] holds what a message says,
//! [`Writer`] builds messages, [`Answer`] reads acknowledgements. Numbers are host order, as
//! netlink has them, except addresses and cookies, which are octets in wire order.

pub mod controller;

mod attributes;
mod frame;
mod number;
mod policy;
mod statistics;
mod walk;
mod writer;

pub use attributes::{Attributes, pw_type};
pub use frame::{Answer, Frame, FrameError, Frames};
use number::error_attr;
pub use number::{Attr, Command, Encapsulation, Errno, Stat, flag, kind};
pub use policy::{PolicyError, PolicyReason};
pub use statistics::Statistics;
pub use writer::{Remark, Writer};

/// The family's name, as CTRL_CMD_GETFAMILY asks for it.
pub const FAMILY_NAME: &str = "l2tp";
/// The family's version.
pub const FAMILY_VERSION: u8 = 1;
/// The message type that Adit gives the family on its own sockets.
pub const FAMILY_ID: u16 = 0x3fe;

#[cfg(test)]
mod tests;
