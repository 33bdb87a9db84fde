use super::*;

fn own(udp: bool) -> OwnOuter {
    let local = "192.0.2.1:5000".parse().unwrap();
    let remote = "192.0.2.2:6000".parse().unwrap();
    OwnOuter { local, remote, udp }
}

fn frame(protocol: u8, source: u8, ports: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([0x08, 0x00, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, protocol, 0, 0]);
    frame.extend([192, 0, 2, source, 192, 0, 2, 2]);
    frame.extend(ports);
    frame.extend([0; 4]);
    frame
}

#[test]
fn only_the_tunnels_own_packets_match() {
    let ports = [0x13, 0x88, 0x17, 0x70];
    assert!(own(true).matches(Layer::Ethernet, &frame(17, 1, ports)));
    assert!(own(false).matches(Layer::Ethernet, &frame(115, 1, ports)));
    assert!(
        !own(true).matches(Layer::Ethernet, &frame(17, 9, ports)),
        "another source"
    );
    assert!(
        !own(true).matches(Layer::Ethernet, &frame(17, 1, [0; 4])),
        "other ports"
    );
    assert!(
        !own(true).matches(Layer::Ethernet, &frame(115, 1, ports)),
        "another protocol"
    );
    assert!(
        !own(true).matches(Layer::Ethernet, &frame(17, 1, ports)[..20]),
        "cut short"
    );
}

#[test]
fn a_tag_hides_nothing() {
    let mut frame = frame(17, 1, [0x13, 0x88, 0x17, 0x70]);
    frame.splice(12..12, [0x81, 0, 0, 5]);
    assert!(own(true).matches(Layer::Ethernet, &frame));
}

#[test]
fn bare_packets_are_looked_into_as_well() {
    let frame = frame(17, 1, [0x13, 0x88, 0x17, 0x70]);
    assert!(own(true).matches(Layer::Ip, &frame[14..]));
    assert!(!own(true).matches(Layer::Ip, &frame));
    assert!(!own(true).matches(Layer::Ip, &[]));
}
