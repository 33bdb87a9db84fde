//! Message digests. The octets were computed from RFC 3931's formulas by other code.

use super::{hex, keys};
use crate::Random;
use crate::l2tp::auth::{Checked, Cover, DigestError, Keys, Nonces, check, cover, nonce, seal};
use adit_wire::l2tp::avp::DigestType;
use adit_wire::l2tp::control::{Quirks, v3};
use adit_wire::l2tp::{TunnelId, UdpMessage, V3ControlHeader, Version};
use proptest::prelude::*;

const SECRET: &[u8] = b"tunnel secret";

/// A HELLO with Ns 5 and Nr 6 from who chose the nonce aa.. to who chose bb.., with HMAC-MD5.
const HELLO: &str =
    "c803002b0102030400050006800800000000000680170000003b00a1edc0b5f75a72a2c65cd20aae1ed915";

/// The same with HMAC-SHA-1, and HMAC-MD5 behind it.
const HELLO_TWICE: &str = "c803004601020304000500068008000000000006\
    801b0000003b0162117a85137df8cea2d6d709931324736aac8986\
    80170000003b009a60d7b2095bf9a09e83f4c583562116";

/// An SCCRQ with the nonce aa...
const SCCRQ: &str = "c803006b00000000000000008008000000000001\
    80170000003b000d47f26f4ecc2cc661e82793ed688084\
    800c000000076c6363652d61800a0000003c0a000001800a0000003d00001001800a0000003e00050007\
    801600000049aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The HELLO with the empty secret.
const INTACT: &str =
    "c803002b0102030400050006800800000000000680170000003b00e2a33ed3a82469079b96831971e13cf4";

const A: &[u8] = &[0xaa; 16];
const B: &[u8] = &[0xbb; 16];

/// The nonces as the one who chose bb.. sees them.
const AT_B: Nonces<'_> = Nonces {
    local: B,
    remote: A,
};
const AT_A: Nonces<'_> = Nonces {
    local: A,
    remote: B,
};

#[test]
fn digests_are_right_with_their_secret_alone() {
    let right = [keys(SECRET)];
    for message in [HELLO, HELLO_TWICE, SCCRQ].map(hex) {
        assert_eq!(check(&message, &right, AT_B), Ok(Checked::Authentic(0)));
        assert_eq!(
            check(&message, &[keys(b"other")], AT_B),
            Err(DigestError::Wrong)
        );
        assert_eq!(check(&message, &[], AT_B), Err(DigestError::Wrong));
    }
}

#[test]
fn nonces_tell_connections_and_directions_apart() {
    let right = [keys(SECRET)];
    for message in [HELLO, HELLO_TWICE].map(hex) {
        for nonces in [
            AT_A,
            Nonces::default(),
            Nonces {
                local: A,
                remote: A,
            },
        ] {
            assert_eq!(check(&message, &right, nonces), Err(DigestError::Wrong));
        }
    }
    // An SCCRQ has its nonce inside.
    assert_eq!(
        check(&hex(SCCRQ), &right, Nonces::default()),
        Ok(Checked::Authentic(0))
    );
    assert_eq!(nonce(&hex(SCCRQ)[12..]), Some(A));
    assert_eq!(nonce(&hex(HELLO)[12..]), None);
}

#[test]
fn either_of_two_secrets_will_do() {
    let two = [keys(b"new secret"), keys(SECRET)];
    assert_eq!(check(&hex(HELLO), &two, AT_B), Ok(Checked::Authentic(1)));
}

/// RFC 3931 §5.4.1: a message is accepted if either digest is valid.
#[test]
fn either_of_two_digests_will_do() {
    let right = [keys(SECRET)];
    let mut message = hex(HELLO_TWICE);
    message[30] ^= 1;
    assert_eq!(check(&message, &right, AT_B), Ok(Checked::Authentic(0)));
    message[60] ^= 1;
    assert_eq!(check(&message, &right, AT_B), Err(DigestError::Wrong));
}

#[test]
fn any_changed_octet_is_noticed() {
    let right = [keys(SECRET)];
    let message = hex(SCCRQ);
    for at in 0..message.len() {
        let mut changed = message.clone();
        changed[at] ^= 0x40;
        let checked = check(&changed, &right, AT_B);
        assert!(
            !matches!(checked, Ok(Checked::Authentic(_))),
            "octet {at}: {checked:?}"
        );
    }
}

#[test]
fn what_lies_beyond_the_length_does_not_count() {
    let mut message = hex(HELLO);
    message.extend([0; 9]);
    assert_eq!(
        check(&message, &[keys(SECRET)], AT_B),
        Ok(Checked::Authentic(0))
    );
    message.truncate(40);
    assert_eq!(
        check(&message, &[keys(SECRET)], AT_B),
        Err(DigestError::Malformed)
    );
}

