//! Control messages of other implementations, as they were captured between network namespaces:
//! xl2tpd 1.3.18 with `challenge` and `hidden bit` on (which sends random vectors and hides
//! nothing), l2tpns 2.4.1, and SoftEther VPN Server 5.01 in both versions.

use crate::l2tp::avp::*;
use crate::l2tp::control::*;
use crate::l2tp::{SessionId, TunnelId, UdpMessage};
use std::vec;
use std::vec::Vec;

const XL2TPD: [&str; 8] = [
    "c802009800000000000000008008000000000001801600000024ea27865352969c43bd3e937526d22b16\
     8008000000020100800a0000000300000003800a00000004000000000008000000060690\
     8011000000076c61632e6578616d706c6500130000000878656c6572616e63652e636f6d\
     800800000009fb3080080000000a000480160000000b8fd6b676796b33e983b658a6ecbb81c0",
    "c80200aefb300000000000018008000000000002801600000024b98ef9d9d35a23ea39d85e3086af2c07\
     8008000000020100800a0000000300000003800a00000004000000000008000000060690\
     8011000000076c6e732e6578616d706c6500130000000878656c6572616e63652e636f6d\
     8008000000090afc80080000000a000480160000000d10a9dfb3ed60d7e22b3139b74bb52b2f\
     80160000000b699b38c6fcbcbcc3e3b7d14dd1ba9d8a",
    "c80200400afc00000001000180080000000000038016000000240d31dc8bcb08abe7db44787b6ef45057\
     80160000000de89bec3eaef485ea18a3f3ed429d0670",
    "c80200460afc000000020001800800000000000a801600000024f045e5d56e32bfe72a132e4c20eff97d\
     80080000000e95ce800a0000000f00000001800a0000001200000000",
    "c8020032fb3095ce00010003800800000000000b8016000000247d5d063a3301a95b23c5a681590439c6\
     80080000000edd1d",
    "c80200480afcdd1d00030002800800000000000c80160000002451a3fc0617ff333b87972475b0a502d4\
     800a0000001800000000800a0000001300000001000a0000002600000000",
    "c802003c0afcdd1d00040002800800000000000e80160000002454464a497ff8fffb8cbe19141d2d79c1\
     800a000000010001000080080000000e95ce",
    "c80200440afc0000000500028008000000000004801600000024cf684ec9dd2e3d57c1b29f5616fae75e\
     800800000009fb3080120000000100010000476f6f6462796521",
];

const L2TPNS: [&str; 2] = [
    "c8020058468700000000000180080000000000028008000000020100800a0000000300000003\
     8014000000076c3274706e732e6578616d706c6580160000000dd1129e3146e2e49c226a3feb78a86d3e\
     8008000000090002",
    "c802001c2ac9143b00010003800800000000000b80080000000e0001",
];

const SOFTETHER_V2: [&str; 4] = [
    "c8020052875a00000000000180080000000000028008000000020100000a0000000300000003\
     000a0000000400000003800800000007766d000a000000084c325450800800000009000100080000000a0010",
    "c802001c875aea5a00010003800800000000000b80080000000e0001",
    "c8020026875aea5a00020005800800000000000e80080000000e0001800a0000000100030000",
    "c802002a875a00000003000680080000000000048008000000090001800e000000010000060000000000",
];

const SOFTETHER_V3: [&str; 4] = [
    "c803005200001234000000018008000000000002800800000007766d\
     00180000000859414d41484120436f72706f726174696f6e800a0000003c00000000\
     800a0000003d00000001800a0000003e00050004",
    "c80300300000123400010003800800000000000b800a0000003ffc9ccad98008000000470003\
     800a0000004000000077",
    "c803001400001234000200038008000000000006",
    "c803002c00001234000300068008000000000004800a0000003d00000001800e000000010000060000000000",
];

