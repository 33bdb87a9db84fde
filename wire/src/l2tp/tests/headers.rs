use crate::l2tp::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::{vec, vec::Vec};

fn v2_data_headers() -> impl Strategy<Value = V2DataHeader> {
    let offset = option::of(prop_oneof![0..40u16, Just(1400)]);
    let parts = (
        any::<[u16; 2]>(),
        any::<[bool; 2]>(),
        option::of(any::<u16>()),
        offset,
    );
    parts.prop_map(
        |([tunnel, session], [has_length, priority], ns, offset)| V2DataHeader {
            tunnel: TunnelId(tunnel.into()),
            session: SessionId(session.into()),
            has_length,
            ns,
            offset,
            priority,
        },
    )
}

fn v2_control_headers() -> impl Strategy<Value = V2ControlHeader> {
    any::<[u16; 4]>().prop_map(|[tunnel, session, ns, nr]| V2ControlHeader {
        tunnel: TunnelId(tunnel.into()),
        session: SessionId(session.into()),
        ns,
        nr,
    })
}

fn v3_control_headers() -> impl Strategy<Value = V3ControlHeader> {
    any::<(u32, u16, u16)>().prop_map(|(connection, ns, nr)| V3ControlHeader {
        connection: TunnelId(connection),
        ns,
        nr,
    })
}

/// A message of every kind, around `octets`.
fn udp_messages(octets: &[u8]) -> impl Strategy<Value = UdpMessage<'_>> {
    prop_oneof![
        v2_data_headers().prop_map(move |header| UdpMessage::V2Data {
            header,
            payload: octets
        }),
        v2_control_headers().prop_map(move |header| UdpMessage::V2Control {
            header,
            avps: octets
        }),
        v3_control_headers().prop_map(move |header| UdpMessage::V3Control {
            header,
            avps: octets
        }),
        any::<u32>().prop_map(move |id| UdpMessage::V3Data {
            session: SessionId(id),
            rest: octets
        }),
    ]
}

fn ip_messages(octets: &[u8]) -> impl Strategy<Value = IpMessage<'_>> {
    prop_oneof![
        v3_control_headers().prop_map(move |header| IpMessage::Control {
            header,
            avps: octets
        }),
        (1..=u32::MAX).prop_map(move |id| IpMessage::Data {
            session: SessionId(id),
            rest: octets
        }),
    ]
}

/// Octets that stand behind the headers; `PAYLOAD[..n]` gives a payload that lives long enough.
static PAYLOAD: [u8; 64] = [0x5a; 64];

fn payloads() -> impl Strategy<Value = &'static [u8]> {
    (0..=PAYLOAD.len()).prop_map(|n| &PAYLOAD[..n])
}

proptest! {
    #[test]
    fn decode_of_encode_is_identity_over_udp(message in payloads().prop_flat_map(udp_messages)) {
        let mut out = vec![0xff; 2048];
        let n = message.encode(&mut out).unwrap();
        prop_assert_eq!(UdpMessage::decode(&out[..n]), Ok(message));
        prop_assert!(out[n..].iter().all(|octet| *octet == 0xff), "wrote beyond its length");
    }

    #[test]
    fn decode_of_encode_is_identity_over_ip(message in payloads().prop_flat_map(ip_messages)) {
        let mut out = vec![0xff; 2048];
        let n = message.encode(&mut out).unwrap();
        prop_assert_eq!(IpMessage::decode(&out[..n]), Ok(message));
        prop_assert!(out[n..].iter().all(|octet| *octet == 0xff), "wrote beyond its length");
    }

    #[test]
    fn a_short_buffer_is_refused(
        udp in payloads().prop_flat_map(udp_messages),
        ip in payloads().prop_flat_map(ip_messages),
        share in 0.0..1.0f64,
    ) {
        let mut out = vec![0; 2048];
        let n = udp.encode(&mut out).unwrap();
        let short = (n as f64 * share) as usize;
        prop_assert_eq!(udp.encode(&mut out[..short]), Err(WriteError::NoRoom));
        let n = ip.encode(&mut out).unwrap();
        let short = (n as f64 * share) as usize;
        prop_assert_eq!(ip.encode(&mut out[..short]), Err(WriteError::NoRoom));
    }

    #[test]
    fn a_cut_header_is_truncated(header in v2_data_headers(), share in 0.0..1.0f64) {
        let header = V2DataHeader { has_length: false, ..header };
        let mut out = vec![0; 2048];
        let n = header.write(&mut out, 0).unwrap();
        prop_assert_eq!(n, header.octets());
        let cut = UdpMessage::decode(&out[..(n as f64 * share) as usize]);
        prop_assert!(matches!(cut, Err(HeaderError::Truncated(_))), "{cut:?}");
    }

    #[test]
    fn reserved_bits_are_ignored(
        message in payloads().prop_flat_map(udp_messages),
        reserved: u16,
    ) {
        let mut out = vec![0; 2048];
        let n = message.encode(&mut out).unwrap();
        let version = out[1] & 0x0f;
        let mask: u16 = if version == 2 { 0x34f0 } else { 0x77f0 & !control_bits(&out) };
        let reserved = (reserved & mask).to_be_bytes();
        out[0] |= reserved[0];
        out[1] |= reserved[1];
        prop_assert_eq!(UdpMessage::decode(&out[..n]), Ok(message));
    }

    #[test]
    fn no_input_panics(datagram: Vec<u8>) {
        let _ = UdpMessage::decode(&datagram);
        let _ = IpMessage::decode(&datagram);
    }

    /// As above, with a first word that leads into the headers.
    #[test]
    fn no_header_panics(first in 0..=0xffu8, version in 2..=3u8, rest in vec(any::<u8>(), 0..40)) {
        let mut datagram = vec![first, version];
        datagram.extend_from_slice(&rest);
        let _ = UdpMessage::decode(&datagram);
        datagram.splice(0..0, V3_IP_CONTROL);
        let _ = IpMessage::decode(&datagram);
    }
}

/// T, L and S, where a v3 control message has them.
fn control_bits(message: &[u8]) -> u16 {
    if message[0] & 0x80 != 0 { 0xc800 } else { 0 }
}

#[test]
fn ids_of_version_2_have_16_bits() {
    let mut out = [0; 16];
    let header = V2ControlHeader {
        tunnel: TunnelId(0x1_0000),
        session: SessionId(0),
        ns: 0,
        nr: 0,
    };
    assert_eq!(
        header.write(&mut out, 0),
        Err(WriteError::TooWide(Field::TunnelId))
    );
    let header = V2ControlHeader {
        tunnel: TunnelId(1),
        session: SessionId(0x1_0000),
        ..header
    };
    assert_eq!(
        header.write(&mut out, 0),
        Err(WriteError::TooWide(Field::SessionId))
    );
}

#[test]
fn the_length_field_has_16_bits() {
    let mut out = [0; 16];
    let header = V3ControlHeader {
        connection: TunnelId(1),
        ns: 0,
        nr: 0,
    };
    assert_eq!(header.write(&mut out, 65535 - 12), Ok(12));
    assert_eq!(header.write(&mut out, 65536 - 12), Err(WriteError::TooLong));
    assert_eq!(header.write(&mut out, usize::MAX), Err(WriteError::TooLong));
}
