//! What holds for every message of both versions.

use crate::l2tp::avp::*;
use crate::l2tp::control::*;
use crate::l2tp::{Cookie, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use std::string::ToString;
use std::{vec, vec::Vec};

/// A sound value of every attribute.
fn sample(attribute: Attribute) -> Vec<u8> {
    let lengths = [0, 1, 2, 4, 8, 10, 16, 17, 20, 26];
    let fits = |octets: &Vec<u8>| Avp::read(attribute, octets).is_ok();
    let mut of_lengths = lengths.iter().map(|length| {
        let mut octets = vec![0; *length];
        if let Some(last) = octets.last_mut() {
            *last = 1;
        }
        octets
    });
    of_lengths.rfind(fits).expect("one of the lengths fits")
}

fn put(out: &mut Vec<u8>, mandatory: bool, name: AvpName, value: &[u8]) {
    assert!(write_raw(out, mandatory, false, name, value));
}

/// A message of `kind` with a sample of each of `attributes`, M set.
fn message(kind: u16, attributes: impl IntoIterator<Item = Attribute>) -> Vec<u8> {
    let mut out = Vec::new();
    let all = [(Attribute::MessageType, kind.to_be_bytes().to_vec())];
    let all = all
        .into_iter()
        .chain(attributes.into_iter().map(|one| (one, sample(one))));
    for (attribute, value) in all {
        put(&mut out, true, attribute.into(), &value);
    }
    out
}

/// Reads and writes a message of either version: the kind, the octets written, what was ignored.
fn through(
    version: Version,
    avps: &[u8],
    quirks: Quirks,
) -> Result<(Option<MessageKind>, Vec<u8>, Ignored), MessageError> {
    let mut out = Vec::new();
    match version {
        Version::V2 => {
            let read = v2::Message::decode(avps, quirks)?;
            read.message
                .encode(&mut out)
                .expect("what was read can be written");
            Ok((read.message.kind(), out, read.ignored))
        }
        Version::V3 => {
            let read = v3::Message::decode(avps, quirks)?;
            read.message
                .encode(&mut out)
                .expect("what was read can be written");
            Ok((read.message.kind(), out, read.ignored))
        }
    }
}

fn table(version: Version, kind: MessageKind) -> &'static [(Attribute, Presence)] {
    match version {
        Version::V2 => v2::Message::avps(kind),
        Version::V3 => v3::Message::avps(kind),
    }
}

/// Every kind of message of both versions.
fn kinds() -> impl Iterator<Item = (Version, MessageKind)> {
    let v2 = MessageKind::ALL.iter().map(|kind| (Version::V2, *kind));
    let v3 = MessageKind::ALL.iter().map(|kind| (Version::V3, *kind));
    v2.filter(|(_, kind)| *kind != MessageKind::Ack).chain(v3)
}

#[test]
fn each_message_is_written_as_it_was_read() {
    for (version, kind) in kinds() {
        let full = message(
            kind.number(),
            table(version, kind).iter().map(|(one, _)| *one),
        );
        let (read, written, ignored) = through(version, &full, Quirks::default()).unwrap();
        assert_eq!((read, ignored.count), (Some(kind), 0), "{version:?} {kind}");
        let (left, right) = (walk(&full), walk(&written));
        for (left, right) in left.map(Result::unwrap).zip(right.map(Result::unwrap)) {
            assert_eq!(
                (left.name(), left.value),
                (right.name(), right.value),
                "{kind}"
            );
        }
        assert_eq!(full.len(), written.len(), "{version:?} {kind}");
    }
}

#[test]
fn each_mandatory_avp_is_missed() {
    let mut missed = 0;
    for (version, kind) in kinds() {
        let all = table(version, kind);
        for (attribute, presence) in all {
            let others = all
                .iter()
                .map(|(one, _)| *one)
                .filter(|one| one != attribute);
            let read = through(version, &message(kind.number(), others), Quirks::default());
            let attribute = *attribute;
            match presence {
                Presence::Optional => assert!(read.is_ok(), "{version:?} {kind} {attribute}"),
                Presence::Mandatory => {
                    let error = read.expect_err("a mandatory AVP is missing");
                    assert_eq!(error, MessageError::Missing { kind, attribute });
                    missed += 1;
                }
            }
        }
    }
    // 29 in RFC 2661 §6, 39 in RFC 3931 §6, the Message Types not counted.
    assert_eq!(missed, 68);
}

