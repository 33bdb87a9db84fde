use super::*;
use crate::spec::SessionTuning;
use crate::user::session::tests::spec;

#[test]
fn what_is_no_v3_data_has_its_reason() {
    let udp =
        |packet: &[u8]| session_id(Framing::Udp, packet).map(|(id, rest)| (id, rest.to_vec()));
    assert_eq!(udp(&[0, 3, 0, 0, 0, 0, 0, 7, 1, 2]), Ok((7, vec![1, 2])));
    assert_eq!(udp(&[0, 3, 0, 0, 0, 0, 0]), Err(DropReason::Truncated));
    assert_eq!(udp(&[]), Err(DropReason::Truncated));
    assert_eq!(udp(&[0, 2, 0, 1, 0, 1, 0, 0]), Err(DropReason::Version));
    assert_eq!(udp(&[0, 5, 0, 0, 0, 0, 0, 1]), Err(DropReason::Version));
    assert_eq!(
        udp(&[0xc8, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0]),
        Err(DropReason::Control)
    );
}

#[test]
fn ip_packets_lose_their_header_and_padding() {
    let mut packet = vec![
        0x46, 0, 0, 30, 0, 0, 0, 0, 64, 115, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2,
    ];
    packet.extend([1, 1, 1, 0]);
    packet.extend([0, 0, 0, 9, 5, 6, 0xff, 0xff]);
    assert_eq!(session_id(Framing::Ipv4, &packet), Ok((9, &[5, 6][..])));
    assert_eq!(
        session_id(Framing::Ipv4, &packet[..19]),
        Err(DropReason::Truncated)
    );
    let control = [0, 0, 0, 0, 0xc8, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0];
    assert_eq!(
        session_id(Framing::Ipv6, &control),
        Err(DropReason::Control)
    );
}

fn session(tuning: SessionTuning) -> Session {
    let spec = spec(tuning);
    Session::new(&spec, spec.sequencing())
}

#[test]
fn a_lac_follows_its_peer() {
    let lac = session(SessionTuning::default());
    let sends = || lac.tuning.send_seq.load(Relaxed);
    assert!(follow_peer(&lac, true) && sends());
    assert!(follow_peer(&lac, false) && !sends());
}

#[test]
fn an_lns_decides_itself() {
    let quiet = session(SessionTuning {
        lns_mode: true,
        ..SessionTuning::default()
    });
    assert!(follow_peer(&quiet, true) && !quiet.tuning.send_seq.load(Relaxed));
    assert!(follow_peer(&quiet, false));
    let tuning = SessionTuning {
        lns_mode: true,
        send_seq: true,
        ..SessionTuning::default()
    };
    let numbering = session(tuning);
    assert!(!follow_peer(&numbering, false));
    assert!(numbering.tuning.send_seq.load(Relaxed));
}

#[test]
fn numbers_can_be_demanded() {
    let strict = session(SessionTuning {
        recv_seq: true,
        ..SessionTuning::default()
    });
    assert!(!follow_peer(&strict, false));
    assert!(follow_peer(&strict, true));
}
