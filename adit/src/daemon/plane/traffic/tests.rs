use super::*;
use crate::daemon::plane::tests::{BLUE, End, talk, up};

/// Two seconds go by, in which data arrives or not. Gives how many messages are sent.
fn step(end: &mut End, data: bool) -> usize {
    end.plane.epoch -= Duration::from_secs(2);
    end.fake.world().received += u64::from(data);
    end.plane.tick(&mut end.engine);
    end.fake.world().sent.len()
}

fn ends() -> (End, End) {
    let (mut one, mut two) = up(&format!("hello = 10\n{BLUE}"), "hello = 0\n");
    // Acknowledgements that waited for something to go along with.
    step(&mut one, true);
    step(&mut two, false);
    talk(&mut one, &mut two);
    (one, two)
}

#[test]
fn data_that_arrives_spares_a_hello() {
    let (mut one, _two) = ends();
    for _ in 0..60 {
        assert_eq!(step(&mut one, true), 0);
    }
    let silent = (1..20).find(|_| step(&mut one, false) > 0);
    // Ten seconds after the last data, and what lies between two looks.
    assert!(matches!(silent, Some(5..=7)), "{silent:?}");
}

#[test]
fn data_keeps_a_tunnel_whose_peer_answers_no_hello() {
    let (mut one, _two) = ends();
    for _ in 0..8 {
        step(&mut one, false);
    }
    assert!(step(&mut one, false) > 0, "a Hello");
    for _ in 0..150 {
        step(&mut one, true);
    }
    assert_eq!(one.sessions().len(), 1);
    for _ in 0..60 {
        step(&mut one, false);
    }
    assert!(one.sessions().is_empty());
}

#[test]
fn looks_are_taken_together_and_a_second_apart() {
    let at = |seconds| Instant::new(Duration::from_secs(seconds));
    let (one, _two) = ends();
    let key = *one.plane.tunnels.keys().next().unwrap();
    let mut traffic = Traffic::default();
    assert_eq!(traffic.due(), None);
    traffic.watch(key, at(5));
    assert_eq!(traffic.take(at(4)), []);
    assert_eq!(traffic.take(at(5)), [key]);
    traffic.watch(key, at(5));
    assert_eq!(traffic.due(), Some(at(6)));
    assert_eq!(traffic.take(at(5)), []);
    assert_eq!(traffic.take(at(6)), [key]);
}

#[test]
fn only_tunnels_that_send_hellos_are_looked_at() {
    let config = |hello| TunnelConfig {
        hello,
        ..TunnelConfig::new("host")
    };
    assert_eq!(interval(&config(None)), None);
    let seconds = |n| Some(Duration::from_secs(n));
    assert_eq!(interval(&config(seconds(1))), seconds(1));
    assert_eq!(interval(&config(seconds(20))), seconds(5));
    // A tunnel is given up after 31 seconds without an answer.
    let long = interval(&config(seconds(3600))).unwrap();
    assert_eq!(long, Duration::from_secs(31) / 4);
}
