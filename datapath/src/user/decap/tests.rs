use super::*;
use crate::spec::SessionTuning;
use crate::user::session::tests::{spec, tunnel};
use adit_wire::l2tp::TunnelId;

/// Of a packet over UDP: its key, and the octets before and in what is left to read.
fn udp(packet: &[u8]) -> Result<(Key, usize, Vec<u8>), DropReason> {
    data(Framing::Udp, packet).map(parts)
}

fn parts(data: Data<'_>) -> (Key, usize, Vec<u8>) {
    let rest = match data.body {
        Body::V2 { payload, .. } => payload,
        Body::V3(rest) => rest,
    };
    (data.key, data.before, rest.to_vec())
}

#[test]
fn what_is_no_data_has_its_reason() {
    assert_eq!(udp(&[0, 3, 0, 0, 0, 0, 0]), Err(DropReason::Truncated));
    assert_eq!(udp(&[0, 2, 0, 1, 0]), Err(DropReason::Truncated));
    assert_eq!(udp(&[]), Err(DropReason::Truncated));
    assert_eq!(udp(&[0, 5, 0, 0, 0, 0, 0, 1]), Err(DropReason::Version));
    for control in [
        &[0xc8, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0],
        &[0xc8, 2, 0, 12, 0, 1, 0, 2, 0, 0, 0, 0],
    ] {
        assert_eq!(udp(control), Err(DropReason::Control));
    }
}

#[test]
fn a_packet_is_its_versions_and_its_ids() {
    let v3 = |id| Key::v3(SessionId(id));
    assert_eq!(
        udp(&[0, 3, 0, 0, 0, 0, 0, 7, 1, 2]),
        Ok((v3(7), 8, vec![1, 2]))
    );
    let v2 = Key::v2(TunnelId(1), SessionId(7));
    assert_eq!(udp(&[0, 2, 0, 1, 0, 7, 5]), Ok((v2, 6, vec![5])));
    assert_ne!(v2, v3(1 << 16 | 7), "of the same 32 bits");
}

#[test]
fn version_2_has_room_for_length_sequence_and_offset() {
    let v2 = Key::v2(TunnelId(1), SessionId(7));
    let ns = [0, 9, 0, 0];
    for (name, flags, length, rest) in [
        ("length", 0x40, &[0, 10][..], &[][..]),
        ("sequence", 0x08, &[], &ns),
        ("offset", 0x02, &[], &[0, 3, 9, 9, 9]),
        ("priority", 0x01, &[], &[]),
        ("offset of nothing", 0x02, &[], &[0, 0]),
    ] {
        let packet = [&[flags, 2][..], length, &[0, 1, 0, 7], rest, &[0xc0, 0x21]].concat();
        let before = packet.len() - 2;
        assert_eq!(udp(&packet), Ok((v2, before, vec![0xc0, 0x21])), "{name}");
    }
    let padded = [0x40, 2, 0, 9, 0, 1, 0, 7, 0x21, 0xee, 0xee];
    assert_eq!(udp(&padded), Ok((v2, 8, vec![0x21])));
    for cut in [
        &[0x08, 2, 0, 1, 0, 7, 0, 9, 0][..],
        &[0x02, 2, 0, 1, 0, 7, 0],
        &[0x02, 2, 0, 1, 0, 7, 0, 3, 9],
    ] {
        assert_eq!(udp(cut), Err(DropReason::Truncated), "{cut:x?}");
    }
    let Body::V2 { sequence, .. } = data(Framing::Udp, &[8, 2, 0, 1, 0, 7, 0, 9, 1, 2])
        .unwrap()
        .body
    else {
        panic!();
    };
    assert_eq!(sequence, Some(Sequence(9)));
}

#[test]
fn ip_packets_lose_their_header_and_padding() {
    let mut packet = vec![
        0x46, 0, 0, 30, 0, 0, 0, 0, 64, 115, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2,
    ];
    packet.extend([1, 1, 1, 0]);
    packet.extend([0, 0, 0, 9, 5, 6, 0xff, 0xff]);
    assert_eq!(
        data(Framing::Ipv4, &packet).map(parts),
        Ok((Key::v3(SessionId(9)), 4, vec![5, 6]))
    );
    assert_eq!(
        data(Framing::Ipv4, &packet[..19]),
        Err(DropReason::Truncated)
    );
    let control = [0, 0, 0, 0, 0xc8, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0];
    assert_eq!(data(Framing::Ipv6, &control), Err(DropReason::Control));
}

fn session(tuning: SessionTuning) -> Session {
    let spec = spec(tuning);
    Session::new(&tunnel(3), &spec, spec.sequencing())
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