#[test]
fn an_unknown_avp_is_decided_by_its_m_bit() {
    for (version, kind) in kinds() {
        let full = message(
            kind.number(),
            table(version, kind).iter().map(|(one, _)| *one),
        );
        for avp in [
            AvpName {
                vendor: 0,
                attribute: 999,
            },
            AvpName {
                vendor: 9,
                attribute: 1,
            },
            AvpName {
                vendor: 4711,
                attribute: 7,
            },
        ] {
            let mut with = full.clone();
            put(&mut with, false, avp, b"x");
            let (_, written, ignored) = through(version, &with, Quirks::default()).unwrap();
            assert_eq!(written.len(), full.len());
            assert_eq!(ignored.first, Some((avp, Oddity::Unrecognized)));

            let mut with = full.clone();
            put(&mut with, true, avp, b"x");
            let error = through(version, &with, Quirks::default()).unwrap_err();
            let oddity = Oddity::Unrecognized;
            assert_eq!(error, MessageError::Unusable { kind, avp, oddity });
            assert_eq!(error.error_code(), ErrorCode::UNKNOWN_AVP);
            let consequence = match kind.scope() {
                Scope::Tunnel => Consequence::EndTunnel,
                Scope::Session => Consequence::EndSession,
            };
            assert_eq!(error.consequence(), consequence);
        }
    }
}

#[test]
fn a_malformed_avp_is_decided_by_its_m_bit() {
    let base = message(6, []);
    let avp = AvpName::from(Attribute::ReceiveWindowSize);
    let mut with = base.clone();
    put(&mut with, false, avp, b"x");
    let (_, _, ignored) = through(Version::V2, &with, Quirks::default()).unwrap();
    let oddity = Oddity::Malformed(Fault::Length);
    assert_eq!(ignored.first, Some((avp, oddity)));
    let mut with = base;
    put(&mut with, true, avp, b"x");
    let error = through(Version::V2, &with, Quirks::default()).unwrap_err();
    assert_eq!(error.error_code(), ErrorCode::LENGTH);
    assert_eq!(
        error.to_string(),
        "HELLO: Receive Window Size (AVP 10) has a wrong length"
    );
}

#[test]
fn a_reserved_bit_makes_an_avp_unknown_in_version_2_alone() {
    let mut with = message(6, [Attribute::VendorName]);
    with[8] = 0x84;
    let error = through(Version::V2, &with, Quirks::default()).unwrap_err();
    assert_eq!(error.error_code(), ErrorCode::UNKNOWN_AVP);
    let (_, _, ignored) = through(Version::V3, &with, Quirks::default()).unwrap();
    assert!(
        matches!(ignored.first, Some((_, Oddity::Misplaced))),
        "{ignored:?}"
    );
}

#[test]
fn a_hidden_avp_that_nobody_revealed_is_decided_by_its_m_bit() {
    let mut with = message(6, [Attribute::VendorName]);
    with[8] = 0xc0;
    let error = through(Version::V2, &with, Quirks::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "HELLO: Vendor Name (AVP 8) is hidden and cannot be revealed"
    );
    with[8] = 0x40;
    let (_, _, ignored) = through(Version::V2, &with, Quirks::default()).unwrap();
    assert_eq!(ignored.count, 1);
}

#[test]
fn the_first_of_two_counts() {
    let mut with = message(3, []);
    let avp = AvpName::from(Attribute::ChallengeResponse);
    put(&mut with, true, avp, &[1; 16]);
    put(&mut with, true, avp, &[2; 16]);
    let read = v2::Message::decode(&with, Quirks::default()).unwrap();
    let expected = v2::Scccn {
        challenge_response: Some([1; 16]),
    };
    assert_eq!(read.message, v2::Message::Scccn(expected));
    assert_eq!(read.ignored.first, Some((avp, Oddity::Repeated)));
}

#[test]
fn an_unknown_message_is_decided_by_its_m_bit() {
    for (m, consequence) in [(true, Consequence::EndTunnel), (false, Consequence::Ignore)] {
        for vendor in [0, 9] {
            let kind = if vendor == 0 { 17 } else { 1 };
            let mut avps = Vec::new();
            put(
                &mut avps,
                m,
                AvpName {
                    vendor,
                    attribute: 0,
                },
                &[0, kind],
            );
            for version in [Version::V2, Version::V3] {
                let error = through(version, &avps, Quirks::default()).unwrap_err();
                assert_eq!(error.consequence(), consequence, "{error}");
                assert_eq!(error.kind(), None);
            }
        }
    }
    // The acknowledgement that version 3 brought.
    let avps = message(20, []);
    let error = through(Version::V2, &avps, Quirks::default()).unwrap_err();
    assert_eq!(error.to_string(), "message type 20 is not known");
    assert!(through(Version::V3, &avps, Quirks::default()).is_ok());
}

