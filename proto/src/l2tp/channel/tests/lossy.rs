//! Two ends and a network between them that loses, doubles and reorders.

use crate::l2tp::channel::{Channel, Expired, Received};
use crate::l2tp::config::Retransmit;
use crate::{Instant, Random};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Clone, Copy)]
struct Network {
    /// Per cent.
    loss: u32,
    duplication: u32,
    /// Milliseconds, each datagram its own.
    delay: u32,
}

struct Datagram {
    to: usize,
    ns: u16,
    nr: u16,
    message: Option<u32>,
}

/// Runs until both ends have all messages acknowledged; gives what was delivered at each.
fn run(seed: u64, network: Network, windows: [u16; 2], count: [u32; 2]) -> [Vec<u32>; 2] {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = Random::new(key);
    let retransmit = Retransmit {
        tries: u8::MAX,
        ..Retransmit::default()
    };
    let mut ends = [0, 1].map(|i: usize| {
        let mut end = Channel::<u32, u32>::new(retransmit, windows[i]);
        end.set_peer_window(windows[1 - i]);
        (0..count[i]).for_each(|n| end.push(n));
        end
    });
    let mut delivered = [Vec::new(), Vec::new()];
    let mut air: BTreeMap<(Instant, u64), Datagram> = BTreeMap::new();
    let mut sent = 0;
    let mut now = Instant::EPOCH;
    loop {
        for (i, end) in ends.iter_mut().enumerate() {
            while let Some(segment) = end.transmit(now) {
                let (ns, nr, message) = (segment.ns, segment.nr, segment.message.copied());
                let copies = match random.below(100) {
                    n if n < network.loss => 0,
                    n if n < network.loss + network.duplication => 2,
                    _ => 1,
                };
                for _ in 0..copies {
                    sent += 1;
                    let delay = Duration::from_millis(random.below(network.delay + 1).into());
                    let to = 1 - i;
                    let datagram = Datagram {
                        to,
                        ns,
                        nr,
                        message,
                    };
                    air.insert((now + delay, sent), datagram);
                }
                assert!(end.in_flight() <= usize::from(windows[1 - i]));
            }
        }
        if ends.iter().all(|end| end.backlog() == 0) && air.is_empty() {
            return delivered;
        }
        assert!(sent < 1_000_000, "no progress");
        let arrival = air.keys().next().map(|(when, _)| *when);
        let timers = ends.iter().filter_map(Channel::deadline);
        let next = timers.chain(arrival).min().expect("something is to come");
        now = now.max(next);
        for end in &mut ends {
            assert_ne!(end.expire(now), Expired::GiveUp);
        }
        while let Some(entry) = air.first_entry().filter(|entry| entry.key().0 <= now) {
            let Datagram {
                to,
                ns,
                nr,
                message,
            } = entry.remove();
            let verdict = ends[to].receive(now, ns, nr, message);
            assert_ne!(verdict, Received::InvalidNr);
            delivered[to].extend(std::iter::from_fn(|| ends[to].deliver()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn every_message_arrives_once_and_in_order(
        seed: u64,
        loss in 0u32..40,
        duplication in 0u32..40,
        delay in 0u32..3000,
        windows in [1u16..70, 1u16..70],
        count in [0u32..120, 0u32..120],
    ) {
        let network = Network { loss, duplication, delay };
        let delivered = run(seed, network, windows, count);
        prop_assert_eq!(&delivered[0], &(0..count[1]).collect::<Vec<_>>());
        prop_assert_eq!(&delivered[1], &(0..count[0]).collect::<Vec<_>>());
    }

    /// Any header at all: no panic, never more in flight than the window, nothing delivered twice.
    #[test]
    fn no_header_confuses_a_channel(steps in prop::collection::vec(any::<(u8, u16, u16)>(), 0..200)) {
        let mut end = Channel::<u32, u16>::new(Retransmit::default(), 8);
        end.set_peer_window(8);
        let mut now = Instant::EPOCH;
        let mut expected = 0u16;
        for (what, ns, nr) in steps {
            now = now + Duration::from_millis(u64::from(ns % 512));
            let (next, inbox) = end.numbers();
            let near = |base: u16, n: u16| base.wrapping_add(n % 24).wrapping_sub(12);
            match what % 6 {
                0 => end.push(0),
                1 => drop(end.transmit(now)),
                2 => drop(end.expire(now)),
                3 => drop(end.receive(now, ns, nr, Some(ns))),
                _ => {
                    let ns = near(inbox, ns);
                    end.receive(now, ns, near(next, nr), (what % 2 == 0).then_some(ns));
                }
            }
            while let Some(ns) = end.deliver() {
                prop_assert_eq!(ns, expected);
                expected = expected.wrapping_add(1);
            }
            prop_assert!(end.in_flight() <= 8 && end.in_flight() <= end.backlog());
        }
    }
}

#[test]
fn numbers_wrap() {
    let network = Network {
        loss: 5,
        duplication: 5,
        delay: 20,
    };
    let delivered = run(1, network, [64, 64], [70_000, 70_000]);
    assert!(delivered.iter().all(|end| end.len() == 70_000));
}
