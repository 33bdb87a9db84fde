//! Changes, and telling of them: who listens to the family's multicast group is told what was done
//! to which object, as Linux tells it.

use super::answer::Given;
use super::engine::Engine;
use super::genl::{Dialect, Header};
use super::programs::{self, Wanted};
use super::state::State;
use adit_datapath::Error;
use adit_datapath::spec::{Change, Encap};
use adit_kapi::protocol::{Answer, Say};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::{Command, Errno};
use tokio::sync::mpsc::{Sender, error::TrySendError};

/// Makes `change` for a request of `command` and tells of it. A removal is told of before it is
/// made, while there is something to tell.
pub(super) fn change(
    change: &Change,
    command: Command,
    header: Header,
    state: &mut State,
) -> Result<(), Error> {
    refuse_taken_connection(change, header, state)?;
    let heard = !state.news.is_empty();
    let before = heard.then(|| message(change, command, header, &mut state.engine));
    let lost = programs::lost_by(change, state);
    state.engine.change(change)?;
    state.programs.note(change, lost);
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

/// Refuses a tunnel over IP whose control connection a program's socket is bound to, where Linux
/// would: its tunnels and programs' sockets share their ids.
fn refuse_taken_connection(change: &Change, header: Header, state: &State) -> Result<(), Error> {
    if let Change::AddTunnel(spec) = change
        && let Encap::Ip { local, .. } = spec.encap
        && header.dialect.is_linux()
        && state.programs.has_connection(local, spec.id.0)
    {
        let text = format!("{} is bound by a program's socket; give another", spec.id);
        return Err(Error::new(Errno::EADDRINUSE, "tunnel_id", text));
    }
    Ok(())
}

/// Makes a tunnel that a program's own socket carries, and tells of it.
pub(super) fn adopt(
    wanted: Wanted,
    given: Given,
    header: Header,
    state: &mut State,
) -> Result<(), Error> {
    let Given {
        descriptor,
        socket,
        owner,
        ..
    } = given;
    programs::adopt(wanted, descriptor, socket, owner, state).map_err(|errno| {
        let text =
            "the socket cannot carry a tunnel; give one of UDP or protocol 115, of this namespace";
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

/// Tells of a request about what Linux makes of a tunnel's management socket.
pub(super) fn of_management(tunnel: TunnelId, command: Command, header: Header, state: &mut State) {
    let header = Header {
        news: Some(command),
        ..header
    };
    let message = state.management_message(header, tunnel);
    tell(message, state);
}

/// Tells everyone who listens; whoever is too far behind misses it.
fn tell(message: Option<Vec<u8>>, state: &mut State) {
    let Some(message) = message else {
        return;
    };
    let answer = Answer {
        id: 0,
        say: Say::Notification(message),
    };
    let told = |listener: &Sender<Answer>| {
        !matches!(
            listener.try_send(answer.clone()),
            Err(TrySendError::Closed(_))
        )
    };
    state.news.retain(told);
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
