use super::bench::Bench;
use crate::Datapath;
use crate::counters::DropReason;
use crate::ppp::{End, Ending};
use crate::spec::*;
use adit_wire::netlink::Errno;

const LCP: [u8; 6] = [0xc0, 0x21, 1, 1, 0, 4];

fn with_header(frame: &[u8]) -> Vec<u8> {
    [&[0xff, 0x03], frame].concat()
}

#[test]
fn frames_pass_between_peer_and_socket_in_both_versions() {
    for version in [2, 3] {
        let mut bench = Bench::new(version);
        let key = bench.session(1);
        let program = bench.connect(key);
        bench.peer_sends(1, &with_header(&LCP));
        assert_eq!(program.reads(), LCP, "address and control go");
        bench.peer_sends(1, &LCP);
        assert_eq!(program.reads(), LCP, "and need not be there");
        program.writes(&LCP);
        assert_eq!(bench.peer_gets(), (101, with_header(&LCP)));
        let statistics = bench.wait_for_sent(key, 1).statistics;
        let header = if version == 2 { 6 } else { 8 };
        assert_eq!(
            (statistics.rx_packets, statistics.rx_bytes),
            (2, 2 * header + 14)
        );
        assert_eq!(
            (statistics.tx_packets, statistics.tx_bytes),
            (1, header + 8)
        );
        assert_eq!(statistics.rx_errors, 0);
    }
}

#[test]
fn sessions_of_a_tunnel_are_told_apart() {
    let mut bench = Bench::new(2);
    let keys = [bench.session(1), bench.session(2)];
    let programs = keys.map(|key| bench.connect(key));
    for (n, program) in programs.iter().enumerate() {
        bench.peer_sends(n as u32 + 1, &[0xc0, 0x21, n as u8, 0, 0, 4]);
        assert_eq!(program.reads()[2], n as u8);
        program.writes(&[0xc0, 0x21, n as u8, 0, 0, 4]);
        assert_eq!(bench.peer_gets().0, 101 + n as u32);
    }
}

#[test]
fn a_session_without_a_user_drops_and_counts() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    bench.peer_sends(1, &LCP);
    bench.wait_for_drops(key, DropReason::PppUnclaimed, 1);
    // Linux counts these as received and as no error.
    let statistics = bench.counters(key).statistics;
    assert_eq!((statistics.rx_packets, statistics.rx_errors), (1, 0));
}

#[test]
fn the_first_frames_wait_for_who_is_expected() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    bench.ppp.expect(key);
    let request = |n| [0xc0, 0x21, 1, n, 0, 4];
    bench.peer_sends(1, &with_header(&request(1)));
    bench.wait_for_received(key, 1);
    let program = bench.connect(key);
    bench.peer_sends(1, &with_header(&request(2)));
    bench.wait_for_received(key, 2);
    let index = program.channel;
    bench.ppp.bind(index).unwrap();
    let (file, reader) = bench.open();
    file.attach_channel(index).unwrap();
    assert_eq!(reader.reads(), request(1));
    assert_eq!(reader.reads(), request(2));
    assert_eq!(bench.counters(key).dropped(DropReason::PppUnclaimed), 0);
}

#[test]
fn a_session_has_one_user() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    // A program's end that is closed ends what was connected.
    let mut programs = Vec::new();
    let mut connect = |key| {
        let (end, program) = End::pair().unwrap();
        programs.push(program);
        bench.ppp.connect(key, end, Ending::Silent, Box::new(|| {}))
    };
    let missing = SessionKey {
        session: adit_wire::l2tp::SessionId(2),
        ..key
    };
    assert_eq!(connect(missing), Err(Errno::ENODEV));
    assert_eq!(bench.ppp.bind(1), Err(Errno::ENODEV));
    assert_eq!(connect(key), Ok(1));
    assert_eq!(connect(key), Err(Errno::EEXIST));
    assert_eq!(bench.ppp.claim(key), Err(Errno::EEXIST));
    assert!(!bench.ppp.is_bound(key));
    assert_eq!(bench.ppp.bind(1), Ok(()));
    assert!(bench.ppp.is_bound(key));
}

