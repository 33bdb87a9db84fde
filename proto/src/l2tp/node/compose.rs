//! Writes the messages about a tunnel. Each leaves its AVPs in clear in `shared.plain`.

use super::super::{ResultCode, Versions};
use super::shared::Shared;
use super::tunnel::Tunnel;
use adit_wire::l2tp::avp::{EncodeError, ProtocolVersion, PwTypes};
use adit_wire::l2tp::control::{v2, v3};
use adit_wire::l2tp::{TunnelId, Version};

type Composed = Result<(), EncodeError>;

/// SCCRQ; with the offer of version 3 behind it if the tunnel makes one.
pub(super) fn sccrq(tunnel: &mut Tunnel, shared: &mut Shared) -> Composed {
    shared.plain.clear();
    let nonce = match tunnel.version == Version::V3 || tunnel.offers_both() {
        true => tunnel.auth.nonce(),
        false => None,
    };
    let tunnel = &*tunnel;
    let config = &tunnel.config;
    let vendor = some(&config.vendor_name);
    let types = wire_types(tunnel);
    let request = v3::Sccrq {
        host_name: config.host_name.as_bytes(),
        router_id: config.router_id,
        assigned_connection: tunnel.key.id,
        pw_capabilities: PwTypes::new(&types),
        nonce: nonce.as_ref().map(|nonce| &nonce[..]),
        tie_breaker: tunnel.tie_breaker,
        vendor_name: vendor,
        receive_window: Some(config.receive_window),
        preferred_language: None,
        ecn: config.ecn,
    };
    if tunnel.version == Version::V3 {
        return v3::Message::Sccrq(request).encode(&mut shared.plain);
    }
    let old = v2::Sccrq {
        protocol_version: ProtocolVersion::V1_0,
        host_name: config.host_name.as_bytes(),
        framing_capabilities: config.framing,
        assigned_tunnel: tunnel.key.id,
        bearer_capabilities: Some(config.bearer),
        receive_window: Some(config.receive_window),
        challenge: challenge(tunnel),
        tie_breaker: tunnel.tie_breaker,
        firmware_revision: None,
        vendor_name: vendor,
        diffserv: None,
        ecn: config.ecn,
    };
    v2::Message::Sccrq(old).encode(&mut shared.plain)?;
    match config.versions {
        Versions::Both if tunnel.offers_both() => request.encode_offer(&mut shared.plain),
        Versions::Both | Versions::V2 | Versions::V3 => Ok(()),
    }
}

/// SCCRP, with the response to a challenge (v2).
pub(super) fn sccrp(
    tunnel: &mut Tunnel,
    shared: &mut Shared,
    response: Option<[u8; 16]>,
) -> Composed {
    shared.plain.clear();
    let nonce = match tunnel.version {
        Version::V2 => None,
        Version::V3 => tunnel.auth.nonce(),
    };
    let tunnel = &*tunnel;
    let config = &tunnel.config;
    let vendor = some(&config.vendor_name);
    match tunnel.version {
        Version::V2 => v2::Message::Sccrp(v2::Sccrp {
            protocol_version: ProtocolVersion::V1_0,
            framing_capabilities: config.framing,
            host_name: config.host_name.as_bytes(),
            assigned_tunnel: tunnel.key.id,
            bearer_capabilities: Some(config.bearer),
            firmware_revision: None,
            vendor_name: vendor,
            receive_window: Some(config.receive_window),
            challenge: challenge(tunnel),
            challenge_response: response,
            diffserv: None,
            ecn: tunnel.peer.ecn,
        })
        .encode(&mut shared.plain),
        Version::V3 => v3::Message::Sccrp(v3::Sccrp {
            host_name: config.host_name.as_bytes(),
            router_id: config.router_id,
            assigned_connection: tunnel.key.id,
            pw_capabilities: PwTypes::new(&wire_types(tunnel)),
            nonce: nonce.as_ref().map(|nonce| &nonce[..]),
            vendor_name: vendor,
            receive_window: Some(config.receive_window),
            preferred_language: None,
            ecn: tunnel.peer.ecn,
        })
        .encode(&mut shared.plain),
    }
}

/// SCCCN, with the response to a challenge (v2).
pub(super) fn scccn(tunnel: &Tunnel, shared: &mut Shared, response: Option<[u8; 16]>) -> Composed {
    shared.plain.clear();
    let challenge_response = response;
    match tunnel.version {
        Version::V2 => v2::Message::Scccn(v2::Scccn { challenge_response }),
        Version::V3 => return v3::Message::Scccn(v3::Scccn {}).encode(&mut shared.plain),
    }
    .encode(&mut shared.plain)
}

/// StopCCN.
pub(super) fn stop(tunnel: &Tunnel, shared: &mut Shared, code: &ResultCode) -> Composed {
    stop_for(tunnel.version, tunnel.key.id, code, &mut shared.plain)
}

/// The StopCCN of a tunnel with this id, or of none.
pub(super) fn stop_for(
    version: Version,
    id: TunnelId,
    code: &ResultCode,
    out: &mut Vec<u8>,
) -> Composed {
    out.clear();
    let reason = code.as_reason();
    match version {
        Version::V2 => v2::Message::StopCcn(v2::StopCcn {
            assigned_tunnel: id,
            reason,
        })
        .encode(out),
        Version::V3 => v3::Message::StopCcn(v3::StopCcn {
            reason,
            assigned_connection: Some(id),
        })
        .encode(out),
    }
}

/// Hello.
pub(super) fn hello(tunnel: &Tunnel, shared: &mut Shared) -> Composed {
    shared.plain.clear();
    match tunnel.version {
        Version::V2 => v2::Message::Hello(v2::Hello {}).encode(&mut shared.plain),
        Version::V3 => v3::Message::Hello(v3::Hello {}).encode(&mut shared.plain),
    }
}

fn some(text: &str) -> Option<&[u8]> {
    Some(text.as_bytes()).filter(|text| !text.is_empty())
}

fn wire_types(tunnel: &Tunnel) -> Vec<[u8; 2]> {
    let types = tunnel.config.pseudowires.iter();
    types.map(|kind| kind.0.to_be_bytes()).collect()
}

fn challenge(tunnel: &Tunnel) -> Option<&[u8]> {
    tunnel.challenge.as_ref().map(|octets| &octets[..])
}
