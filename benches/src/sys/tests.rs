use super::{Batch, Features, send_repeated};
use std::net::UdpSocket;

#[test]
fn a_batch_arrives_whole() {
    let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
    let source = UdpSocket::bind("127.0.0.1:0").unwrap();
    source.connect(sink.local_addr().unwrap()).unwrap();
    assert_eq!(send_repeated(&source, &[7; 64], 20).unwrap(), 20);

    let mut batch = Batch::new();
    let (mut packets, mut bytes) = (0, 0);
    while packets < 20 {
        let (more, size) = batch.receive(&sink).unwrap();
        packets += more;
        bytes += size;
    }
    assert_eq!((packets, bytes), (20, 20 * 64));
}

#[test]
fn the_loopback_device_can_segment_and_unknown_names_are_refused() {
    let features = Features::of("lo").unwrap();
    assert!(features.active("tx-generic-segmentation").unwrap());
    assert!(features.active("no-such-feature").is_err());
    assert!(Features::of("no-such-dev").is_err());
}
