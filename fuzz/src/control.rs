use adit_proto::Random;
use adit_proto::l2tp::auth::{Checked, Cover, Keys, Nonces, check, cover, reveal, seal};
use adit_proto::l2tp::config::Secret;
use adit_wire::l2tp::Version;
use adit_wire::l2tp::avp::{Attribute, Avp, AvpName, AvpWriter, has_hidden, walk};
use adit_wire::l2tp::control::{Ignored, Quirks, message_kind, v2, v3};

/// AVPs: those that are recognized are read, written in as many octets, and read to the same.
pub fn l2tp_avps(data: &[u8]) {
    let mut taken = 0;
    for raw in walk(data).map_while(Result::ok) {
        taken += 6 + raw.value.len();
        let Some(attribute) = Attribute::from_name_or_draft(raw.name()) else {
            continue;
        };
        let Ok(avp) = Avp::read(attribute, raw.value) else {
            continue;
        };
        assert_eq!(avp.attribute(), attribute);
        let mut written = Vec::new();
        let mut writer = AvpWriter::new(&mut written, Version::V3);
        writer.put(avp).expect("it was read");
        assert_eq!(written.len(), 6 + raw.value.len());
        assert_eq!(Avp::read(attribute, &written[6..]), Ok(avp));
    }
    assert!(taken <= data.len());
}

/// The AVPs of a v2 message: what is read is written and read again to the same, with nothing left
/// to ignore.
pub fn l2tp_v2_message(data: &[u8]) {
    for cisco_draft_avps in [false, true] {
        let quirks = Quirks { cisco_draft_avps };
        match v2::Message::decode(data, quirks) {
            Err(error) => super::one_line(&error.to_string()),
            Ok(read) => {
                let mut written = Vec::new();
                read.message.encode(&mut written).expect("it was read");
                let again = v2::Message::decode(&written, quirks).expect("it was written");
                assert_eq!(again.message, read.message);
                assert_eq!(again.ignored, Ignored::default());
            }
        }
    }
}

/// The AVPs of a v3 message: as [`l2tp_v2_message`].
pub fn l2tp_v3_message(data: &[u8]) {
    for cisco_draft_avps in [false, true] {
        let quirks = Quirks { cisco_draft_avps };
        match v3::Message::decode(data, quirks) {
            Err(error) => super::one_line(&error.to_string()),
            Ok(read) => {
                let mut written = Vec::new();
                read.message.encode(&mut written).expect("it was read");
                let again = v3::Message::decode(&written, quirks).expect("it was written");
                assert_eq!(again.message, read.message);
                assert_eq!(again.ignored, Ignored::default());
            }
        }
        if let Ok(Some(offer)) = v3::Sccrq::offered(data, quirks) {
            let mut written = Vec::new();
            let offered = offer.message.encode_offer(&mut written);
            offered.expect("it was read");
        }
    }
}

/// AVPs of which some are hidden: revealing never makes more of them, and what is hidden from clear
/// AVPs is revealed to the same.
pub fn l2tp_hidden_avps(data: &[u8]) {
    let keys = Keys::new(&Secret(b"secret".to_vec()));
    let mut scratch = Vec::new();
    for version in [Version::V2, Version::V3] {
        let clear = reveal(data, version, Some(&keys), &mut scratch).to_vec();
        assert!(clear.len() <= data.len());
        let hide = Cover {
            version,
            hide: Some(&keys),
            digests: &[],
        };
        let mut hidden = Vec::new();
        let mut random = Random::new([7; 32]);
        if has_hidden(&clear) || cover(&clear, hide, &mut random, &mut hidden).is_err() {
            continue;
        }
        let revealed = reveal(&hidden, version, Some(&keys), &mut scratch);
        assert_eq!(without_vectors(revealed), without_vectors(&clear));
    }
}

/// What the AVPs say, random vectors apart.
fn without_vectors(octets: &[u8]) -> Vec<(AvpName, bool, &[u8])> {
    let vector = AvpName::from(Attribute::RandomVector);
    let all = walk(octets).map(|avp| avp.expect("it was covered"));
    let others = all.filter(|avp| avp.name() != vector);
    others
        .map(|avp| (avp.name(), avp.mandatory, avp.value))
        .collect()
}

/// A v3 control message: its digests are judged without harm, and made anew they are right.
pub fn l2tp_digests(data: &[u8]) {
    let keys = [Keys::new(&Secret(b"secret".to_vec()))];
    let (here, there) = (
        Nonces {
            local: b"a",
            remote: b"b",
        },
        Nonces {
            local: b"b",
            remote: b"a",
        },
    );
    let _ = check(data, &keys, there);
    let mut message = data.to_vec();
    // The Length field reaches as far as the message.
    if let Some(length) = message.get_mut(2..4) {
        length.copy_from_slice(&(data.len() as u16).to_be_bytes());
    }
    if data.len() > usize::from(u16::MAX) || seal(&mut message, &keys, here).is_err() {
        return;
    }
    let sealed = check(&message, &keys, there);
    assert!(
        matches!(sealed, Ok(Checked::Authentic(0) | Checked::Absent) | Err(_)),
        "{sealed:?}"
    );
    let avps = message.get(12..).unwrap_or_default();
    let second = walk(avps).nth(1).and_then(Result::ok);
    if message_kind(avps).is_ok_and(|kind| kind.is_some())
        && second.is_some_and(|avp| avp.name() == Attribute::MessageDigest.into())
    {
        assert_eq!(sealed, Ok(Checked::Authentic(0)));
    }
}
