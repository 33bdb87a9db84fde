//! Two ends that open a tunnel, message by message.

use crate::Random;
use crate::l2tp::auth::{Auth, DigestError, Unauthentic};
use crate::l2tp::config::{Secret, TunnelConfig};
use adit_wire::l2tp::avp::{Attribute, AvpWriter, DigestType, PwTypes, walk};
use adit_wire::l2tp::control::{MessageKind, message_kind, v3};
use adit_wire::l2tp::{SessionId, TunnelId, UdpMessage, V3ControlHeader, Version};

/// What an end that demands proof, and knows these secrets, is configured to.
fn config(secrets: &[&str]) -> TunnelConfig {
    TunnelConfig {
        secrets: secrets
            .iter()
            .map(|one| Secret(one.as_bytes().to_vec()))
            .collect(),
        authenticate: true,
        ..TunnelConfig::new("end")
    }
}

fn open() -> TunnelConfig {
    TunnelConfig::new("end")
}

struct End {
    auth: Auth,
    random: Random,
}

impl End {
    fn new(config: &TunnelConfig, seed: u8) -> End {
        let mut random = Random::new([seed; 32]);
        let auth = Auth::new(config, Version::V3, random.octets());
        End { auth, random }
    }

    /// The message as it leaves.
    fn send(&mut self, message: v3::Message<'_>) -> Vec<u8> {
        let (mut avps, mut body) = (Vec::new(), Vec::new());
        message.encode(&mut avps).unwrap();
        self.auth.cover(&avps, &mut self.random, &mut body).unwrap();
        let header = V3ControlHeader {
            connection: TunnelId(1),
            ns: 0,
            nr: 0,
        };
        let mut out = vec![0; 12 + body.len()];
        UdpMessage::V3Control {
            header,
            avps: &body,
        }
        .encode(&mut out)
        .unwrap();
        self.auth.seal(&mut out).unwrap();
        out
    }

    fn sccrq(&mut self) -> Vec<u8> {
        let nonce = self.auth.nonce();
        self.send(v3::Message::Sccrq(v3::Sccrq {
            host_name: b"end",
            router_id: 1,
            assigned_connection: TunnelId(1),
            pw_capabilities: PwTypes::new(&[[0, 5]]),
            nonce: nonce.as_ref().map(|nonce| &nonce[..]),
            tie_breaker: None,
            vendor_name: None,
            receive_window: None,
            preferred_language: None,
            ecn: false,
        }))
    }

    fn sccrp(&mut self) -> Vec<u8> {
        let nonce = self.auth.nonce();
        self.send(v3::Message::Sccrp(v3::Sccrp {
            host_name: b"end",
            router_id: 2,
            assigned_connection: TunnelId(2),
            pw_capabilities: PwTypes::new(&[[0, 5]]),
            nonce: nonce.as_ref().map(|nonce| &nonce[..]),
            vendor_name: None,
            receive_window: None,
            preferred_language: None,
            ecn: false,
        }))
    }

    fn hello(&mut self) -> Vec<u8> {
        self.send(v3::Message::Hello(v3::Hello {}))
    }

    /// Takes a message in; gives its AVPs in clear.
    fn admit(&mut self, message: &[u8]) -> Result<Vec<u8>, Unauthentic> {
        let avps = &message[12..];
        let kind = message_kind(avps).unwrap();
        let mut scratch = Vec::new();
        self.auth
            .admit(kind, message, avps, &mut scratch)
            .map(<[u8]>::to_vec)
    }
}

/// Opens a control connection; both ends, or what the first refusing end said.
fn opened(a: &TunnelConfig, b: &TunnelConfig) -> Result<(End, End), Unauthentic> {
    let (mut a, mut b) = (End::new(a, 1), End::new(b, 2));
    b.admit(&a.sccrq())?;
    a.admit(&b.sccrp())?;
    b.admit(&a.send(v3::Message::Scccn(v3::Scccn {})))?;
    a.admit(&b.hello())?;
    Ok((a, b))
}

#[test]
fn ends_that_share_a_secret_prove_it_in_every_message() {
    let (mut a, mut b) = opened(&config(&["secret"]), &config(&["secret"])).unwrap();
    assert!(a.auth.authenticates() && b.auth.authenticates());
    assert!(!a.auth.allows_zlb());
    let plain = End::new(&open(), 3).hello();
    assert_eq!(a.admit(&plain), Err(Unauthentic::Missing));
    // What one said does not come from the other, nor from another connection.
    let wrong = Unauthentic::Digest(DigestError::Wrong);
    let hello = a.hello();
    assert_eq!(a.admit(&hello), Err(wrong));
    assert!(b.admit(&hello).is_ok());
    let mut fresh = End::new(&config(&["secret"]), 9);
    fresh.admit(&a.sccrq()).unwrap();
    fresh.sccrp();
    assert_eq!(fresh.admit(&hello), Err(wrong));
}

#[test]
fn without_secrets_nothing_is_proved() {
    let (mut a, _) = opened(&open(), &open()).unwrap();
    assert!(!a.auth.authenticates() && a.auth.allows_zlb());
    assert_eq!(a.hello().len(), 20);
}

#[test]
fn a_nonce_asks_an_end_with_secrets_to_authenticate() {
    let willing = TunnelConfig {
        authenticate: false,
        ..config(&["secret"])
    };
    let (a, b) = opened(&config(&["secret"]), &willing).unwrap();
    assert!(a.auth.authenticates() && b.auth.authenticates());
    let (a, b) = opened(&willing, &willing).unwrap();
    assert!(!a.auth.authenticates() && !b.auth.authenticates());
}

