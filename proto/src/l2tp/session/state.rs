//! The state machines of a session: the tables of RFC 2661 §7.4 and §7.5, RFC 3931 §7.3 and §7.4.
//!
//! There are four of them, by who asked for the session and which end this is. Requests, replies
//! and connected messages are ICRQ, ICRP, ICCN in an incoming call and OCRQ, OCRP, OCCN in an
//! outgoing one:
//!
//! ```text
//!  caller, incoming    wait-tunnel --ICRQ--> wait-reply --ICRP / ICCN--> established
//!  caller, outgoing    wait-tunnel --OCRQ--> wait-reply --OCRP--> wait-connect --OCCN--> established
//!  callee, incoming    idle --ICRQ / ICRP--> wait-connect --ICCN--> established
//!  callee, outgoing    idle --OCRQ / OCRP--> wait-cs-answer --answer / OCCN--> established
//! ```

use crate::l2tp::Direction;
use std::fmt;

/// Which of the four machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Machine {
    /// Incoming or outgoing.
    pub(crate) direction: Direction,
    /// Whether this end sends the request.
    pub(crate) caller: bool,
}

/// A state of a session, shown by its name in the RFCs. Not every machine has each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionState {
    /// The peer's request is there and not answered yet, or everything is over.
    Idle,
    /// Waits for its tunnel.
    WaitTunnel,
    /// The request was sent.
    WaitReply,
    /// The peer is to say that the call is connected.
    WaitConnect,
    /// This end places the call.
    WaitCsAnswer,
    /// Data may flow.
    Established,
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SessionState::Idle => "idle",
            SessionState::WaitTunnel => "wait-tunnel",
            SessionState::WaitReply => "wait-reply",
            SessionState::WaitConnect => "wait-connect",
            SessionState::WaitCsAnswer => "wait-cs-answer",
            SessionState::Established => "established",
        })
    }
}

/// What the tables call an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SessionEvent {
    /// The tunnel is established.
    TunnelOpen,
    /// The peer's request is acceptable; in wait-reply, a request that won the tie.
    Request,
    /// The peer's request is not.
    BadRequest,
    /// The peer's request lost the tie against the own one (v3).
    LosingRequest,
    /// The reply is acceptable.
    Reply,
    /// The reply is not.
    BadReply,
    /// The connected message is acceptable.
    Connected,
    /// The connected message is not.
    BadConnected,
    /// A message of the other direction's exchange.
    Stray,
    /// A CDN.
    Cdn,
    /// The call that this end places is connected.
    Answered,
    /// Local close request, bearer failure or line drop.
    Close,
}

/// What the tables call an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum SessionAction {
    /// Nothing.
    None,
    /// Send the request.
    SendRequest,
    /// Send the reply; an outgoing call is to be placed then.
    SendReply,
    /// Give up the own request for the peer's, then reply to that (v3).
    YieldAndSendReply,
    /// Send the connected message; data may flow.
    SendConnected,
    /// Data may flow.
    Establish,
    /// Send a CDN for the peer's request, which lost (v3).
    RefuseLoser,
    /// Send a CDN and clean up.
    Disconnect,
    /// Clean up.
    CleanUp,
}

use SessionAction as Act;
use SessionEvent as On;
use SessionState as State;

/// The tables' row for an event in a state: what is to be done, and the next state.
pub(crate) fn next(machine: Machine, state: State, event: On) -> (Act, State) {
    match state {
        State::Idle => idle(machine, event),
        State::WaitTunnel => wait_tunnel(event),
        State::WaitReply => wait_reply(machine, event),
        State::WaitConnect => wait_connect(event),
        State::WaitCsAnswer => wait_cs_answer(event),
        State::Established => established(event),
    }
}

fn idle(machine: Machine, event: On) -> (Act, State) {
    match event {
        On::Request if !machine.caller => match machine.direction {
            Direction::Incoming => (Act::SendReply, State::WaitConnect),
            Direction::Outgoing => (Act::SendReply, State::WaitCsAnswer),
        },
        On::Request | On::BadRequest | On::LosingRequest => (Act::Disconnect, State::Idle),
        On::Reply | On::BadReply if !machine.caller => (Act::Disconnect, State::Idle),
        On::Reply | On::BadReply | On::Connected | On::BadConnected | On::Stray | On::Cdn => {
            (Act::CleanUp, State::Idle)
        }
        On::Close => (Act::Disconnect, State::Idle),
        On::TunnelOpen | On::Answered => (Act::None, State::Idle),
    }
}

fn wait_tunnel(event: On) -> (Act, State) {
    match event {
        On::TunnelOpen => (Act::SendRequest, State::WaitReply),
        On::Close => (Act::CleanUp, State::Idle),
        // The peer does not know of the session yet, so that none of these is for it.
        On::Request
        | On::BadRequest
        | On::LosingRequest
        | On::Reply
        | On::BadReply
        | On::Connected
        | On::BadConnected
        | On::Stray
        | On::Cdn
        | On::Answered => (Act::None, State::WaitTunnel),
    }
}

fn wait_reply(machine: Machine, event: On) -> (Act, State) {
    match event {
        On::Reply => match machine.direction {
            Direction::Incoming => (Act::SendConnected, State::Established),
            Direction::Outgoing => (Act::None, State::WaitConnect),
        },
        On::Request => match machine.direction {
            Direction::Incoming => (Act::YieldAndSendReply, State::WaitConnect),
            Direction::Outgoing => (Act::YieldAndSendReply, State::WaitCsAnswer),
        },
        On::LosingRequest => (Act::RefuseLoser, State::WaitReply),
        On::Connected | On::BadConnected => match machine.direction {
            Direction::Incoming => (Act::CleanUp, State::Idle),
            Direction::Outgoing => (Act::Disconnect, State::Idle),
        },
        On::BadReply | On::BadRequest | On::Stray | On::Close => (Act::Disconnect, State::Idle),
        On::Cdn => (Act::CleanUp, State::Idle),
        On::TunnelOpen | On::Answered => (Act::None, State::WaitReply),
    }
}

fn wait_connect(event: On) -> (Act, State) {
    match event {
        On::Connected => (Act::Establish, State::Established),
        On::BadConnected
        | On::Request
        | On::BadRequest
        | On::LosingRequest
        | On::Reply
        | On::BadReply
        | On::Stray
        | On::Close => (Act::Disconnect, State::Idle),
        On::Cdn => (Act::CleanUp, State::Idle),
        On::TunnelOpen | On::Answered => (Act::None, State::WaitConnect),
    }
}

fn wait_cs_answer(event: On) -> (Act, State) {
    match event {
        On::Answered => (Act::SendConnected, State::Established),
        On::Request
        | On::BadRequest
        | On::LosingRequest
        | On::Reply
        | On::BadReply
        | On::Connected
        | On::BadConnected
        | On::Stray
        | On::Close => (Act::Disconnect, State::Idle),
        On::Cdn => (Act::CleanUp, State::Idle),
        On::TunnelOpen => (Act::None, State::WaitCsAnswer),
    }
}

fn established(event: On) -> (Act, State) {
    match event {
        On::Request
        | On::BadRequest
        | On::LosingRequest
        | On::Reply
        | On::BadReply
        | On::Connected
        | On::BadConnected
        | On::Stray
        | On::Close => (Act::Disconnect, State::Idle),
        On::Cdn => (Act::CleanUp, State::Idle),
        On::TunnelOpen | On::Answered => (Act::None, State::Established),
    }
}

#[cfg(test)]
mod tests;
