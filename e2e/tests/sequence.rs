//! Sequence numbers, packet by packet, with the test as the peer.

use adit_e2e::{Encap, Family, Probe, Setup, Test, eventually, frame, test};
use libtest_mimic::Trial;
use std::time::{Duration, Instant};

/// The local id of the session that a [`Probe`] makes.
const SESSION: u32 = 1000;
/// The last number that may open a session: half the space, minus two.
const WINDOW_END: u32 = (1 << 23) - 2;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "sequence::numbers_on_the_wire_start_at_zero",
            numbers_on_the_wire_start_at_zero,
        ),
        test(
            "sequence::demanded_numbers_must_be_there",
            demanded_numbers_must_be_there,
        ),
        test(
            "sequence::the_window_is_half_the_space",
            the_window_is_half_the_space,
        ),
        test(
            "sequence::without_reordering_gaps_resynchronise",
            without_reordering_gaps_resynchronise,
        ),
        test(
            "sequence::reordering_restores_the_order",
            reordering_restores_the_order,
        ),
        test(
            "sequence::a_gap_is_skipped_by_the_clock",
            a_gap_is_skipped_by_the_clock,
        ),
        test("sequence::a_lac_follows_its_peer", a_lac_follows_its_peer),
        test("sequence::an_lns_decides", an_lns_decides),
    ]
}

fn probe(words: &str) -> Probe {
    Probe::new(&Setup::new(Encap::Udp, Family::V4).session(words))
}

/// The sublayer of the next packet that the host sends.
fn sent_sublayer(probe: &mut Probe, number: u32) -> u32 {
    probe.transmit(number);
    let packet = probe.receive();
    assert_eq!(packet[..8], [0, 3, 0, 0, 0, 0, 0x07, 0xd0]);
    assert_eq!(packet[12..], frame(number));
    u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]])
}

fn numbers_on_the_wire_start_at_zero() -> Test {
    let mut probe = probe("seq send");
    for number in 0..3 {
        assert_eq!(sent_sublayer(&mut probe, number), 0x4000_0000 | number);
    }
    assert!(probe.host.adit("show debug").contains("\n   nr 0, ns 3\n"));
    let mut plain = self::probe("seq none");
    assert_eq!(sent_sublayer(&mut plain, 0), 0);
    Ok(())
}

fn demanded_numbers_must_be_there() -> Test {
    let mut probe = probe("seq recv");
    probe.send_frame(None, 1);
    probe.send_frame(Some(0), 2);
    assert_eq!(probe.delivered(1), [2]);
    eventually("the number expected next is shown", || {
        probe.host.adit("show debug").contains("\n   nr 1, ns 0\n")
    });
    for counter in ["rx_seq_missing", "rx_seq_discards", "rx_errors"] {
        assert_eq!(probe.host.counter(SESSION, counter), 1, "{counter}");
    }
    Ok(())
}

fn the_window_is_half_the_space() -> Test {
    let mut probe = probe("seq recv");
    probe.send_frame(Some(WINDOW_END + 1), 1);
    probe.send_frame(Some(WINDOW_END), 2);
    probe.send_frame(Some(WINDOW_END), 3);
    assert_eq!(probe.delivered(1), [2]);
    for counter in ["rx_seq_window", "rx_errors"] {
        probe.await_count(SESSION, counter, 2);
    }
    probe.silent();
    assert_eq!(probe.host.counter(SESSION, "rx_seq_discards"), 0);
    Ok(())
}

fn without_reordering_gaps_resynchronise() -> Test {
    let mut probe = probe("seq recv");
    for number in [0, 1, 3, 4, 5, 6, 7, 8, 9] {
        probe.send_frame(Some(number), number);
    }
    // The fifth number in a row behind the first after the gap is taken again.
    assert_eq!(probe.delivered(4), [0, 1, 8, 9]);
    for counter in ["rx_seq_order", "rx_seq_discards", "rx_errors"] {
        assert_eq!(probe.host.counter(SESSION, counter), 5, "{counter}");
    }
    Ok(())
}

fn reordering_restores_the_order() -> Test {
    let mut probe = probe("seq recv reorder_timeout 5000");
    for number in [0, 3, 1, 2, 4] {
        probe.send_frame(Some(number), number);
    }
    assert_eq!(probe.delivered(5), [0, 1, 2, 3, 4]);
    assert_eq!(probe.host.counter(SESSION, "rx_oos_packets"), 2);
    assert_eq!(probe.host.counter(SESSION, "rx_errors"), 0);
    Ok(())
}

/// No later packet is needed to end the wait for one that never comes, and nothing that came is
/// lost.
fn a_gap_is_skipped_by_the_clock() -> Test {
    let mut probe = probe("seq recv reorder_timeout 2000");
    probe.send_frame(Some(0), 0);
    assert_eq!(probe.delivered(1), [0]);
    let start = Instant::now();
    probe.send_frame(Some(3), 3);
    probe.send_frame(Some(2), 2);
    assert_eq!(probe.delivered(2), [2, 3]);
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(2000), "{waited:?}");
    // The missing one comes too late now.
    probe.send_frame(Some(1), 1);
    probe.send_frame(Some(4), 4);
    assert_eq!(probe.delivered(1), [4]);
    assert_eq!(probe.host.counter(SESSION, "rx_seq_window"), 1);
    Ok(())
}

fn a_lac_follows_its_peer() -> Test {
    let mut probe = probe("lns_mode off");
    assert_eq!(sent_sublayer(&mut probe, 0), 0);
    probe.send_frame(Some(0), 1);
    assert_eq!(probe.delivered(1), [1]);
    assert_eq!(sent_sublayer(&mut probe, 2), 0x4000_0000);
    probe.send_frame(None, 3);
    assert_eq!(probe.delivered(1), [3]);
    assert_eq!(sent_sublayer(&mut probe, 4), 0);
    Ok(())
}

fn an_lns_decides() -> Test {
    let mut probe = probe("seq send lns_mode on");
    assert_eq!(sent_sublayer(&mut probe, 0), 0x4000_0000);
    probe.send_frame(None, 1);
    probe.await_count(SESSION, "rx_seq_missing", 1);
    probe.silent();
    assert_eq!(sent_sublayer(&mut probe, 2), 0x4000_0001);
    Ok(())
}
