use super::*;
use crate::user::inner::samples::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_class_is_set_and_read(tags in 0usize..3, v4: bool, class: u8, payload in proptest::collection::vec(any::<u8>(), 0..60)) {
        let before = frame(tags, v4, 17, &payload);
        let mut after = before.clone();
        set(Layer::Ethernet, &mut after, class);
        prop_assert_eq!(of(Layer::Ethernet, &after), class);
        if v4 {
            let ip = 14 + 4 * tags;
            prop_assert_eq!(checksum(&after[ip..ip + 20]), 0);
        }
        set(Layer::Ethernet, &mut after, 0);
        // Ones' complement has two zeros, and only the octets that say so may differ.
        prop_assert_eq!(of(Layer::Ethernet, &after), 0);
        prop_assert_eq!(after.len(), before.len());
        prop_assert!(!v4 || after[14 + 4 * tags + 12..] == before[14 + 4 * tags + 12..]);
        prop_assert!(v4 || after == before);
    }

    #[test]
    fn nothing_panics(
        mut octets in proptest::collection::vec(any::<u8>(), 0..120),
        kind in proptest::sample::select(vec![[8u8, 0], [0x86, 0xdd], [0x81, 0]]), class: u8,
    ) {
        if octets.len() > 16 {
            octets[12..14].copy_from_slice(&kind);
            octets[14] = if kind[0] == 8 { 0x45 } else { 0x60 };
        }
        let _ = arrived(Layer::Ethernet, &octets, class, true, true);
        set(Layer::Ethernet, &mut octets, class);
    }
}

#[test]
fn the_ecn_field_arrives_as_rfc_6040_has_it() {
    const DROPPED: u8 = 0xff;
    // Rows by inner field, columns by outer field: Not-ECT, ECT(1), ECT(0), CE.
    let table = [
        (0b00, [0b00, 0b00, 0b00, DROPPED]),
        (0b01, [0b01, 0b01, 0b01, 0b11]),
        (0b10, [0b10, 0b01, 0b10, 0b11]),
        (0b11, [0b11, 0b11, 0b11, 0b11]),
    ];
    for v4 in [true, false] {
        for (inner, row) in table {
            for (outer, expected) in row.into_iter().enumerate() {
                let mut octets = frame(1, v4, 17, &[1; 20]);
                set(Layer::Ethernet, &mut octets, 0xb8 | inner);
                let found = arrived(Layer::Ethernet, &octets, outer as u8, false, true);
                if let Some(Some(class)) = found {
                    set(Layer::Ethernet, &mut octets, class);
                }
                let found = found.map_or(DROPPED, |_| of(Layer::Ethernet, &octets));
                let expected = if expected == DROPPED {
                    DROPPED
                } else {
                    0xb8 | expected
                };
                assert_eq!(found, expected, "inner {inner:02b} outer {outer:02b}");
            }
        }
    }
}

#[test]
fn a_codepoint_comes_back_where_the_model_is_uniform() {
    let octets = frame(0, true, 17, &[1; 20]);
    assert_eq!(
        arrived(Layer::Ethernet, &octets, 0xb8, false, false),
        Some(None)
    );
    assert_eq!(
        arrived(Layer::Ethernet, &octets, 0xb8, true, false),
        Some(Some(0xb8))
    );
    assert_eq!(
        arrived(Layer::Ethernet, &octets, 0xbb, true, false),
        Some(Some(0xb8))
    );
    let arp = [&octets[..12], &[8, 6], &[0; 28]].concat();
    assert_eq!(arrived(Layer::Ethernet, &arp, 0xb8, true, true), Some(None));
    assert_eq!(arrived(Layer::Ethernet, &arp, 0x03, true, true), None);
    assert_eq!(of(Layer::Ethernet, &arp), 0);
}
