//! The policy in the words of the node.

use super::circuit;
use crate::policy::{
    Digest, Limits, Peer, Policy, Roaming, Role, SessionTerms, TunnelTerms, VersionChoice,
};
use adit_proto::l2tp::config::{
    Answer, CallConfig, Follow, Limits as NodeLimits, Liveness, Profile, Rate, Retransmit, Secret,
    SessionConfig,
};
use adit_proto::l2tp::{Direction, Policy as NodePolicy, TunnelConfig, Versions};
use adit_wire::l2tp::avp::{DataSequencing, DigestType, PwType};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Whose requests are answered, and how.
pub(super) fn policy(policy: &Policy, host_name: &str) -> NodePolicy {
    NodePolicy {
        profiles: policy
            .peers
            .iter()
            .flat_map(|peer| profiles(peer, host_name, &policy.limits))
            .collect(),
        refuse_strangers: true,
        limits: limits(&policy.limits),
    }
}

/// A peer at several addresses is as many profiles.
fn profiles(peer: &Peer, host_name: &str, limits: &Limits) -> Vec<Profile> {
    let config = Arc::new(tunnel(&peer.tunnel, host_name));
    let profile = |remote: Option<(IpAddr, u8)>| Profile {
        name: peer.name.as_str().into(),
        local: None,
        remote,
        encapsulation: None,
        host_name: peer.host_name.as_ref().map(ToString::to_string),
        refuse: !peer.accept,
        config: config.clone(),
        max_tunnels: limits.max_tunnels,
    };
    match peer.addresses.is_empty() {
        true => vec![profile(None)],
        false => {
            let nets = peer.addresses.iter().map(|net| Some(net.parts()));
            nets.map(profile).collect()
        }
    }
}

fn limits(limits: &Limits) -> NodeLimits {
    let usual = NodeLimits::default();
    NodeLimits {
        tunnels: limits.max_tunnels,
        sessions: limits.max_sessions,
        sccrq_rate: rate(limits.tunnel_rate),
        call_rate: Some(rate(limits.call_rate)),
        ..usual
    }
}

fn rate(per_second: u32) -> Rate {
    Rate {
        per_second,
        burst: per_second.saturating_mul(2),
    }
}

/// How tunnels on these terms behave.
pub(super) fn tunnel(terms: &TunnelTerms, host_name: &str) -> TunnelConfig {
    let host_name = terms.host_name.as_deref().unwrap_or(host_name);
    let secret = |secret: &crate::policy::Secret| Secret(secret.0.clone().into_bytes());
    TunnelConfig {
        versions: match terms.version {
            VersionChoice::V2 => Versions::V2,
            VersionChoice::V3 => Versions::V3,
            VersionChoice::Both => Versions::Both,
        },
        router_id: router_id(host_name),
        secrets: terms
            .secret
            .iter()
            .chain(&terms.old_secret)
            .map(secret)
            .collect(),
        authenticate: terms.secret.is_some(),
        digest: match terms.digest {
            Digest::Md5 => DigestType::HmacMd5,
            Digest::Sha1 => DigestType::HmacSha1,
        },
        hide: terms.hide_avps,
        tie_breaker: true,
        receive_window: terms.window,
        pseudowires: vec![PwType::ETHERNET, PwType::PPP],
        ecn: terms.ecn,
        quirks: terms.quirks,
        retransmit: Retransmit {
            initial: terms.retransmit,
            cap: terms.retransmit_cap,
            tries: terms.retries,
            ..Retransmit::default()
        },
        hello: terms.hello,
        liveness: Liveness::ControlOrData,
        setup_timeout: terms.setup_timeout,
        follow: match terms.roaming {
            Roaming::Never => Follow::Never,
            Roaming::Authenticated => Follow::Authenticated,
            Roaming::Always => Follow::Always,
        },
        calls: CallConfig {
            answer: Answer::Ask,
            max_sessions: terms.max_sessions,
            rate: None,
            session: SessionConfig::default(),
        },
        ..TunnelConfig::new(host_name)
    }
}

/// What this end asks for in a call on these terms.
pub(super) fn session(terms: &SessionTerms) -> SessionConfig {
    SessionConfig {
        cookie_len: terms.cookie_octets,
        sublayer: terms.sublayer,
        sequencing: match terms.seq {
            (false, false) => DataSequencing::None,
            (true, _) | (_, true) => DataSequencing::All,
        },
        circuit: circuit::first_status(terms),
    }
}

/// Who places this host's calls, and how: a LAC asks for incoming ones, an LNS for outgoing ones
/// (RFC 2661 §5.2).
pub(super) fn direction(role: Role) -> Direction {
    match role {
        Role::Lac | Role::Lcce => Direction::Incoming,
        Role::Lns => Direction::Outgoing,
    }
}

/// A Router ID that differs from host to host: made of the name, as there is nothing else that
/// every host has and no two share.
fn router_id(host_name: &str) -> u32 {
    // FNV-1a: it is the same after every start.
    let hash = host_name.bytes().fold(0x811c_9dc5_u32, |hash, octet| {
        (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193)
    });
    match hash {
        0 => Ipv4Addr::LOCALHOST.to_bits(),
        hash => hash,
    }
}
