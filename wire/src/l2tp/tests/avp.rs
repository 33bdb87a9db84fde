use crate::l2tp::avp::*;
use crate::l2tp::{Cookie, SessionId, TunnelId, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use std::string::ToString;
use std::{format, vec::Vec};

/// The AVPs in `octets`, all of which must be readable.
fn all(octets: &[u8]) -> Vec<RawAvp<'_>> {
    walk(octets)
        .collect::<Result<_, _>>()
        .expect("all are readable")
}

#[test]
fn bits_vendor_attribute_and_value_are_read() {
    let octets = [
        0x80, 8, 0, 0, 0, 10, 0, 4, // M, Receive Window Size
        0x40, 7, 0, 9, 0, 1, 0xaa, // H, vendor 9
        0x04, 6, 0, 0, 0, 39, // a reserved bit, no value
    ];
    let read = all(&octets);
    let name = |avp: &RawAvp<'_>| (avp.vendor, avp.attribute);
    let bits = |avp: &RawAvp<'_>| (avp.mandatory, avp.hidden, avp.reserved);
    assert_eq!(
        read.iter().map(name).collect::<Vec<_>>(),
        [(0, 10), (9, 1), (0, 39)]
    );
    assert_eq!(bits(&read[0]), (true, false, false));
    assert_eq!(bits(&read[1]), (false, true, false));
    assert_eq!(bits(&read[2]), (false, false, true));
    assert_eq!(read[1].value, [0xaa]);
    assert!(has_hidden(&octets) && !has_hidden(&octets[..8]));
}

#[test]
fn a_length_that_lies_ends_the_walk() {
    for (octets, length) in [
        (&[0x80, 5, 0, 0, 0, 0, 0][..], 5), // less than its own header
        (&[0x80, 9, 0, 0, 0, 10, 0, 4], 9), // more than is left
        (&[0x83, 0xff, 0, 0, 0, 10, 0, 4], 1023),
        (&[0x80, 8, 0, 0, 0], 8), // cut in its header
        (&[0x80], 0),
    ] {
        let mut walk = walk(octets);
        let error = LengthError {
            offset: 0,
            length,
            left: octets.len(),
        };
        assert_eq!(walk.next(), Some(Err(error)));
        assert_eq!(walk.next(), None);
    }
}

#[test]
fn a_value_has_at_most_1017_octets() {
    let mut out = Vec::new();
    let mut writer = AvpWriter::new(&mut out, Version::V2);
    assert_eq!(writer.put(Avp::VendorName(&[0x61; MAX_VALUE])), Ok(()));
    let refused = writer.put(Avp::VendorName(&[0x61; MAX_VALUE + 1]));
    let error = refused.expect_err("it does not fit");
    assert_eq!(error.to_string(), "Vendor Name has a wrong length");
    assert_eq!(all(&out).len(), 1);
    assert_eq!(all(&out)[0].value.len(), MAX_VALUE);
}

#[test]
fn what_reading_refuses_is_not_written() {
    let mut out = Vec::new();
    for (avp, fault) in [
        (Avp::AssignedTunnelId(TunnelId(0)), Fault::Range),
        (Avp::AssignedTunnelId(TunnelId(0x1_0000)), Fault::Range),
        (Avp::AssignedSessionId(SessionId(0)), Fault::Range),
        (Avp::LocalSessionId(SessionId(0)), Fault::Range),
        (Avp::HostName(b""), Fault::Length),
        (Avp::PwCapabilities(PwTypes::new(&[])), Fault::Length),
        (
            Avp::AssignedCookie(Cookie::new(&[1; 5]).unwrap()),
            Fault::Length,
        ),
    ] {
        let written = AvpWriter::new(&mut out, Version::V3).put(avp);
        assert_eq!(written.map_err(|error| error.fault), Err(fault), "{avp:?}");
        assert!(out.is_empty());
    }
}

