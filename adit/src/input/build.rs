//! From fields to the values that the data path and the control protocol take.

pub mod policy;

use super::keyword::*;
use super::{FieldError, Fields};
use crate::control::SessionSelector;
use adit_datapath::spec::{
    Encap, Retuning, SessionKey, SessionSpec, SessionTuning, TunnelRetuning, TunnelSpec,
    TunnelTuning, TxChecksum, UdpChecksum,
};
use adit_wire::l2tp::{SessionId, Sublayer, TunnelId};
use std::net::{IpAddr, SocketAddr};

/// A tunnel from the fields of [`ADD_TUNNEL`](super::form::ADD_TUNNEL).
pub fn tunnel(fields: &Fields) -> Result<TunnelSpec, FieldError> {
    Ok(TunnelSpec {
        id: TunnelId(fields.demand(&TUNNEL_ID)?),
        peer_id: TunnelId(fields.demand(&PEER_TUNNEL_ID)?),
        version: fields.get(&VERSION)?.unwrap_or(3),
        encap: encap(fields)?,
        via: None,
        tuning: tunnel_retuning(fields)?.of(&TunnelTuning::default()),
    })
}

/// What is to change of a tunnel; at least one thing must be given.
pub fn tunnel_change(fields: &Fields) -> Result<TunnelRetuning, FieldError> {
    let change = tunnel_retuning(fields)?;
    if change == TunnelRetuning::default() {
        let text = "nothing to change; give pmtudisc, pmtu_probe, ttl, tos, ecn or debug";
        return Err(FieldError::new("set tunnel", text));
    }
    Ok(change)
}

fn tunnel_retuning(fields: &Fields) -> Result<TunnelRetuning, FieldError> {
    Ok(TunnelRetuning {
        debug: fields.get(&DEBUG)?,
        pmtudisc: fields.get(&PMTUDISC)?,
        ttl: fields.get(&TTL)?,
        tos: fields.get(&TOS)?,
        ecn: fields.get(&ECN)?,
        pmtu_probe: fields.get(&PMTU_PROBE)?,
    })
}

/// A session of `tunnel` from the fields of [`ADD_SESSION`](super::form::ADD_SESSION) or
/// [`CONFIG_SESSION`](super::form::CONFIG_SESSION).
pub fn session(tunnel: u32, fields: &Fields) -> Result<SessionSpec, FieldError> {
    let (recv_seq, send_seq) = fields.get(&SEQ)?.unwrap_or_default();
    let sublayer = fields.get(&L2SPEC_TYPE)?.unwrap_or(Sublayer::Default);
    Ok(SessionSpec {
        key: SessionKey {
            tunnel: TunnelId(tunnel),
            session: SessionId(fields.demand(&SESSION_ID)?),
        },
        peer_id: SessionId(fields.demand(&PEER_SESSION_ID)?),
        pseudowire: fields.get(&PSEUDOWIRE)?.unwrap_or_default(),
        ifname: fields.get(&NAME)?,
        cookie: fields.get(&COOKIE)?.unwrap_or_default(),
        peer_cookie: fields.get(&PEER_COOKIE)?.unwrap_or_default(),
        sublayer,
        peer_sublayer: sublayer,
        tuning: SessionTuning {
            recv_seq,
            send_seq,
            lns_mode: fields.get(&LNS_MODE)?.unwrap_or_default(),
            reorder_timeout: fields.get(&REORDER_TIMEOUT)?.unwrap_or_default(),
            mtu: fields.get(&MTU)?.flatten(),
            mss: fields.get(&MSS)?.flatten(),
            tos: fields.get(&SESSION_TOS)?.flatten(),
            ecn: fields.get(&SESSION_ECN)?,
            ttl: fields.get(&SESSION_TTL)?.flatten(),
            debug: fields.get(&DEBUG)?.unwrap_or_default(),
        },
    })
}

