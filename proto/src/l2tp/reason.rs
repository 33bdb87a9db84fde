//! Why tunnels and sessions end, and why messages are dropped.

use adit_wire::l2tp::avp::{
    CauseDirection, DisconnectCause, DisconnectCode, ErrorCode, Q931Cause, Reason, StopCode,
};
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
    /// What a CDN says beside its Result Code.
    pub causes: Option<Box<Causes>>,
}

/// Why a call ended, in the terms of what it carried and of what carried it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Causes {
    /// PPP Disconnect Cause Code (RFC 3145).
    pub ppp: Option<PppCause>,
    /// Q.931 Cause Code (v2): cause, message type, advisory message.
    pub q931: Option<(u16, u8, Vec<u8>)>,
}

/// Why PPP ended: a [`DisconnectCause`] that owns its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PppCause {
    /// The disconnect code of RFC 3145 §3.
    pub code: u16,
    /// The PPP protocol at fault, 0 for none.
    pub protocol: u16,
    /// Which end the code is about.
    pub direction: CauseDirection,
    /// A sentence for people, UTF-8; may be empty.
    pub message: Vec<u8>,
}

impl PppCause {
    /// As it is written.
    pub fn as_cause(&self) -> DisconnectCause<'_> {
        DisconnectCause {
            code: self.code,
            protocol: self.protocol,
            direction: self.direction,
            message: &self.message,
        }
    }
}

impl Causes {
    /// What a CDN's AVPs say; `None` when there are none.
    pub(super) fn read(
        ppp: Option<DisconnectCause<'_>>,
        q931: Option<Q931Cause<'_>>,
    ) -> Option<Box<Causes>> {
        let causes = Causes {
            ppp: ppp.map(|ppp| PppCause {
                code: ppp.code,
                protocol: ppp.protocol,
                direction: ppp.direction,
                message: ppp.message.to_vec(),
            }),
            q931: q931.map(|cause| (cause.code, cause.message, cause.advisory.to_vec())),
        };
        (causes != Causes::default()).then(|| Box::new(causes))
    }
}

impl ResultCode {
    /// A reason to end a tunnel.
    pub const fn stop(code: StopCode) -> ResultCode {
        ResultCode {
            code: code.0,
            error: None,
            message: Vec::new(),
            causes: None,
        }
    }

    /// A reason to end a session.
    pub const fn disconnect(code: DisconnectCode) -> ResultCode {
        ResultCode {
            code: code.0,
            error: None,
            message: Vec::new(),
            causes: None,
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

    /// The same for a CDN, with the cause that PPP gives.
    #[must_use]
    pub fn because(mut self, ppp: PppCause) -> ResultCode {
        self.causes.get_or_insert_default().ppp = Some(ppp);
        self
    }

    /// As a Result Code AVP is written.
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
            causes: None,
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
        let (who, code) = match self {
            SessionEnd::Local(code) => ("closed here", code),
            SessionEnd::Peer(code) => ("closed by the peer", code),
            SessionEnd::Tunnel(end) => return write!(f, "its tunnel ended: {end}"),
        };
        write!(f, "{who}: {}", code.as_reason().as_disconnect())?;
        let Some(causes) = &code.causes else {
            return Ok(());
        };
        if let Some(ppp) = causes.ppp.as_ref().map(PppCause::as_cause) {
            let text = ppp.text().unwrap_or("of unknown meaning");
            write!(f, "; PPP cause {}, {text}", ppp.code)?;
        }
        match causes.q931 {
            Some((code, _, _)) => write!(f, "; Q.931 cause {code}"),
            None => Ok(()),
        }
    }
}
