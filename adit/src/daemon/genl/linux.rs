//! What a request comes to by Linux's habits: its checks, in its order, and none beside them.
//!
//! Refusals carry a text all the same, for the log. To be strict is to leave out what looks like an
//! accident of Linux's.

use super::create::{addresses, checksum};
use super::decide::{find_session, find_tunnel, free_session_id, no_name, no_tunnel};
use super::{Action, Dialect, Request, keyword, missing};
use crate::control::REORDER_TIMEOUT_MAX;
use adit_datapath::Error;
use adit_datapath::spec::{
    Change, Encap, Inventory, Pseudowire, Retuning, SessionKey, SessionSpec, SessionTuning,
    TunnelRetuning, TunnelSpec, TunnelTuning,
};
use adit_wire::l2tp::{SessionId, Sublayer, TunnelId};
use adit_wire::netlink::{Attr, Attributes, Command, Encapsulation, Errno, pw_type};
use std::net::SocketAddr;
use std::time::Duration;

/// Checks `request` against `state`; see [`decide`](super::decide).
pub(super) fn decide(
    request: &Request<'_>,
    state: &Inventory,
    name: &mut dyn FnMut(&SessionSpec) -> Option<String>,
) -> Result<Action, Error> {
    // Linux does not look at what a dump says.
    match (request.dump, request.command) {
        (true, Command::TunnelGet) => return Ok(Action::Tunnels),
        (true, Command::SessionGet) => return Ok(Action::Sessions),
        _ => {}
    }
    let a = &match request.dialect {
        Dialect::Strict => strictly(request.attributes()?)?,
        Dialect::Adit | Dialect::Linux => request.attributes()?,
    };
    // An empty name is that of every session without an interface.
    let named =
        &mut |session: &SessionSpec, wanted: &str| name(session).unwrap_or_default() == wanted;
    Ok(match request.command {
        Command::Noop
        | Command::Reload
        | Command::Start
        | Command::Stop
        | Command::Drain
        | Command::ConnectionGet
        | Command::ControlGet => Action::Noop,
        Command::TunnelCreate => create_tunnel(a, state)?,
        Command::TunnelDelete => Action::Change(Change::RemoveTunnel(find_tunnel(a, state)?.id)),
        Command::TunnelModify => {
            let id = find_tunnel(a, state)?.id;
            Action::Change(Change::TuneTunnel(id, TunnelRetuning::default()))
        }
        Command::TunnelGet => Action::Tunnel(find_tunnel(a, state)?.id),
        Command::SessionCreate => Action::Change(create_session(a, state)?),
        Command::SessionDelete => {
            Action::Change(Change::RemoveSession(find_session(a, state, named)?.key))
        }
        Command::SessionModify => {
            let key = find_session(a, state, named)?.key;
            Action::Change(Change::TuneSession(key, retuning(a)))
        }
        Command::SessionGet => Action::Session(find_session(a, state, named)?.key),
    })
}

/// What is asked for where every value counts as it reads: a checksum that is off is off, and no
/// session is called nothing.
fn strictly(a: Attributes) -> Result<Attributes, Error> {
    if a.ifname.as_deref() == Some("") {
        return Err(no_name(""));
    }
    Ok(Attributes {
        udp_csum: a.udp_csum.filter(|on| *on != 0),
        ..a
    })
}

fn create_tunnel(a: &Attributes, state: &Inventory) -> Result<Action, Error> {
    let id = a.conn_id.ok_or(missing(Attr::ConnId))?;
    let peer_id = a.peer_conn_id.ok_or(missing(Attr::PeerConnId))?;
    let version = a.proto_version.ok_or(missing(Attr::ProtoVersion))?;
    let encap = a.encap_type.ok_or(missing(Attr::EncapType))?;
    if a.fd.is_none() {
        addresses(a)?;
    }
    let encap = encapsulation(encap)?;
    let (id, peer_id) = (TunnelId(id), TunnelId(peer_id));
    if state.tunnels.contains_key(&id) {
        let text = format!("{id} is in use; give a free one");
        return Err(Error::new(Errno::EEXIST, keyword(Attr::ConnId), text));
    }
    if let Some(fd) = a.fd {
        // Its addresses, ports and checksums are the socket's, whatever the message says.
        return Ok(Action::Adopt {
            id,
            peer_id,
            version,
            encap,
            fd: fd as i32,
        });
    }
    let (local, remote) = addresses(a)?;
    if encap == Encapsulation::Ip && remote.is_multicast() {
        let text = format!("{remote} is a group's; give a host's");
        return Err(Error::new(Errno::EINVAL, "remote", text));
    }
    let encap = match encap {
        Encapsulation::Ip => Encap::Ip { local, remote },
        Encapsulation::Udp => Encap::Udp {
            local: SocketAddr::new(local, a.udp_sport.unwrap_or(0)),
            remote: SocketAddr::new(remote, a.udp_dport.unwrap_or(0)),
            checksum: checksum(a, local),
        },
    };
    Ok(Action::Change(Change::AddTunnel(TunnelSpec {
        id,
        peer_id,
        version,
        encap,
        via: None,
        tuning: TunnelTuning::default(),
    })))
}

