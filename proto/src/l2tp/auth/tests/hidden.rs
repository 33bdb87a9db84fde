//! Hidden AVPs and challenges. The octets were computed from the RFCs' formulas by other code.

use super::{hex, keys};
use crate::Random;
use crate::l2tp::auth::{Cover, CoverError, cover, respond, response_is_right, reveal};
use adit_wire::l2tp::avp::{Attribute, Avp, AvpName, AvpWriter, RawAvp, walk, write_raw};
use adit_wire::l2tp::control::{MessageKind, Quirks, v2};
use adit_wire::l2tp::{SessionId, Version};
use proptest::collection::vec;
use proptest::prelude::*;

const SECRET: &[u8] = b"tunnel secret";

/// A Random Vector of the octets 0 to 15, and an AVP behind it.
fn behind_vector(avp: &str) -> Vec<u8> {
    let mut octets = hex("801600000024000102030405060708090a0b0c0d0e0f");
    octets.extend(hex(avp));
    octets
}

fn all(octets: &[u8]) -> Vec<RawAvp<'_>> {
    let all: Result<_, _> = walk(octets).collect();
    all.expect("all are readable")
}

#[test]
fn values_of_version_2_are_revealed() {
    // A Called Number of 36 octets, over three blocks.
    let avps = behind_vector(
        "c02c0000001549a5c4abb4bb93392755869e4ce43c98310141ea9a88544b1eb98b8974c778007fdf26ec265c",
    );
    let mut scratch = Vec::new();
    let revealed = reveal(&avps, Version::V2, Some(&keys(SECRET)), &mut scratch);
    let called = all(revealed)[1];
    assert_eq!(called.value, b"0123456789abcdefghijklmnopqrstuvwxyz");
    assert!(called.mandatory && !called.hidden);
    // An Assigned Session ID with three octets of padding.
    let avps = behind_vector("c00d0000000e372cadd290acdc");
    let revealed = reveal(&avps, Version::V2, Some(&keys(SECRET)), &mut scratch);
    assert_eq!(all(revealed)[1].value, [0x12, 0x34]);
}

#[test]
fn values_of_version_3_are_revealed_with_the_derived_key() {
    let avps = behind_vector("c01200000042333cee71ca46068b01be0c3f");
    let mut scratch = Vec::new();
    let revealed = reveal(&avps, Version::V3, Some(&keys(SECRET)), &mut scratch);
    assert_eq!(all(revealed)[1].value, b"circuit 17");
}

#[test]
fn what_cannot_be_revealed_stays_hidden() {
    let hidden = "c00d0000000e372cadd290acdc";
    let avps = behind_vector(hidden);
    let mut scratch = Vec::new();
    assert_eq!(reveal(&avps, Version::V2, None, &mut scratch), avps);
    // Another secret gives an impossible length.
    let revealed = reveal(&avps, Version::V2, Some(&keys(b"x")), &mut scratch);
    assert_eq!(revealed, avps);
    // No random vector before it.
    let avps = hex(hidden);
    let revealed = reveal(&avps, Version::V2, Some(&keys(SECRET)), &mut scratch);
    assert_eq!(revealed, avps);
    // The Message Type must not be hidden, and a value without a length is none.
    for avp in ["c00800000000ffff", "c0070000000e37", "c0060000000e"] {
        let avps = behind_vector(avp);
        let revealed = reveal(&avps, Version::V2, Some(&keys(SECRET)), &mut scratch);
        assert_eq!(revealed, avps);
    }
}

#[test]
fn the_nearest_random_vector_counts() {
    let mut avps = hex("80080000002401ff");
    avps.extend(behind_vector("c00d0000000e372cadd290acdc"));
    avps.extend(hex("80080000002401ff"));
    let mut scratch = Vec::new();
    let revealed = reveal(&avps, Version::V2, Some(&keys(SECRET)), &mut scratch);
    assert_eq!(all(revealed)[2].value, [0x12, 0x34]);
}

#[test]
fn an_impossible_length_is_left_for_the_reader() {
    let mut avps = behind_vector("c00d0000000e372cadd290acdc");
    avps.extend([0x80, 3, 0, 0, 0, 9]);
    let mut scratch = Vec::new();
    let revealed = reveal(&avps, Version::V2, Some(&keys(SECRET)), &mut scratch);
    assert_eq!(revealed[revealed.len() - 6..], [0x80, 3, 0, 0, 0, 9]);
    assert!(walk(revealed).any(|avp| avp.is_err()));
}

fn hiding(keys: &crate::l2tp::auth::Keys) -> Cover<'_> {
    Cover {
        version: Version::V2,
        hide: Some(keys),
        digests: &[],
    }
}

#[test]
fn a_message_is_hidden_as_far_as_it_may_be() {
    let icrq = v2::Icrq {
        assigned_session: SessionId(0x1234),
        serial_number: 7,
        bearer_type: None,
        physical_channel: None,
        calling_number: Some(b"5551234"),
        called_number: Some(b""),
        sub_address: None,
        service_category: None,
        service_name: None,
        calling_sub_address: None,
        vpi_vci: None,
        diffserv: None,
    };
    let message = v2::Message::Icrq(icrq);
    let mut clear = Vec::new();
    message.encode(&mut clear).unwrap();
    let (keys, mut out) = (keys(SECRET), Vec::new());
    cover(&clear, hiding(&keys), &mut Random::new([1; 32]), &mut out).unwrap();

    let found: Vec<_> = all(&out)
        .iter()
        .map(|avp| (avp.attribute, avp.hidden))
        .collect();
    // Message Type, Random Vector, hidden values; an empty one has nothing to hide.
    assert_eq!(
        found,
        [
            (0, false),
            (36, false),
            (14, true),
            (15, true),
            (22, true),
            (21, false)
        ]
    );
    assert!(!out.windows(7).any(|octets| octets == b"5551234"));
    let refused = v2::Message::decode(&out, Quirks::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "ICRQ: Assigned Session ID (AVP 14) is hidden and cannot be revealed"
    );
    let mut scratch = Vec::new();
    let revealed = reveal(&out, Version::V2, Some(&keys), &mut scratch);
    let read = v2::Message::decode(revealed, Quirks::default()).unwrap();
    assert_eq!(read.message, message);
}

