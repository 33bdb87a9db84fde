//! L2TP's control plane (RFC 2661, RFC 3931).
//!
//! [`config`] holds what the driver decides, [`Input`] what happens, [`Output`] what is to be done.
//! Below, a tunnel is a v2 tunnel or a v3 control connection.

pub mod auth;
mod call;
pub mod channel;
pub mod config;
mod event;
mod key;
mod node;
mod path;
mod pattern;
mod reason;
mod session;
mod tunnel;

pub use adit_wire::l2tp::Version;
pub use adit_wire::l2tp::avp::PwType;
pub use call::{CallAnswer, CallDetails, CallRequest, Connected, DataPath, Direction, Proxy, Role};
pub use config::{Policy, Profile, SessionConfig, TunnelConfig, Versions};
pub use event::{Event, Input, LinkInfo, Output, Peer, Saved};
pub use key::{SessionKey, TunnelKey};
pub use node::{Counters, MessageDrop, Node, SessionInfo, TunnelInfo};
pub use path::{Encapsulation, Path};
pub use reason::{Causes, PppCause, Refused, ResultCode, SessionEnd, TunnelEnd};
pub use session::SessionState;
pub use tunnel::TunnelState;