/// UDP or IP, as ENCAP_TYPE says.
fn encapsulation(number: u16) -> Result<Encapsulation, Error> {
    let text = format!("{number} is unknown; give udp (0) or ip (1)");
    let unknown = Error::new(Errno::EINVAL, keyword(Attr::EncapType), text);
    Encapsulation::from_number(number).ok_or(unknown)
}

fn create_session(a: &Attributes, state: &Inventory) -> Result<Change, Error> {
    let tunnel = TunnelId(a.conn_id.ok_or(missing(Attr::ConnId))?);
    let found = state.tunnels.get(&tunnel);
    let found = found.ok_or_else(|| no_tunnel(tunnel))?;
    let session = a.session_id.ok_or(missing(Attr::SessionId))?;
    let peer_id = a.peer_session_id.ok_or(missing(Attr::PeerSessionId))?;
    let number = a.pw_type.ok_or(missing(Attr::PwType))?;
    let spec = SessionSpec {
        key: SessionKey {
            tunnel,
            session: SessionId(session),
        },
        peer_id: SessionId(peer_id),
        ..kind(a, found.version, number)?
    };
    free_session_id(&spec, found, state)?;
    Ok(Change::AddSession(spec))
}

/// What a session of this pseudowire type is like, apart from its ids. Version 2 has neither
/// cookies nor sublayer nor names, and nobody minds when they are given.
fn kind(a: &Attributes, version: u8, number: u16) -> Result<SessionSpec, Error> {
    let refuse = |errno, attr, text: &str| Err(Error::new(errno, keyword(attr), text));
    if number >= pw_type::INVALID {
        return refuse(
            Errno::EINVAL,
            Attr::PwType,
            "is unknown; give eth (5) or ppp (7)",
        );
    }
    let unserved = "is not served; give eth (5), or ppp (7)";
    if version == 2 && number != pw_type::PPP {
        return refuse(Errno::EPROTONOSUPPORT, Attr::PwType, unserved);
    }
    let sublayer = match a.l2spec_type {
        _ if version == 2 => Sublayer::None,
        Some(0) => Sublayer::None,
        Some(1) | None => Sublayer::Default,
        Some(_) => {
            return refuse(
                Errno::EINVAL,
                Attr::L2specType,
                "give none (0) or default (1)",
            );
        }
    };
    let pseudowire = match number {
        pw_type::ETHERNET => Pseudowire::Ethernet,
        pw_type::PPP => Pseudowire::Ppp,
        _ => return refuse(Errno::EPROTONOSUPPORT, Attr::PwType, unserved),
    };
    let cookie = |given: Option<_>| given.filter(|_| version != 2).unwrap_or_default();
    let name = a.ifname.clone().filter(|_| pseudowire.has_device());
    Ok(SessionSpec {
        key: SessionKey {
            tunnel: TunnelId(0),
            session: SessionId(0),
        },
        peer_id: SessionId(0),
        pseudowire,
        ifname: name,
        cookie: cookie(a.cookie),
        peer_cookie: cookie(a.peer_cookie),
        sublayer,
        peer_sublayer: sublayer,
        tuning: retuning(a).of(&SessionTuning::default()),
    })
}

/// What may change; debug masks and MTUs are passed over. The timeout is capped where Linux's
/// would last longer than anything else.
pub(crate) fn retuning(a: &Attributes) -> Retuning {
    // Linux keeps the lowest bit.
    let switch = |given: Option<u8>| given.map(|value| value & 1 == 1);
    let longest = Duration::from_millis(REORDER_TIMEOUT_MAX);
    Retuning {
        recv_seq: switch(a.recv_seq),
        send_seq: switch(a.send_seq),
        lns_mode: switch(a.lns_mode),
        reorder_timeout: a.recv_timeout.map(|given| given.min(longest)),
        ..Retuning::default()
    }
}

#[cfg(test)]
mod tests;
