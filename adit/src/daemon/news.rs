//! Changes, and telling of them: who listens to the family's multicast group is told what was done
//! to which object, as Linux tells it.

use super::answer::Given;
use super::engine::Engine;
use super::genl::{Dialect, Header};
use super::programs::{self, Wanted};
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
    state.programs.note(change);
    let message = match change {
        Change::RemoveTunnel(_) | Change::RemoveSession(_) => before.flatten(),
        Change::AddTunnel(_)
        | Change::TuneTunnel(..)
        | Change::AddSession(_)
        | Change::TuneSession(..) => heard
            .then(|| message(change, command, header, &mut state.engine))
            .flatten(),
    };
    tell(message, state);
    Ok(())
}

/// Makes a tunnel that a program's own socket carries, and tells of it.
pub(super) fn adopt(
    wanted: Wanted,
    given: Given,
    header: Header,
    state: &mut State,
) -> Result<(), Error> {
    programs::adopt(wanted, given.descriptor, given.socket, state).map_err(|errno| {
        let text = "the socket cannot carry a tunnel; give a UDP socket of this namespace";
        Error::new(errno, "fd", text)
    })?;
    let header = Header {
        news: Some(Command::TunnelCreate),
        dialect: Dialect::Linux,
        ..header
    };
    let message = state.engine.tunnel_message(header, wanted.id, None);
    tell(message, state);
    Ok(())
}

fn tell(message: Option<Vec<u8>>, state: &State) {
    if let Some(message) = message {
        // Who listened may have gone since.
        let _ = state.news.send(Rc::from(message));
    }
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
        Change::AddTunnel(spec) => engine.tunnel_message(header, spec.id, None),
        Change::TuneTunnel(id, _) | Change::RemoveTunnel(id) => {
            engine.tunnel_message(header, *id, None)
        }
        Change::AddSession(spec) => engine.session_message(header, spec.key, None),
        Change::TuneSession(key, _) | Change::RemoveSession(key) => {
            engine.session_message(header, *key, None)
        }
    }
}
