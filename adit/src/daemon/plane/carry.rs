//! What was agreed on, as the data path has it.

use super::Plane;
use crate::daemon::engine::Engine;
use crate::policy::{SessionTerms, TunnelTerms};
use adit_datapath::Error;
use adit_datapath::spec::{
    Change, Encap, ListenerId, PeerSource, Pseudowire, SessionKey, SessionSpec, SessionTuning,
    TunnelSpec, TunnelTuning, UdpChecksum, Via,
};
use adit_proto::l2tp::{
    self as proto, DataPath, Encapsulation, Path, ResultCode, Role, TunnelKey, Version,
};
use adit_wire::l2tp::avp::{DataSequencing, DisconnectCode, ErrorCode, PwType};
use adit_wire::l2tp::{Cookie, Sublayer, TunnelId};

impl Plane {
    /// Makes a session's packets move, as the node asks; what stands against it becomes a CDN.
    pub(super) fn path_up(
        &mut self,
        path: &DataPath,
        engine: &mut Engine,
    ) -> Result<(), ResultCode> {
        let tunnel = Agreed {
            version: path.version,
            peer_id: path.peer_tunnel,
            path: path.path,
            ecn: path.ecn,
        };
        let installed = self.install_tunnel(path.session.tunnel(), tunnel, engine);
        installed.map_err(|e| refusal(&e))?;
        let Some(session) = self.sessions.get_mut(&path.session) else {
            return Err(ResultCode::disconnect(DisconnectCode::STATE_MACHINE));
        };
        let spec = session_spec(path, &session.terms)?;
        if session.installed {
            replace(&spec, path, engine)?;
            self.apply_carrier(path.session, engine);
            return Ok(());
        }
        let added = engine.negotiate(&Change::AddSession(spec.clone()));
        added.map_err(|e| refusal(&e))?;
        session.installed = true;
        Ok(())
    }

    /// Makes a tunnel's data path, or notes that its peer has moved.
    pub(super) fn install_tunnel(
        &mut self,
        key: TunnelKey,
        agreed: Agreed,
        engine: &mut Engine,
    ) -> Result<(), Error> {
        let path = agreed.path;
        let terms = self.tunnel_terms(key);
        let source = terms.map_or_else(PeerSource::default, |terms| terms.peer_source);
        let tuning = tunnel_tuning(terms, agreed.ecn);
        let listener = ListenerId(path.socket);
        let checksum = self.listeners.checksum(listener);
        let Some(tunnel) = self.tunnels.get_mut(&key) else {
            return Ok(());
        };
        if tunnel.installed {
            if tunnel.path != path {
                engine.follow(key.id(), path.remote)?;
                tunnel.path = path;
            }
            return Ok(());
        }
        let via = Via {
            listener,
            source,
            mark: path.mark,
        };
        let spec = TunnelSpec {
            id: key.id(),
            peer_id: agreed.peer_id,
            version: match agreed.version {
                Version::V2 => 2,
                Version::V3 => 3,
            },
            encap: encap(&path, checksum),
            via: Some(via),
            tuning,
        };
        engine.negotiate(&Change::AddTunnel(spec))?;
        tunnel.installed = true;
        Ok(())
    }

    /// Stops a session's packets.
    pub(super) fn path_down(&mut self, key: proto::SessionKey, engine: &mut Engine) {
        let Some(session) = self.sessions.get_mut(&key) else {
            return;
        };
        if !std::mem::take(&mut session.installed) {
            return;
        }
        if let Err(error) = engine.negotiate(&Change::RemoveSession(data_key(key))) {
            tracing::warn!("{key}: {error}");
        }
    }

    /// Removes what the data path has of a tunnel.
    pub(super) fn remove_tunnel(&mut self, key: TunnelKey, engine: &mut Engine) {
        if let Some(tunnel) = self.tunnels.remove(&key) {
            self.by_id.remove(&key.id());
            if tunnel.installed
                && let Err(error) = engine.negotiate(&Change::RemoveTunnel(key.id()))
            {
                tracing::warn!("{key}: {error}");
            }
            let listener = ListenerId(tunnel.path.socket);
            self.listeners.close_private(listener, engine);
        }
    }
}

