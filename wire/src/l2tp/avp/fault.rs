use super::{Attribute, ErrorCode};
use core::fmt;

/// What is wrong with an AVP's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is shorter or longer than such a value can be.
    Length,
    /// It is out of range, such as an assigned id of 0.
    Range,
}

/// An AVP that cannot be written: its value is one that [`Avp::read`](super::Avp::read) refuses,
/// too long for the ten bits of the Length field, or too wide for an id of version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeError {
    /// The AVP.
    pub attribute: Attribute,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Fault {
    /// The general error code to answer with (RFC 2661 §4.4.2).
    pub fn error_code(self) -> ErrorCode {
        match self {
            Fault::Length => ErrorCode::LENGTH,
            Fault::Range => ErrorCode::VALUE,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Length => "has a wrong length",
            Fault::Range => "is out of range",
        })
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.attribute, self.fault)
    }
}

impl core::error::Error for Fault {}
impl core::error::Error for EncodeError {}
