use crate::Instant;
use crate::l2tp::channel::{Channel, Expired, Received};
use crate::l2tp::config::Retransmit;
use std::time::Duration;

type End = Channel<u32, u32>;

const fn at(millis: u64) -> Instant {
    Instant::new(Duration::from_millis(millis))
}

fn end() -> End {
    Channel::new(Retransmit::default(), 4)
}

/// Sends what may be sent: Ns of each message, `None` for an acknowledgement.
fn sent(end: &mut End, now: Instant) -> Vec<(Option<u16>, u16)> {
    std::iter::from_fn(|| {
        let segment = end.transmit(now)?;
        Some((segment.message.map(|_| segment.ns), segment.nr))
    })
    .collect()
}

fn delivered(end: &mut End) -> Vec<u32> {
    std::iter::from_fn(|| end.deliver()).collect()
}

#[test]
fn an_acknowledgement_rides_on_a_message_or_goes_alone_without_using_a_number() {
    let mut end = end();
    assert_eq!(end.receive(at(0), 0, 0, Some(7)), Received::InOrder);
    end.push(1);
    assert_eq!(sent(&mut end, at(0)), [(Some(0), 1)]);
    assert_eq!(end.receive(at(1), 1, 1, Some(8)), Received::InOrder);
    let segment = end.transmit(at(1)).expect("an acknowledgement is due");
    assert_eq!((segment.ns, segment.nr, segment.message), (1, 2, None));
    assert!(end.transmit(at(1)).is_none());
    end.push(2);
    assert_eq!(sent(&mut end, at(1)), [(Some(1), 2)]);
}

#[test]
fn an_acknowledgement_is_not_acknowledged() {
    let mut end = end();
    assert_eq!(end.receive(at(0), 5, 0, None), Received::Ack);
    assert!(!end.has_to_transmit());
    assert_eq!(end.numbers(), (0, 0), "Nr ignores the Ns of a ZLB");
}

#[test]
fn messages_out_of_order_are_delivered_in_order_and_once() {
    let mut end = end();
    assert_eq!(end.receive(at(0), 2, 0, Some(2)), Received::Early);
    assert_eq!(end.receive(at(0), 1, 0, Some(1)), Received::Early);
    assert_eq!(end.receive(at(0), 1, 0, Some(1)), Received::Duplicate);
    assert_eq!(end.receive(at(0), 4, 0, Some(4)), Received::BeyondWindow);
    assert_eq!(delivered(&mut end), [0; 0]);
    assert_eq!(end.receive(at(0), 0, 0, Some(0)), Received::InOrder);
    assert_eq!(delivered(&mut end), [0, 1, 2]);
    assert_eq!(end.receive(at(0), 0, 0, Some(0)), Received::Duplicate);
    assert_eq!(sent(&mut end, at(0)), [(None, 3)], "one acknowledges all");
    assert_eq!(end.receive(at(0), 2, 0, Some(2)), Received::Duplicate);
    assert_eq!(sent(&mut end, at(0)), [(None, 3)], "a duplicate again");
}

#[test]
fn what_is_not_taken_out_fills_the_window() {
    let mut end = end();
    for ns in 0..4 {
        assert_eq!(end.receive(at(0), ns, 0, Some(0)), Received::InOrder);
    }
    assert_eq!(end.receive(at(0), 4, 0, Some(0)), Received::BeyondWindow);
    end.deliver();
    assert_eq!(end.receive(at(0), 4, 0, Some(0)), Received::InOrder);
}

/// RFC 2661 §5.8: after 15, the numbers 0 to 15 and 32784 to 65535 are old.
#[test]
fn the_32767_numbers_before_the_last_are_duplicates() {
    let mut end = Channel::<u32, u32>::new(Retransmit::default(), u16::MAX);
    for ns in 0..=15 {
        end.receive(at(0), ns, 0, Some(0));
    }
    for (ns, verdict) in [
        (15, Received::Duplicate),
        (0, Received::Duplicate),
        (65535, Received::Duplicate),
        (32784, Received::Duplicate),
        (32783, Received::Early),
    ] {
        assert_eq!(end.receive(at(0), ns, 0, Some(0)), verdict, "{ns}");
    }
}

#[test]
fn an_nr_of_what_was_never_sent_is_invalid_and_changes_nothing() {
    let mut end = end();
    end.push(1);
    end.push(2);
    assert_eq!(sent(&mut end, at(0)), [(Some(0), 0)]);
    assert_eq!(end.receive(at(1), 0, 2, Some(9)), Received::InvalidNr);
    assert_eq!(
        end.receive(at(1), 0, 0x8000, Some(9)),
        Received::InvalidNr,
        "nor the far past"
    );
    assert_eq!((end.backlog(), delivered(&mut end).len()), (2, 0));
    assert!(!end.has_to_transmit());
    assert_eq!(end.receive(at(1), 0, 65535, Some(9)), Received::InOrder);
}

/// Appendix A: one message, then two, four; never more than the peer's window.
#[test]
fn slow_start_doubles_up_to_the_peers_window() {
    let mut end = end();
    end.set_peer_window(5);
    (0..40).for_each(|n| end.push(n));
    let mut bursts = Vec::new();
    let mut acked = 0;
    for round in 0..5 {
        let burst = sent(&mut end, at(round)).len() as u16;
        bursts.push(burst);
        for _ in 0..burst {
            acked += 1;
            end.receive(at(round), 0, acked, None);
        }
    }
    assert_eq!(bursts, [1, 2, 4, 5, 5]);
}

