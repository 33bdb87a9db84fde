//! What a create request describes, as far as it can be judged without knowing other objects.

use super::{keyword, missing};
use crate::control::{
    AUTOMATIC_MSS, AUTOMATIC_MTU, ECN_OF_TUNNEL, MSS, MTU, REORDER_TIMEOUT_MAX, TOS_INHERIT,
    TOS_OF_TUNNEL, TOS_UNIFORM, interface_name,
};
use adit_datapath::Error;
use adit_datapath::spec::{
    DebugMask, Encap, Mss, Pmtudisc, Pseudowire, Retuning, SessionKey, SessionSpec, SessionTuning,
    Tos, TunnelRetuning, TunnelSpec, TunnelTuning, TxChecksum, UdpChecksum,
};
use adit_wire::l2tp::{SessionId, Sublayer, TunnelId};
use adit_wire::netlink::{Attr, Attributes, Encapsulation, Errno, pw_type};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;

/// The tunnel that TUNNEL_CREATE asks for.
pub(crate) fn tunnel_spec(a: &Attributes) -> Result<TunnelSpec, Error> {
    let id = a.conn_id.ok_or(missing(Attr::ConnId))?;
    let peer_id = a.peer_conn_id.ok_or(missing(Attr::PeerConnId))?;
    let version = a.proto_version.ok_or(missing(Attr::ProtoVersion))?;
    let encap = a.encap_type.ok_or(missing(Attr::EncapType))?;
    let id = TunnelId(nonzero(Attr::ConnId, id)?);
    let peer_id = TunnelId(nonzero(Attr::PeerConnId, peer_id)?);
    if a.fd.is_some() {
        let text = "a caller's socket cannot be taken over here; give addresses instead";
        return Err(Error::new(Errno::EOPNOTSUPP, keyword(Attr::Fd), text));
    }
    let (local, remote) = addresses(a)?;
    let encap = encapsulation(a, encap, local, remote)?;
    of_version(version, id, peer_id, &encap)?;
    Ok(TunnelSpec {
        id,
        peer_id,
        version,
        encap,
        via: None,
        tuning: tunnel_retuning(a)?.of(&TunnelTuning::default()),
    })
}

/// Refuses what a tunnel of this version cannot be.
fn of_version(version: u8, id: TunnelId, peer: TunnelId, encap: &Encap) -> Result<(), Error> {
    let refuse = |errno, attr, text: String| Err(Error::new(errno, keyword(attr), text));
    match version {
        3 => Ok(()),
        2 if !encap.is_udp() => {
            let text = "ip carries version 3 only; give udp (0)".to_owned();
            refuse(Errno::EINVAL, Attr::EncapType, text)
        }
        2 => {
            narrow(Attr::ConnId, id.0)?;
            narrow(Attr::PeerConnId, peer.0)
        }
        _ => {
            let text = format!("{version} is not served; give 2 or 3");
            refuse(Errno::EPROTONOSUPPORT, Attr::ProtoVersion, text)
        }
    }
}

/// Refuses an id that version 2 has no room for.
fn narrow(attr: Attr, id: u32) -> Result<(), Error> {
    if id <= u16::MAX.into() {
        return Ok(());
    }
    let text = format!("{id} is too large for version 2; give a number from 1 to 65535");
    Err(Error::new(Errno::EINVAL, keyword(attr), text))
}

/// Refuses a session that is none for a tunnel of its version, and one that says what means
/// nothing to its kind.
pub(super) fn fits(spec: &SessionSpec, a: &Attributes, version: u8) -> Result<(), Error> {
    let refuse = |attr, text: &str| Err(Error::new(Errno::EINVAL, keyword(attr), text));
    let no_device = !spec.pseudowire.has_device();
    if no_device && a.ifname.is_some() {
        return refuse(Attr::Ifname, "a ppp session has no device; leave it out");
    }
    if no_device && a.mtu.is_some() {
        return refuse(Attr::Mtu, "a ppp session has no device; leave it out");
    }
    if version != 2 {
        return Ok(());
    }
    if spec.pseudowire != Pseudowire::Ppp {
        let text = "a tunnel of version 2 carries ppp only; give ppp (7)";
        let field = keyword(Attr::PwType);
        return Err(Error::new(Errno::EPROTONOSUPPORT, field, text));
    }
    for (attr, given) in [
        (Attr::Cookie, a.cookie.is_some()),
        (Attr::PeerCookie, a.peer_cookie.is_some()),
    ] {
        if given {
            return refuse(attr, "version 2 has no cookies; leave it out");
        }
    }
    narrow(Attr::SessionId, spec.key.session.0)?;
    narrow(Attr::PeerSessionId, spec.peer_id.0)
}

