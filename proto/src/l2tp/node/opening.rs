use super::super::Peer;
use adit_wire::l2tp::avp::{Attribute, Bearers, Framings, Text, walk};
use adit_wire::l2tp::control::{v2, v3};
use adit_wire::l2tp::{TunnelId, Version};

/// What an SCCRQ or SCCRP of either version says.
#[derive(Debug, Clone)]
pub(super) struct Opening<'a> {
    pub(super) version: Version,
    /// The id by which the sender wants to be addressed.
    pub(super) assigned: TunnelId,
    pub(super) peer: Peer,
    pub(super) tie_breaker: Option<[u8; 8]>,
    pub(super) challenge: Option<&'a [u8]>,
    pub(super) response: Option<[u8; 16]>,
    pub(super) nonce: Option<&'a [u8]>,
    /// It sent ECN Capability.
    pub(super) ecn: bool,
}

/// The peer's window when it does not say one (RFC 2661 §4.4.3, RFC 3931 §5.4.3).
const DEFAULT_WINDOW: u16 = 4;

impl<'a> From<v2::Sccrq<'a>> for Opening<'a> {
    fn from(request: v2::Sccrq<'a>) -> Opening<'a> {
        Opening {
            version: Version::V2,
            assigned: request.assigned_tunnel,
            peer: Peer {
                firmware: request.firmware_revision,
                framing: request.framing_capabilities,
                bearer: request.bearer_capabilities.unwrap_or_default(),
                ..peer(
                    request.host_name,
                    request.vendor_name,
                    request.receive_window,
                )
            },
            tie_breaker: request.tie_breaker,
            challenge: request.challenge,
            response: None,
            nonce: None,
            ecn: request.ecn,
        }
    }
}

impl<'a> From<v2::Sccrp<'a>> for Opening<'a> {
    fn from(reply: v2::Sccrp<'a>) -> Opening<'a> {
        Opening {
            version: Version::V2,
            assigned: reply.assigned_tunnel,
            peer: Peer {
                firmware: reply.firmware_revision,
                framing: reply.framing_capabilities,
                bearer: reply.bearer_capabilities.unwrap_or_default(),
                ..peer(reply.host_name, reply.vendor_name, reply.receive_window)
            },
            tie_breaker: None,
            challenge: reply.challenge,
            response: reply.challenge_response,
            nonce: None,
            ecn: reply.ecn,
        }
    }
}

impl<'a> From<v3::Sccrq<'a>> for Opening<'a> {
    fn from(request: v3::Sccrq<'a>) -> Opening<'a> {
        Opening {
            version: Version::V3,
            assigned: request.assigned_connection,
            peer: Peer {
                router_id: Some(request.router_id),
                pseudowires: request.pw_capabilities.iter().collect(),
                ..peer(
                    request.host_name,
                    request.vendor_name,
                    request.receive_window,
                )
            },
            tie_breaker: request.tie_breaker,
            challenge: None,
            response: None,
            nonce: request.nonce,
            ecn: request.ecn,
        }
    }
}

impl<'a> From<v3::Sccrp<'a>> for Opening<'a> {
    fn from(reply: v3::Sccrp<'a>) -> Opening<'a> {
        Opening {
            version: Version::V3,
            assigned: reply.assigned_connection,
            peer: Peer {
                router_id: Some(reply.router_id),
                pseudowires: reply.pw_capabilities.iter().collect(),
                ..peer(reply.host_name, reply.vendor_name, reply.receive_window)
            },
            tie_breaker: None,
            challenge: None,
            response: None,
            nonce: reply.nonce,
            ecn: reply.ecn,
        }
    }
}

/// The Host Name in an SCCRQ that is not read yet: it is never hidden, and says which secret the
/// rest takes.
pub(super) fn host_name(avps: &[u8]) -> Option<String> {
    clear_value(avps, Attribute::HostName).map(|name| Text(name).to_string())
}

/// The id that an SCCRQ or StopCCN assigns, unless it is hidden.
pub(super) fn assigned(avps: &[u8], version: Version) -> Option<TunnelId> {
    let id = match version {
        Version::V2 => {
            let value = clear_value(avps, Attribute::AssignedTunnelId)?;
            u16::from_be_bytes(value.try_into().ok()?).into()
        }
        Version::V3 => {
            let value = clear_value(avps, Attribute::AssignedControlConnectionId)?;
            u32::from_be_bytes(value.try_into().ok()?)
        }
    };
    Some(TunnelId(id)).filter(|id| id.0 != 0)
}

/// Whether an SCCRQ of version 2 offers version 3 too (RFC 3931 §4.7.3), hidden or not.
pub(super) fn offers_v3(avps: &[u8]) -> bool {
    let mut all = walk(avps).map_while(Result::ok);
    all.any(|avp| avp.name() == Attribute::AssignedControlConnectionId.into())
}

fn clear_value(avps: &[u8], attribute: Attribute) -> Option<&[u8]> {
    let mut all = walk(avps).map_while(Result::ok);
    let found = all.find(|avp| avp.name() == attribute.into())?;
    Some(found.value).filter(|_| !found.hidden)
}

fn peer(host_name: &[u8], vendor_name: Option<&[u8]>, window: Option<u16>) -> Peer {
    Peer {
        host_name: Text(host_name).to_string(),
        vendor_name: Text(vendor_name.unwrap_or_default()).to_string(),
        receive_window: window.unwrap_or(DEFAULT_WINDOW),
        framing: Framings::default(),
        bearer: Bearers::default(),
        ..Peer::default()
    }
}