/// Which session, by the interface name if that is given, else by its ids.
pub fn selector(fields: &Fields) -> Result<SessionSelector, FieldError> {
    if let Some(name) = fields.get(&NAME)? {
        return Ok(SessionSelector::Name(name));
    }
    Ok(SessionSelector::Ids(SessionKey {
        tunnel: TunnelId(fields.demand(&TUNNEL_ID)?),
        session: SessionId(fields.demand(&SESSION_ID)?),
    }))
}

/// What is to change of a session; at least one thing must be given.
pub fn session_change(fields: &Fields) -> Result<Retuning, FieldError> {
    let (recv_seq, send_seq) = fields.get(&SEQ)?.unzip();
    let change = Retuning {
        recv_seq,
        send_seq,
        lns_mode: fields.get(&LNS_MODE)?,
        reorder_timeout: fields.get(&REORDER_TIMEOUT)?,
        mtu: fields.get(&MTU)?,
        mss: fields.get(&MSS)?,
        tos: fields.get(&SESSION_TOS)?,
        ecn: fields.get(&SESSION_ECN)?.map(Some),
        ttl: fields.get(&SESSION_TTL)?,
        debug: fields.get(&DEBUG)?,
    };
    if change == Retuning::default() {
        let text = "nothing to change; give seq, lns_mode, reorder_timeout, mtu, mss, tos, ecn, ttl \
                    or debug";
        return Err(FieldError::new("set session", text));
    }
    Ok(change)
}

fn encap(fields: &Fields) -> Result<Encap, FieldError> {
    let local = fields.demand(&LOCAL)?;
    let remote = fields.demand(&REMOTE)?;
    if local.is_ipv4() != remote.is_ipv4() {
        let text = format!("{remote} and local {local} differ in family; give two of one family");
        return Err(FieldError::new(REMOTE.word.name, text));
    }
    match fields.get(&ENCAP)?.unwrap_or(true) {
        true => udp(fields, local, remote),
        false => ip(fields, local, remote),
    }
}

fn udp(fields: &Fields, local: IpAddr, remote: IpAddr) -> Result<Encap, FieldError> {
    let checksum = checksum(fields, local)?;
    Ok(Encap::Udp {
        local: SocketAddr::new(local, fields.demand(&UDP_SPORT)?),
        remote: SocketAddr::new(remote, fields.demand(&UDP_DPORT)?),
        checksum,
    })
}

fn checksum(fields: &Fields, local: IpAddr) -> Result<UdpChecksum, FieldError> {
    let surplus: &[&Word] = match local {
        IpAddr::V4(_) => &[&UDP6_CSUM_TX.word, &UDP6_CSUM_RX.word],
        IpAddr::V6(_) => &[&UDP_CSUM.word],
    };
    refuse_any(
        fields,
        surplus,
        "says nothing about a tunnel of this address family",
    )?;
    Ok(match local {
        IpAddr::V4(_) => UdpChecksum {
            tx: fields.get(&UDP_CSUM)?.map_or(TxChecksum::Spare, wanted),
            rx: false,
        },
        IpAddr::V6(_) => UdpChecksum {
            tx: wanted(fields.get(&UDP6_CSUM_TX)?.unwrap_or(true)),
            rx: fields.get(&UDP6_CSUM_RX)?.unwrap_or(true),
        },
    })
}

fn wanted(on: bool) -> TxChecksum {
    if on {
        TxChecksum::Always
    } else {
        TxChecksum::Never
    }
}

fn ip(fields: &Fields, local: IpAddr, remote: IpAddr) -> Result<Encap, FieldError> {
    let surplus = [
        &UDP_SPORT.word,
        &UDP_DPORT.word,
        &UDP_CSUM.word,
        &UDP6_CSUM_TX.word,
        &UDP6_CSUM_RX.word,
    ];
    refuse_any(
        fields,
        &surplus,
        "says nothing about a tunnel with encap ip",
    )?;
    Ok(Encap::Ip { local, remote })
}

fn refuse_any(fields: &Fields, surplus: &[&Word], why: &str) -> Result<(), FieldError> {
    match surplus.iter().find(|word| fields.has(word)) {
        Some(word) => Err(FieldError::new(word.name, format!("{why}; leave it out"))),
        None => Ok(()),
    }
}
