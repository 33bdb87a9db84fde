use super::{Trial, highest_lossless};

/// A path that carries `capacity` packets per second behind a source that sends at most `limit`.
fn path(capacity: f64, limit: f64) -> impl FnMut(f64) -> anyhow::Result<Trial> {
    move |rate| {
        let offered = if rate == 0.0 { limit } else { rate.min(limit) };
        Ok(Trial {
            sent: offered as u64,
            received: offered.min(capacity) as u64,
            seconds: 1.0,
        })
    }
}

#[test]
fn the_capacity_is_found() {
    for capacity in [20_000.0, 123_456.0, 800_000.0] {
        let found = highest_lossless(path(capacity, 1_000_000.0)).unwrap();
        assert!(
            found <= capacity && found > capacity / 1.05,
            "{found} of {capacity}"
        );
    }
}

#[test]
fn a_source_slower_than_the_path_sets_the_rate() {
    assert_eq!(highest_lossless(path(9e9, 500_000.0)).unwrap(), 500_000.0);
}

#[test]
fn a_collapse_under_overload_does_not_hide_the_capacity() {
    let mut healthy = path(100_000.0, 1_000_000.0);
    let collapsing = |rate: f64| {
        let mut trial = healthy(rate)?;
        if rate == 0.0 {
            trial.received = 15_000;
        }
        Ok(trial)
    };
    let found = highest_lossless(collapsing).unwrap();
    assert!(found > 95_000.0, "{found}");
}

#[test]
fn one_hiccup_is_forgiven() {
    let mut smooth = path(100_000.0, 1_000_000.0);
    let mut trials = 0;
    let found = highest_lossless(|rate| {
        trials += 1;
        let mut trial = smooth(rate)?;
        if trials % 2 == 1 && trial.received == trial.sent {
            trial.received -= trial.sent / 100;
        }
        Ok(trial)
    });
    assert!(found.unwrap() > 95_000.0);
}

#[test]
fn a_path_that_always_loses_carries_nothing() {
    let lossy = |_| {
        Ok(Trial {
            sent: 1000,
            received: 500,
            seconds: 0.001,
        })
    };
    assert_eq!(highest_lossless(lossy).unwrap(), 0.0);
}