/// What the two ends of a tunnel have agreed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreed {
    pub(super) version: Version,
    /// The peer's id for it.
    pub(super) peer_id: TunnelId,
    pub(super) path: Path,
    /// Whether congestion is told through the tunnel (RFC 9601).
    pub(super) ecn: bool,
}

/// The name of a session in the data path.
pub(super) fn data_key(key: proto::SessionKey) -> SessionKey {
    SessionKey {
        tunnel: key.tunnel().id(),
        session: key.id(),
    }
}

/// Addresses and encapsulation of a tunnel; `checksum` is its listener's.
fn encap(path: &Path, checksum: Option<UdpChecksum>) -> Encap {
    match (path.encapsulation, checksum) {
        (Encapsulation::Udp, Some(checksum)) => Encap::Udp {
            local: path.local,
            remote: path.remote,
            checksum,
        },
        (Encapsulation::Udp, None) | (Encapsulation::Ip, _) => Encap::Ip {
            local: path.local.ip(),
            remote: path.remote.ip(),
        },
    }
}

/// How a tunnel's packets travel, given whether congestion is told through it.
fn tunnel_tuning(terms: Option<&TunnelTerms>, ecn: bool) -> TunnelTuning {
    let agreed = TunnelTuning {
        ecn,
        ..TunnelTuning::default()
    };
    terms.map_or(agreed, |terms| TunnelTuning {
        pmtudisc: terms.pmtudisc,
        pmtu_probe: terms.pmtu_probe,
        tos: terms.tos,
        ttl: terms.ttl,
        ..agreed
    })
}

fn session_spec(path: &DataPath, terms: &SessionTerms) -> Result<SessionSpec, ResultCode> {
    let pseudowire = match path.pseudowire {
        PwType::ETHERNET => Pseudowire::Ethernet,
        PwType::PPP => Pseudowire::Ppp,
        _ => return Err(ResultCode::disconnect(DisconnectCode::PW_TYPE)),
    };
    let v3 = path.version == Version::V3;
    let sublayer = |sublayer| if v3 { sublayer } else { Sublayer::None };
    Ok(SessionSpec {
        key: data_key(path.session),
        peer_id: path.peer_session,
        pseudowire,
        ifname: terms.ifname.clone(),
        cookie: if v3 { path.peer_cookie } else { Cookie::EMPTY },
        peer_cookie: if v3 { path.cookie } else { Cookie::EMPTY },
        sublayer: sublayer(path.sublayer_out),
        peer_sublayer: sublayer(path.sublayer_in),
        tuning: tuning(path, terms),
    })
}

fn tuning(path: &DataPath, terms: &SessionTerms) -> SessionTuning {
    SessionTuning {
        // Only some packets are to be numbered: numbering all of them is right too, but none may
        // be demanded then.
        send_seq: path.send_sequence != DataSequencing::None,
        recv_seq: path.expect_sequence == DataSequencing::All,
        // A LAC follows its LNS, unless sequence numbers were agreed on for good (RFC 2661 §5.4).
        lns_mode: path.version == Version::V3 || path.role == Role::Lns || path.sequencing_required,
        reorder_timeout: terms.reorder_timeout,
        mtu: terms.mtu,
        mss: terms.mss,
        tos: terms.tos,
        // Otherwise as the tunnel's ends have agreed.
        ecn: (!terms.ecn).then_some(false),
        ttl: terms.ttl,
        debug: terms.debug,
    }
}

/// Makes a session that is there what it shall be.
fn replace(spec: &SessionSpec, path: &DataPath, engine: &mut Engine) -> Result<(), ResultCode> {
    let have = engine.desired().sessions.get(&spec.key);
    let same = have.is_some_and(|have| {
        SessionSpec {
            tuning: have.tuning,
            ..spec.clone()
        } == *have
    });
    if same {
        return Ok(());
    }
    let key = data_key(path.session);
    let removed = engine.negotiate(&Change::RemoveSession(key));
    let replaced = removed.and_then(|()| engine.negotiate(&Change::AddSession(spec.clone())));
    replaced.map_err(|e| refusal(&e))
}

/// What a peer is told of a failed installation.
fn refusal(error: &Error) -> ResultCode {
    ResultCode::error(ErrorCode::NO_RESOURCES, error.to_string())
}
