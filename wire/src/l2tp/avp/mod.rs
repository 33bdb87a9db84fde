//! Attribute-value pairs, the body of control messages (RFC 2661 §4, RFC 3931 §5).
//!
//! Reading goes in two steps, because what is hidden (the H bit) needs a secret to be read:
//! [`walk`] finds the AVPs and their headers; whoever knows the secret replaces hidden values by
//! their clear form, which gives a list of plain AVPs again; [`Avp::read`] gives one its meaning,
//! and [`control`](super::control) a whole message.
//!
//! ```
//! use adit_wire::l2tp::avp::{Attribute, Avp, AvpWriter, walk};
//! use adit_wire::l2tp::Version;
//!
//! let mut octets = Vec::new();
//! AvpWriter::new(&mut octets, Version::V2).put(Avp::HostName(b"lac"))?;
//! let raw = walk(&octets).next().unwrap().unwrap();
//! assert_eq!((raw.mandatory, raw.attribute), (true, 7));
//! assert_eq!(Avp::read(Attribute::HostName, raw.value), Ok(Avp::HostName(b"lac")));
//! # Ok::<(), adit_wire::l2tp::avp::EncodeError>(())
//! ```

mod attribute;
mod cisco;
mod codec;
mod fault;
mod raw;
mod reason;
mod value;
mod writer;

pub use attribute::{Attribute, Avp, MAX_VALUE};
pub use cisco::CISCO;
pub use fault::{EncodeError, Fault};
pub use raw::{AvpName, HEADER, LengthError, RawAvp, Walk, has_hidden, walk};
pub use reason::{CauseDirection, DisconnectCause, DisconnectCode, ErrorCode, Reason, StopCode};
pub use value::{
    Accm, AuthenType, Bearers, CallErrors, CircuitStatus, DataSequencing, DigestType, Framings,
    MessageDigest, ProtocolVersion, PwType, PwTypes, Q931Cause, SublayerType, Text, VendorValue,
};
pub use writer::{AvpWriter, write_raw};
