use crate::l2tp::*;
use proptest::prelude::*;
use std::{string::ToString, vec, vec::Vec};

fn cookies() -> impl Strategy<Value = Cookie> {
    proptest::collection::vec(any::<u8>(), 0..=8).prop_map(|v| Cookie::new(&v).unwrap())
}

fn sublayers() -> impl Strategy<Value = Sublayer> {
    prop_oneof![Just(Sublayer::None), Just(Sublayer::Default)]
}

proptest! {
    #[test]
    fn split_of_write_is_identity(
        cookie in cookies(),
        sublayer in sublayers(),
        number in proptest::option::of(0u32..1 << 24),
        udp: bool,
        id: u32,
        payload in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut message = vec![0xff; 20];
        let n = write_v3(&mut message, udp, SessionId(id), &cookie, sublayer, number.map(Sequence));
        message.truncate(n.unwrap());
        message.extend_from_slice(&payload);
        let front = if udp { 8 } else { 4 };
        prop_assert_eq!(&message[front - 4..front], &id.to_be_bytes());
        let got = split_v3(&message[front..], &cookie, sublayer).unwrap();
        prop_assert_eq!(got.payload, &payload[..]);
        let expected = if sublayer == Sublayer::None { None } else { number.map(Sequence) };
        prop_assert_eq!(got.sequence, expected);
    }

    #[test]
    fn no_input_panics(rest: Vec<u8>, cookie in cookies(), sublayer in sublayers()) {
        let _ = split_v3(&rest, &cookie, sublayer);
    }
}

#[test]
fn cookie_text_is_8_or_16_digits() {
    assert_eq!(
        "0a0b0c0d".parse::<Cookie>().unwrap().as_slice(),
        [10, 11, 12, 13]
    );
    assert_eq!(
        "0123456789abcdef".parse::<Cookie>().unwrap().to_string(),
        "0123456789abcdef"
    );
    for bad in ["", "12345", "0a0b0c0g", "0a0b0c0d0", "éééé"] {
        assert_eq!(bad.parse::<Cookie>(), Err(CookieError::NotHex), "{bad}");
    }
}
