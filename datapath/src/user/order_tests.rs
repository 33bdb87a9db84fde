use super::*;
use proptest::prelude::*;

const MASK: u32 = Width::Bits24.mask();
const TIMEOUT: Duration = Duration::from_millis(100);

/// A receiver whose deliveries are recorded; a frame is its number's octets.
struct Bench {
    order: Order,
    start: Instant,
    out: Vec<u32>,
}

impl Bench {
    fn new() -> Bench {
        Bench::of(Width::Bits24)
    }

    fn of(width: Width) -> Bench {
        Bench {
            order: Order::new(width),
            start: Instant::now(),
            out: Vec::new(),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn put(&mut self, ms: u64, timeout: Duration, number: u32) -> Fate {
        let now = self.at(ms);
        let out = &mut self.out;
        let octets = number.to_be_bytes();
        let payload = payload(&octets);
        self.order
            .numbered(now, Sequence(number), timeout, payload, &mut |p| {
                record(out, &p)
            })
    }

    fn plain(&mut self, ms: u64, timeout: Duration, mark: u32) -> Fate {
        let now = self.at(ms);
        let out = &mut self.out;
        let octets = mark.to_be_bytes();
        let payload = payload(&octets);
        self.order
            .unnumbered(now, timeout, payload, &mut |p| record(out, &p))
    }

    fn expire(&mut self, ms: u64) {
        let now = self.at(ms);
        let out = &mut self.out;
        self.order.expire(now, &mut |p| record(out, &p));
    }
}

/// A payload behind a header whose length tells it.
fn payload(octets: &[u8]) -> Payload<'_> {
    Payload {
        octets: Cow::Borrowed(octets),
        header: usize::from(octets[3]),
        class: 0,
    }
}

fn record(out: &mut Vec<u32>, payload: &Payload<'_>) {
    let octets: &[u8] = &payload.octets;
    assert_eq!(payload.packet_len(), usize::from(octets[3]) + 4);
    out.push(u32::from_be_bytes(octets.try_into().unwrap()));
}

#[test]
fn the_first_number_is_taken_from_inside_the_window_only() {
    assert_eq!(
        Bench::new().put(0, Duration::ZERO, 8_388_606),
        Fate::Delivered
    );
    assert_eq!(
        Bench::new().put(0, Duration::ZERO, 8_388_607),
        Fate::OutsideWindow
    );
}

#[test]
fn two_octets_of_number_have_a_window_and_a_wrap_of_their_own() {
    let first = |number| Bench::of(Width::Bits16).put(0, Duration::ZERO, number);
    assert_eq!(first(32_766), Fate::Delivered);
    assert_eq!(first(32_767), Fate::OutsideWindow);
    assert_eq!(first(0xffff), Fate::OutsideWindow);
    let mut b = Bench::of(Width::Bits16);
    // Half the window at a time, so that each comes from inside the window.
    for number in [30_000, 60_000, 0xfffe] {
        b.put(0, TIMEOUT, number);
        b.expire(1_000);
    }
    for (number, fate) in [
        (0, Fate::Held { late: false }),
        (0xffff, Fate::FilledGap),
        (1, Fate::Delivered),
    ] {
        assert_eq!(b.put(1_000, TIMEOUT, number), fate, "{number}");
    }
    assert_eq!(b.out, [30_000, 60_000, 0xfffe, 0xffff, 0, 1]);
}

#[test]
fn without_reordering_six_consecutive_strays_resynchronise() {
    let mut b = Bench::new();
    b.put(0, Duration::ZERO, 0);
    for number in 10..15 {
        assert_eq!(
            b.put(0, Duration::ZERO, number),
            Fate::OutOfOrder,
            "{number}"
        );
    }
    assert_eq!(b.put(0, Duration::ZERO, 15), Fate::Delivered);
    assert_eq!(b.put(0, Duration::ZERO, 16), Fate::Delivered);
    assert_eq!(b.out, [0, 15, 16]);
}

#[test]
fn a_break_in_the_stray_run_starts_the_count_again() {
    let mut b = Bench::new();
    b.put(0, Duration::ZERO, 0);
    for number in [10, 11, 12, 13, 20, 21, 22, 23, 24] {
        assert_eq!(
            b.put(0, Duration::ZERO, number),
            Fate::OutOfOrder,
            "{number}"
        );
    }
    assert_eq!(b.put(0, Duration::ZERO, 25), Fate::Delivered);
}

#[test]
fn a_restarted_peer_is_followed_although_its_numbers_lie_behind() {
    for timeout in [Duration::ZERO, TIMEOUT] {
        let mut b = Bench::new();
        b.put(0, timeout, 5000);
        for number in 0..5 {
            assert_eq!(b.put(0, timeout, number), Fate::OutsideWindow);
        }
        assert_eq!(b.put(0, timeout, 5), Fate::Delivered);
        assert_eq!(b.put(0, timeout, 6), Fate::Delivered);
    }
}

#[test]
fn a_gap_is_filled_in_order() {
    let mut b = Bench::new();
    assert_eq!(b.put(0, TIMEOUT, 0), Fate::Delivered);
    assert_eq!(b.put(0, TIMEOUT, 3), Fate::Held { late: false });
    assert_eq!(b.put(0, TIMEOUT, 2), Fate::Held { late: true });
    assert_eq!(b.put(0, TIMEOUT, 2), Fate::Duplicate);
    assert_eq!(b.put(0, TIMEOUT, 1), Fate::FilledGap);
    assert_eq!(b.out, [0, 1, 2, 3]);
    assert_eq!(b.order.deadline(), None);
}

#[test]
fn the_clock_gives_up_a_gap_and_nothing_that_came_is_lost() {
    let mut b = Bench::new();
    b.put(0, TIMEOUT, 0);
    b.put(10, TIMEOUT, 3);
    b.put(50, TIMEOUT, 2);
    assert_eq!(b.order.deadline(), Some(b.at(110)));
    b.expire(109);
    assert_eq!(b.out, [0]);
    b.expire(110);
    assert_eq!(b.out, [0, 2, 3]);
    assert_eq!(b.put(120, TIMEOUT, 1), Fate::OutsideWindow);
    assert_eq!(b.put(120, TIMEOUT, 4), Fate::Delivered);
}

#[test]
fn numbers_wrap_in_the_queue() {
    let mut b = Bench::new();
    b.put(0, TIMEOUT, 8_000_000);
    b.put(0, TIMEOUT, 16_000_000);
    b.expire(200);
    b.put(200, TIMEOUT, MASK - 1);
    b.expire(400);
    b.put(400, TIMEOUT, 1);
    b.put(400, TIMEOUT, 0);
    b.put(400, TIMEOUT, MASK);
    assert_eq!(b.out, [8_000_000, 16_000_000, MASK - 1, MASK, 0, 1]);
}

#[test]
fn a_packet_without_number_never_overtakes() {
    let mut b = Bench::new();
    b.put(0, TIMEOUT, 0);
    b.put(0, TIMEOUT, 2);
    assert_eq!(b.plain(0, TIMEOUT, 777), Fate::Held { late: false });
    b.put(0, TIMEOUT, 1);
    assert_eq!(b.out, [0, 1, 2, 777]);
    assert_eq!(b.plain(0, TIMEOUT, 778), Fate::Delivered);
}

#[test]
fn a_jump_delivers_what_waited_before_it() {
    let mut b = Bench::new();
    b.put(0, TIMEOUT, 100);
    b.put(0, TIMEOUT, 102);
    for number in 0..6 {
        b.put(1, TIMEOUT, number);
    }
    assert_eq!(b.out, [100, 102, 5]);
    assert_eq!(b.put(1, TIMEOUT, 6), Fate::Delivered);
}

proptest! {
    /// Whatever comes, a number is delivered at most once, and a queue is bounded.
    #[test]
    fn nothing_is_delivered_twice_and_memory_is_bounded(
        numbers in proptest::collection::vec((0u32..600, 0u64..50), 1..800),
        reorder: bool,
    ) {
        let timeout = if reorder { TIMEOUT } else { Duration::ZERO };
        let mut b = Bench::new();
        let mut now = 0;
        let mut accepted = 0;
        for (number, step) in numbers {
            now += step;
            b.expire(now);
            let fate = b.put(now, timeout, number);
            accepted += usize::from(matches!(fate, Fate::Delivered | Fate::FilledGap | Fate::Held { .. }));
            prop_assert!(b.order.held.len() < MAX_HELD);
        }
        b.expire(now + 10_000);
        prop_assert_eq!(b.order.deadline(), None);
        prop_assert_eq!(b.out.len(), accepted);
    }

    /// Bounded displacement without loss is undone completely.
    #[test]
    fn displaced_packets_come_out_in_order(swaps in proptest::collection::vec(1usize..40, 1..100)) {
        let mut numbers: Vec<u32> = (0..200).collect();
        for (at, by) in swaps.into_iter().enumerate() {
            let at = 1 + at;
            numbers.swap(at, (at + by).min(199));
        }
        let mut b = Bench::new();
        for number in &numbers {
            b.put(0, TIMEOUT, *number);
        }
        prop_assert_eq!(b.out, (0..200).collect::<Vec<_>>());
    }
}
