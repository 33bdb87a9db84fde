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
    delete_tunnel, dump_connections, dump_control, dump_sessions, dump_tunnels, get_session,
    get_tunnel, modify_session, modify_tunnel, reload,
};
pub(crate) use encode::{encapsulation, mss_number, outer_tuning, session_marks, zero_checksums6};
pub use limits::{
    AUTOMATIC_MSS, AUTOMATIC_MTU, ECN_OF_TUNNEL, MSS, MTU, REORDER_TIMEOUT_MAX, TOS_INHERIT,
    TOS_OF_TUNNEL, TOS_UNIFORM, interface_name,
};

#[cfg(test)]
mod tests;
