//! Why something ended: result, error and disconnect codes with their texts.

use super::Text;
use core::fmt;

/// Defines a number on the wire whose known values have texts.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($constant:ident = $number:literal, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub u16);

        impl $name {
            $(#[doc = concat!($text, ".")] pub const $constant: $name = $name($number);)+

            /// What the number means, if it is defined.
            pub const fn text(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($text),)+
                    _ => None,
                }
            }
        }

        /// The number, and its text behind it.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.text() {
                    Some(text) => write!(f, "{} ({text})", self.0),
                    None => write!(f, "{}", self.0),
                }
            }
        }
    };
}

codes! {
    /// The result code of a StopCCN (RFC 2661 §4.4.2, RFC 3931 §5.4.2).
    StopCode {
        GENERAL_REQUEST = 1, "general request to clear the control connection";
        GENERAL_ERROR = 2, "general error";
        ALREADY_EXISTS = 3, "the control connection already exists";
        NOT_AUTHORIZED = 4, "the requester is not authorized to establish a control connection";
        VERSION = 5, "the requester's protocol version is not supported";
        SHUTTING_DOWN = 6, "the requester is being shut down";
        STATE_MACHINE = 7, "finite state machine error or timeout";
        DIFFSERV = 8, "the per-hop behaviour code is not supported";
    }
}

codes! {
    /// The result code of a CDN (RFC 2661 §4.4.2, RFC 3931 §5.4.2).
    DisconnectCode {
        CARRIER_LOST = 1, "loss of carrier or circuit disconnect";
        GENERAL_ERROR = 2, "general error";
        ADMINISTRATIVE = 3, "disconnected for administrative reasons";
        NO_FACILITIES_NOW = 4, "lack of facilities for the moment";
        NO_FACILITIES = 5, "lack of facilities for good";
        INVALID_DESTINATION = 6, "invalid destination";
        NO_CARRIER = 7, "no carrier detected";
        BUSY = 8, "busy signal";
        NO_DIAL_TONE = 9, "no dial tone";
        TIMEOUT = 10, "the call was not established within the time that the LAC allots";
        NO_FRAMING = 11, "the call was connected but no framing was detected";
        DIFFSERV = 12, "the per-hop behaviour code is not supported";
        LOST_TIE = 13, "the tie breaker was lost";
        PW_TYPE = 14, "the pseudowire type is not supported";
        NO_SUBLAYER = 15, "sequencing was required without a sublayer that has sequence numbers";
        STATE_MACHINE = 16, "finite state machine error or timeout";
    }
}

codes! {
    /// A general error code (RFC 2661 §4.4.2, RFC 3931 §5.4.2).
    ErrorCode {
        NONE = 0, "no general error";
        NO_CONTROL_CONNECTION = 1, "there is no control connection yet";
        LENGTH = 2, "a length is wrong";
        VALUE = 3, "a field's value was out of range";
        NO_RESOURCES = 4, "insufficient resources for the moment";
        SESSION_ID = 5, "the session id is invalid in this context";
        VENDOR = 6, "generic vendor-specific error";
        TRY_ANOTHER = 7, "try another";
        UNKNOWN_AVP = 8, "an unknown AVP had the M bit set";
        TRY_ANOTHER_DIRECTED = 9, "try one of the addresses given";
    }
}

/// The value of a Result Code: why a tunnel or session ends.
///
/// Whether `code` is a [`StopCode`] or a [`DisconnectCode`] depends on the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason<'a> {
    /// The result code.
    pub code: u16,
    /// The error code, which says more where the result is "general error". In answer to a wrong
    /// protocol version it is the highest version supported.
    pub error: Option<ErrorCode>,
    /// A text for people, UTF-8; written only behind an error code.
    pub message: &'a [u8],
}

impl<'a> Reason<'a> {
    /// A reason to end a tunnel.
    pub const fn stop(code: StopCode) -> Reason<'a> {
        Reason {
            code: code.0,
            error: None,
            message: &[],
        }
    }

    /// A reason to end a session.
    pub const fn disconnect(code: DisconnectCode) -> Reason<'a> {
        Reason {
            code: code.0,
            error: None,
            message: &[],
        }
    }

    /// The same with an error code and a text, which may be empty.
    pub const fn with(self, error: ErrorCode, message: &'a [u8]) -> Reason<'a> {
        Reason {
            code: self.code,
            error: Some(error),
            message,
        }
    }

    /// Shown as the reason of a StopCCN: code, error and text in one line.
    pub fn as_stop(self) -> impl fmt::Display + 'a {
        Shown {
            reason: self,
            stop: true,
        }
    }

    /// Shown as the reason of a CDN: code, error and text in one line.
    pub fn as_disconnect(self) -> impl fmt::Display + 'a {
        Shown {
            reason: self,
            stop: false,
        }
    }
}

struct Shown<'a> {
    reason: Reason<'a>,
    stop: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown { reason, stop } = *self;
        let code = StopCode(reason.code);
        match stop {
            true => write!(f, "result {code}")?,
            false => write!(f, "result {}", DisconnectCode(reason.code))?,
        }
        match reason.error {
            Some(ErrorCode(highest)) if stop && code == StopCode::VERSION => {
                write!(f, ", the highest version supported is {highest}")?;
            }
            Some(error) => write!(f, ", error {error}")?,
            None => {}
        }
        if !reason.message.is_empty() {
            write!(f, ": {}", Text(reason.message))?;
        }
        Ok(())
    }
}

/// Why PPP ended (RFC 3145).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisconnectCause<'a> {
    /// The disconnect code of §3.
    pub code: u16,
    /// The PPP protocol at fault, 0 for none.
    pub protocol: u16,
    /// Which end the code is about.
    pub direction: CauseDirection,
    /// A text for people, UTF-8.
    pub message: &'a [u8],
}

/// Which end a disconnect cause is about; 3 to 255 are reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CauseDirection(pub u8);

impl CauseDirection {
    /// Neither in particular.
    pub const GLOBAL: CauseDirection = CauseDirection(0);
    /// The sender's peer.
    pub const PEER: CauseDirection = CauseDirection(1);
    /// The sender.
    pub const LOCAL: CauseDirection = CauseDirection(2);
}

impl DisconnectCause<'_> {
    /// What the code means, if RFC 3145 defines it.
    pub const fn text(&self) -> Option<&'static str> {
        Some(match self.code {
            0 => "no information",
            1 => "administrative disconnect",
            2 => "the LNS expects proxy LCP, which the LAC did not send",
            3 => "normal disconnection by LCP Terminate-Request",
            4 => "compulsory encryption was refused",
            5 => "LCP timed out",
            6 => "no LCP packet came that could be recognized",
            7 => "LCP magic number error, the link may be looped back",
            8 => "LCP Echo-Request timed out",
            9 => "unexpected Endpoint-Discriminator for a multilink bundle",
            10 => "unexpected MRRU for a multilink bundle",
            11 => "unexpected Short-Sequence-Number option for a multilink bundle",
            12 => "compulsory call-back was refused",
            13 => "authentication timed out",
            14 => "unexpected authenticated name for a multilink bundle",
            15 => "no authentication protocol was acceptable",
            16 => "authentication failed",
            17 => "a network control protocol timed out",
            18 => "no network control protocol opened",
            19 => "no acceptable addresses were agreed on",
            20 => "the user may not use any address",
            _ => return None,
        })
    }
}