/// The M bits of RFC 2661 §4.4, and RFC 3931 §5.4's recommendation.
#[test]
fn m_bits_are_those_of_the_rfcs() {
    let clear = |version| -> Vec<_> {
        let all = Attribute::ALL.iter().filter(|one| one.number() < 40);
        all.filter(|one| !one.mandatory(version))
            .map(|one| one.number())
            .collect()
    };
    assert_eq!(
        clear(Version::V2),
        [5, 6, 8, 25, 26, 27, 28, 29, 30, 31, 32, 33, 37, 38]
    );
    let mandatory = |version| -> Vec<_> {
        let all = Attribute::ALL.iter().filter(|one| one.number() >= 40);
        all.filter(|one| one.mandatory(version))
            .map(|one| one.number())
            .collect()
    };
    assert_eq!(mandatory(Version::V2), []);
    assert_eq!(
        mandatory(Version::V3),
        [59, 60, 61, 62, 63, 64, 65, 66, 68, 69, 70, 71, 73]
    );
}

#[test]
fn numbers_and_names_lead_to_their_attribute() {
    for attribute in Attribute::ALL {
        assert_eq!(Attribute::from_name((*attribute).into()), Some(*attribute));
    }
    let draft = AvpName {
        vendor: CISCO,
        attribute: 1,
    };
    assert_eq!(Attribute::from_name(draft), None);
    assert_eq!(
        Attribute::from_name_or_draft(draft),
        Some(Attribute::AssignedControlConnectionId)
    );
    let unknown = AvpName {
        vendor: 0,
        attribute: 20,
    };
    assert_eq!(format!("{unknown}, {draft}"), "AVP 20, AVP 1 of vendor 9");
    assert_eq!(
        AvpName::from(Attribute::HostName).to_string(),
        "Host Name (AVP 7)"
    );
}

#[test]
fn a_reason_is_shown_in_one_line() {
    let text = "no \u{1b}[31mroom\nhere\u{fc}".as_bytes();
    let reason = Reason::stop(StopCode::GENERAL_ERROR).with(ErrorCode::NO_RESOURCES, text);
    assert_eq!(
        reason.as_stop().to_string(),
        "result 2 (general error), error 4 (insufficient resources for the moment): \
         no \\u{1b}[31mroom\\nhereü"
    );
    let reason = Reason::disconnect(DisconnectCode(77));
    assert_eq!(reason.as_disconnect().to_string(), "result 77");
    let reason = Reason::stop(StopCode::VERSION).with(ErrorCode(0x0100), b"\xff");
    assert_eq!(
        reason.as_stop().to_string(),
        "result 5 (the requester's protocol version is not supported), \
         the highest version supported is 256: \\xff"
    );
}

#[test]
fn a_circuit_is_active_only_without_faults() {
    assert!(CircuitStatus::UP.is_active());
    assert!(CircuitStatus(CircuitStatus::ACTIVE | CircuitStatus::STANDBY).is_active());
    assert!(!CircuitStatus(CircuitStatus::ACTIVE | 0x08).is_active());
    assert!(!CircuitStatus::DOWN.is_active());
    assert_eq!(CircuitStatus(0x0041).to_string(), "AS");
    assert_eq!(CircuitStatus(0xff80).to_string(), "-");
}

proptest! {
    /// Any octets are a value or not; if they are, they are written as they came, reserved ones
    /// apart, and read again to the same.
    #[test]
    fn a_value_survives(
        attribute in proptest::sample::select(Attribute::ALL),
        octets in vec(any::<u8>(), 0..30),
    ) {
        let Ok(avp) = Avp::read(attribute, &octets) else { return Ok(()) };
        let mut out = Vec::new();
        AvpWriter::new(&mut out, Version::V3).put(avp).unwrap();
        let raw = all(&out)[0];
        prop_assert_eq!(raw.name(), attribute.into());
        prop_assert_eq!(raw.value.len(), octets.len());
        prop_assert_eq!(Avp::read(attribute, raw.value), Ok(avp));
    }

    #[test]
    fn the_walk_ends_and_stays_inside(octets: Vec<u8>) {
        let taken: usize = walk(&octets).map_while(Result::ok).map(|avp| avp.value.len() + 6).sum();
        prop_assert!(taken <= octets.len());
        prop_assert!(walk(&octets).count() <= octets.len() / 6 + 1);
    }
}