#[test]
fn the_message_type_comes_first_and_in_clear() {
    let mut late = message(6, []);
    let mut other = Vec::new();
    put(&mut other, false, Attribute::VendorName.into(), b"x");
    late.splice(0..0, other);
    let mut hidden = message(6, []);
    hidden[0] |= 0x40;
    let mut long = Vec::new();
    put(&mut long, true, Attribute::MessageType.into(), &[0, 6, 0]);
    for avps in [&late[..], &hidden, &long, &[0x80, 8, 0]] {
        assert_eq!(message_kind(avps), Err(MessageError::NoMessageType));
    }
    assert_eq!(message_kind(&[]), Ok(None));
    assert_eq!(
        through(Version::V2, &[], Quirks::default()).unwrap().0,
        None
    );
}

#[test]
fn cisco_drafts_are_read_where_wanted() {
    let mut avps = message(10, [Attribute::CallSerialNumber]);
    for (attribute, value) in [
        (3, &[0, 0, 0, 7][..]),
        (4, &[0; 4]),
        (5, &[1, 2, 3, 4]),
        (6, b"circuit 1"),
        (7, &[0, 5]),
        (8, &[0, 1]),
    ] {
        put(
            &mut avps,
            true,
            AvpName {
                vendor: CISCO,
                attribute,
            },
            value,
        );
    }
    let quirks = Quirks {
        cisco_draft_avps: true,
    };
    let read = v3::Message::decode(&avps, quirks).unwrap();
    let v3::Message::Icrq(icrq) = read.message else {
        panic!("{read:?}")
    };
    assert_eq!(icrq.remote_end, b"circuit 1");
    assert_eq!(icrq.pw_type, PwType::ETHERNET);
    assert_eq!(icrq.cookie, Some(Cookie::new(&[1, 2, 3, 4]).unwrap()));
    assert!(v3::Message::decode(&avps, Quirks::default()).is_err());
}

/// RFC 3931 §4.7.3: one message that both versions read.
#[test]
fn an_sccrq_of_version_2_offers_version_3() {
    let v2_only = message(
        1,
        table(Version::V2, MessageKind::Sccrq)
            .iter()
            .map(|(one, _)| *one),
    );
    assert_eq!(v3::Sccrq::offered(&v2_only, Quirks::default()), Ok(None));
    let offer = message(
        1,
        table(Version::V3, MessageKind::Sccrq)
            .iter()
            .map(|(one, _)| *one),
    );
    let offer = v3::Message::decode(&offer, Quirks::default()).unwrap();
    let v3::Message::Sccrq(offer) = offer.message else {
        panic!("{offer:?}")
    };

    let mut both = v2_only.clone();
    offer.encode_offer(&mut both).unwrap();
    let as_v2 = v2::Message::decode(&both, Quirks::default()).unwrap();
    assert_eq!(
        as_v2.message,
        v2::Message::decode(&v2_only, Quirks::default())
            .unwrap()
            .message
    );
    let added = walk(&both[v2_only.len()..]).map(Result::unwrap);
    assert_eq!(added.filter(|avp| avp.mandatory).count(), 0);
    let read = v3::Sccrq::offered(&both, Quirks::default())
        .unwrap()
        .unwrap();
    assert_eq!(read.message, offer);
}

proptest! {
    /// AVPs of any kind and value behind any Message Type: what is read is written and read again
    /// to the same.
    #[test]
    fn what_is_read_survives(
        kind in 1..21u16,
        avps in vec((any::<bool>(), 0..76u16, 0..2u16, vec(any::<u8>(), 0..12)), 0..12),
        cisco_draft_avps: bool,
    ) {
        let mut octets = message(kind, []);
        for (mandatory, attribute, vendor, value) in avps {
            put(&mut octets, mandatory, AvpName { vendor: vendor * 9, attribute }, &value);
        }
        let quirks = Quirks { cisco_draft_avps };
        for version in [Version::V2, Version::V3] {
            if let Ok((kind, written, _)) = through(version, &octets, quirks) {
                let again = through(version, &written, quirks).unwrap();
                prop_assert_eq!(again, (kind, written, Ignored::default()));
            }
        }
    }

    /// The same with what is mandatory always there.
    #[test]
    fn what_is_complete_survives(
        which in 0..29usize,
        avps in vec((0..76u16, vec(any::<u8>(), 0..12)), 0..12),
    ) {
        let (version, kind) = kinds().nth(which).unwrap();
        let mut octets = message(kind.number(), table(version, kind).iter().map(|(one, _)| *one));
        for (attribute, value) in avps {
            put(&mut octets, false, AvpName { vendor: 0, attribute }, &value);
        }
        let (read, written, _) = through(version, &octets, Quirks::default()).unwrap();
        prop_assert_eq!(read, Some(kind));
        let again = through(version, &written, Quirks::default()).unwrap();
        prop_assert_eq!(again, (read, written, Ignored::default()));
    }

    #[test]
    fn no_octets_panic(octets: Vec<u8>) {
        for version in [Version::V2, Version::V3] {
            let _ = through(version, &octets, Quirks::default());
        }
        let _ = v3::Sccrq::offered(&octets, Quirks::default());
    }
}