#[test]
fn what_is_too_long_to_hide_is_refused() {
    let mut avps = Vec::new();
    let mut writer = AvpWriter::new(&mut avps, Version::V2);
    writer.put(Avp::MessageType(12)).unwrap();
    writer.put(Avp::ProxyAuthenResponse(&[1; 1015])).unwrap();
    let (keys, mut out) = (keys(SECRET), Vec::new());
    let mut random = Random::new([2; 32]);
    assert_eq!(cover(&avps, hiding(&keys), &mut random, &mut out), Ok(()));
    let mut writer = AvpWriter::new(&mut avps, Version::V2);
    writer.put(Avp::ProxyAuthenName(&[1; 1016])).unwrap();
    let before = out.clone();
    let refused = cover(&avps, hiding(&keys), &mut random, &mut out);
    let name = Attribute::ProxyAuthenName.into();
    assert_eq!(refused, Err(CoverError::TooLong(name)));
    assert_eq!(out, before);
}

#[test]
fn what_is_no_message_is_not_covered() {
    let (keys, mut random) = (keys(SECRET), Random::new([2; 32]));
    let mut out = Vec::new();
    for avps in ["8008000000070041", "8008000000000001800500", "80"] {
        let refused = cover(&hex(avps), hiding(&keys), &mut random, &mut out);
        assert_eq!(refused, Err(CoverError::NotAMessage));
    }
    assert_eq!(cover(&[], hiding(&keys), &mut random, &mut out), Ok(()));
    assert!(out.is_empty());
}

#[test]
fn a_challenge_is_answered_as_chap_does() {
    let challenge: Vec<u8> = (0..16).collect();
    let keys = keys(SECRET);
    let in_sccrp = respond(MessageKind::Sccrp, &keys, &challenge);
    let in_scccn = respond(MessageKind::Scccn, &keys, &challenge);
    assert_eq!(in_sccrp[..], hex("6cabe3a6fd5b808fff268d6fecee6c84"));
    assert_eq!(in_scccn[..], hex("cf97f8a2d782ba6041053491d8973eae"));
    // A response is worth nothing in the other message, nor with another challenge.
    assert!(response_is_right(
        MessageKind::Sccrp,
        &keys,
        &challenge,
        &in_sccrp
    ));
    assert!(!response_is_right(
        MessageKind::Sccrp,
        &keys,
        &challenge,
        &in_scccn
    ));
    assert!(!response_is_right(
        MessageKind::Sccrp,
        &keys,
        &challenge[1..],
        &in_sccrp
    ));
}

proptest! {
    #[test]
    fn what_is_hidden_is_revealed(
        version in prop_oneof![Just(Version::V2), Just(Version::V3)],
        values in vec(vec(any::<u8>(), 1..70), 0..6),
        secret in vec(any::<u8>(), 0..80),
        seed: [u8; 32],
    ) {
        let mut clear = hex("800800000000000a");
        for (value, attribute) in values.iter().zip([21u16, 22, 23, 37, 30, 33]) {
            let name = AvpName { vendor: 0, attribute };
            prop_assert!(write_raw(&mut clear, true, false, name, value));
        }
        let keys = keys(&secret);
        let how = Cover { version, ..hiding(&keys) };
        let (mut out, mut scratch) = (Vec::new(), Vec::new());
        cover(&clear, how, &mut Random::new(seed), &mut out).unwrap();
        let mut revealed = reveal(&out, version, Some(&keys), &mut scratch).to_vec();
        if !values.is_empty() {
            // The Random Vector stays.
            revealed.drain(8..30);
        }
        prop_assert_eq!(revealed, clear);
    }

    #[test]
    fn no_octets_panic(mut octets: Vec<u8>, vector: bool) {
        if vector {
            octets.splice(0..0, behind_vector(""));
        }
        let mut scratch = Vec::new();
        for version in [Version::V2, Version::V3] {
            let revealed = reveal(&octets, version, Some(&keys(SECRET)), &mut scratch);
            prop_assert!(revealed.len() <= octets.len());
        }
    }
}

/// Captured of l2tpns, and of xl2tpd on both sides.
#[test]
fn other_implementations_answer_challenges_alike() {
    use MessageKind::{Scccn, Sccrp};
    for (carrier, secret, challenge, response) in [
        (
            Sccrp,
            "wiresecret",
            "c3600996560b124d18a9c21de67fb925",
            "d1129e3146e2e49c226a3feb78a86d3e",
        ),
        (
            Sccrp,
            "wiresecret *",
            "8fd6b676796b33e983b658a6ecbb81c0",
            "10a9dfb3ed60d7e22b3139b74bb52b2f",
        ),
        (
            Scccn,
            "wiresecret *",
            "699b38c6fcbcbcc3e3b7d14dd1ba9d8a",
            "e89bec3eaef485ea18a3f3ed429d0670",
        ),
    ] {
        let answer = respond(carrier, &keys(secret.as_bytes()), &hex(challenge));
        assert_eq!(answer[..], hex(response));
    }
}
