//! The values of the policy from the fields of its tables.

use crate::input::keyword::{self, policy::*};
use crate::input::{FieldError, Fields};
use crate::policy::{
    Candidate, HandTo, L2TP_PORT, Limits, Listener, Pppd, Pseudowire, Roaming, SessionTerms,
    TunnelTerms, VersionChoice,
};
use adit_datapath::spec::ListenerAddress;
use adit_wire::l2tp::Sublayer;
use std::net::SocketAddr;
use std::time::Duration;

/// A listener from the fields of [`LISTENER`](crate::input::form::policy::LISTENER).
pub fn listener(fields: &Fields) -> Result<Listener, FieldError> {
    let local = fields.demand(&BIND)?;
    let udp = fields.get(&keyword::ENCAP)?.unwrap_or(true);
    let checksum = super::checksum(fields, local)?;
    let local = match udp {
        true => {
            let port = fields.get(&PORT)?.unwrap_or(L2TP_PORT);
            ListenerAddress::Udp(SocketAddr::new(local, port))
        }
        false if fields.has(&PORT.word) => {
            let text = "says nothing about a listener with encap ip; leave it out";
            return Err(FieldError::new(PORT.word.name, text));
        }
        false => ListenerAddress::Ip(local),
    };
    Ok(Listener {
        local,
        interface: fields.get(&INTERFACE)?,
        checksum,
        marks: fields.get(&MARKS)?.unwrap_or(false),
    })
}

/// The terms of a tunnel from all the fields that make them.
pub fn tunnel_terms(fields: &Fields) -> Result<TunnelTerms, FieldError> {
    let terms = tunnel_profile(fields)?;
    check_tunnel(&terms)?;
    Ok(terms)
}

/// What a profile has of the terms of a tunnel, each sound for itself: the table that names it may
/// have what it needs besides, such as a secret.
pub fn tunnel_profile(fields: &Fields) -> Result<TunnelTerms, FieldError> {
    let usual = TunnelTerms::default();
    let never_zero = |hello: Duration| (!hello.is_zero()).then_some(hello);
    Ok(TunnelTerms {
        version: fields.get(&VERSION)?.unwrap_or(usual.version),
        role: fields.get(&ROLE)?.unwrap_or(usual.role),
        host_name: fields.get(&HOST_NAME)?,
        secret: fields.get(&SECRET)?,
        old_secret: fields.get(&OLD_SECRET)?,
        digest: fields.get(&DIGEST)?.unwrap_or(usual.digest),
        hide_avps: fields.get(&HIDE_AVPS)?.unwrap_or(usual.hide_avps),
        hello: fields.get(&HELLO)?.map_or(usual.hello, never_zero),
        retransmit: fields.get(&RETRANSMIT)?.unwrap_or(usual.retransmit),
        retransmit_cap: fields.get(&RETRANSMIT_CAP)?.unwrap_or(usual.retransmit_cap),
        retries: fields.get(&RETRIES)?.unwrap_or(usual.retries),
        window: fields.get(&WINDOW)?.unwrap_or(usual.window),
        setup_timeout: fields.get(&SETUP_TIMEOUT)?.unwrap_or(usual.setup_timeout),
        max_sessions: fields.get(&MAX_SESSIONS)?.unwrap_or(usual.max_sessions),
        source_port: fields.get(&SOURCE_PORT)?.unwrap_or(usual.source_port),
        peer_source: fields.get(&PEER_SOURCE)?.unwrap_or(usual.peer_source),
        roaming: fields.get(&ROAMING)?.unwrap_or(usual.roaming),
        ecn: fields.get(&ECN)?.unwrap_or(usual.ecn),
        pmtudisc: fields.get(&keyword::PMTUDISC)?.unwrap_or_default(),
        pmtu_probe: fields.get(&keyword::PMTU_PROBE)?.unwrap_or_default(),
        tos: fields.get(&keyword::TOS)?.unwrap_or_default(),
        ttl: fields.get(&keyword::TTL)?.flatten(),
        quirks: fields.get(&QUIRKS)?.unwrap_or(usual.quirks),
    })
}

