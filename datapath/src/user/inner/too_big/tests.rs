use super::answer;
use crate::sys::tap::Layer;
use crate::user::inner::samples::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn nothing_panics(
        mut octets in proptest::collection::vec(any::<u8>(), 0..120),
        kind in proptest::sample::select(vec![[8u8, 0], [0x86, 0xdd], [0x81, 0]]), limit: u16,
    ) {
        if octets.len() > 16 {
            octets[12..14].copy_from_slice(&kind);
            octets[14] = if kind[0] == 8 { 0x45 } else { 0x60 };
        }
        let _ = answer(Layer::Ethernet, &octets, limit.into());
    }
}

#[test]
fn what_does_not_fit_is_answered_with_what_does() {
    for (tags, v4) in [(0, true), (1, true), (2, false), (0, false)] {
        let header = 14 + 4 * tags;
        let long = frame(tags, v4, 17, &[7; 1480]);
        let found = answer(Layer::Ethernet, &long, 1400).unwrap();
        assert_eq!((&found[..6], &found[6..12]), (&long[6..12], &long[..6]));
        assert_eq!(found[12..header], long[12..header]);
        let (packet, asked) = (&found[header..], &long[header..]);
        let mtu = (1400 - header as u16).to_be_bytes();
        if v4 {
            assert_eq!(checksum(&packet[..20]), 0);
            assert_eq!(checksum(&packet[20..]), 0);
            assert_eq!(
                (&packet[12..16], &packet[16..20]),
                (&asked[16..20], &asked[12..16])
            );
            assert_eq!(packet[20..22], [3, 4]);
            assert_eq!(packet[26..28], mtu);
            assert_eq!((packet.len(), &packet[28..]), (576, &asked[..548]));
        } else {
            assert_eq!(transport_checksum(packet), 0);
            assert_eq!(
                (&packet[8..24], &packet[24..40]),
                (&asked[24..40], &asked[8..24])
            );
            assert_eq!((packet[7], &packet[40..42]), (255, &[2, 0][..]));
            assert_eq!(packet[46..48], mtu);
            assert_eq!((packet.len(), &packet[48..]), (1280, &asked[..1232]));
        }
    }
}

#[test]
fn nobody_is_told_who_must_not_be() {
    let told = |octets: &[u8]| answer(Layer::Ethernet, octets, 1400).is_some();
    let with = |v4: bool, protocol, change: &[(usize, u8)]| {
        let mut octets = frame(0, v4, protocol, &[8; 1480]);
        change.iter().for_each(|(at, octet)| octets[*at] = *octet);
        told(&octets)
    };
    assert!(with(true, 17, &[]) && with(false, 17, &[]));
    assert!(with(true, 1, &[]), "an echo request");
    assert!(with(true, 17, &[(20, 0x60)]), "a first fragment with DF");
    assert!(!with(true, 17, &[(20, 0)]), "without DF");
    assert!(!with(true, 17, &[(21, 1)]), "a later fragment");
    assert!(!with(true, 1, &[(34, 3)]), "an error");
    assert!(!with(false, 58, &[(54, 1)]), "an error");
    assert!(with(false, 58, &[(54, 128)]), "an echo request");
    assert!(!with(true, 17, &[(0, 1)]), "to a group");
    assert!(!with(true, 17, &[(26, 224)]), "by a group");
    assert!(!with(true, 17, &[(30, 255)]), "to all");
    assert!(!with(false, 17, &[(38, 0xff)]), "to a group");
    assert!(!with(true, 17, &[(12, 8), (13, 6)]), "no IP");
}

#[test]
fn no_ipv6_host_is_asked_for_less_than_it_can() {
    let found = answer(Layer::Ethernet, &frame(0, false, 17, &[7; 1400]), 1000).unwrap();
    assert_eq!(found[14 + 44..14 + 48], 1280u32.to_be_bytes());
    assert_eq!(
        answer(Layer::Ethernet, &frame(0, false, 17, &[7; 1240]), 1000),
        None
    );
}

#[test]
fn a_bare_packet_is_answered_by_one() {
    let frame = frame(0, false, 17, &[7; 1400]);
    let whole = answer(Layer::Ethernet, &frame, 1014).unwrap();
    let bare = answer(Layer::Ip, &frame[14..], 1000).unwrap();
    assert_eq!(bare, whole[14..]);
    assert_eq!(answer(Layer::Ip, &frame, 1000), None);
}