#[test]
fn a_loss_halves_the_threshold_and_starts_slowly_again() {
    let mut end = end();
    end.set_peer_window(8);
    (0..100).for_each(|n| end.push(n));
    let mut acked = 0;
    let mut now = at(0);
    let mut round = |end: &mut End, now| {
        let burst = sent(end, now).len() as u16;
        for _ in 0..burst {
            acked += 1;
            end.receive(now, 0, acked, None);
        }
        burst
    };
    while end.window() < 8 {
        round(&mut end, now);
    }
    sent(&mut end, now);
    now = end.deadline().expect("messages are in flight");
    assert_eq!(end.expire(now), Expired::Retransmit);
    // Slow start to half of 8, then one more for each window's worth of acknowledgements.
    let bursts: Vec<_> = (0..6).map(|_| round(&mut end, now)).collect();
    assert_eq!(bursts, [1, 2, 4, 5, 6, 7]);
}

#[test]
fn a_time_out_sends_the_oldest_again_with_the_newest_nr() {
    let mut end = end();
    end.push(1);
    sent(&mut end, at(0));
    assert_eq!(end.deadline(), Some(at(1000)), "RFC 2661: one second");
    assert_eq!(end.expire(at(999)), Expired::No);
    end.receive(at(500), 0, 0, Some(1));
    sent(&mut end, at(500));
    assert_eq!(end.expire(at(1000)), Expired::Retransmit);
    let segment = end.transmit(at(1000)).expect("it is sent again");
    assert_eq!((segment.ns, segment.nr, segment.again), (0, 1, true));
    assert_eq!(end.retransmissions(), 1);
    assert_eq!(end.deadline(), Some(at(3000)), "twice the interval");
}

/// RFC 2661 §5.8: the interval doubles up to a cap, and after the last try the peer is given up.
#[test]
fn the_interval_doubles_up_to_the_cap_until_the_peer_is_given_up() {
    let retransmit = Retransmit {
        cap: Duration::from_secs(8),
        tries: 6,
        ..Retransmit::default()
    };
    let mut end = Channel::<u32, u32>::new(retransmit, 4);
    end.push(1);
    let mut now = at(0);
    let mut intervals = Vec::new();
    let verdict = loop {
        sent(&mut end, now);
        let next = end.deadline().expect("it is in flight");
        intervals.push(next.since(now).as_secs());
        now = next;
        match end.expire(now) {
            Expired::Retransmit => {}
            verdict @ (Expired::No | Expired::GiveUp) => break verdict,
        }
    };
    assert_eq!(intervals, [1, 2, 4, 8, 8, 8, 8]);
    assert_eq!(verdict, Expired::GiveUp);
    end.persevere();
    assert_eq!(sent(&mut end, now).len(), 1);
    assert_eq!(end.deadline(), Some(now + Duration::from_secs(8)));
    assert_eq!(
        end.expire(now + Duration::from_secs(8)),
        Expired::Retransmit
    );
}

/// A short round trip makes for early retransmissions, but not for an early verdict.
#[test]
fn a_near_peer_is_asked_sooner_and_given_up_no_sooner() {
    let mut end = end();
    for n in 0..20 {
        end.push(n);
        sent(&mut end, at(u64::from(n) * 10));
        end.receive(at(u64::from(n) * 10 + 2), 0, n as u16 + 1, None);
    }
    assert_eq!(end.round_trip(), Some(Duration::from_millis(2)));
    end.push(99);
    let start = at(1000);
    sent(&mut end, start);
    let mut now = end.deadline().expect("it is in flight");
    assert_eq!(now.since(start), Retransmit::default().min);
    while end.expire(now) != Expired::GiveUp {
        sent(&mut end, now);
        now = end.deadline().expect("it is in flight");
    }
    assert!(now.since(start) >= Retransmit::default().cycle());
    assert_eq!(Retransmit::default().cycle(), Duration::from_secs(31));
}

#[test]
fn a_far_peer_is_waited_for() {
    let mut end = end();
    end.push(0);
    sent(&mut end, at(0));
    end.receive(at(900), 0, 1, None);
    end.push(1);
    sent(&mut end, at(1000));
    // Mean and four deviations: 900 + 4 * 450.
    assert_eq!(end.deadline(), Some(at(3700)));
}

#[test]
fn an_hour_asleep_counts_as_one_interval() {
    let mut end = end();
    end.push(0);
    sent(&mut end, at(0));
    for hour in 1..=5 {
        assert_eq!(end.expire(at(hour * 3_600_000)), Expired::Retransmit);
        sent(&mut end, at(hour * 3_600_000));
    }
}

#[test]
fn who_hangs_up_still_acknowledges() {
    let mut end = end();
    (0..4).for_each(|n| end.push(n));
    sent(&mut end, at(0));
    end.hang_up();
    assert_eq!((end.backlog(), end.deadline()), (0, None));
    end.receive(at(1), 0, 1, Some(0));
    let segment = end.transmit(at(1)).expect("an acknowledgement is due");
    assert_eq!((segment.ns, segment.nr, segment.message), (1, 1, None));
}

#[test]
fn unsent_messages_can_be_taken_back() {
    let mut end = end();
    (0..4).for_each(|n| end.push(n));
    sent(&mut end, at(0));
    end.retain_unsent(|n| *n == 3);
    assert_eq!((end.backlog(), end.oldest()), (2, Some(&0)));
    end.receive(at(1), 0, 1, None);
    assert_eq!(end.transmit(at(1)).and_then(|s| s.message), Some(&3));
}