#[test]
fn a_closed_socket_hangs_its_session_up() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    let program = bench.connect(key);
    let index = program.channel;
    bench.ppp.bind(index).unwrap();
    let (file, reader) = bench.open();
    file.attach_channel(index).unwrap();
    program.closes();
    assert_eq!(reader.reads(), [], "end of file");
    reader.writes(&LCP);
    bench.peer_sends(1, &LCP);
    bench.wait_for_drops(key, DropReason::PppUnclaimed, 1);
    let (late, _program) = bench.open();
    assert_eq!(late.attach_channel(index), Err(Errno::ENXIO));
    bench.remove(key);
    // The same ids again are another session.
    bench.session(1);
    assert_eq!(bench.connect(key).channel, index + 1);
}

#[test]
fn a_removed_session_may_end_what_its_socket_reads() {
    let mut bench = Bench::new(3);
    let key = bench.session(1);
    let program = bench.connect_until(key, Ending::HangUp);
    bench.remove(key);
    assert_eq!(program.reads(), []);
    program.writes(&LCP);
    assert_eq!(bench.ppp.bind(program.channel), Err(Errno::ENODEV));
    program.closes();
}

#[test]
fn a_channel_may_outlive_its_session_until_its_socket_is_closed() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    let program = bench.connect(key);
    let index = program.channel;
    bench.ppp.bind(index).unwrap();
    let (file, reader) = bench.open();
    file.attach_channel(index).unwrap();
    bench.remove(key);
    // Another session of the same ids has another channel.
    bench.session(1);
    let other = bench.connect(key);
    assert_ne!(other.channel, index);
    bench.peer_sends(1, &LCP);
    assert_eq!(other.reads(), LCP);
    program.writes(&LCP);
    reader.writes(&LCP);
    other.writes(&LCP);
    assert_eq!(bench.peer_gets(), (101, with_header(&LCP)));
    bench.wait_for_sent(key, 1);
    assert!(program.is_dry() && reader.is_dry());
    assert_eq!(file.disconnect(), Err(Errno::EINVAL), "it is in no unit");
    program.closes();
    assert_eq!(reader.reads(), []);
    assert_eq!(bench.ppp.bind(index), Err(Errno::ENODEV));
    other.writes(&LCP);
    assert_eq!(bench.peer_gets(), (101, with_header(&LCP)));
}

#[test]
fn a_closed_socket_is_known_before_it_is_told() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    assert!(!bench.ppp.is_used(key));
    let program = bench.connect(key);
    assert!(bench.ppp.is_used(key));
    drop(program);
    assert!(!bench.ppp.is_used(key));
}

#[test]
fn version_2_carries_nothing_but_ppp() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    let spec = bench.datapath.inventory().sessions[&key].clone();
    let ethernet = SessionSpec {
        pseudowire: Pseudowire::Ethernet,
        key: SessionKey {
            session: adit_wire::l2tp::SessionId(2),
            ..key
        },
        ..spec
    };
    let refused = bench.datapath.apply(&Change::AddSession(ethernet));
    assert_eq!(refused.unwrap_err().errno, Errno::EPROTONOSUPPORT);
}

#[test]
fn hostile_packets_are_counted_and_do_no_harm() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    bench.ppp.claim(key).unwrap();
    for (frame, reason) in [
        (&[][..], DropReason::PppShort),
        (&[0xff, 0x03], DropReason::PppShort),
        (&[0xc0], DropReason::PppShort),
    ] {
        let before = bench.counters(key).dropped(reason);
        bench.peer_sends(1, frame);
        bench.wait_for_drops(key, reason, before + 1);
    }
    for _ in 0..40 {
        bench.peer_sends(1, &LCP);
    }
    bench.wait_for_drops(key, DropReason::PppReader, 8);
}
