//! The management protocol between the command line and the daemon: messages of the
//! generic-netlink family `l2tp` over a Unix SEQPACKET socket.

mod address;
mod answers;
mod client;
mod encode;
mod limits;

pub use address::Address;
pub use answers::Answers;
pub use client::{Client, ClientError};
pub use encode::{
    ControlTarget, SessionSelector, control, create_session, create_tunnel, delete_session,
    delete_tunnel, dump_connections, dump_sessions, dump_tunnels, get_tunnel, modify_session,
    modify_tunnel, reload,
};
pub(crate) use encode::{encapsulation, mss_number, outer_tuning, zero_checksums6};
pub use limits::{
    AUTOMATIC_MSS, AUTOMATIC_MTU, MSS, MTU, REORDER_TIMEOUT_MAX, TOS_INHERIT, TOS_UNIFORM,
    interface_name,
};

#[cfg(test)]
mod tests;
