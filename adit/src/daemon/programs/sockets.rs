//! PPPoL2TP sockets.

use super::managed::is_closed;
use super::remains::Remains;
use super::{Manager, Owner, Socket, change, is_there, object_closed};
use crate::control::REORDER_TIMEOUT_MAX;
use crate::daemon::engine::Object;
use crate::daemon::state::State;
use crate::daemon::sys;
use adit_datapath::ppp::{End, Ending};
use adit_datapath::spec::{
    Change, Encap, Pseudowire, Retuning, SessionKey, SessionSpec, SessionTuning, TunnelSpec,
};
use adit_kapi::protocol::{Connect, Ids, Name, Say, SocketAsk};
use adit_wire::l2tp::{Cookie, SessionId, Sublayer, TunnelId};
use adit_wire::netlink::{Errno, Statistics};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
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
    let end = end.map(End::new).transpose().map_err(|_| Errno::EBADF)?;
    let tunnel = TunnelId(connect.ids.tunnel);
    if tunnel.0 == 0 {
        return Err(Errno::EINVAL);
    }
    let exists = state.engine.desired().tunnels.contains_key(&tunnel);
    match (exists, connect.ids.is_management()) {
        (true, _) => {}
        (false, false) => return Err(Errno::ENOENT),
        (false, true) => super::managed::adopt_for(connect, socket, owner.clone(), state)?,
    }
    let end = end.ok_or(Errno::EBUSY)?;
    name_peer(tunnel, TunnelId(connect.ids.peer_tunnel), state);
    bury(&connect, state);
    let made = match connect.ids.is_management() {
        true => manage(tunnel, end, owner, state),
        false => attach(connect, tunnel, end, owner, state),
    };
    if made.is_err() && !exists && connect.ids.is_management() {
        let _ = change(&Change::RemoveTunnel(tunnel), state);
    }
    let (number, socket) = made?;
    if socket.session.is_none() {
        let manager = Manager {
            number,
            tuning: SessionTuning::default(),
        };
        state.programs.managers.insert(tunnel, manager);
    }
    state.programs.sockets.insert(number, socket);
    Ok(number)
}

/// What the peer calls the tunnel, where nobody has said so yet.
fn name_peer(tunnel: TunnelId, peer_id: TunnelId, state: &mut State) {
    let spec = state.engine.desired().tunnels.get(&tunnel);
    if spec.is_some_and(|spec| spec.peer_id.0 == 0)
        && peer_id.0 != 0
        && let Err(refused) = state.engine.name_peer(tunnel, peer_id)
    {
        tracing::debug!("the peer's id of tunnel {tunnel} stays unknown: {refused}");
    }
}

/// Ends what hung on an earlier socket of the same place that the program has closed: with Linux
/// it is gone by then, and here word of it may be on its way.
fn bury(connect: &Connect, state: &mut State) {
    let key = key_of(connect);
    let session = (!connect.ids.is_management()).then_some(key);
    let mut sockets = state.programs.sockets.iter();
    let found = sockets.find(|(_, socket)| {
        socket.tunnel == key.tunnel && socket.session == session && socket.remains.is_none()
    });
    let Some((number, socket)) = found else {
        return;
    };
    let is_closed = match (&socket.end, session) {
        (Some(end), _) => is_closed(end),
        (None, Some(session)) => {
            let ppp = state.programs.ppp.as_ref();
            ppp.is_some_and(|ppp| !ppp.is_used(session))
        }
        (None, None) => false,
    };
    if is_closed {
        object_closed(*number, state);
    }
}

fn key_of(connect: &Connect) -> SessionKey {
    SessionKey {
        tunnel: TunnelId(connect.ids.tunnel),
        session: SessionId(connect.ids.session),
    }
}

