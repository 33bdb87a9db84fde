//! What the family's policy refuses, and with which error number.

use crate::netlink::*;
use PolicyReason::{NotText, TooLong, TooShort, Unterminated};

fn read(attr: Attr, value: &[u8]) -> Result<Attributes, PolicyError> {
    let message = Writer::command(Command::TunnelGet, 0, 0, 0)
        .octets(attr, value)
        .finish();
    let frame = Frames::new(&message).next().unwrap().unwrap();
    Attributes::read(frame.genl().unwrap().2)
}

#[track_caller]
fn refused(attr: Attr, value: &[u8], reason: PolicyReason, errno: Errno) {
    let error = read(attr, value).unwrap_err();
    assert_eq!(
        error,
        PolicyError {
            attr,
            reason,
            at: 0
        }
    );
    assert_eq!(error.errno(), errno);
}

#[test]
fn a_number_may_be_too_long_but_not_too_short() {
    for (attr, size) in [
        (Attr::ProtoVersion, 1),
        (Attr::DataSeq, 1),
        (Attr::UdpSport, 2),
        (Attr::Offset, 2),
        (Attr::VlanId, 2),
        (Attr::Mru, 2),
        (Attr::ConnId, 4),
        (Attr::IpSaddr, 4),
        (Attr::RecvTimeout, 8),
    ] {
        refused(attr, &[0; 8][..size - 1], TooShort, Errno::ERANGE);
        assert!(read(attr, &[0; 8][..size]).is_ok(), "{attr:?}");
        assert!(read(attr, &[0; 9]).is_ok(), "{attr:?}");
    }
}

#[test]
fn an_interface_name_ends_within_16_octets() {
    let name = |value: &[u8]| read(Attr::Ifname, value).unwrap().ifname.unwrap();
    assert_eq!(name(b"l2tpeth0\0"), "l2tpeth0");
    assert_eq!(name(b"fifteen.letters\0"), "fifteen.letters");
    assert_eq!(name(b"l2tpeth0\0\0\0\0\0\0\0\0"), "l2tpeth0");
    assert_eq!(name(b"\0"), "");
    refused(Attr::Ifname, b"", Unterminated, Errno::EINVAL);
    refused(Attr::Ifname, b"l2tpeth0", Unterminated, Errno::EINVAL);
    refused(
        Attr::Ifname,
        b"sixteen..letters\0",
        Unterminated,
        Errno::EINVAL,
    );
    refused(
        Attr::Ifname,
        b"l2tpeth0\0\0\0\0\0\0\0\0\0",
        TooLong,
        Errno::ERANGE,
    );
    refused(Attr::Ifname, b"l2tpeth0\0-------", TooLong, Errno::ERANGE);
    refused(Attr::Ifname, b"\xff\0", NotText, Errno::EINVAL);
}

#[test]
fn binary_values_have_a_longest_form() {
    for attr in [Attr::Cookie, Attr::PeerCookie] {
        assert!(read(attr, &[]).is_ok());
        assert!(read(attr, &[1; 8]).is_ok());
        refused(attr, &[1; 9], TooLong, Errno::ERANGE);
    }
    for attr in [Attr::Ip6Saddr, Attr::Ip6Daddr] {
        refused(attr, &[0; 15], TooShort, Errno::ERANGE);
        assert!(read(attr, &[0; 16]).is_ok());
        refused(attr, &[0; 17], TooLong, Errno::ERANGE);
    }
}

#[test]
fn a_nest_is_empty_or_holds_an_attribute() {
    assert_eq!(
        read(Attr::Stats, &[]).unwrap().stats,
        Some(Statistics::default())
    );
    refused(Attr::Stats, &[0; 3], TooShort, Errno::ERANGE);
    refused(Attr::Drops, &[0; 1], TooShort, Errno::ERANGE);
}

#[test]
fn a_flag_is_its_presence() {
    for value in [&[][..], &[0], &[0; 9]] {
        assert!(read(Attr::UdpZeroCsum6Tx, value).unwrap().udp_zero_csum6_tx);
    }
}
