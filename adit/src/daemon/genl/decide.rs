//! What a request comes to, given the objects that exist.

use super::create::{fits, retuning, session_spec, session_tunnel, tunnel_retuning, tunnel_spec};
use super::{Request, keyword, linux, missing};
use crate::daemon::plane::Target;
use adit_datapath::Error;
use adit_datapath::spec::{Change, Inventory, SessionKey, SessionSpec, TunnelSpec};
use adit_wire::l2tp::{SessionId, TunnelId};
use adit_wire::netlink::{Attr, Attributes, Command, Encapsulation, Errno};

/// What to do for a request that nothing speaks against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Answer with an empty message.
    Noop,
    /// Make this change.
    Change(Change),
    /// Make a tunnel that the caller's own socket carries.
    Adopt {
        /// Its id.
        id: TunnelId,
        /// The peer's id for it.
        peer_id: TunnelId,
        /// Its version.
        version: u8,
        /// What the socket is to be of.
        encap: Encapsulation,
        /// The socket's descriptor, as the caller numbers it.
        fd: i32,
    },
    /// Tell this tunnel.
    Tunnel(TunnelId),
    /// Tell all tunnels.
    Tunnels,
    /// Tell this session.
    Session(SessionKey),
    /// Tell all sessions.
    Sessions,
    /// Tell all connections.
    Connections,
    /// Tell what the control protocol has counted.
    Counts,
    /// Read the configuration file again.
    Reload {
        /// Only say what would change.
        dry_run: bool,
    },
    /// Do this to a tunnel or call that is set up by protocol.
    Control(Order, Target),
}

/// What is done to a tunnel or call that is set up by protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Open it.
    Start,
    /// Close it.
    Stop,
    /// Close it when it is empty.
    Drain,
}

/// Checks `request` against `state`. `name` tells the interface name that a session's device has
/// at the moment.
pub fn decide(
    request: &Request<'_>,
    state: &Inventory,
    name: &mut dyn FnMut(&SessionSpec) -> Option<String>,
) -> Result<Action, Error> {
    request.servable()?;
    if request.dialect.is_linux() {
        return linux::decide(request, state, name);
    }
    let a = &request.attributes()?;
    let named = &mut |session: &SessionSpec, wanted: &str| name(session).as_deref() == Some(wanted);
    Ok(match request.command {
        Command::Noop => Action::Noop,
        Command::TunnelCreate => Action::Change(create_tunnel(a, state)?),
        Command::TunnelDelete => Action::Change(Change::RemoveTunnel(find_tunnel(a, state)?.id)),
        Command::TunnelModify => {
            let tunnel = find_tunnel(a, state)?;
            Action::Change(Change::TuneTunnel(tunnel.id, tunnel_retuning(a)?))
        }
        Command::TunnelGet if request.dump => Action::Tunnels,
        Command::TunnelGet => Action::Tunnel(find_tunnel(a, state)?.id),
        Command::SessionCreate => Action::Change(create_session(a, state)?),
        Command::SessionDelete => {
            Action::Change(Change::RemoveSession(find_session(a, state, named)?.key))
        }
        Command::SessionModify => {
            let session = find_session(a, state, named)?;
            Action::Change(Change::TuneSession(session.key, retuning(a)?))
        }
        Command::SessionGet if request.dump => Action::Sessions,
        Command::SessionGet => Action::Session(find_session(a, state, named)?.key),
        Command::Reload => Action::Reload { dry_run: a.dry_run },
        Command::Start => Action::Control(Order::Start, target(a)?),
        Command::Stop => Action::Control(Order::Stop, target(a)?),
        Command::Drain if a.everything => Action::Control(Order::Drain, Target::Everything),
        Command::Drain => Action::Control(Order::Drain, target(a)?),
        Command::ConnectionGet => Action::Connections,
        Command::ControlGet => Action::Counts,
    })
}

/// What a request about tunnels and calls that are set up by protocol means.
fn target(a: &Attributes) -> Result<Target, Error> {
    let tunnel = a.conn_id.map(TunnelId);
    match (&a.connection, &a.call, tunnel, a.session_id) {
        (Some(name), Some(call), _, _) => Ok(Target::Call(name.clone(), call.clone())),
        (Some(name), None, _, _) => Ok(Target::Connection(name.clone())),
        (None, _, Some(tunnel), Some(session)) => Ok(Target::Session(SessionKey {
            tunnel,
            session: SessionId(session),
        })),
        (None, _, Some(tunnel), None) => Ok(Target::Tunnel(tunnel)),
        (None, _, None, _) => Err(missing(Attr::Connection)),
    }
}

