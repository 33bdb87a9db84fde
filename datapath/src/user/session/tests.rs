use super::*;
use adit_wire::l2tp::TunnelId;

/// A session without cookies.
pub(crate) fn spec(tuning: SessionTuning) -> SessionSpec {
    SessionSpec {
        key: SessionKey {
            tunnel: TunnelId(1),
            session: SessionId(1),
        },
        peer_id: SessionId(2),
        ifname: None,
        cookie: Cookie::EMPTY,
        peer_cookie: Cookie::EMPTY,
        sublayer: Sublayer::Default,
        tuning,
    }
}

/// The sublayer of the next packet.
fn sublayer(session: &Session) -> u32 {
    let mut header = [0; 8];
    session.write_header(&mut header, false);
    u32::from_be_bytes([header[4], header[5], header[6], header[7]])
}

#[test]
fn numbers_go_on_from_where_they_were_and_wrap() {
    let from = Sequencing {
        send_seq: true,
        next_ns: Sequence(Sequence::MAX),
    };
    let session = Session::new(&spec(SessionTuning::default()), from);
    assert_eq!(session.sequencing(), from);
    assert_eq!(sublayer(&session), 0x40ff_ffff);
    assert_eq!(sublayer(&session), 0x4000_0000);
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
    let session = Session::new(&spec, spec.sequencing());
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