#[test]
fn the_empty_secret_shows_damage_only() {
    let mut message = hex(INTACT);
    assert_eq!(check(&message, &[], AT_B), Ok(Checked::Intact));
    assert_eq!(
        check(&message, &[keys(SECRET)], AT_B),
        Err(DigestError::Wrong)
    );
    message[9] ^= 1;
    assert_eq!(check(&message, &[], AT_B), Err(DigestError::Wrong));
}

#[test]
fn a_digest_elsewhere_is_none() {
    let right = [keys(SECRET)];
    // A zero-length body, and a HELLO with a Vendor Name before the digest.
    let zlb = hex("c803000c0102030400050006");
    assert_eq!(check(&zlb, &right, AT_B), Ok(Checked::Absent));
    let mut late = hex(HELLO);
    late.splice(20..20, hex("00070000000861"));
    late[3] += 7;
    assert_eq!(check(&late, &right, AT_B), Ok(Checked::Absent));
}

#[test]
fn a_digest_of_no_known_form_is_malformed() {
    for (at, octet) in [(26, 9), (21, 0x16)] {
        let mut message = hex(HELLO);
        message[at] = octet;
        let checked = check(&message, &[keys(SECRET)], AT_B);
        assert_eq!(checked, Err(DigestError::Malformed), "octet {at}");
    }
}

/// The two places of RFC 3931 §5.4.1 number the types from 0 and from 1; both are understood.
#[test]
fn types_count_from_0_or_from_1() {
    let mut message = hex(HELLO);
    message[26] = 1;
    // The number is part of what the digest covers.
    assert_eq!(
        check(&message, &[keys(SECRET)], AT_B),
        Err(DigestError::Wrong)
    );
    seal(&mut message, &[keys(SECRET)], AT_A).unwrap();
    assert_eq!(message[26], 1);
    assert_eq!(
        check(&message, &[keys(SECRET)], AT_B),
        Ok(Checked::Authentic(0))
    );
}

/// Covers and seals a HELLO as it would leave.
fn sealed(digests: &[DigestType], keys: &[Keys], nr: u16) -> Vec<u8> {
    let mut avps = Vec::new();
    v3::Message::Hello(v3::Hello {}).encode(&mut avps).unwrap();
    let how = Cover {
        version: Version::V3,
        hide: None,
        digests,
    };
    let mut body = Vec::new();
    cover(&avps, how, &mut Random::new([0; 32]), &mut body).unwrap();
    let header = V3ControlHeader {
        connection: TunnelId(0x0102_0304),
        ns: 5,
        nr,
    };
    let mut message = vec![0; 12 + body.len()];
    let written = UdpMessage::V3Control {
        header,
        avps: &body,
    }
    .encode(&mut message);
    assert_eq!(written, Ok(message.len()));
    seal(&mut message, keys, AT_A).unwrap();
    message
}

#[test]
fn a_message_is_sealed_as_the_rfc_says() {
    let keys = [keys(SECRET)];
    assert_eq!(sealed(&[DigestType::HmacMd5], &keys, 6), hex(HELLO));
    let both = [DigestType::HmacSha1, DigestType::HmacMd5];
    assert_eq!(sealed(&both, &keys, 6), hex(HELLO_TWICE));
    // Without room for a digest there is none.
    assert_eq!(sealed(&[], &keys, 6).len(), 20);
}

#[test]
fn a_retransmission_is_sealed_anew() {
    let keys = [keys(SECRET)];
    let mut message = sealed(&[DigestType::HmacMd5], &keys, 6);
    message[11] = 7;
    assert_eq!(check(&message, &keys, AT_B), Err(DigestError::Wrong));
    seal(&mut message, &keys, AT_A).unwrap();
    assert_eq!(check(&message, &keys, AT_B), Ok(Checked::Authentic(0)));
}

#[test]
fn each_digest_has_its_secret_while_secrets_change() {
    let (old, new) = (keys(b"old"), keys(b"new"));
    let both = [DigestType::HmacMd5, DigestType::HmacMd5];
    let message = sealed(&both, &[new.clone(), old.clone()], 6);
    for one in [old, new] {
        assert_eq!(check(&message, &[one], AT_B), Ok(Checked::Authentic(0)));
    }
    let message = sealed(&[DigestType::HmacMd5], &[], 6);
    assert_eq!(message, hex(INTACT));
    let read = v3::Message::decode(&message[12..], Quirks::default()).unwrap();
    assert_eq!(
        (read.message, read.ignored.count),
        (v3::Message::Hello(v3::Hello {}), 0)
    );
}

proptest! {
    #[test]
    fn no_octets_panic(mut octets: Vec<u8>, whole: bool) {
        if whole {
            octets.splice(0..0, hex(HELLO));
            octets[3] = octets.len() as u8;
        }
        let _ = check(&octets, &[keys(SECRET)], AT_B);
        let _ = seal(&mut octets, &[keys(SECRET)], AT_A);
    }
}
