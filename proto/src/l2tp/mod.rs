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
mod path;
mod reason;

pub use call::{
    CallAnswer, CallDetails, CallRequest, Connected, DataPath, Direction, Proxy, Pseudowire, Role,
};
pub use config::{Policy, Profile, SessionConfig, TunnelConfig, Version, Versions};
pub use event::{Event, Input, LinkInfo, Output, Peer, Saved, WanErrors};
pub use key::{SessionKey, TunnelKey};
pub use path::{Encapsulation, Path};
pub use reason::{Refused, ResultCode, SessionEnd, TunnelEnd, disconnect, error, stop};
