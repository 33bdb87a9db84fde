//! L2TP on the wire: identifiers, cookies, headers and control messages of RFC 2661 (v2) and
//! RFC 3931 (v3).
//!
//! [`UdpMessage::decode`] and [`IpMessage::decode`] read a whole message. A v3 data header goes on
//! with a cookie and a sublayer whose sizes only the session knows: [`split_v3`] reads them,
//! [`write_v3`] writes the whole header. What follows a control header are AVPs: [`avp`] reads
//! them one by one, [`control`] as a message.

pub mod avp;
pub mod control;
mod cookie;
mod cursor;
mod data;
mod error;
mod flags;
mod id;
mod message;
mod v2;
mod v3;

pub use cookie::{Cookie, CookieError};
pub use data::{DataError, Sequence, Sublayer, V3_UDP_FLAGS, V3Data, split_v3, write_v3};
pub use error::{Bit, Field, HeaderError, WriteError};
pub use id::{SessionId, TunnelId, Version};
pub use message::{IpMessage, UdpMessage};
pub use v2::{V2ControlHeader, V2DataHeader};
pub use v3::{V3_IP_CONTROL, V3ControlHeader};

#[cfg(test)]
mod tests;
