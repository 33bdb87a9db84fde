//! PPPoL2TP sockets.

use super::{Owner, Socket, change, is_there};
use crate::control::REORDER_TIMEOUT_MAX;
use crate::daemon::engine::Object;
use crate::daemon::state::State;
use adit_datapath::ppp::End;
use adit_datapath::spec::{
    Change, Encap, Pseudowire, Retuning, SessionKey, SessionSpec, SessionTuning, TunnelSpec,
};
use adit_kapi::protocol::{Connect, Ids, Name, Say, SocketAsk};
use adit_wire::l2tp::{Cookie, SessionId, Sublayer, TunnelId};
use adit_wire::netlink::{Errno, Statistics};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

const EBADR: Errno = Errno(libc::EBADR);
const ENOPROTOOPT: Errno = Errno(libc::ENOPROTOOPT);
const ENOSYS: Errno = Errno(libc::ENOSYS);
const ENOTCONN: Errno = Errno(libc::ENOTCONN);
const EPROTOTYPE: Errno = Errno(libc::EPROTOTYPE);

/// Options of `linux/if_pppol2tp.h`.
mod option {
    pub(super) const DEBUG: i32 = 1;
    pub(super) const RECVSEQ: i32 = 2;
    pub(super) const SENDSEQ: i32 = 3;
    pub(super) const LNSMODE: i32 = 4;
    pub(super) const REORDERTO: i32 = 5;
}

/// Connects a socket, of which `end` is ours, to a tunnel or a session, in Linux's order of
/// checks. Without an end the socket has been connected before.
pub(super) fn connect(
    connect: Connect,
    end: Option<OwnedFd>,
    socket: Option<OwnedFd>,
    privileged: bool,
    owner: Owner,
    state: &mut State,
) -> Result<u32, Errno> {
    if !privileged {
        return Err(Errno::EPERM);
    }
    let tunnel = TunnelId(connect.ids.tunnel);
    if tunnel.0 == 0 {
        return Err(Errno::EINVAL);
    }
    let exists = state.engine.desired().tunnels.contains_key(&tunnel);
    match (exists, connect.ids.is_management()) {
        (true, _) => {}
        (false, false) => return Err(Errno::ENOENT),
        (false, true) => super::managed::adopt_for(connect, socket, state)?,
    }
    let end = end.ok_or(Errno::EBUSY)?;
    let made = match connect.ids.is_management() {
        true => manage(tunnel, end, state),
        false => attach(connect, tunnel, end, state),
    };
    if made.is_err() && !exists && connect.ids.is_management() {
        let _ = change(&Change::RemoveTunnel(tunnel), state);
    }
    let number = made?;
    let session = SessionKey {
        tunnel,
        session: SessionId(connect.ids.session),
    };
    let socket = Socket {
        tunnel,
        session: (!connect.ids.is_management()).then_some(session),
        peer_tunnel: connect.ids.peer_tunnel,
        detached: false,
        owner,
    };
    state.programs.sockets.insert(number, socket);
    Ok(number)
}

/// Makes a socket the one that manages a tunnel; there is one at a time.
fn manage(tunnel: TunnelId, end: OwnedFd, state: &mut State) -> Result<u32, Errno> {
    let mut sockets = state.programs.sockets.values();
    let is_it = |socket: &Socket| socket.tunnel == tunnel && socket.session.is_none();
    if sockets.any(|socket| is_it(socket) && !socket.detached) {
        return Err(Errno::EEXIST);
    }
    let number = state.programs.number();
    let on_close = state.programs.on_close(number);
    let end = crate::daemon::sys::watch(end).map_err(|_| Errno::EBADF)?;
    tokio::task::spawn_local(async move {
        super::managed::hang_up(&end).await;
        on_close();
    });
    Ok(number)
}

/// Attaches a socket to a session, which is made if it is not there.
fn attach(
    connect: Connect,
    tunnel: TunnelId,
    end: OwnedFd,
    state: &mut State,
) -> Result<u32, Errno> {
    let key = SessionKey {
        tunnel,
        session: SessionId(connect.ids.session),
    };
    let found = state.engine.desired().sessions.get(&key);
    let fresh = found.is_none();
    match found.map(|spec| spec.pseudowire) {
        Some(Pseudowire::Ppp) => {}
        Some(Pseudowire::Ethernet) => return Err(EPROTOTYPE),
        None => change(&Change::AddSession(session(key, connect)), state)?,
    }
    let programs = &mut state.programs;
    let number = programs.number();
    let on_close = programs.on_close(number);
    let end = End::new(end).map_err(|_| Errno::EBADF)?;
    let made = programs
        .ppp()
        .and_then(|ppp| ppp.connect(key, end, on_close));
    if let Err(refused) = made {
        if fresh {
            let _ = change(&Change::RemoveSession(key), state);
        }
        return Err(refused);
    }
    Ok(number)
}

/// A session as a socket makes it: nothing is configured.
fn session(key: SessionKey, connect: Connect) -> SessionSpec {
    SessionSpec {
        key,
        peer_id: SessionId(connect.ids.peer_session),
        pseudowire: Pseudowire::Ppp,
        ifname: None,
        cookie: Cookie::EMPTY,
        peer_cookie: Cookie::EMPTY,
        sublayer: Sublayer::None,
        tuning: SessionTuning::default(),
    }
}