/// What the request says about what may change of a tunnel.
pub(super) fn tunnel_retuning(a: &Attributes) -> Result<TunnelRetuning, Error> {
    let pmtudisc = |number| {
        let text = format!("{number} is unknown; give dont (0), want (1), do (2) or probe (3)");
        let unknown = Error::new(Errno::EINVAL, keyword(Attr::Pmtudisc), text);
        Pmtudisc::from_number(number).ok_or(unknown)
    };
    Ok(TunnelRetuning {
        debug: a.debug.map(DebugMask),
        pmtudisc: a.pmtudisc.map(pmtudisc).transpose()?,
        ttl: a.ttl.map(NonZeroU8::new),
        tos: a.tos.map(tos).transpose()?,
        ecn: a.ecn.map(|value| value != 0),
        pmtu_probe: a.pmtu_probe,
    })
}

fn tos(number: u16) -> Result<Tos, Error> {
    match (number, u8::try_from(number)) {
        (TOS_INHERIT, _) => Ok(Tos::Inherit),
        (TOS_UNIFORM, _) => Ok(Tos::Uniform),
        (_, Ok(octet)) if octet & 3 == 0 => Ok(Tos::Fixed(octet)),
        _ => {
            let text = format!(
                "{number} is no codepoint; give a multiple of 4 up to 252, \
                 {TOS_INHERIT} to inherit or {TOS_UNIFORM} for uniform"
            );
            Err(Error::new(Errno::EINVAL, keyword(Attr::Tos), text))
        }
    }
}

/// A session's codepoint, or none of its own.
fn session_tos(number: u16) -> Result<Option<Tos>, Error> {
    match number {
        TOS_OF_TUNNEL => Ok(None),
        number => tos(number).map(Some),
    }
}

fn mss(number: u16) -> Result<Option<Mss>, Error> {
    match number {
        0 => Ok(None),
        AUTOMATIC_MSS => Ok(Some(Mss::Auto)),
        octets if MSS.contains(&octets) => Ok(Some(Mss::Octets(octets))),
        octets => {
            let (least, most) = (MSS.start(), MSS.end());
            let text = format!(
                "{octets} is out of range; give {least} to {most}, 0 for none or {AUTOMATIC_MSS} \
                 for an automatic one"
            );
            Err(Error::new(Errno::EINVAL, keyword(Attr::Mss), text))
        }
    }
}

fn nonzero(attr: Attr, id: u32) -> Result<u32, Error> {
    let text = "0 is reserved; give a number from 1 to 4294967295";
    match id {
        0 => Err(Error::new(Errno::EINVAL, keyword(attr), text)),
        id => Ok(id),
    }
}

pub(super) fn addresses(a: &Attributes) -> Result<(IpAddr, IpAddr), Error> {
    if let Some(pair) = a.addresses() {
        return Ok(pair);
    }
    let refuse = |field, text: String| Err(Error::new(Errno::EINVAL, field, text));
    let local = a
        .ip6_saddr
        .map(IpAddr::from)
        .or(a.ip_saddr.map(IpAddr::from));
    let remote = a
        .ip6_daddr
        .map(IpAddr::from)
        .or(a.ip_daddr.map(IpAddr::from));
    match (local, remote) {
        (None, _) => refuse("local", "is missing; give this end's address".to_owned()),
        (Some(_), None) => refuse("remote", "is missing; give the peer's address".to_owned()),
        (Some(local), Some(remote)) => {
            let text = format!("{remote} is not of the family of local {local}; give both of one");
            refuse("remote", text)
        }
    }
}

fn encapsulation(
    a: &Attributes,
    number: u16,
    local: IpAddr,
    remote: IpAddr,
) -> Result<Encap, Error> {
    let unknown = || {
        let text = format!("{number} is unknown; give udp (0) or ip (1)");
        Error::new(Errno::EINVAL, keyword(Attr::EncapType), text)
    };
    match Encapsulation::from_number(number).ok_or_else(unknown)? {
        Encapsulation::Ip => Ok(Encap::Ip { local, remote }),
        Encapsulation::Udp => Ok(Encap::Udp {
            local: SocketAddr::new(local, a.udp_sport.unwrap_or(0)),
            remote: SocketAddr::new(remote, a.udp_dport.unwrap_or(0)),
            checksum: checksum(a, local),
        }),
    }
}

/// Over IPv4 off unless the attribute is there, whatever its value; over IPv6 on both ways unless
/// flagged otherwise.
pub(super) fn checksum(a: &Attributes, local: IpAddr) -> UdpChecksum {
    match local {
        IpAddr::V4(_) => UdpChecksum {
            tx: match (a.udp_csum, a.udp_no_csum) {
                (Some(_), _) => TxChecksum::Always,
                (None, true) => TxChecksum::Never,
                (None, false) => TxChecksum::Spare,
            },
            rx: false,
        },
        IpAddr::V6(_) => UdpChecksum {
            tx: match a.udp_zero_csum6_tx {
                true => TxChecksum::Never,
                false => TxChecksum::Always,
            },
            rx: !a.udp_zero_csum6_rx,
        },
    }
}

