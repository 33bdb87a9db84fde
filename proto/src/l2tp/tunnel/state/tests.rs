//! The rows of RFC 2661 §7.2.1 and RFC 3931 §7.2, and nothing beside them.

use super::{Act, On, State, next};
use std::collections::BTreeSet;

const ALL: &[State] = &[
    State::Idle,
    State::WaitCtlReply,
    State::WaitCtlConn,
    State::Established,
];

const EVENTS: &[On] = &[
    On::Open,
    On::Close,
    On::Sccrq,
    On::BadSccrq,
    On::LosingSccrq,
    On::Sccrp,
    On::BadSccrp,
    On::Scccn,
    On::BadScccn,
    On::StopCcn,
];

type Row = (&'static [State], &'static [On], Act, State);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    (&[State::Idle], &[On::Open], Act::SendSccrq, State::WaitCtlReply),
    (&[State::Idle], &[On::Sccrq], Act::SendSccrp, State::WaitCtlConn),
    (&[State::Idle], &[On::BadSccrq], Act::Stop, State::Idle),
    (&[State::Idle], &[On::Sccrp, On::BadSccrp], Act::Stop, State::Idle),
    (&[State::Idle], &[On::Scccn, On::BadScccn], Act::CleanUp, State::Idle),
    (&[State::WaitCtlReply], &[On::Sccrp], Act::SendScccnAndOpen, State::Established),
    (&[State::WaitCtlReply], &[On::BadSccrp], Act::Stop, State::Idle),
    // RFC 2661: "Clean up, re-queue SCCRQ for idle state"; RFC 3931 in one row.
    (&[State::WaitCtlReply], &[On::Sccrq], Act::YieldAndSendSccrp, State::WaitCtlConn),
    (&[State::WaitCtlReply], &[On::BadSccrq], Act::Stop, State::Idle),
    (&[State::WaitCtlReply], &[On::LosingSccrq], Act::RefuseLoser, State::WaitCtlReply),
    (&[State::WaitCtlReply], &[On::Scccn, On::BadScccn], Act::Stop, State::Idle),
    (&[State::WaitCtlConn], &[On::Scccn], Act::Open, State::Established),
    (&[State::WaitCtlConn], &[On::BadScccn], Act::Stop, State::Idle),
    (
        &[State::WaitCtlConn],
        &[On::Sccrq, On::BadSccrq, On::LosingSccrq, On::Sccrp, On::BadSccrp],
        Act::Stop,
        State::Idle,
    ),
    (&[State::Established], &[On::Open], Act::Open, State::Established),
    (&[State::Established], &[On::Close], Act::Stop, State::Idle),
    (
        &[State::Established],
        &[On::Sccrq, On::BadSccrq, On::LosingSccrq, On::Sccrp, On::BadSccrp, On::Scccn, On::BadScccn],
        Act::Stop,
        State::Idle,
    ),
    (ALL, &[On::StopCcn], Act::CleanUp, State::Idle),
    // What the RFCs leave open: closing before there is anything, or while it is being opened;
    // opening twice; losing without having asked.
    (&[State::Idle], &[On::Close], Act::None, State::Idle),
    (&[State::Idle], &[On::LosingSccrq], Act::Stop, State::Idle),
    (&[State::WaitCtlReply, State::WaitCtlConn], &[On::Close], Act::Stop, State::Idle),
    (&[State::WaitCtlReply], &[On::Open], Act::None, State::WaitCtlReply),
    (&[State::WaitCtlConn], &[On::Open], Act::None, State::WaitCtlConn),
];

#[test]
fn the_machine_is_the_table() {
    let mut seen = BTreeSet::new();
    for (states, events, action, target) in TABLE {
        for state in *states {
            for event in *events {
                assert_eq!(
                    next(*state, *event),
                    (*action, *target),
                    "{state:?} {event:?}"
                );
                assert!(seen.insert((*state, *event)), "{state:?} {event:?} twice");
            }
        }
    }
    assert_eq!(seen.len(), ALL.len() * EVENTS.len(), "a pair has no row");
}