fn create_tunnel(a: &Attributes, state: &Inventory) -> Result<Change, Error> {
    let spec = tunnel_spec(a)?;
    if state.tunnels.contains_key(&spec.id) {
        let text = format!("{} is in use; give a free one", spec.id);
        return Err(Error::new(Errno::EEXIST, keyword(Attr::ConnId), text));
    }
    Ok(Change::AddTunnel(spec))
}

pub(super) fn find_tunnel<'s>(
    a: &Attributes,
    state: &'s Inventory,
) -> Result<&'s TunnelSpec, Error> {
    let id = TunnelId(a.conn_id.ok_or(missing(Attr::ConnId))?);
    state.tunnels.get(&id).ok_or_else(|| no_tunnel(id))
}

pub(super) fn no_tunnel(id: TunnelId) -> Error {
    let text = format!("there is no tunnel {id}; add it, or list them with `adit show tunnel`");
    Error::new(Errno::ENODEV, keyword(Attr::ConnId), text)
}

fn create_session(a: &Attributes, state: &Inventory) -> Result<Change, Error> {
    let tunnel = session_tunnel(a)?;
    let tunnel = state
        .tunnels
        .get(&tunnel)
        .ok_or_else(|| no_tunnel(tunnel))?;
    let spec = session_spec(a)?;
    fits(&spec, a, tunnel.version)?;
    free_session(&spec, tunnel, state)?;
    Ok(Change::AddSession(spec))
}

/// Refuses `spec` for `tunnel` when its id or its interface name is another session's.
pub(crate) fn free_session(
    spec: &SessionSpec,
    tunnel: &TunnelSpec,
    state: &Inventory,
) -> Result<(), Error> {
    free_session_id(spec, tunnel, state)?;
    free_name(spec, state)
}

/// An id may repeat only among UDP tunnels: their sockets tell the sessions apart, whereas a
/// packet of protocol 115 is known by its session id alone.
pub(super) fn free_session_id(
    spec: &SessionSpec,
    tunnel: &TunnelSpec,
    state: &Inventory,
) -> Result<(), Error> {
    let SessionKey { session, .. } = spec.key;
    let clash = state.tunnels.values().find(|other| {
        let key = SessionKey {
            tunnel: other.id,
            session,
        };
        let told_apart = other.id != tunnel.id && other.encap.is_udp() && tunnel.encap.is_udp();
        state.sessions.contains_key(&key) && !told_apart
    });
    match clash {
        None => Ok(()),
        Some(other) => {
            let text = format!(
                "{session} is in use in tunnel {}; give a free one",
                other.id
            );
            Err(Error::new(Errno::EEXIST, keyword(Attr::SessionId), text))
        }
    }
}

/// A name that a session asked for stays its own even while its device is away.
fn free_name(spec: &SessionSpec, state: &Inventory) -> Result<(), Error> {
    let Some(name) = &spec.ifname else {
        return Ok(());
    };
    let mut sessions = state.sessions.values();
    match sessions.find(|other| other.ifname.as_ref() == Some(name)) {
        None => Ok(()),
        Some(other) => {
            let SessionKey { tunnel, session } = other.key;
            let text =
                format!("{name:?} is that of session {session} in tunnel {tunnel}; give another");
            Err(Error::new(Errno::EEXIST, keyword(Attr::Ifname), text))
        }
    }
}

/// The session that IFNAME names, as `named` tells, or else CONN_ID and SESSION_ID.
pub(super) fn find_session<'s>(
    a: &Attributes,
    state: &'s Inventory,
    named: &mut dyn FnMut(&SessionSpec, &str) -> bool,
) -> Result<&'s SessionSpec, Error> {
    if let Some(wanted) = &a.ifname {
        let mut sessions = state.sessions.values();
        let found = sessions.find(|session| named(session, wanted));
        return found.ok_or_else(|| no_name(wanted));
    }
    let absent = |attr| Error::new(Errno::ENODEV, keyword(attr), "is missing; give it");
    let tunnel = TunnelId(a.conn_id.ok_or(absent(Attr::ConnId))?);
    let session = SessionId(a.session_id.ok_or(absent(Attr::SessionId))?);
    if !state.tunnels.contains_key(&tunnel) {
        return Err(no_tunnel(tunnel));
    }
    let key = SessionKey { tunnel, session };
    state.sessions.get(&key).ok_or_else(|| no_session(key))
}

pub(super) fn no_name(wanted: &str) -> Error {
    let text =
        format!("no session has the interface {wanted:?}; list them with `adit show session`");
    Error::new(Errno::ENODEV, keyword(Attr::Ifname), text)
}

pub(super) fn no_session(key: SessionKey) -> Error {
    let SessionKey { tunnel, session } = key;
    let text =
        format!("tunnel {tunnel} has no session {session}; list them with `adit show session`");
    Error::new(Errno::ENODEV, keyword(Attr::SessionId), text)
}
