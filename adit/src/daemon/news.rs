//! Changes, and telling of them: who listens to the family's multicast group is told what was done
//! to which object, as Linux tells it.

use super::engine::Engine;
use super::genl::{Dialect, Header};
use super::state::State;
use adit_datapath::Error;
use adit_datapath::spec::Change;
use adit_wire::netlink::Command;
use std::rc::Rc;

/// News that a listener may be behind before it loses some.
pub(super) const BACKLOG: usize = 1024;

/// Makes `change` for a request of `command` and tells of it. A removal is told of before it is
/// made, while there is something to tell.
pub(super) fn change(
    change: &Change,
    command: Command,
    header: Header,
    state: &mut State,
) -> Result<(), Error> {
    let heard = state.news.receiver_count() > 0;
    let before = heard.then(|| message(change, command, header, &mut state.engine));
    state.engine.change(change)?;
    let message = match change {
        Change::RemoveTunnel(_) | Change::RemoveSession(_) => before.flatten(),
        Change::AddTunnel(_)
        | Change::TuneTunnel(..)
        | Change::AddSession(_)
        | Change::TuneSession(..) => heard
            .then(|| message(change, command, header, &mut state.engine))
            .flatten(),
    };
    if let Some(message) = message {
        // Who listened may have gone since.
        let _ = state.news.send(Rc::from(message));
    }
    Ok(())
}

fn message(
    change: &Change,
    command: Command,
    header: Header,
    engine: &mut Engine,
) -> Option<Vec<u8>> {
    let header = Header {
        news: Some(command),
        dialect: Dialect::Linux,
        cookies: true,
        ..header
    };
    match change {
        Change::AddTunnel(spec) => engine.tunnel_message(header, spec.id),
        Change::TuneTunnel(id, _) | Change::RemoveTunnel(id) => engine.tunnel_message(header, *id),
        Change::AddSession(spec) => engine.session_message(header, spec.key),
        Change::TuneSession(key, _) | Change::RemoveSession(key) => {
            engine.session_message(header, *key)
        }
    }
}
