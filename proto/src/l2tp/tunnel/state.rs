//! The state machine of a tunnel: the table of RFC 2661 §7.2.1 and RFC 3931 §7.2.
//!
//! ```text
//!                 Open / SCCRQ                       SCCRQ / SCCRP
//!     wait-ctl-reply <------------- idle -------------> wait-ctl-conn
//!            |                       ^                        |
//!            | SCCRP / SCCCN         | anything out of place, | SCCCN
//!            |                       | StopCCN, Close         |
//!            +--------------> established <-------------------+
//! ```
//!
//! *Idle* is both before and after: a tunnel that came back to it is gone, and lingers only until
//! its last message is acknowledged.

use std::fmt;

/// A state of RFC 2661 §7.2.1, shown by its name there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TunnelState {
    /// Nothing was sent or received yet, or everything is over.
    Idle,
    /// The SCCRQ was sent.
    WaitCtlReply,
    /// The SCCRP was sent.
    WaitCtlConn,
    /// Sessions may be established.
    Established,
}

impl fmt::Display for TunnelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TunnelState::Idle => "idle",
            TunnelState::WaitCtlReply => "wait-ctl-reply",
            TunnelState::WaitCtlConn => "wait-ctl-conn",
            TunnelState::Established => "established",
        })
    }
}

/// What the table calls an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TunnelEvent {
    /// Local open request.
    Open,
    /// Administrative close.
    Close,
    /// An SCCRQ that is acceptable. Where an own SCCRQ waits, one that neither end set a tie
    /// breaker against, or that won.
    Sccrq,
    /// An SCCRQ that is not.
    BadSccrq,
    /// An SCCRQ that lost against the own one.
    LosingSccrq,
    /// An SCCRP that is acceptable.
    Sccrp,
    /// An SCCRP that is not.
    BadSccrp,
    /// An SCCCN that is acceptable.
    Scccn,
    /// An SCCCN that is not.
    BadScccn,
    /// A StopCCN.
    StopCcn,
}

/// What the table calls an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TunnelAction {
    /// Nothing.
    None,
    /// Send SCCRQ.
    SendSccrq,
    /// Send SCCRP.
    SendSccrp,
    /// Send SCCRP, and give up the own request once the peer has shown that it receives that.
    YieldAndSendSccrp,
    /// Send SCCCN, and the requests of waiting sessions.
    SendScccnAndOpen,
    /// Send the requests of waiting sessions.
    Open,
    /// Let the peer's request be, as the one that lost; in version 3 with a StopCCN for it.
    RefuseLoser,
    /// Send StopCCN and clean up.
    Stop,
    /// Clean up.
    CleanUp,
}

use TunnelAction as Act;
use TunnelEvent as On;
use TunnelState as State;

/// The table's row for an event in a state: what is to be done, and the next state.
pub(crate) fn next(state: State, event: On) -> (Act, State) {
    match state {
        State::Idle => idle(event),
        State::WaitCtlReply => wait_ctl_reply(event),
        State::WaitCtlConn => wait_ctl_conn(event),
        State::Established => established(event),
    }
}

fn idle(event: On) -> (Act, State) {
    match event {
        On::Open => (Act::SendSccrq, State::WaitCtlReply),
        On::Sccrq => (Act::SendSccrp, State::WaitCtlConn),
        On::BadSccrq | On::LosingSccrq | On::Sccrp | On::BadSccrp => (Act::Stop, State::Idle),
        // RFC 3931 wants a StopCCN here, RFC 2661 does not; with no tunnel there is no peer's id
        // to send one to.
        On::Scccn | On::BadScccn | On::StopCcn => (Act::CleanUp, State::Idle),
        On::Close => (Act::None, State::Idle),
    }
}

fn wait_ctl_reply(event: On) -> (Act, State) {
    match event {
        On::Sccrp => (Act::SendScccnAndOpen, State::Established),
        On::Sccrq => (Act::YieldAndSendSccrp, State::WaitCtlConn),
        On::LosingSccrq => (Act::RefuseLoser, State::WaitCtlReply),
        On::BadSccrq | On::BadSccrp | On::Scccn | On::BadScccn | On::Close => {
            (Act::Stop, State::Idle)
        }
        On::StopCcn => (Act::CleanUp, State::Idle),
        On::Open => (Act::None, State::WaitCtlReply),
    }
}

fn wait_ctl_conn(event: On) -> (Act, State) {
    match event {
        On::Scccn => (Act::Open, State::Established),
        On::BadScccn
        | On::Sccrq
        | On::BadSccrq
        | On::LosingSccrq
        | On::Sccrp
        | On::BadSccrp
        | On::Close => (Act::Stop, State::Idle),
        On::StopCcn => (Act::CleanUp, State::Idle),
        On::Open => (Act::None, State::WaitCtlConn),
    }
}

fn established(event: On) -> (Act, State) {
    match event {
        On::Open => (Act::Open, State::Established),
        On::Close
        | On::Sccrq
        | On::BadSccrq
        | On::LosingSccrq
        | On::Sccrp
        | On::BadSccrp
        | On::Scccn
        | On::BadScccn => (Act::Stop, State::Idle),
        On::StopCcn => (Act::CleanUp, State::Idle),
    }
}

#[cfg(test)]
mod tests;
