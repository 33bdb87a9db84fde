//! Why tunnels and sessions end, and why messages are dropped.

use std::fmt;

/// A Result Code AVP (RFC 2661 §4.4.2, RFC 3931 §5.4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultCode {
    /// What happened; means something else in StopCCN than in CDN.
    pub result: u16,
    /// The error code; 0 when there is none.
    pub error: u16,
    /// A sentence for people; may be empty.
    pub message: String,
}

impl ResultCode {
    /// A result without error code and message.
    pub const fn new(result: u16) -> ResultCode {
        ResultCode {
            result,
            error: 0,
            message: String::new(),
        }
    }

    /// General error (2) with this error code and sentence.
    pub fn error(error: u16, message: impl Into<String>) -> ResultCode {
        ResultCode {
            result: 2,
            error,
            message: message.into(),
        }
    }
}

/// Result codes of StopCCN.
pub mod stop {
    /// General request to clear the control connection.
    pub const CLEAR: u16 = 1;
    /// General error; the error code says which.
    pub const ERROR: u16 = 2;
    /// The control connection exists already.
    pub const EXISTS: u16 = 3;
    /// The requester is not authorized.
    pub const UNAUTHORIZED: u16 = 4;
    /// The protocol version is not supported.
    pub const VERSION: u16 = 5;
    /// The requester is being shut down.
    pub const SHUTDOWN: u16 = 6;
    /// Finite state machine error, or timeout.
    pub const STATE: u16 = 7;
}

/// Result codes of CDN.
pub mod disconnect {
    /// The carrier was lost, or the circuit went down.
    pub const CARRIER: u16 = 1;
    /// General error; the error code says which.
    pub const ERROR: u16 = 2;
    /// Administrative reasons.
    pub const ADMINISTRATIVE: u16 = 3;
    /// Facilities are not there for the moment.
    pub const TEMPORARY: u16 = 4;
    /// Facilities are not there at all.
    pub const PERMANENT: u16 = 5;
    /// Invalid destination.
    pub const DESTINATION: u16 = 6;
    /// No carrier was detected.
    pub const NO_CARRIER: u16 = 7;
    /// The destination is busy.
    pub const BUSY: u16 = 8;
    /// No dial tone.
    pub const NO_DIAL_TONE: u16 = 9;
    /// The call was not established within the time allotted.
    pub const TIMEOUT: u16 = 10;
    /// The call has no appropriate framing.
    pub const FRAMING: u16 = 11;
    /// v3: the session lost a tie.
    pub const TIE: u16 = 13;
    /// v3: the pseudowire type is not supported.
    pub const PSEUDOWIRE: u16 = 14;
    /// v3: sequencing without a valid sublayer.
    pub const SUBLAYER: u16 = 15;
    /// v3: finite state machine error, or timeout.
    pub const STATE: u16 = 16;
}

/// Error codes, which go with the general error.
pub mod error {
    /// No control connection exists yet for this pair.
    pub const NO_TUNNEL: u16 = 1;
    /// A length is wrong.
    pub const LENGTH: u16 = 2;
    /// A value is out of range, or a reserved field is not zero.
    pub const VALUE: u16 = 3;
    /// Not enough resources to handle this now.
    pub const RESOURCES: u16 = 4;
    /// The session id is invalid.
    pub const SESSION: u16 = 5;
    /// Vendor-specific; the message says what.
    pub const VENDOR: u16 = 6;
    /// Try another; the receiver of this should try another LNS.
    pub const TRY_ANOTHER: u16 = 7;
    /// Shut down because of an unknown AVP or message that is mandatory.
    pub const UNKNOWN_MANDATORY: u16 = 8;
    /// v3: try another directed; the message holds its address.
    pub const TRY_ANOTHER_DIRECTED: u16 = 9;
}

/// Why a tunnel ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TunnelEnd {
    /// This end closed it, with this StopCCN.
    Local(ResultCode),
    /// The peer closed it, with this StopCCN.
    Peer(ResultCode),
    /// The peer did not acknowledge a message after all retransmissions.
    Unreachable,
    /// It lost a tie against the peer's own request, or both drew.
    Tie,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEnd {
    /// This end closed it, with this CDN.
    Local(ResultCode),
    /// The peer closed it, with this CDN.
    Peer(ResultCode),
    /// Its tunnel ended.
    Tunnel(TunnelEnd),
}

/// Why a command was refused. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The key's tunnel has ended.
    #[error("there is no such tunnel")]
    NoTunnel,
    /// The key's session has ended.
    #[error("there is no such session")]
    NoSession,
    /// A limit is reached, or all ids are taken.
    #[error("no more tunnels or sessions are allowed")]
    Limit,
    /// The node, or the tunnel, takes no more work before it ends.
    #[error("draining")]
    Draining,
    /// The tunnel's peer is not keeping up.
    #[error("too many messages wait for the peer")]
    Backlog,
    /// The session is not in a state in which this can be done.
    #[error("the session is in another state")]
    State,
    /// The tunnel's version, or what the peer can do, has no place for this.
    #[error("the tunnel cannot carry this: {0}")]
    Unsupported(&'static str),
    /// The configuration contradicts itself.
    #[error("{0}")]
    Config(&'static str),
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "result {}", self.result)?;
        if self.error != 0 {
            write!(f, " error {}", self.error)?;
        }
        if !self.message.is_empty() {
            // The peer wrote it, so it must not command a terminal.
            write!(f, " ({})", self.message.escape_debug())?;
        }
        Ok(())
    }
}

impl fmt::Display for TunnelEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TunnelEnd::Local(code) => write!(f, "closed here: {code}"),
            TunnelEnd::Peer(code) => write!(f, "closed by the peer: {code}"),
            TunnelEnd::Unreachable => f.write_str("the peer does not answer"),
            TunnelEnd::Tie => f.write_str("lost a tie against the peer's own request"),
        }
    }
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionEnd::Local(code) => write!(f, "closed here: {code}"),
            SessionEnd::Peer(code) => write!(f, "closed by the peer: {code}"),
            SessionEnd::Tunnel(end) => write!(f, "its tunnel ended: {end}"),
        }
    }
}
