//! Why tunnels and sessions end, and why messages are dropped.

use adit_wire::l2tp::avp::{DisconnectCode, ErrorCode, Reason, StopCode};
use std::fmt;

/// Why a tunnel or session ends, as a Result Code AVP says it (RFC 2661 §4.4.2, RFC 3931 §5.4.2).
///
/// This is a [`Reason`] that owns its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultCode {
    /// A [`StopCode`] or a [`DisconnectCode`].
    pub code: u16,
    /// The error code.
    pub error: Option<ErrorCode>,
    /// A sentence for people, UTF-8; may be empty.
    pub message: Vec<u8>,
}

impl ResultCode {
    /// A reason to end a tunnel.
    pub const fn stop(code: StopCode) -> ResultCode {
        ResultCode {
            code: code.0,
            error: None,
            message: Vec::new(),
        }
    }

    /// A reason to end a session.
    pub const fn disconnect(code: DisconnectCode) -> ResultCode {
        ResultCode {
            code: code.0,
            error: None,
            message: Vec::new(),
        }
    }

    /// The same with an error code and a sentence.
    #[must_use]
    pub fn with(mut self, error: ErrorCode, message: impl Into<String>) -> ResultCode {
        self.error = Some(error);
        self.message = message.into().into_bytes();
        self
    }

    /// A general error, which StopCCN and CDN share.
    pub fn error(error: ErrorCode, message: impl Into<String>) -> ResultCode {
        ResultCode::stop(StopCode::GENERAL_ERROR).with(error, message)
    }

    /// As it is written.
    pub fn as_reason(&self) -> Reason<'_> {
        Reason {
            code: self.code,
            error: self.error,
            message: &self.message,
        }
    }
}

impl From<Reason<'_>> for ResultCode {
    fn from(reason: Reason<'_>) -> ResultCode {
        ResultCode {
            code: reason.code,
            error: reason.error,
            message: reason.message.to_vec(),
        }
    }
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

impl fmt::Display for TunnelEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TunnelEnd::Local(code) => write!(f, "closed here: {}", code.as_reason().as_stop()),
            TunnelEnd::Peer(code) => {
                write!(f, "closed by the peer: {}", code.as_reason().as_stop())
            }
            TunnelEnd::Unreachable => f.write_str("the peer does not answer"),
            TunnelEnd::Tie => f.write_str("lost a tie against the peer's own request"),
        }
    }
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionEnd::Local(code) => {
                write!(f, "closed here: {}", code.as_reason().as_disconnect())
            }
            SessionEnd::Peer(code) => {
                write!(
                    f,
                    "closed by the peer: {}",
                    code.as_reason().as_disconnect()
                )
            }
            SessionEnd::Tunnel(end) => write!(f, "its tunnel ended: {end}"),
        }
    }
}
