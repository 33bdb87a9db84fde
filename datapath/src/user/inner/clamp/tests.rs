use super::*;
use crate::user::inner::samples::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_clamped_segment_size_fits_and_its_checksum_is_right(
        tags in 0usize..3, v4: bool, mss: u16, mtu in 68u32..9000, odd: bool, ack: bool,
    ) {
        let [high, low] = mss.to_be_bytes();
        let options: &[u8] = match odd {
            true => &[1, 2, 4, high, low, 1, 1, 0],
            false => &[2, 4, high, low],
        };
        let mut octets = frame(tags, v4, 6, &tcp(v4, if ack { 0x12 } else { 0x02 }, options));
        let before = octets.clone();
        let fits = u16::try_from(mtu.saturating_sub(if v4 { 40 } else { 60 })).unwrap().max(1);
        match excess(Layer::Ethernet, &octets, Most::Mtu(mtu)) {
            Some(place) => clamp(&mut octets, place, false),
            None => prop_assert!(mss <= fits),
        }
        let at = octets.len() - options.len() + if odd { 3 } else { 2 };
        prop_assert_eq!(&octets[at..at + 2], &mss.min(fits).to_be_bytes());
        prop_assert_eq!(transport_checksum(&octets[14 + 4 * tags..]), 0);
        prop_assert_eq!(octets.len(), before.len());
    }

    #[test]
    fn nothing_panics(
        mut octets in proptest::collection::vec(any::<u8>(), 0..120),
        kind in proptest::sample::select(vec![[8u8, 0], [0x86, 0xdd], [0x81, 0]]), mtu: u16,
    ) {
        if octets.len() > 16 {
            octets[12..14].copy_from_slice(&kind);
            octets[14] = if kind[0] == 8 { 0x45 } else { 0x60 };
        }
        if let Some(place) = excess(Layer::Ethernet, &octets, Most::Mtu(mtu.into())) {
            clamp(&mut octets, place, false);
        }
    }
}

#[test]
fn only_a_syn_that_names_a_segment_size_is_clamped() {
    let excess = |flags, options: &[u8]| {
        excess(
            Layer::Ethernet,
            &frame(0, true, 6, &tcp(true, flags, options)),
            Most::Size(1000),
        )
        .is_some()
    };
    assert!(excess(0x02, &[2, 4, 5, 180]));
    assert!(excess(0x12, &[1, 1, 1, 1, 2, 4, 5, 180]));
    assert!(!excess(0x10, &[2, 4, 5, 180]));
    assert!(!excess(0x02, &[]));
    assert!(!excess(0x02, &[1, 1, 1, 0, 2, 4, 5, 180]));
    assert!(!excess(0x02, &[2, 3, 5, 180]));
    assert!(!excess(0x02, &[3, 0, 2, 4]));
    assert!(!excess(0x02, &[1, 1, 1, 2]));
}
