//! What there is at one moment.

use super::{Session, Socket, Tunnel};
use crate::daemon::engine::Object;
use crate::daemon::state::State;
use adit_datapath::spec::{Pseudowire, SessionKey, SessionSpec, TunnelSpec};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::Statistics;

/// The tunnels and sessions that carry packets, by their ids; what waits to come up is not there
/// yet.
pub(in crate::daemon) fn take(state: &mut State) -> Vec<Tunnel> {
    let tunnels = state.engine.desired().tunnels.values();
    let tunnels = tunnels.filter(|spec| is_up(Object::Tunnel(spec.id), state));
    let tunnels: Vec<TunnelSpec> = tunnels.copied().collect();
    let tunnel = |spec: TunnelSpec| Tunnel {
        spec,
        statistics: state.engine.statistics(Object::Tunnel(spec.id)),
        sessions: sessions(spec.id, state),
    };
    tunnels.into_iter().map(tunnel).collect()
}

fn is_up(object: Object, state: &State) -> bool {
    state.engine.problem(object).is_none()
}

fn sessions(tunnel: TunnelId, state: &mut State) -> Vec<Session> {
    let sessions = state
        .engine
        .desired()
        .sessions
        .range(SessionKey::all_of(tunnel));
    let sessions = sessions.filter(|(key, _)| is_up(Object::Session(**key), state));
    let sessions: Vec<SessionSpec> = sessions.map(|(_, spec)| spec.clone()).collect();
    let managed = state.programs.management_session(tunnel).map(management);
    let sessions = sessions.into_iter().map(|spec| session(spec, state));
    managed.into_iter().chain(sessions).collect()
}

fn session(mut spec: SessionSpec, state: &mut State) -> Session {
    let key = spec.key;
    if let Some(tuning) = state.engine.tuning(key) {
        spec.tuning = tuning;
    }
    let interface = match spec.pseudowire {
        Pseudowire::Ethernet => {
            let device = state.engine.datapath().device(key).ok().flatten();
            device.map(|device| device.name)
        }
        Pseudowire::Ppp => state.programs.unit_name(key),
    };
    let sequencing = state.engine.datapath().sequencing(key).ok();
    Session {
        nr: state.engine.datapath().expected(key).map_or(0, |nr| nr.0),
        ns: sequencing.map_or(0, |now| now.next_ns.0),
        statistics: state.engine.statistics(Object::Session(key)),
        socket: state.programs.socket_of(key).map(|bound| match bound {
            true => Socket::Bound,
            false => Socket::Connected,
        }),
        interface,
        spec,
    }
}

/// What Linux makes of a management socket.
fn management(spec: SessionSpec) -> Session {
    Session {
        spec,
        nr: 0,
        ns: 0,
        statistics: Statistics::default(),
        socket: Some(Socket::Connected),
        interface: None,
    }
}
