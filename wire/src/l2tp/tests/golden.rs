//! Messages written out by hand from the figures of the RFCs, read and written.

use crate::l2tp::*;
use std::string::ToString;

#[track_caller]
fn over_udp(bytes: &[u8], message: UdpMessage<'_>) {
    assert_eq!(UdpMessage::decode(bytes), Ok(message));
    let mut out = [0xff; 64];
    let n = message.encode(&mut out).unwrap();
    assert_eq!(&out[..n], bytes);
}

#[track_caller]
fn over_ip(bytes: &[u8], message: IpMessage<'_>) {
    assert_eq!(IpMessage::decode(bytes), Ok(message));
    let mut out = [0xff; 64];
    let n = message.encode(&mut out).unwrap();
    assert_eq!(&out[..n], bytes);
}

const V2_DATA: V2DataHeader = V2DataHeader {
    tunnel: TunnelId(0x1234),
    session: SessionId(0x5678),
    has_length: false,
    ns: None,
    offset: None,
    priority: false,
};

#[test]
fn v2_data_with_no_optional_field() {
    let bytes = [0x00, 0x02, 0x12, 0x34, 0x56, 0x78, 0xff, 0x03, 0xc0, 0x21];
    over_udp(
        &bytes,
        UdpMessage::V2Data {
            header: V2_DATA,
            payload: &[0xff, 0x03, 0xc0, 0x21],
        },
    );
}

#[test]
fn v2_data_with_sequence_number() {
    let bytes = [
        0x08, 0x02, 0x12, 0x34, 0x56, 0x78, 0xab, 0xcd, 0x00, 0x00, 0x99,
    ];
    let header = V2DataHeader {
        ns: Some(0xabcd),
        ..V2_DATA
    };
    over_udp(
        &bytes,
        UdpMessage::V2Data {
            header,
            payload: &[0x99],
        },
    );
}

#[test]
fn v2_data_with_every_optional_field() {
    let bytes = [
        0x4b, 0x02, 0x00, 0x12, // L, S, O, P; Length 18
        0x12, 0x34, 0x56, 0x78, // Tunnel ID, Session ID
        0x00, 0x07, 0x00, 0x00, // Ns, Nr
        0x00, 0x03, 0x00, 0x00, // Offset Size 3, Offset pad ...
        0x00, 0x99, // ... the last of it, and the payload
    ];
    let header = V2DataHeader {
        has_length: true,
        ns: Some(7),
        offset: Some(3),
        priority: true,
        ..V2_DATA
    };
    over_udp(
        &bytes,
        UdpMessage::V2Data {
            header,
            payload: &[0x99],
        },
    );
}

#[test]
fn v2_control() {
    let bytes = [
        0xc8, 0x02, 0x00, 0x14, // T, L, S; Length 20
        0x00, 0x00, 0x00, 0x00, // Tunnel ID, Session ID
        0x00, 0x01, 0x00, 0x02, // Ns, Nr
        0x80, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, // Message Type AVP: SCCRQ
    ];
    let header = V2ControlHeader {
        tunnel: TunnelId(0),
        session: SessionId(0),
        ns: 1,
        nr: 2,
    };
    over_udp(
        &bytes,
        UdpMessage::V2Control {
            header,
            avps: &bytes[12..],
        },
    );
}

#[test]
fn v3_control_over_udp_and_over_ip() {
    let bytes = [
        0x00, 0x00, 0x00, 0x00, // over IP only
        0xc8, 0x03, 0x00, 0x0c, // T, L, S; Length 12, the zero word not counted
        0x89, 0xab, 0xcd, 0xef, // Control Connection ID
        0x00, 0x01, 0x00, 0x02, // Ns, Nr
    ];
    let header = V3ControlHeader {
        connection: TunnelId(0x89ab_cdef),
        ns: 1,
        nr: 2,
    };
    over_udp(&bytes[4..], UdpMessage::V3Control { header, avps: &[] });
    over_ip(&bytes, IpMessage::Control { header, avps: &[] });
}