fn octets(digits: &str) -> Vec<u8> {
    let digits: Vec<_> = digits
        .chars()
        .map(|digit| digit.to_digit(16).unwrap())
        .collect();
    let pairs = digits.chunks_exact(2);
    pairs.map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// The AVPs of a control message of version 2.
fn v2_avps(message: &[u8]) -> &[u8] {
    match UdpMessage::decode(message) {
        Ok(UdpMessage::V2Control { avps, .. }) => avps,
        other => panic!("{other:?}"),
    }
}

fn v3_avps(message: &[u8]) -> &[u8] {
    match UdpMessage::decode(message) {
        Ok(UdpMessage::V3Control { avps, .. }) => avps,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_message_is_read_without_a_remark() {
    use MessageKind::*;
    let sent = XL2TPD
        .iter()
        .chain(&L2TPNS)
        .chain(&SOFTETHER_V2)
        .map(|one| octets(one));
    let kinds = sent.map(|message| {
        let read = v2::Message::decode(v2_avps(&message), Quirks::default()).unwrap();
        assert_eq!(read.ignored, Ignored::default());
        let mut written = Vec::new();
        read.message.encode(&mut written).unwrap();
        assert_eq!(v2::Message::decode(&written, Quirks::default()), Ok(read));
        read.message.kind().unwrap()
    });
    let expected = vec![
        Sccrq, Sccrp, Scccn, Icrq, Icrp, Iccn, Cdn, StopCcn, // xl2tpd
        Sccrp, Icrp, // l2tpns
        Sccrp, Icrp, Cdn, StopCcn, // SoftEther
    ];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);

    let kinds = SOFTETHER_V3.map(|message| {
        let message = octets(message);
        let read = v3::Message::decode(v3_avps(&message), Quirks::default()).unwrap();
        assert_eq!(read.ignored, Ignored::default());
        read.message.kind().unwrap()
    });
    assert_eq!(kinds, [Sccrp, Icrp, Hello, StopCcn]);
}

#[test]
fn what_xl2tpd_says_is_what_it_was_configured_to() {
    let sccrq = octets(XL2TPD[0]);
    let read = v2::Message::decode(v2_avps(&sccrq), Quirks::default()).unwrap();
    let expected = v2::Sccrq {
        protocol_version: ProtocolVersion::V1_0,
        host_name: b"lac.example",
        framing_capabilities: Framings::BOTH,
        assigned_tunnel: TunnelId(0xfb30),
        bearer_capabilities: Some(Bearers(0)),
        receive_window: Some(4),
        challenge: Some(&octets("8fd6b676796b33e983b658a6ecbb81c0")),
        tie_breaker: None,
        firmware_revision: Some(0x0690),
        vendor_name: Some(b"xelerance.com"),
        diffserv: None,
        ecn: false,
    };
    assert_eq!(read.message, v2::Message::Sccrq(expected));

    let stop = octets(XL2TPD[7]);
    let read = v2::Message::decode(v2_avps(&stop), Quirks::default()).unwrap();
    let reason = Reason::stop(StopCode::GENERAL_REQUEST).with(ErrorCode::NONE, b"Goodbye!");
    let expected = v2::StopCcn {
        assigned_tunnel: TunnelId(0xfb30),
        reason,
    };
    assert_eq!(read.message, v2::Message::StopCcn(expected));
}

#[test]
fn what_softether_says_in_version_3_is_understood() {
    let sccrp = octets(SOFTETHER_V3[0]);
    let read = v3::Message::decode(v3_avps(&sccrp), Quirks::default()).unwrap();
    let v3::Message::Sccrp(sccrp) = read.message else {
        panic!("{read:?}")
    };
    assert_eq!(sccrp.host_name, b"vm");
    assert_eq!(sccrp.assigned_connection, TunnelId(1));
    let types: Vec<_> = sccrp.pw_capabilities.iter().collect();
    assert_eq!(types, [PwType::ETHERNET, PwType::ETHERNET_VLAN]);

    let icrp = octets(SOFTETHER_V3[1]);
    let read = v3::Message::decode(v3_avps(&icrp), Quirks::default()).unwrap();
    let v3::Message::Icrp(icrp) = read.message else {
        panic!("{read:?}")
    };
    assert_eq!(icrp.local_session, SessionId(0xfc9c_cad9));
    assert_eq!(icrp.remote_session, SessionId(0x77));
    assert!(icrp.circuit_status.is_active());
}
