//! Control messages: what the AVPs behind a control header say together.
//!
//! [`v2::Message`] and [`v3::Message`] read a list of AVPs in clear and write one. Hidden AVPs
//! must have been revealed before, and a message digest checked: both need a secret, which is not
//! this crate's business. A digest or random vector is passed over here.
//!
//! What each message must and may contain is a table, read both ways: a message that lacks a
//! mandatory AVP is refused, and a value of its type cannot be written without it.

mod error;
mod ignored;
mod kind;
mod reading;
#[macro_use]
mod table;
pub mod v2;
pub mod v3;

pub use error::{Consequence, MessageError};
pub use ignored::{Decoded, Ignored, Oddity};
pub use kind::{MessageKind, Scope};
pub use reading::{Quirks, message_kind};
pub use table::Presence;