fn check_tunnel(terms: &TunnelTerms) -> Result<(), FieldError> {
    let refuse = |field: &str, text: String| Err(FieldError::new(field, text));
    if terms.secret.is_none() {
        let needs = [
            (HIDE_AVPS.word.name, terms.hide_avps),
            (OLD_SECRET.word.name, terms.old_secret.is_some()),
        ];
        if let Some((field, _)) = needs.iter().find(|(_, given)| *given) {
            return refuse(field, "needs a secret; give secret too".to_owned());
        }
    }
    if terms.old_secret.is_some() && terms.version == VersionChoice::V2 && !terms.hide_avps {
        // RFC 2661 has nothing else by which an end could tell which secret the other knows.
        let text = "in version 2 it takes hide_avps; give that too";
        return refuse(OLD_SECRET.word.name, text.to_owned());
    }
    if terms.roaming == Roaming::Authenticated {
        let fault = match (&terms.secret, terms.version) {
            (None, _) => {
                Some("authenticated needs a secret to sign messages with; give secret too")
            }
            (Some(_), VersionChoice::V2) => {
                Some("version 2 signs no messages; give never or always")
            }
            (Some(_), VersionChoice::V3 | VersionChoice::Both) => None,
        };
        if let Some(text) = fault {
            return refuse(ROAMING.word.name, text.to_owned());
        }
    }
    if terms.retransmit > terms.retransmit_cap {
        let (first, cap) = (
            terms.retransmit.as_millis(),
            terms.retransmit_cap.as_millis(),
        );
        let text = format!("{first} is more than retransmit_cap, {cap}; give less, or raise that");
        return refuse(RETRANSMIT.word.name, text);
    }
    Ok(())
}

/// The terms of a call, in tunnels of `version`, from fields of any table that has them.
pub fn session_terms(fields: &Fields, version: VersionChoice) -> Result<SessionTerms, FieldError> {
    let usual = SessionTerms::default();
    let only_ppp = version == VersionChoice::V2;
    let default = if only_ppp {
        Pseudowire::Ppp
    } else {
        usual.pseudowire
    };
    let pseudowire = fields.get(&PSEUDOWIRE)?.unwrap_or(default);
    if only_ppp && pseudowire != Pseudowire::Ppp {
        let text = "ethernet needs version 3; give version 3 or pseudowire ppp";
        return Err(FieldError::new(PSEUDOWIRE.word.name, text));
    }
    let hand_to = hand_to(fields, pseudowire)?;
    let seq = fields.get(&keyword::SEQ)?.unwrap_or(usual.seq);
    let sublayer = fields.get(&keyword::L2SPEC_TYPE)?;
    if sublayer == Some(Sublayer::None) && seq != (false, false) && !only_ppp {
        let text = "none has no room for sequence numbers; give default, or seq none";
        return Err(FieldError::new(keyword::L2SPEC_TYPE.word.name, text));
    }
    Ok(SessionTerms {
        pseudowire,
        hand_to,
        pppd: pppd(fields, hand_to)?,
        ifname: fields.get(&keyword::NAME)?,
        remote_end_id: fields.get(&REMOTE_END_ID)?,
        calling_number: fields.get(&CALLING_NUMBER)?,
        called_number: fields.get(&CALLED_NUMBER)?,
        cookie_octets: fields.get(&COOKIE_OCTETS)?.unwrap_or(usual.cookie_octets),
        sublayer: sublayer.unwrap_or(usual.sublayer),
        seq,
        reorder_timeout: fields.get(&keyword::REORDER_TIMEOUT)?.unwrap_or_default(),
        mtu: fields.get(&keyword::MTU)?.flatten(),
        mss: fields.get(&keyword::MSS)?.flatten(),
        tos: fields.get(&keyword::SESSION_TOS)?.flatten(),
        ecn: fields.get(&CALL_ECN)?.unwrap_or(usual.ecn),
        ttl: fields.get(&keyword::SESSION_TTL)?.flatten(),
        circuit_status: fields.get(&CIRCUIT_STATUS)?.unwrap_or_default(),
        debug: fields.get(&keyword::DEBUG)?.unwrap_or_default(),
    })
}

