use super::*;

/// What the receiver makes of `octets`.
fn received(octets: &[u8]) -> io::Result<u64> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (receiver, _) = listener.accept().unwrap();
    sender.write_all(octets).unwrap();
    drop(sender);
    receive(&receiver)
}

fn good() -> Vec<u8> {
    (0..3 * PERIOD).map(|at| (at % PERIOD) as u8).collect()
}

#[test]
fn an_unaltered_stream_is_counted() {
    assert_eq!(received(&good()).unwrap(), 3 * PERIOD as u64);
    assert_eq!(received(&[]).unwrap(), 0);
}

#[test]
fn whatever_is_altered_lost_or_repeated_shows() {
    let mut altered = good();
    altered[PERIOD + 7] ^= 1;
    let mut lost = good();
    lost.drain(100..200);
    let mut repeated = good();
    repeated.extend_from_within(100..200);
    for stream in [altered, lost, repeated] {
        let error = received(&stream).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
