use super::super::avp::{Attribute, AvpName, ErrorCode, LengthError};
use super::{MessageKind, Oddity, Scope};
use core::fmt;

/// Why a message cannot be accepted. Shown, it is one line that suits an Error Message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageError {
    /// It does not begin with a Message Type AVP in clear.
    NoMessageType,
    /// Its kind is not known.
    UnknownKind {
        /// The vendor of the kind, 0 for the IETF.
        vendor: u16,
        /// The kind's number.
        kind: u16,
        /// M: the sender insists.
        mandatory: bool,
    },
    /// An AVP with the M bit set is not recognized or malformed (RFC 2661 §4.1, §7.1).
    Unusable {
        /// The message's kind.
        kind: MessageKind,
        /// The AVP.
        avp: AvpName,
        /// What is wrong with it.
        oddity: Oddity,
    },
    /// A mandatory AVP is not there.
    Missing {
        /// The message's kind.
        kind: MessageKind,
        /// What is not there.
        attribute: Attribute,
    },
    /// The AVPs are unreadable from one on.
    Length {
        /// The message's kind.
        kind: MessageKind,
        /// Where and why.
        error: LengthError,
    },
}

/// What the RFCs demand in answer to a message that cannot be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing but its acknowledgement.
    Ignore,
    /// A CDN with the error's code (RFC 3931 §5.2).
    EndSession,
    /// A StopCCN with the error's code (RFC 3931 §5.2).
    EndTunnel,
}

impl MessageError {
    /// The message's kind, as far as it is known.
    pub fn kind(&self) -> Option<MessageKind> {
        match *self {
            MessageError::NoMessageType | MessageError::UnknownKind { .. } => None,
            MessageError::Unusable { kind, .. }
            | MessageError::Missing { kind, .. }
            | MessageError::Length { kind, .. } => Some(kind),
        }
    }

    /// What must follow. A StopCCN or CDN ends its tunnel or session even so.
    pub fn consequence(&self) -> Consequence {
        match *self {
            MessageError::NoMessageType => Consequence::EndTunnel,
            MessageError::UnknownKind { mandatory, .. } => match mandatory {
                true => Consequence::EndTunnel,
                false => Consequence::Ignore,
            },
            MessageError::Unusable { kind, .. }
            | MessageError::Missing { kind, .. }
            | MessageError::Length { kind, .. } => match kind.scope() {
                Scope::Tunnel => Consequence::EndTunnel,
                Scope::Session => Consequence::EndSession,
            },
        }
    }

    /// The error code that goes with result 2, "general error", which StopCCN and CDN share.
    pub fn error_code(&self) -> ErrorCode {
        match *self {
            MessageError::UnknownKind { .. }
            | MessageError::Unusable {
                oddity: Oddity::Unrecognized,
                ..
            } => ErrorCode::UNKNOWN_AVP,
            MessageError::Unusable {
                oddity: Oddity::Malformed(fault),
                ..
            } => fault.error_code(),
            MessageError::Length { .. } => ErrorCode::LENGTH,
            MessageError::Unusable {
                oddity: Oddity::Hidden | Oddity::Repeated | Oddity::Misplaced,
                ..
            } => ErrorCode::VALUE,
            // The RFCs have no code for what is not there; this one promises a text.
            MessageError::NoMessageType | MessageError::Missing { .. } => ErrorCode::VENDOR,
        }
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            MessageError::NoMessageType => {
                f.write_str("the message does not begin with a Message Type AVP")
            }
            MessageError::UnknownKind {
                vendor: 0, kind, ..
            } => write!(f, "message type {kind} is not known"),
            MessageError::UnknownKind { vendor, kind, .. } => {
                write!(f, "message type {kind} of vendor {vendor} is not known")
            }
            MessageError::Unusable { kind, avp, oddity } => write!(f, "{kind}: {avp} {oddity}"),
            MessageError::Missing { kind, attribute } => {
                write!(f, "{kind}: {} is missing", AvpName::from(attribute))
            }
            MessageError::Length { kind, error } => write!(f, "{kind}: {error}"),
        }
    }
}

impl core::error::Error for MessageError {}
