use super::*;
use proptest::prelude::*;

fn message(len: u32, octets: usize) -> Vec<u8> {
    let mut message = len.to_ne_bytes().to_vec();
    message.resize(octets, 0);
    message
}

#[test]
fn a_datagram_falls_into_its_messages() {
    let datagram = [message(18, 20), message(16, 16)].concat();
    let lengths: Vec<_> = messages(&datagram).map(<[u8]>::len).collect();
    assert_eq!(lengths, [18, 16]);
}

#[test]
fn a_malformed_message_ends_the_datagram() {
    for bad in [
        message(15, 16),
        message(64, 16),
        message(u32::MAX, 16),
        vec![1],
    ] {
        let datagram = [message(16, 16), bad, message(16, 16)].concat();
        assert_eq!(messages(&datagram).count(), 1);
    }
}

proptest! {
    #[test]
    fn any_datagram_is_walked(octets: Vec<u8>) {
        let total: usize = messages(&octets).map(<[u8]>::len).sum();
        prop_assert!(total <= octets.len());
    }
}
