use super::*;
use proptest::prelude::*;
use std::vec::Vec;

#[test]
fn fields_whole_compressed_and_cut() {
    for (frame, expected) in [
        (&[0x00, 0x21, 0x45][..], Some((protocol::IPV4, &[0x45][..]))),
        (&[0x21, 0x45], Some((protocol::IPV4, &[0x45]))),
        (&[0x57], Some((protocol::IPV6, &[]))),
        (&[0xc0, 0x21], Some((protocol::LCP, &[]))),
        (&[0xc0], None),
        (&[], None),
    ] {
        assert_eq!(split(frame), expected, "{frame:x?}");
    }
}

#[test]
fn address_and_control_go_once_and_only_together() {
    for (frame, expected) in [
        (&[0xff, 0x03, 0xc0, 0x21][..], &[0xc0, 0x21][..]),
        (&[0xff, 0x03, 0xff, 0x03], &[0xff, 0x03]),
        (&[0xff, 0xc0, 0x21], &[0xff, 0xc0, 0x21]),
        (&[0xff], &[0xff]),
    ] {
        assert_eq!(strip_address_control(frame), expected, "{frame:x?}");
    }
}

proptest! {
    /// A protocol number is read back, written whole or, where it fits, compressed.
    #[test]
    fn a_number_is_read_back(number: u16, information: Vec<u8>) {
        // Numbers are odd, and their first octet is even (RFC 1661 §2).
        let number = (number | 1) & !0x0100;
        let mut frame = Vec::from(number.to_be_bytes());
        frame.extend(&information);
        prop_assert_eq!(split(&frame), Some((number, &information[..])));
        if number < 0x100 {
            prop_assert_eq!(split(&frame[1..]), Some((number, &information[..])));
        }
    }
}