/// Answers what is asked of a connected socket.
pub(super) fn answer(number: u32, ask: SocketAsk, state: &mut State) -> Result<Say, Errno> {
    let socket = state.programs.sockets.get(&number).ok_or(ENOTCONN)?;
    let (tunnel, session, peer_tunnel) = (socket.tunnel, socket.session, socket.peer_tunnel);
    let gone = socket.detached || session.is_some_and(|key| !is_there(key, &state.engine));
    match ask {
        SocketAsk::Name if gone => Err(Errno::EBADF),
        SocketAsk::Name => name(tunnel, session, peer_tunnel, state).map(Say::Name),
        _ if gone => Err(ENOTCONN),
        SocketAsk::Channel => match session {
            Some(key) => state
                .programs
                .ppp()?
                .channel(key)
                .map(|it| Say::Number(it.into())),
            // Linux hands out what stands for no channel.
            None => Ok(Say::Number(-1)),
        },
        SocketAsk::Accepts => session.map(|_| Say::End).ok_or(ENOSYS),
        SocketAsk::Counters(of) => counters(tunnel, session, of, state),
        SocketAsk::Option(option) => get(session, option, state).map(Say::Number),
        SocketAsk::SetOption(option, value) => {
            set(session, option, value, state).map(|()| Say::End)
        }
    }
}

fn name(
    tunnel: TunnelId,
    session: Option<SessionKey>,
    peer_tunnel: u32,
    state: &State,
) -> Result<Name, Errno> {
    let desired = state.engine.desired();
    let spec = desired.tunnels.get(&tunnel).ok_or(Errno::EBADF)?;
    let found = session.and_then(|key| desired.sessions.get(&key));
    Ok(Name {
        version: spec.version,
        ids: Ids {
            tunnel: tunnel.0,
            session: found.map_or(0, |found| found.key.session.0),
            peer_tunnel: match spec.peer_id.0 {
                0 => peer_tunnel,
                id => id,
            },
            peer_session: found.map_or(0, |found| found.peer_id.0),
        },
        peer: peer(spec),
    })
}

fn peer(spec: &TunnelSpec) -> SocketAddr {
    match spec.encap {
        Encap::Udp { remote, .. } => remote,
        Encap::Ip { remote, .. } => SocketAddr::new(remote, 0),
    }
}

/// In the order of `struct pppol2tp_ioc_stats`.
fn counters(
    tunnel: TunnelId,
    session: Option<SessionKey>,
    of: u16,
    state: &mut State,
) -> Result<Say, Errno> {
    let object = match (session, of) {
        (Some(key), _) => Object::Session(key),
        (None, 0) => Object::Tunnel(tunnel),
        (None, id) => {
            let session = SessionId(id.into());
            let key = SessionKey { tunnel, session };
            let found = state.engine.desired().sessions.get(&key);
            match found.map(|found| found.pseudowire) {
                Some(Pseudowire::Ppp) => Object::Session(key),
                Some(Pseudowire::Ethernet) | None => return Err(EBADR),
            }
        }
    };
    let Statistics {
        tx_packets,
        tx_bytes,
        tx_errors,
        rx_packets,
        rx_bytes,
        rx_seq_discards,
        rx_oos_packets,
        rx_errors,
        ..
    } = state.engine.statistics(object);
    Ok(Say::Counters(vec![
        tx_packets,
        tx_bytes,
        tx_errors,
        rx_packets,
        rx_bytes,
        rx_seq_discards,
        rx_oos_packets,
        rx_errors,
    ]))
}

fn get(session: Option<SessionKey>, option: i32, state: &mut State) -> Result<i64, Errno> {
    let tuning = session.and_then(|key| state.engine.tuning(key));
    match (option, tuning) {
        (option::DEBUG, _) => Ok(0),
        (option::RECVSEQ, Some(tuning)) => Ok(tuning.recv_seq.into()),
        (option::SENDSEQ, Some(tuning)) => Ok(tuning.send_seq.into()),
        (option::LNSMODE, Some(tuning)) => Ok(tuning.lns_mode.into()),
        (option::REORDERTO, Some(tuning)) => {
            let millis = tuning.reorder_timeout.as_millis();
            Ok(millis.try_into().unwrap_or(i64::MAX))
        }
        (_, Some(_) | None) => Err(ENOPROTOOPT),
    }
}

fn set(
    session: Option<SessionKey>,
    option: i32,
    value: i32,
    state: &mut State,
) -> Result<(), Errno> {
    if option == option::DEBUG {
        return Ok(());
    }
    let key = session.ok_or(ENOPROTOOPT)?;
    let switch = || match value {
        0 | 1 => Ok(Some(value == 1)),
        _ => Err(Errno::EINVAL),
    };
    let mut tuning = Retuning::default();
    match option {
        option::RECVSEQ => tuning.recv_seq = switch()?,
        option::SENDSEQ => tuning.send_seq = switch()?,
        option::LNSMODE => tuning.lns_mode = switch()?,
        option::REORDERTO => {
            // A negative time is a very long one.
            let millis = u64::try_from(value).unwrap_or(REORDER_TIMEOUT_MAX);
            tuning.reorder_timeout = Some(Duration::from_millis(millis));
        }
        _ => return Err(ENOPROTOOPT),
    }
    change(&Change::TuneSession(key, tuning), state)
}