fn hand_to(fields: &Fields, pseudowire: Pseudowire) -> Result<HandTo, FieldError> {
    let refuse = |text: &str| Err(FieldError::new(HAND_TO.word.name, text));
    let usual = match pseudowire {
        Pseudowire::Ethernet => HandTo::Device,
        Pseudowire::Ppp => HandTo::Client,
    };
    match (fields.get(&HAND_TO)?.unwrap_or(usual), pseudowire) {
        (HandTo::Device, Pseudowire::Ppp) => {
            refuse("device takes Ethernet frames only; give client or pppd")
        }
        (HandTo::Client, Pseudowire::Ethernet) => {
            refuse("client takes PPP frames only; give device, or pseudowire ppp")
        }
        (HandTo::Pppd, Pseudowire::Ethernet) => {
            refuse("pppd takes PPP frames only; give device, or pseudowire ppp")
        }
        (hand_to, _) => Ok(hand_to),
    }
}

fn pppd(fields: &Fields, hand_to: HandTo) -> Result<Pppd, FieldError> {
    let keys = [
        &PPPD_ON.word,
        &PPPD_POOL.word,
        &PPPD_FILE.word,
        &PPPD_OPTIONS.word,
    ];
    if let (Some(key), true) = (
        keys.iter().find(|key| fields.has(key)),
        hand_to != HandTo::Pppd,
    ) {
        let text = "says nothing without hand_to pppd; give that too, or leave it out";
        return Err(FieldError::new(key.name, text));
    }
    Ok(Pppd {
        on: fields.get(&PPPD_ON)?.unwrap_or_default(),
        pool: fields.get(&PPPD_POOL)?,
        file: fields.get(&PPPD_FILE)?,
        options: fields.get(&PPPD_OPTIONS)?.unwrap_or_default(),
    })
}

/// A peer to call from the fields of [`CANDIDATE`](crate::input::form::policy::CANDIDATE), or of a
/// [`CONNECTION`](crate::input::form::policy::CONNECTION) with a host.
pub fn candidate(fields: &Fields) -> Result<Candidate, FieldError> {
    Ok(Candidate {
        host: fields.demand(&HOST)?,
        port: fields.get(&PORT)?.unwrap_or(L2TP_PORT),
        priority: fields.get(&PRIORITY)?.unwrap_or(0),
        weight: fields.get(&WEIGHT)?.unwrap_or(1),
    })
}

/// Limits from the fields of [`LIMITS`](crate::input::form::policy::LIMITS).
pub fn limits(fields: &Fields) -> Result<Limits, FieldError> {
    let usual = Limits::default();
    Ok(Limits {
        max_tunnels: fields.get(&MAX_TUNNELS)?.unwrap_or(usual.max_tunnels),
        max_sessions: fields.get(&MAX_SESSIONS)?.unwrap_or(usual.max_sessions),
        tunnel_rate: fields.get(&TUNNEL_RATE)?.unwrap_or(usual.tunnel_rate),
        call_rate: fields.get(&CALL_RATE)?.unwrap_or(usual.call_rate),
        max_pppd: fields.get(&MAX_PPPD)?.unwrap_or(usual.max_pppd),
    })
}

/// The longest wait between attempts.
pub fn redial(fields: &Fields) -> Result<Duration, FieldError> {
    let usual = Duration::from_secs(60);
    Ok(fields.get(&REDIAL)?.unwrap_or(usual))
}
