use super::*;
use proptest::prelude::*;

fn address(version: u8, peer: &str) -> PppoxAddress {
    PppoxAddress {
        version,
        pid: 77,
        fd: 5,
        ids: Ids {
            tunnel: 1,
            session: 5,
            peer_tunnel: 1001,
            peer_session: 1005,
        },
        peer: peer.parse().unwrap(),
    }
}

/// Octets behind the head, as Linux 6.1 tells the same sockets.
#[test]
fn the_forms_are_those_of_linux() {
    let v4 = "127.0.0.2:1702";
    let v6 = "[::1]:1702";
    let in6 = [
        10, 0, 6, 0xa6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,
    ];
    let in4 = [2, 0, 6, 0xa6, 127, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
    let short = [1, 0, 5, 0, 0xe9, 3, 0xed, 3];
    let long = [1, 0, 0, 0, 5, 0, 0, 0, 0xe9, 3, 0, 0, 0xed, 3, 0, 0];
    let cases = [
        (address(2, v4), [&in4[..], &short].concat()),
        (address(2, v6), [&short[..], &in6].concat()),
        (address(3, v4), [&in4[..], &long].concat()),
        (address(3, v6), [&long[..], &in6].concat()),
    ];
    let head = [24, 0, 1, 0, 0, 0, 77, 0, 0, 0, 5, 0, 0, 0];
    for (address, rest) in cases {
        let octets = address.write();
        assert_eq!(octets, [&head[..], &rest].concat());
        assert_eq!(PppoxAddress::read(&octets), Ok(address));
        assert!(is_length(octets.len() as i32));
    }
}

#[test]
fn another_length_or_protocol_is_refused() {
    for len in (0..200).filter(|len| ![38, 46, 50, 58].contains(len)) {
        assert_eq!(PppoxAddress::read(&vec![0; len]), Err(Errno::EINVAL));
        assert!(!is_length(len as i32));
    }
    let mut other = address(2, "127.0.0.2:1702").write();
    other[2] = 2;
    assert_eq!(PppoxAddress::read(&other), Err(Errno::EINVAL));
}

proptest! {
    #[test]
    fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = PppoxAddress::read(&octets);
    }
}
