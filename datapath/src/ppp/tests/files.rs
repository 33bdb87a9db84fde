use super::bench::{Bench, Program};
use crate::counters::DropReason;
use crate::ppp::{File, Kind, NpMode};
use adit_wire::netlink::Errno;

const LCP: [u8; 6] = [0xc0, 0x21, 1, 1, 0, 4];

/// A file on the channel of a new session.
fn channel(bench: &mut Bench, session: u32) -> (File, Program, u32) {
    let key = bench.session(session);
    let index = bench.ppp.claim(key).unwrap();
    let (file, program) = bench.open();
    file.attach_channel(index).unwrap();
    (file, program, index)
}

#[test]
fn a_file_is_attached_once_and_to_what_there_is() {
    let mut bench = Bench::new(2);
    let (file, program) = bench.open();
    assert_eq!(file.kind(), Kind::None);
    assert_eq!(file.attach_channel(1), Err(Errno::ENXIO));
    assert_eq!(file.attach_unit(0), Err(Errno::ENXIO));
    let key = bench.session(1);
    let index = bench.ppp.claim(key).unwrap();
    file.attach_channel(index).unwrap();
    assert_eq!(file.kind(), Kind::Channel(index));
    assert_eq!(file.attach_channel(index), Err(Errno::ENOTTY));
    assert_eq!(file.new_unit(None), Err(Errno::ENOTTY));
    assert_eq!(file.attach_unit(0), Err(Errno::ENOTTY));
    program.closes();
    assert_eq!(file.attach_channel(index), Err(Errno::EBADF));
}

#[test]
fn what_is_a_units_is_refused_by_a_channel() {
    let mut bench = Bench::new(2);
    let (file, _program, _) = channel(&mut bench, 1);
    let enotty = Err(Errno::ENOTTY);
    assert_eq!(file.unit(), enotty);
    assert_eq!(file.flags(), enotty);
    assert_eq!(file.mru(), enotty);
    assert_eq!(file.set_flags(0), Err(Errno::ENOTTY));
    assert_eq!(file.set_np_mode(0x21, NpMode::PASS), Err(Errno::ENOTTY));
    let (free, _program) = bench.open();
    assert_eq!(free.connect(0), Err(Errno::ENOTTY));
    assert_eq!(free.disconnect(), Err(Errno::ENOTTY));
    assert_eq!(free.unbridge(), Err(Errno::ENOTTY));
}

#[test]
fn a_free_channel_gives_its_file_everything() {
    let mut bench = Bench::new(2);
    let (file, program, _) = channel(&mut bench, 1);
    for (sent, read) in [
        (&LCP[..], &LCP[..]),
        (&[0x00, 0x21, 0x45], &[0x00, 0x21, 0x45]),
        (&[0x21, 0x45], &[0x00, 0x21, 0x45]),
        (&[0xff, 0x03, 0x57, 0x60], &[0x00, 0x57, 0x60]),
    ] {
        bench.peer_sends(1, sent);
        assert_eq!(program.reads(), read);
    }
    program.writes(&LCP);
    assert_eq!(bench.peer_gets(), (101, [&[0xff, 0x03], &LCP[..]].concat()));
    assert_eq!(file.connect(0), Err(Errno::ENXIO));
    assert_eq!(file.disconnect(), Err(Errno::EINVAL));
}

#[test]
fn a_late_file_gets_the_last_frames() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    let index = bench.ppp.claim(key).unwrap();
    for n in 0..34 {
        bench.peer_sends(1, &[0xc0, 0x21, n, 0, 0, 4]);
    }
    bench.wait_for_drops(key, DropReason::PppReader, 2);
    let (file, program) = bench.open();
    file.attach_channel(index).unwrap();
    for n in 2..34 {
        assert_eq!(program.reads()[2], n);
    }
    assert!(program.is_dry());
}

#[test]
fn frames_that_are_none_are_not_sent() {
    let mut bench = Bench::new(2);
    let (_file, program, _) = channel(&mut bench, 1);
    for frame in [&[0xc0][..], &LCP[..5]] {
        program.writes(frame);
    }
    // An empty message is no end.
    program.writes(&[]);
    program.writes(&LCP);
    assert_eq!(bench.peer_gets().1[2..], LCP);
    let key = *bench.datapath.session_keys().first().unwrap();
    bench.wait_for_drops(key, DropReason::PppTxShort, 3);
}

#[test]
fn a_bridge_switches_everything_both_ways() {
    let mut bench = Bench::new(2);
    let (first, _program, one) = channel(&mut bench, 1);
    let (second, program, two) = channel(&mut bench, 2);
    assert_eq!(first.bridge(99), Err(Errno::ENXIO));
    assert_eq!(first.unbridge(), Err(Errno::EINVAL));
    assert_eq!(first.bridge(one), Err(Errno::EALREADY));
    first.bridge(two).unwrap();
    assert_eq!(first.bridge(two), Err(Errno::EALREADY));
    assert_eq!(second.bridge(one), Err(Errno::EALREADY));
    for frame in [&LCP[..], &[0x00, 0x21, 0x45, 9], &[0x80, 0x21, 1]] {
        let whole = [&[0xff, 0x03], frame].concat();
        bench.peer_sends(1, frame);
        assert_eq!(bench.peer_gets(), (102, whole.clone()));
        bench.peer_sends(2, &whole);
        assert_eq!(bench.peer_gets(), (101, whole));
    }
    bench.peer_sends(1, &[0x21, 0x45]);
    assert_eq!(bench.peer_gets(), (102, vec![0xff, 0x03, 0, 0x21, 0x45]));
    second.unbridge().unwrap();
    assert_eq!(first.unbridge(), Err(Errno::EINVAL));
    bench.peer_sends(2, &LCP);
    assert_eq!(program.reads(), LCP);
}

#[test]
fn a_bridge_ends_with_either_session() {
    let mut bench = Bench::new(2);
    let (first, program, _) = channel(&mut bench, 1);
    let (_second, gone, two) = channel(&mut bench, 2);
    first.bridge(two).unwrap();
    let keys = bench.datapath.session_keys();
    bench.remove(keys[1]);
    assert_eq!(gone.reads(), []);
    bench.peer_sends(1, &LCP);
    assert_eq!(program.reads(), LCP);
    assert_eq!(first.unbridge(), Err(Errno::EINVAL));
}
