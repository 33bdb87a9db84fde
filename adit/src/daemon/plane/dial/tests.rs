use super::choice::backoff;
use super::*;
use crate::policy::{Call, Candidate, Host, SessionTerms, TunnelTerms};
use adit_proto::Random;
use std::time::Duration;

fn connection(peers: &[(u16, u16)]) -> Connection {
    let candidate = |(at, (priority, weight)): (usize, &(u16, u16))| Candidate {
        host: Host::Address(IpAddr::from([192, 0, 2, at as u8])),
        port: 1701,
        priority: *priority,
        weight: *weight,
    };
    Connection {
        name: "c".into(),
        listener: None,
        peers: peers.iter().enumerate().map(candidate).collect(),
        persistent: true,
        redial: Duration::from_secs(60),
        tunnel: TunnelTerms::default(),
        session: SessionTerms::default(),
        calls: BTreeMap::new(),
    }
}

/// How often each candidate is chosen in so many attempts.
fn chosen(dial: &Dial, now: Instant, attempts: usize) -> Vec<usize> {
    let mut random = Random::new([7; 32]);
    let mut counts = vec![0; dial.connection.peers.len()];
    for _ in 0..attempts {
        counts[dial.choose(now, &mut random)] += 1;
    }
    counts
}

#[test]
fn the_lowest_priority_number_goes_first_and_equals_share_by_weight() {
    let now = Instant::now();
    let dial = Dial::new(connection(&[(1, 1), (0, 3), (0, 1)]), now);
    let counts = chosen(&dial, now, 4000);
    assert_eq!(counts[0], 0);
    assert!((2700..3300).contains(&counts[1]), "{counts:?}");
}

#[test]
fn who_failed_lately_lets_others_go_first() {
    let now = Instant::now();
    let mut random = Random::new([7; 32]);
    let mut dial = Dial::new(connection(&[(0, 1), (1, 1)]), now);
    assert_eq!(dial.due(), Some(now));
    dial.failed("unreachable", now, &mut random);
    assert_eq!(chosen(&dial, now, 100), [0, 100]);
    // The other may be tried almost at once.
    let soon = dial.due().unwrap() - now;
    assert!(soon < Duration::from_millis(200), "{soon:?}");
    dial.candidate = 1;
    dial.failed("unreachable", now, &mut random);
    assert_eq!(dial.problem.as_deref(), Some("unreachable"));
    assert_eq!(chosen(&dial, now + Duration::from_secs(60), 100), [100, 0]);
}

#[test]
fn waits_double_with_jitter_up_to_the_longest() {
    let mut random = Random::new([9; 32]);
    let most = Duration::from_secs(60);
    for (failures, around) in [(1, 1), (2, 2), (3, 4), (7, 60), (40, 60)] {
        let around = Duration::from_secs(around);
        let waits: Vec<_> = (0..100)
            .map(|_| backoff(failures, most, &mut random))
            .collect();
        let within = |wait: &Duration| *wait >= around / 2 && *wait <= around * 3 / 2;
        assert!(waits.iter().all(within), "{failures}: {waits:?}");
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }
}

#[test]
fn what_is_not_persistent_waits_to_be_started() {
    let now = Instant::now();
    let mut random = Random::new([7; 32]);
    let passive = Connection {
        persistent: false,
        ..connection(&[(0, 1)])
    };
    let mut dial = Dial::new(passive, now);
    assert_eq!(dial.due(), None);
    dial.start(now);
    assert_eq!(dial.due(), Some(now));
    dial.failed("refused", now, &mut random);
    assert_eq!(dial.due(), None);
}

#[test]
fn a_stopped_call_stays_down_and_a_new_one_comes_up() {
    let now = Instant::now();
    let call = |name: &str| {
        let terms = SessionTerms::default();
        let name = name.to_owned();
        (name.clone(), Call { name, terms })
    };
    let with = |names: &[&str]| Connection {
        calls: names.iter().map(|name| call(name)).collect(),
        ..connection(&[(0, 1)])
    };
    let mut dial = Dial::new(with(&["a", "b"]), now);
    assert_eq!(dial.stop_call("a"), Ok(None));
    assert!(dial.stop_call("x").is_err());
    assert!(dial.adjust(with(&["a", "c"]), now).is_empty());
    assert!(dial.calls["a"].stopped);
    assert_eq!(dial.calls.keys().collect::<Vec<_>>(), ["a", "c"]);
    dial.start_call("a", now).unwrap();
    assert_eq!(dial.calls["a"].due, Some(now));
}
