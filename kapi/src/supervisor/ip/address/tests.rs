use super::*;
use proptest::prelude::*;

#[test]
fn the_layouts_are_those_of_the_kernel() {
    let octets = [2, 0, 0, 0, 127, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0];
    let v4 = L2tpIpAddress::read(false, &octets).unwrap();
    let end = Endpoint {
        address: Ipv4Addr::LOCALHOST.into(),
        scope: 0,
        connection: 7,
    };
    assert_eq!((v4.family, v4.unused, v4.end), (2, 0, end));
    assert_eq!(v4.write(), octets);

    let mut octets = vec![10, 0, 0, 0, 0, 0, 0, 0];
    octets.extend("fe80::1".parse::<Ipv6Addr>().unwrap().octets());
    octets.extend([3, 0, 0, 0, 8, 0, 0, 0]);
    let v6 = L2tpIpAddress::read(true, &octets).unwrap();
    assert_eq!((v6.end.scope, v6.end.connection), (3, 8));
    assert_eq!(v6.write(), octets);
    let short = L2tpIpAddress::read(true, &octets[..24]).unwrap();
    assert_eq!((short.end.scope, short.end.connection), (0, 0));
    assert_eq!(short.end.address, v6.end.address);
}

#[test]
fn too_few_octets_are_no_address() {
    assert_eq!(L2tpIpAddress::read(false, &[0; 15]), None);
    assert_eq!(L2tpIpAddress::read(true, &[0; 23]), None);
    assert_eq!(L2tpIpAddress::read(false, &[]), None);
}

proptest! {
    #[test]
    fn what_is_written_is_read(v6: bool, octets: [u8; 40], len in 0..40usize) {
        if let Some(address) = L2tpIpAddress::read(v6, &octets[..len]) {
            prop_assert_eq!(L2tpIpAddress::read(v6, &address.write()), Some(address));
        }
    }
}
