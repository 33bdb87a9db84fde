//! L2TP on the wire: identifiers, cookies and headers of RFC 2661 (v2) and RFC 3931 (v3).

mod cookie;
mod data;
mod id;

pub use cookie::{Cookie, CookieError};
pub use data::{DataError, Sequence, Sublayer, V3_UDP_FLAGS, V3Data, split_v3, write_v3};
pub use id::{SessionId, TunnelId};

#[cfg(test)]
mod tests;