/// Makes a socket the one that manages a tunnel; there is one at a time.
fn manage(
    tunnel: TunnelId,
    end: End,
    owner: Owner,
    state: &mut State,
) -> Result<(u32, Socket), Errno> {
    if state.programs.manages(tunnel) {
        return Err(Errno::EEXIST);
    }
    let number = state.programs.number();
    let on_close = state.programs.on_close(number);
    let end = Rc::new(sys::watch(end.into()).map_err(|_| Errno::EBADF)?);
    let ours = Rc::clone(&end);
    tokio::task::spawn_local(async move {
        super::managed::hang_up(&ours).await;
        on_close();
    });
    let socket = Socket {
        tunnel,
        session: None,
        channel: None,
        end: Some(end),
        remains: None,
        owner,
    };
    Ok((number, socket))
}

/// Attaches a socket to a session, which is made if it is not there.
fn attach(
    connect: Connect,
    tunnel: TunnelId,
    end: End,
    owner: Owner,
    state: &mut State,
) -> Result<(u32, Socket), Errno> {
    let key = key_of(&connect);
    let found = state.engine.desired().sessions.get(&key);
    let fresh = found.is_none();
    match found.map(|spec| spec.pseudowire) {
        Some(Pseudowire::Ppp) => {}
        Some(Pseudowire::Ethernet) => return Err(EPROTOTYPE),
        None => {
            let sublayer = sublayer(tunnel, &owner, state);
            change(&Change::AddSession(session(key, connect, sublayer)), state)?;
        }
    }
    // A program that speaks the control protocol itself is told of the end by its peer; one that has
    // a call of the daemon's is told by this alone.
    let ending = match state.engine.is_negotiated(Object::Tunnel(tunnel)) {
        true => Ending::HangUp,
        false => Ending::Silent,
    };
    let programs = &mut state.programs;
    let number = programs.number();
    let on_close = programs.on_close(number);
    let made = programs
        .ppp()
        .and_then(|ppp| ppp.connect(key, end, ending, on_close));
    if made.is_err() && fresh {
        let _ = change(&Change::RemoveSession(key), state);
    }
    let socket = Socket {
        tunnel,
        session: Some(key),
        channel: Some(made?),
        end: None,
        remains: None,
        owner,
    };
    Ok((number, socket))
}

/// A session as a socket makes it: nothing is configured.
fn session(key: SessionKey, connect: Connect, sublayer: Sublayer) -> SessionSpec {
    SessionSpec {
        key,
        peer_id: SessionId(connect.ids.peer_session),
        pseudowire: Pseudowire::Ppp,
        ifname: None,
        cookie: Cookie::EMPTY,
        peer_cookie: Cookie::EMPTY,
        sublayer,
        peer_sublayer: sublayer,
        tuning: SessionTuning::default(),
    }
}

/// Linux leaves the sublayer out, though its netlink has the default one where nothing is said.
fn sublayer(tunnel: TunnelId, owner: &Owner, state: &State) -> Sublayer {
    let spec = state.engine.desired().tunnels.get(&tunnel);
    match spec.is_some_and(|spec| spec.version == 3) && owner.strict {
        true => Sublayer::Default,
        false => Sublayer::None,
    }
}

/// Answers what is asked of a connected socket: ENOTCONN when `owner` has none of this number.
pub(super) fn answer(
    number: u32,
    ask: SocketAsk,
    owner: &Owner,
    state: &mut State,
) -> Result<Say, Errno> {
    let socket = state.programs.sockets.get(&number);
    let socket = socket.filter(|socket| socket.owner.is(owner));
    let socket = socket.ok_or(ENOTCONN)?;
    let (tunnel, session, channel) = (socket.tunnel, socket.session, socket.channel);
    let strict = socket.owner.strict;
    let left = socket.remains.as_ref();
    let unknown = left.is_none() && session.is_some_and(|key| !is_there(key, &state.engine));
    match ask {
        SocketAsk::Name if unknown => Err(Errno::EBADF),
        SocketAsk::Name => match left {
            Some(left) => Ok(Say::Name(left.name)),
            None => name(tunnel, session, state).map(Say::Name),
        },
        _ if unknown => Err(ENOTCONN),
        SocketAsk::Channel => match channel {
            Some(channel) => {
                state.programs.ppp()?.bind(channel)?;
                Ok(Say::Number(channel.into()))
            }
            None if strict => Err(ENOSYS),
            // Linux hands out what stands for no channel.
            None => Ok(Say::Number(-1)),
        },
        SocketAsk::Accepts => session.map(|_| Say::End).ok_or(ENOSYS),
        SocketAsk::Counters(of) => counters(number, of, state).map(Say::Counters),
        SocketAsk::Option(option) => {
            let tuning = match left {
                Some(left) => left.tuning,
                None => session.and_then(|key| tuning_of(key, state)),
            };
            get(tuning, option).map(Say::Number)
        }
        SocketAsk::SetOption(option, value) => set(number, option, value, state).map(|()| Say::End),
    }
}

