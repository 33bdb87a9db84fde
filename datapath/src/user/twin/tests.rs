use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

const V6: [Ipv6Addr; 2] = [
    Ipv6Addr::LOCALHOST,
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9),
];

/// A datagram from port 5000 to 1701 with the right checksum.
fn datagram(addresses: [IpAddr; 2], payload: &[u8]) -> Vec<u8> {
    let len = (HEADER + payload.len()) as u16;
    let mut datagram = vec![0x13, 0x88, 0x06, 0xa5];
    datagram.extend(len.to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let mut sum = Checksum::new();
    for address in addresses {
        match address {
            IpAddr::V4(address) => sum.add(&address.octets()),
            IpAddr::V6(address) => sum.add(&address.octets()),
        }
    }
    sum.add(&u32::from(len).to_be_bytes());
    sum.add(&[0, UDP]);
    sum.add(&datagram);
    datagram[6..8].copy_from_slice(&sum.finish().to_be_bytes());
    datagram
}

fn v4(payload: &[u8]) -> Vec<u8> {
    let addresses = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
    let datagram = datagram(addresses.map(IpAddr::from), payload);
    let mut packet = vec![
        0x45,
        0,
        0,
        (20 + datagram.len()) as u8,
        0,
        0,
        0,
        0,
        64,
        UDP,
        0,
        0,
    ];
    addresses
        .iter()
        .for_each(|address| packet.extend(address.octets()));
    packet.extend(datagram);
    packet
}

fn open_v4(packet: &[u8]) -> Result<Datagram<'_>, DropReason> {
    open(true, true, packet, &Received::default())
}

fn received() -> Received {
    Received {
        from: Some(SocketAddr::from((V6[0], 0))),
        to: Some(V6[1].into()),
        ..Received::default()
    }
}

#[test]
fn a_datagram_gives_its_sender_and_its_payload() {
    let expected = |from: IpAddr| Datagram {
        from: SocketAddr::new(from, 5000),
        payload: &[1, 2, 3],
    };
    let packet = v4(&[1, 2, 3]);
    let from = Ipv4Addr::new(10, 0, 0, 1).into();
    assert_eq!(open_v4(&packet), Ok(expected(from)));
    let padded = [&packet[..], &[9, 9]].concat();
    assert_eq!(open_v4(&padded), Ok(expected(from)));
    let packet = datagram(V6.map(IpAddr::from), &[1, 2, 3]);
    assert_eq!(
        open(false, true, &packet, &received()),
        Ok(expected(V6[0].into()))
    );
}

#[test]
fn checksums_are_there_and_right_or_not_yet_complete() {
    let mut packet = v4(&[1, 2, 3]);
    packet[30] ^= 1;
    assert_eq!(open_v4(&packet), Err(DropReason::Checksum));
    // The sum of the pseudo header: 10.0.0.1, 10.0.0.2, 17 and 11.
    packet[26..28].copy_from_slice(&(0x0a00u16 + 1 + 0x0a00 + 2 + 17 + 11).to_be_bytes());
    assert!(open_v4(&packet).is_ok());
    packet[26..28].fill(0);
    assert!(open_v4(&packet).is_ok(), "IPv4 needs none");
    let mut packet = datagram(V6.map(IpAddr::from), &[1, 2, 3]);
    packet[6..8].fill(0);
    assert_eq!(
        open(false, true, &packet, &received()),
        Err(DropReason::Checksum)
    );
    assert!(open(false, false, &packet, &received()).is_ok());
}

#[test]
fn what_is_cut_is_refused() {
    let packet = v4(&[1, 2, 3]);
    for len in 0..packet.len() {
        assert_eq!(open_v4(&packet[..len]), Err(DropReason::Truncated));
    }
    let mut short = packet.clone();
    short[25] = 7;
    assert_eq!(open_v4(&short), Err(DropReason::Truncated));
    short[25] = 12;
    assert_eq!(open_v4(&short), Err(DropReason::Truncated));
}

proptest! {
    #[test]
    fn nothing_panics(v4: bool, strict: bool, octets: Vec<u8>) {
        let _ = open(v4, strict, &octets, &received());
        let _ = open(v4, strict, &octets, &Received::default());
    }
}
