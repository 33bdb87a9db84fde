//! What a PPPoL2TP socket still tells of a session or tunnel that was removed under it: Linux keeps
//! the session until its socket is closed, though nothing comes of it any more.

use super::sockets::{name, tuning_of};
use super::{Socket, State, Told};
use crate::daemon::engine::Object;
use adit_datapath::spec::{Change, SessionTuning};
use adit_kapi::protocol::Name;
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::{Errno, Statistics};

/// See the [module](self).
pub(super) struct Remains {
    pub(super) name: Name,
    /// How the session was tuned, and has been by the socket since.
    pub(super) tuning: Option<SessionTuning>,
    /// What the session, or the tunnel of a management socket, had counted.
    pub(super) statistics: Statistics,
}

/// What sockets will still tell once `change` is made, by their numbers.
pub(in crate::daemon) struct Lost(Vec<(u32, Remains)>);

/// Looks what `change` takes from under sockets, which is to be noted once it is made.
pub(in crate::daemon) fn lost_by(change: &Change, state: &mut State) -> Lost {
    let hit = |socket: &Socket| match change {
        Change::RemoveTunnel(id) => socket.tunnel == *id,
        Change::RemoveSession(key) => socket.session == Some(*key),
        Change::AddTunnel(_)
        | Change::TuneTunnel(..)
        | Change::AddSession(_)
        | Change::TuneSession(..) => false,
    };
    let sockets = state.programs.sockets.iter();
    let hit = sockets.filter(|(_, socket)| socket.remains.is_none() && hit(socket));
    let numbers: Vec<u32> = hit.map(|(number, _)| *number).collect();
    let left = |number: u32| Some((number, remains(number, state).ok()?));
    Lost(numbers.into_iter().filter_map(left).collect())
}

fn remains(number: u32, state: &mut State) -> Result<Remains, Errno> {
    let found = state.programs.sockets.get(&number).ok_or(Errno::EBADF)?;
    let (tunnel, session) = (found.tunnel, found.session);
    let object = session.map_or(Object::Tunnel(tunnel), Object::Session);
    Ok(Remains {
        name: name(tunnel, session, state)?,
        tuning: session.and_then(|key| tuning_of(key, state)),
        statistics: state.engine.statistics(object),
    })
}

/// Takes a tunnel from under its management socket, while the tunnel stays.
pub(in crate::daemon) fn detach_management(tunnel: TunnelId, state: &mut State) {
    let manager = state.programs.managers.remove(&tunnel);
    let Some(number) = manager.map(|manager| manager.number) else {
        return;
    };
    let left = remains(number, state).ok();
    if let Some(socket) = state.programs.sockets.get_mut(&number) {
        socket.remains = left;
    }
}

impl super::Programs {
    /// Notes a change that has been made: sockets may have lost what they stood for.
    pub(in crate::daemon) fn note(&mut self, change: &Change, lost: Lost) {
        if let Change::RemoveTunnel(id) = change {
            self.adopted.retain(|_, adopted| {
                let stays = adopted.carried.tunnel != *id;
                if let (false, false, Some(owner)) = (stays, adopted.is_closed, &adopted.owner) {
                    owner.tell(Told::Released(adopted.socket));
                }
                stays
            });
            for socket in self.ips.values_mut() {
                socket.carries = socket.carries.filter(|carried| carried.tunnel != *id);
            }
        }
        for (number, remains) in lost.0 {
            let Some(socket) = self.sockets.get_mut(&number) else {
                continue;
            };
            socket.remains = Some(remains);
            let tunnel = socket.tunnel;
            self.dismiss(number, tunnel);
        }
    }
}