#[test]
fn ends_that_differ_do_not_open() {
    let wrong = Some(Unauthentic::Digest(DigestError::Wrong));
    let missing = Some(Unauthentic::Missing);
    for (a, b, refusal) in [
        (config(&["one"]), config(&["two"]), wrong),
        // Who has no secret can check a digest for damage only.
        (config(&["one"]), open(), wrong),
        (open(), config(&["two"]), missing),
    ] {
        assert_eq!(opened(&a, &b).err(), refusal);
    }
}

#[test]
fn either_algorithm_is_understood() {
    let sha1 = TunnelConfig {
        digest: DigestType::HmacSha1,
        ..config(&["secret"])
    };
    let (mut a, mut b) = opened(&sha1, &config(&["secret"])).unwrap();
    assert_eq!(a.hello().len(), 12 + 8 + 27);
    assert_eq!(b.hello().len(), 12 + 8 + 23);
}

/// RFC 3931 §5.4.1: old and new secret for a while, without a message lost.
#[test]
fn secrets_change_under_a_connection() {
    let (old, both, new) = (config(&["old"]), config(&["new", "old"]), config(&["new"]));
    let (mut a, mut b) = opened(&old, &old).unwrap();
    for (at_a, at_b) in [(&both, &old), (&both, &both), (&both, &new), (&new, &new)] {
        a.auth.reconfigure(at_a);
        b.auth.reconfigure(at_b);
        assert!(b.admit(&a.hello()).is_ok());
        assert!(a.admit(&b.hello()).is_ok());
    }
    a.auth.reconfigure(&old);
    assert!(b.admit(&a.hello()).is_err());
}

#[test]
fn a_second_nonce_changes_nothing() {
    let (mut a, mut b) = opened(&config(&["secret"]), &config(&["secret"])).unwrap();
    // The same request again is authentic and learned from no more.
    let again = a.sccrq();
    assert!(b.admit(&again).is_ok());
    assert!(b.admit(&a.hello()).is_ok());
    let mut stranger = End::new(&config(&["secret"]), 7);
    assert!(b.admit(&stranger.sccrq()).is_ok());
    assert!(b.admit(&a.hello()).is_ok());
}

#[test]
fn values_are_hidden_once_messages_are_authentic() {
    let hiding = TunnelConfig {
        hide: true,
        ..config(&["secret"])
    };
    let (mut a, mut b) = opened(&hiding, &hiding).unwrap();
    let sli = v3::Message::Sli(v3::Sli {
        local_session: SessionId(5),
        remote_session: SessionId(6),
        circuit_status: None,
    });
    let sent = a.send(sli);
    let hidden = walk(&sent[12..]).filter(|avp| avp.unwrap().hidden).count();
    assert_eq!(hidden, 2);
    let clear = b.admit(&sent).unwrap();
    let read = v3::Message::decode(&clear, Default::default()).unwrap();
    assert_eq!(read.message, sli);
    // RFC 3931 §5.3: not without authentication.
    let silent = TunnelConfig {
        authenticate: false,
        ..hiding
    };
    let mut a = End::new(&silent, 1);
    let sent = a.send(sli);
    assert!(!walk(&sent[12..]).any(|avp| avp.unwrap().hidden));
}

/// RFC 2661 §5.1.1: each end may challenge the other.
#[test]
fn challenges_are_answered_in_version_2() {
    let mut random = Random::new([0; 32]);
    let mut of = |config: &TunnelConfig| Auth::new(config, Version::V2, random.octets());
    let (mut a, b) = (of(&config(&["new", "old"])), of(&config(&["old"])));
    assert!(a.challenges() && a.allows_zlb());
    let response = b.respond(MessageKind::Sccrp, b"challenge").unwrap();
    assert!(!a.response_is_right(MessageKind::Sccrp, b"another", &response));
    assert!(a.response_is_right(MessageKind::Sccrp, b"challenge", &response));
    // The secret that the peer proved answers the peer's own challenge.
    let answer = a.respond(MessageKind::Scccn, b"other way").unwrap();
    assert_eq!(Some(answer), b.respond(MessageKind::Scccn, b"other way"));
    let none = of(&open());
    assert!(!none.challenges());
    assert_eq!(none.respond(MessageKind::Sccrp, b"challenge"), None);
}

/// RFC 3931 §4.7.3: an SCCRQ of version 2 that offers version 3 is checked by who takes it up.
#[test]
fn an_offer_of_version_3_bears_a_digest() {
    let mut random = Random::new([5; 32]);
    let mut a = Auth::new(&config(&["secret"]), Version::V2, random.octets());
    let nonce = a.nonce().unwrap();
    let mut avps = Vec::new();
    let mut writer = AvpWriter::new(&mut avps, Version::V2);
    writer
        .put(adit_wire::l2tp::avp::Avp::MessageType(1))
        .unwrap();
    writer
        .put(adit_wire::l2tp::avp::Avp::Nonce(&nonce))
        .unwrap();
    let mut body = Vec::new();
    a.cover(&avps, &mut random, &mut body).unwrap();
    let digest = walk(&body).nth(1).unwrap().unwrap();
    assert_eq!(digest.name(), Attribute::MessageDigest.into());
    assert!(!digest.mandatory);

    let header = adit_wire::l2tp::V2ControlHeader {
        tunnel: TunnelId(0),
        session: SessionId(0),
        ns: 0,
        nr: 0,
    };
    let mut message = vec![0; 12 + body.len()];
    UdpMessage::V2Control {
        header,
        avps: &body,
    }
    .encode(&mut message)
    .unwrap();
    a.seal(&mut message).unwrap();
    let mut b = End::new(&config(&["secret"]), 2);
    assert!(b.admit(&message).is_ok());
    assert!(b.auth.authenticates());
}
