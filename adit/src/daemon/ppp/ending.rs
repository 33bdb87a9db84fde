//! What pppd's exit status means, here and to the peer.

use adit_proto::l2tp::{PppCause, ResultCode};
use adit_wire::l2tp::avp::{CauseDirection, DisconnectCode, ErrorCode};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How a pppd has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    /// A sentence without a full stop, for this end's log.
    pub(super) text: String,
    /// Whether somebody has to do something about it.
    pub(super) fault: bool,
    /// Whether its options are at fault: it says which, and then how it is used.
    pub(super) options: bool,
    /// What the peer is told.
    pub(super) code: ResultCode,
}

/// The disconnect codes of RFC 3145 §3 that a pppd's end may stand for.
mod cause {
    pub(super) const NONE: u16 = 0;
    pub(super) const TERMINATED: u16 = 3;
    pub(super) const LOOPED: u16 = 7;
    pub(super) const SILENT: u16 = 8;
    pub(super) const AUTHENTICATION: u16 = 16;
}

/// What pppd's manual says of its exit status.
pub(super) fn of(status: ExitStatus) -> Ending {
    const LOCAL: CauseDirection = CauseDirection::LOCAL;
    const PEER: CauseDirection = CauseDirection::PEER;
    const GLOBAL: CauseDirection = CauseDirection::GLOBAL;
    let Some(status) = status.code() else {
        let signal = status.signal().unwrap_or_default();
        return fault(format!("killed by signal {signal}"));
    };
    match status {
        0 => ended("the peer has terminated the link", cause::TERMINATED, PEER),
        4 => Ending {
            code: ResultCode::disconnect(DisconnectCode::NO_FACILITIES),
            ..fault("the kernel has no PPP".to_owned())
        },
        5 => ended("terminated by a signal", cause::TERMINATED, LOCAL),
        10 => failed("PPP was not negotiated", cause::NONE, GLOBAL),
        11 => failed(
            "the peer has not proved who it is",
            cause::AUTHENTICATION,
            PEER,
        ),
        12 => ended("the link was idle", cause::TERMINATED, LOCAL),
        13 => ended("the time of the link is over", cause::TERMINATED, LOCAL),
        15 => failed("the peer answers no echo requests", cause::SILENT, GLOBAL),
        16 => Ending {
            text: "the line was hung up".to_owned(),
            fault: false,
            options: false,
            code: ResultCode::disconnect(DisconnectCode::CARRIER_LOST),
        },
        17 => failed("the line is looped back", cause::LOOPED, GLOBAL),
        19 => failed(
            "the peer has refused this end's proof",
            cause::AUTHENTICATION,
            LOCAL,
        ),
        2 => Ending {
            options: true,
            ..fault("an option is wrong".to_owned())
        },
        3 => fault("it does not run as root".to_owned()),
        8 | 9 | 14 | 18 => fault(format!("a script of its has failed, exit status {status}")),
        other => fault(format!("exit status {other}")),
    }
}

/// PPP could not even begin, or was broken off.
pub(super) fn fault(text: String) -> Ending {
    Ending {
        text,
        fault: true,
        options: false,
        code: ResultCode::error(ErrorCode::VENDOR, "PPP is not to be had here"),
    }
}

fn ended(text: &str, code: u16, direction: CauseDirection) -> Ending {
    let cause = PppCause {
        code,
        protocol: 0,
        direction,
        message: Vec::new(),
    };
    Ending {
        text: text.to_owned(),
        fault: false,
        options: false,
        code: ResultCode::disconnect(DisconnectCode::ADMINISTRATIVE).because(cause),
    }
}

fn failed(text: &str, code: u16, direction: CauseDirection) -> Ending {
    Ending {
        fault: true,
        ..ended(text, code, direction)
    }
}

#[cfg(test)]
mod tests;