/// What a socket's name is made of, while its tunnel and session are there.
pub(super) fn name(
    tunnel: TunnelId,
    session: Option<SessionKey>,
    state: &State,
) -> Result<Name, Errno> {
    let desired = state.engine.desired();
    let spec = desired.tunnels.get(&tunnel).ok_or(Errno::EBADF)?;
    let found = session.and_then(|key| desired.sessions.get(&key));
    let managed = state.programs.carrier_of(tunnel);
    Ok(Name {
        version: spec.version,
        ids: Ids {
            tunnel: tunnel.0,
            session: found.map_or(0, |found| found.key.session.0),
            peer_tunnel: spec.peer_id.0,
            peer_session: found.map_or(0, |found| found.peer_id.0),
        },
        peer: peer(spec),
        fd: managed.map_or(-1, |managed| managed.fd),
    })
}

/// How a session is tuned.
pub(super) fn tuning_of(session: SessionKey, state: &mut State) -> Option<SessionTuning> {
    state.engine.tuning(session)
}

fn peer(spec: &TunnelSpec) -> SocketAddr {
    match spec.encap {
        Encap::Udp { remote, .. } => remote,
        Encap::Ip { remote, .. } => SocketAddr::new(remote, 0),
    }
}

/// In the order of `struct pppol2tp_ioc_stats`; where the socket manages a tunnel, of the session of
/// the id `of`.
fn counters(number: u32, of: u16, state: &mut State) -> Result<Vec<u64>, Errno> {
    let socket = state.programs.sockets.get(&number).ok_or(ENOTCONN)?;
    let (tunnel, session) = (socket.tunnel, socket.session);
    let left = socket.remains.as_ref();
    let object = match (session, of, left) {
        (Some(_), _, Some(left)) | (None, 0, Some(left)) => return Ok(in_order(left.statistics)),
        (Some(key), _, None) => Object::Session(key),
        (None, 0, None) => Object::Tunnel(tunnel),
        (None, id, _) => {
            let session = SessionId(id.into());
            let key = SessionKey { tunnel, session };
            let found = state.engine.desired().sessions.get(&key);
            match found.map(|found| found.pseudowire) {
                Some(Pseudowire::Ppp) => Object::Session(key),
                Some(Pseudowire::Ethernet) | None => return Err(EBADR),
            }
        }
    };
    Ok(in_order(state.engine.statistics(object)))
}

fn in_order(statistics: Statistics) -> Vec<u64> {
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
    } = statistics;
    vec![
        tx_packets,
        tx_bytes,
        tx_errors,
        rx_packets,
        rx_bytes,
        rx_seq_discards,
        rx_oos_packets,
        rx_errors,
    ]
}

fn get(tuning: Option<SessionTuning>, option: i32) -> Result<i64, Errno> {
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

fn set(number: u32, option: i32, value: i32, state: &mut State) -> Result<(), Errno> {
    if option == option::DEBUG {
        return Ok(());
    }
    let socket = state.programs.sockets.get_mut(&number).ok_or(ENOTCONN)?;
    let key = socket.session.ok_or(ENOPROTOOPT)?;
    let change_to = retuning(option, value)?;
    if let Some(Remains { tuning, .. }) = &mut socket.remains {
        *tuning = tuning.map(|tuning| change_to.of(&tuning));
        return Ok(());
    }
    change(&Change::TuneSession(key, change_to), state)
}

fn retuning(option: i32, value: i32) -> Result<Retuning, Errno> {
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
    Ok(tuning)
}