/// The session that SESSION_CREATE asks for.
pub(crate) fn session_spec(a: &Attributes) -> Result<SessionSpec, Error> {
    let tunnel = session_tunnel(a)?;
    let session = a.session_id.ok_or(missing(Attr::SessionId))?;
    let peer_id = a.peer_session_id.ok_or(missing(Attr::PeerSessionId))?;
    let pw_type = a.pw_type.ok_or(missing(Attr::PwType))?;
    let session = SessionId(nonzero(Attr::SessionId, session)?);
    let peer_id = SessionId(nonzero(Attr::PeerSessionId, peer_id)?);
    let (pseudowire, sublayer) = kind(pw_type, a.l2spec_type)?;
    if let Some(name) = &a.ifname {
        let refuse = |text| Error::new(Errno::EINVAL, keyword(Attr::Ifname), text);
        interface_name(name).map_err(refuse)?;
    }
    Ok(SessionSpec {
        key: SessionKey { tunnel, session },
        peer_id,
        pseudowire,
        ifname: a.ifname.clone(),
        cookie: a.cookie.unwrap_or_default(),
        peer_cookie: a.peer_cookie.unwrap_or_default(),
        sublayer,
        peer_sublayer: sublayer,
        tuning: retuning(a)?.of(&SessionTuning::default()),
    })
}

/// The tunnel that a session request names.
pub(super) fn session_tunnel(a: &Attributes) -> Result<TunnelId, Error> {
    let id = a.conn_id.ok_or(missing(Attr::ConnId))?;
    nonzero(Attr::ConnId, id).map(TunnelId)
}

fn kind(number: u16, l2spec: Option<u8>) -> Result<(Pseudowire, Sublayer), Error> {
    let refuse = |errno, attr, text| Err(Error::new(errno, keyword(attr), text));
    if number >= pw_type::INVALID {
        let text = format!("{number} is unknown; give eth (5) or ppp (7)");
        return refuse(Errno::EINVAL, Attr::PwType, text);
    }
    let sublayer = match l2spec {
        Some(0) => Sublayer::None,
        Some(1) | None => Sublayer::Default,
        Some(other) => {
            let text = format!("{other} is unknown; give none (0) or default (1)");
            return refuse(Errno::EINVAL, Attr::L2specType, text);
        }
    };
    match number {
        pw_type::ETHERNET => Ok((Pseudowire::Ethernet, sublayer)),
        pw_type::PPP => Ok((Pseudowire::Ppp, sublayer)),
        _ => {
            let text = format!("{number} is not served; give eth (5) or ppp (7)");
            refuse(Errno::EPROTONOSUPPORT, Attr::PwType, text)
        }
    }
}

fn mtu(octets: u16) -> Result<u16, Error> {
    if MTU.contains(&octets) {
        return Ok(octets);
    }
    let (least, most) = (MTU.start(), MTU.end());
    let text = format!(
        "{octets} is out of range; give {least} to {most}, or {AUTOMATIC_MTU} for an automatic one"
    );
    Err(Error::new(Errno::EINVAL, keyword(Attr::Mtu), text))
}

/// What the request says about what may change.
pub(super) fn retuning(a: &Attributes) -> Result<Retuning, Error> {
    let switch = |given: Option<u8>| given.map(|value| value != 0);
    let mtu = match a.mtu {
        None => None,
        Some(AUTOMATIC_MTU) => Some(None),
        Some(octets) => Some(Some(mtu(octets)?)),
    };
    let given = a.recv_timeout.unwrap_or_default().as_millis();
    if given > REORDER_TIMEOUT_MAX.into() {
        let text = format!("{given} ms is too long; give at most {REORDER_TIMEOUT_MAX}");
        return Err(Error::new(Errno::ERANGE, keyword(Attr::RecvTimeout), text));
    }
    Ok(Retuning {
        recv_seq: switch(a.recv_seq),
        send_seq: switch(a.send_seq),
        lns_mode: switch(a.lns_mode),
        reorder_timeout: a.recv_timeout,
        mtu,
        mss: a.mss.map(mss).transpose()?,
        tos: a.tos.map(session_tos).transpose()?,
        ecn: a
            .ecn
            .map(|value| (value != ECN_OF_TUNNEL).then_some(value != 0)),
        ttl: a.ttl.map(NonZeroU8::new),
        debug: a.debug.map(DebugMask),
    })
}