#[test]
fn v3_data_over_udp_and_over_ip() {
    let bytes = [
        0x00, 0x03, 0x00, 0x00, // over UDP only
        0x89, 0xab, 0xcd, 0xef, // Session ID
        0x01, 0x02, 0x03, 0x04, // Cookie
        0x40, 0x00, 0x00, 0x05, // sublayer: S, Sequence Number 5
        0x99,
    ];
    let session = SessionId(0x89ab_cdef);
    over_udp(
        &bytes,
        UdpMessage::V3Data {
            session,
            rest: &bytes[8..],
        },
    );
    over_ip(
        &bytes[4..],
        IpMessage::Data {
            session,
            rest: &bytes[8..],
        },
    );

    let cookie = Cookie::new(&[1, 2, 3, 4]).unwrap();
    let sequence = Some(Sequence(5));
    let data = V3Data {
        sequence,
        payload: &[0x99],
    };
    assert_eq!(split_v3(&bytes[8..], &cookie, Sublayer::Default), Ok(data));
    let mut out = [0xff; 20];
    let n = write_v3(
        &mut out,
        true,
        session,
        &cookie,
        Sublayer::Default,
        sequence,
    )
    .unwrap();
    assert_eq!(out[..n], bytes[..16]);
}

#[test]
fn what_lies_beyond_the_length_is_ignored() {
    let bytes = [0x40, 0x02, 0x00, 0x09, 0, 1, 0, 2, 0x99, 0xee, 0xee];
    let message = UdpMessage::decode(&bytes).unwrap();
    assert!(
        matches!(
            message,
            UdpMessage::V2Data {
                payload: [0x99],
                ..
            }
        ),
        "{message:?}"
    );
    let bytes = [0xc8, 0x03, 0x00, 0x0c, 0, 0, 0, 1, 0, 0, 0, 0, 0xee];
    let message = UdpMessage::decode(&bytes).unwrap();
    assert!(
        matches!(message, UdpMessage::V3Control { avps: [], .. }),
        "{message:?}"
    );
}

#[test]
fn a_refusal_names_the_field() {
    use HeaderError::*;
    let cases: [(&[u8], HeaderError, &str); 13] = [
        (&[0], Truncated(Field::Flags), "flags"),
        (&[0, 1], UnknownVersion(1), "Ver 1"),
        (&[0xc8, 4], UnknownVersion(4), "Ver 4"),
        (&[0, 2, 0], Truncated(Field::TunnelId), "Tunnel ID"),
        (&[0, 2, 0, 1, 0], Truncated(Field::SessionId), "Session ID"),
        (&[8, 2, 0, 1, 0, 2, 0], Truncated(Field::Ns), "Ns"),
        (&[8, 2, 0, 1, 0, 2, 0, 1, 0], Truncated(Field::Nr), "Nr"),
        (
            &[2, 2, 0, 1, 0, 2, 0],
            Truncated(Field::OffsetSize),
            "Offset Size",
        ),
        (
            &[2, 2, 0, 1, 0, 2, 0, 2, 0],
            Truncated(Field::OffsetPad),
            "Offset pad",
        ),
        (
            &[0x40, 2, 0, 3, 0, 0],
            Length {
                length: 3,
                available: 6,
            },
            "Length 3",
        ),
        (
            &[0x40, 2, 0, 9, 0, 1, 0, 2],
            Length {
                length: 9,
                available: 8,
            },
            "Length 9",
        ),
        (
            &[0x40, 2, 0, 6, 0, 1, 0, 2],
            Truncated(Field::SessionId),
            "Session ID",
        ),
        (
            &[0, 3, 0, 0, 0, 0, 0],
            Truncated(Field::SessionId),
            "Session ID",
        ),
    ];
    for (bytes, error, name) in cases {
        assert_eq!(UdpMessage::decode(bytes), Err(error), "{bytes:02x?}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_control_message_has_fixed_bits() {
    let rest = [0, 12, 0, 0, 0, 1, 0, 0, 0, 0];
    for (first, version, bit) in [
        (0x88, 2, Bit::L),
        (0xc0, 2, Bit::S),
        (0xca, 2, Bit::O),
        (0x88, 3, Bit::L),
        (0xc0, 3, Bit::S),
    ] {
        let bytes = [&[first, version][..], &rest].concat();
        assert_eq!(
            UdpMessage::decode(&bytes),
            Err(HeaderError::ControlBit(bit))
        );
    }
    let data_behind_zero_word = [&[0, 0, 0, 0, 0x48, 3][..], &rest].concat();
    let refused = Err(HeaderError::ControlBit(Bit::T));
    assert_eq!(IpMessage::decode(&data_behind_zero_word), refused);
    let version_2_over_ip = [&[0, 0, 0, 0, 0xc8, 2][..], &rest].concat();
    assert_eq!(
        IpMessage::decode(&version_2_over_ip),
        Err(HeaderError::UnknownVersion(2))
    );
}
