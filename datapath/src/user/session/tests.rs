use super::*;
use crate::spec::{Encap, Pseudowire, TunnelTuning, TxChecksum, UdpChecksum};
use std::net::{Ipv4Addr, SocketAddr};

/// A tunnel over UDP of this version.
pub(crate) fn tunnel(version: u8) -> TunnelSpec {
    let end = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    TunnelSpec {
        id: TunnelId(1),
        peer_id: TunnelId(0x1_0009),
        version,
        encap: Encap::Udp {
            local: end,
            remote: end,
            checksum: UdpChecksum {
                tx: TxChecksum::Never,
                rx: false,
            },
        },
        via: None,
        tuning: TunnelTuning::default(),
    }
}

/// A session without cookies.
pub(crate) fn spec(tuning: SessionTuning) -> SessionSpec {
    SessionSpec {
        key: SessionKey {
            tunnel: TunnelId(1),
            session: SessionId(1),
        },
        peer_id: SessionId(2),
        pseudowire: Pseudowire::Ethernet,
        ifname: None,
        cookie: Cookie::EMPTY,
        peer_cookie: Cookie::EMPTY,
        sublayer: Sublayer::Default,
        peer_sublayer: Sublayer::Default,
        tuning,
    }
}

/// The header of the next packet.
fn header(session: &Session) -> Vec<u8> {
    let (mut out, before) = (vec![0xee], session.header_len());
    session.append_header(&mut out);
    assert_eq!(out.remove(0), 0xee);
    assert_eq!(out.len(), before);
    out
}

fn sublayer(session: &Session) -> u32 {
    u32::from_be_bytes(*header(session).last_chunk().unwrap())
}

#[test]
fn numbers_go_on_from_where_they_were_and_wrap() {
    let from = Sequencing {
        send_seq: true,
        next_ns: Sequence(Sequence::MAX),
    };
    let session = Session::new(&tunnel(3), &spec(SessionTuning::default()), from);
    assert_eq!(session.sequencing(), from);
    assert_eq!(sublayer(&session), 0x40ff_ffff);
    assert_eq!(sublayer(&session), 0x4000_0000);
    assert_eq!(session.sequencing().next_ns, Sequence(1));
}

#[test]
fn version_2_numbers_in_two_octets_and_in_a_longer_header() {
    let spec = spec(SessionTuning::default());
    let from = Sequencing {
        send_seq: false,
        next_ns: Sequence(0xff_ffff),
    };
    let session = Session::new(&tunnel(2), &spec, from);
    assert_eq!(header(&session), [0, 2, 0, 9, 0, 2]);
    assert_eq!(session.sequencing().next_ns, Sequence(0xffff));
    session.tuning.send_seq.store(true, Relaxed);
    assert_eq!(header(&session), [8, 2, 0, 9, 0, 2, 0xff, 0xff, 0, 0]);
    assert_eq!(header(&session), [8, 2, 0, 9, 0, 2, 0, 0, 0, 0]);
    assert_eq!(session.sequencing().next_ns, Sequence(1));
}

#[test]
fn a_change_leaves_alone_what_it_does_not_name() {
    let tuning = SessionTuning {
        recv_seq: true,
        lns_mode: true,
        reorder_timeout: Duration::from_millis(7),
        debug: DebugMask(3),
        ..SessionTuning::default()
    };
    let spec = spec(tuning);
    let session = Session::new(&tunnel(3), &spec, spec.sequencing());
    // As learnt from a peer.
    session.tuning.send_seq.store(true, Relaxed);
    session.tuning.change(&Retuning {
        debug: Some(DebugMask(4)),
        ..Retuning::default()
    });
    assert!(session.sequencing().send_seq);
    assert!(session.tuning.recv_seq.load(Relaxed));
    assert!(session.tuning.lns_mode.load(Relaxed));
    assert_eq!(session.tuning.reorder_timeout(), tuning.reorder_timeout);
    assert_eq!(session.tuning.debug.load(Relaxed), 4);
    session.tuning.change(&Retuning {
        send_seq: Some(false),
        ..Retuning::default()
    });
    assert!(!session.sequencing().send_seq);
}

#[test]
fn it_is_told_when_a_session_follows_its_peer() {
    let spec = spec(SessionTuning::default());
    let session = Session::new(&tunnel(3), &spec, spec.sequencing());
    for numbered in [true, false] {
        let before = FOLLOWED.load(Relaxed);
        session.tuning.follow(numbered);
        assert_eq!(session.sequencing().send_seq, numbered);
        assert!(FOLLOWED.load(Relaxed) > before);
    }
}
