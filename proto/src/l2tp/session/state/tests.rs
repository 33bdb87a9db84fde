//! The rows of RFC 2661 §7.4.1 to §7.5.2 and RFC 3931 §7.3.1 to §7.4.2, and nothing beside them.

use super::{Act, Machine, On, State, next};
use crate::l2tp::Direction::{Incoming, Outgoing};
use std::collections::BTreeSet;

const EVENTS: &[On] = &[
    On::TunnelOpen,
    On::Request,
    On::BadRequest,
    On::LosingRequest,
    On::Reply,
    On::BadReply,
    On::Connected,
    On::BadConnected,
    On::Stray,
    On::Cdn,
    On::Answered,
    On::Close,
];

/// Any message of a call's set-up.
const SET_UP: &[On] = &[
    On::Request,
    On::BadRequest,
    On::LosingRequest,
    On::Reply,
    On::BadReply,
    On::Connected,
    On::BadConnected,
    On::Stray,
];

const REQUESTS: &[On] = &[On::Request, On::BadRequest, On::LosingRequest];
const CONNECTED: &[On] = &[On::Connected, On::BadConnected];
const REPLIES: &[On] = &[On::Reply, On::BadReply];

type Row = (State, &'static [On], Act, State);

/// §7.4.1, §7.3.1: sender of an ICRQ. In idle there is no session, so that a message "for it"
/// names none; see `without_a_session_only_requests_and_replies_are_answered` of the node.
#[rustfmt::skip]
const INCOMING_CALLER: &[Row] = &[
    (State::WaitTunnel, &[On::Close], Act::CleanUp, State::Idle),
    (State::WaitTunnel, &[On::TunnelOpen], Act::SendRequest, State::WaitReply),
    (State::WaitReply, &[On::Reply], Act::SendConnected, State::Established),
    (State::WaitReply, &[On::BadReply], Act::Disconnect, State::Idle),
    (State::WaitReply, &[On::BadRequest, On::Stray], Act::Disconnect, State::Idle),
    (State::WaitReply, &[On::Request], Act::YieldAndSendReply, State::WaitConnect),
    (State::WaitReply, &[On::LosingRequest], Act::RefuseLoser, State::WaitReply),
    (State::WaitReply, &[On::Cdn], Act::CleanUp, State::Idle),
    (State::WaitReply, CONNECTED, Act::CleanUp, State::Idle),
    (State::WaitReply, &[On::Close], Act::Disconnect, State::Idle),
    (State::Established, &[On::Cdn], Act::CleanUp, State::Idle),
    (State::Established, SET_UP, Act::Disconnect, State::Idle),
    (State::Established, &[On::Close], Act::Disconnect, State::Idle),
    // Not in the RFCs.
    (State::WaitTunnel, SET_UP, Act::None, State::WaitTunnel),
    (State::WaitTunnel, &[On::Cdn, On::Answered], Act::None, State::WaitTunnel),
    (State::WaitReply, &[On::TunnelOpen, On::Answered], Act::None, State::WaitReply),
    (State::Established, &[On::TunnelOpen, On::Answered], Act::None, State::Established),
];

/// §7.4.2, §7.3.2: receiver of an ICRQ.
#[rustfmt::skip]
const INCOMING_CALLEE: &[Row] = &[
    (State::Idle, &[On::Request], Act::SendReply, State::WaitConnect),
    (State::Idle, &[On::BadRequest, On::LosingRequest], Act::Disconnect, State::Idle),
    (State::Idle, REPLIES, Act::Disconnect, State::Idle),
    (State::Idle, CONNECTED, Act::CleanUp, State::Idle),
    (State::WaitConnect, &[On::Connected], Act::Establish, State::Established),
    (State::WaitConnect, &[On::BadConnected], Act::Disconnect, State::Idle),
    (State::WaitConnect, REQUESTS, Act::Disconnect, State::Idle),
    (State::WaitConnect, REPLIES, Act::Disconnect, State::Idle),
    (State::Idle, &[On::Cdn], Act::CleanUp, State::Idle),
    (State::WaitConnect, &[On::Cdn], Act::CleanUp, State::Idle),
    (State::Established, &[On::Cdn], Act::CleanUp, State::Idle),
    (State::WaitConnect, &[On::Close], Act::Disconnect, State::Idle),
    (State::Established, &[On::Close], Act::Disconnect, State::Idle),
    (State::Established, SET_UP, Act::Disconnect, State::Idle),
    // Not in the RFCs: refusing before the reply is the answer "not acceptable".
    (State::Idle, &[On::Close], Act::Disconnect, State::Idle),
    (State::Idle, &[On::Stray], Act::CleanUp, State::Idle),
    (State::Idle, &[On::TunnelOpen, On::Answered], Act::None, State::Idle),
    (State::WaitConnect, &[On::Stray], Act::Disconnect, State::Idle),
    (State::WaitConnect, &[On::TunnelOpen, On::Answered], Act::None, State::WaitConnect),
    (State::Established, &[On::TunnelOpen, On::Answered], Act::None, State::Established),
];

/// §7.5.2, §7.4.1: sender of an OCRQ.
#[rustfmt::skip]
const OUTGOING_CALLER: &[Row] = &[
    (State::WaitTunnel, &[On::TunnelOpen], Act::SendRequest, State::WaitReply),
    (State::WaitTunnel, &[On::Close], Act::CleanUp, State::Idle),
    (State::WaitReply, &[On::Reply], Act::None, State::WaitConnect),
    (State::WaitReply, &[On::BadReply], Act::Disconnect, State::Idle),
    (State::WaitReply, CONNECTED, Act::Disconnect, State::Idle),
    (State::WaitReply, &[On::BadRequest, On::Stray], Act::Disconnect, State::Idle),
    (State::WaitReply, &[On::Request], Act::YieldAndSendReply, State::WaitCsAnswer),
    (State::WaitReply, &[On::LosingRequest], Act::RefuseLoser, State::WaitReply),
    (State::WaitConnect, &[On::Connected], Act::Establish, State::Established),
    (State::WaitConnect, REQUESTS, Act::Disconnect, State::Idle),
    (State::WaitConnect, REPLIES, Act::Disconnect, State::Idle),
    (State::WaitReply, &[On::Cdn], Act::CleanUp, State::Idle),
    (State::WaitConnect, &[On::Cdn], Act::CleanUp, State::Idle),
    (State::Established, &[On::Cdn], Act::CleanUp, State::Idle),
    (State::Established, SET_UP, Act::Disconnect, State::Idle),
    (State::WaitReply, &[On::Close], Act::Disconnect, State::Idle),
    (State::WaitConnect, &[On::Close], Act::Disconnect, State::Idle),
    (State::Established, &[On::Close], Act::Disconnect, State::Idle),
    // Not in the RFCs.
    (State::WaitTunnel, SET_UP, Act::None, State::WaitTunnel),
    (State::WaitTunnel, &[On::Cdn, On::Answered], Act::None, State::WaitTunnel),
    (State::WaitReply, &[On::TunnelOpen, On::Answered], Act::None, State::WaitReply),
    (State::WaitConnect, &[On::BadConnected, On::Stray], Act::Disconnect, State::Idle),
    (State::WaitConnect, &[On::TunnelOpen, On::Answered], Act::None, State::WaitConnect),
    (State::Established, &[On::TunnelOpen, On::Answered], Act::None, State::Established),
];

/// §7.5.1, §7.4.2: receiver of an OCRQ.
#[rustfmt::skip]
const OUTGOING_CALLEE: &[Row] = &[
    (State::Idle, &[On::Request], Act::SendReply, State::WaitCsAnswer),
    (State::Idle, &[On::BadRequest, On::LosingRequest], Act::Disconnect, State::Idle),
    (State::Idle, REPLIES, Act::Disconnect, State::Idle),
    (State::Idle, CONNECTED, Act::CleanUp, State::Idle),
    (State::Idle, &[On::Cdn], Act::CleanUp, State::Idle),
    (State::WaitCsAnswer, &[On::Answered], Act::SendConnected, State::Established),
    (State::WaitCsAnswer, &[On::Close], Act::Disconnect, State::Idle),
    (State::WaitCsAnswer, SET_UP, Act::Disconnect, State::Idle),
    (State::WaitCsAnswer, &[On::Cdn], Act::CleanUp, State::Idle),
    (State::Established, SET_UP, Act::Disconnect, State::Idle),
    (State::Established, &[On::Cdn], Act::CleanUp, State::Idle),
    (State::Established, &[On::Close], Act::Disconnect, State::Idle),
    // Not in the RFCs.
    (State::Idle, &[On::Close], Act::Disconnect, State::Idle),
    (State::Idle, &[On::Stray], Act::CleanUp, State::Idle),
    (State::Idle, &[On::TunnelOpen, On::Answered], Act::None, State::Idle),
    (State::WaitCsAnswer, &[On::TunnelOpen], Act::None, State::WaitCsAnswer),
    (State::Established, &[On::TunnelOpen, On::Answered], Act::None, State::Established),
];

#[test]
fn the_machines_are_the_tables() {
    for (direction, caller, table, states) in [
        (Incoming, true, INCOMING_CALLER, 3),
        (Incoming, false, INCOMING_CALLEE, 3),
        (Outgoing, true, OUTGOING_CALLER, 4),
        (Outgoing, false, OUTGOING_CALLEE, 3),
    ] {
        let machine = Machine { direction, caller };
        let mut seen = BTreeSet::new();
        for (state, events, action, target) in table {
            for event in *events {
                let case = format!("{machine:?} {state:?} {event:?}");
                assert_eq!(next(machine, *state, *event), (*action, *target), "{case}");
                assert!(seen.insert((*state, *event)), "{case} twice");
            }
        }
        assert_eq!(
            seen.len(),
            states * EVENTS.len(),
            "{machine:?}: a pair has no row"
        );
    }
}

/// No machine leaves the states that it has.
#[test]
fn the_tables_are_closed() {
    for (direction, caller) in [
        (Incoming, true),
        (Incoming, false),
        (Outgoing, true),
        (Outgoing, false),
    ] {
        let machine = Machine { direction, caller };
        let mut reached = BTreeSet::from([if caller {
            State::WaitTunnel
        } else {
            State::Idle
        }]);
        loop {
            let more: BTreeSet<_> = reached
                .iter()
                .flat_map(|state| EVENTS.iter().map(|event| next(machine, *state, *event).1))
                .chain(reached.iter().copied())
                .collect();
            if more == reached {
                break;
            }
            reached = more;
        }
        // A caller that yields goes on as the callee.
        assert_eq!(reached.contains(&State::WaitTunnel), caller, "{machine:?}");
    }
}
