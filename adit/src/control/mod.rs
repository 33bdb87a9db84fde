//! The management protocol between the command line and the daemon: messages of the
//! generic-netlink family `l2tp` over a Unix SEQPACKET socket.

mod address;
mod encode;

pub use address::Address;
pub use encode::{create_session, create_tunnel};
