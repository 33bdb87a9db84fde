use super::*;
use std::cell::Cell;

/// How often a test runs that fails so many times, and whether it has passed in the end.
fn run(failures: &Failures, fails: u32) -> (u32, bool) {
    let runs = Cell::new(0);
    let outcome = failures.bear("a test", || {
        runs.set(runs.get() + 1);
        match runs.get() > fails {
            true => Ok(()),
            false => Err("it fails".into()),
        }
    });
    (runs.get(), outcome.is_ok())
}

#[test]
fn one_failure_is_borne() {
    let failures = Failures::new();
    assert_eq!(run(&failures, 0), (1, true));
    assert_eq!(run(&failures, 1), (2, true));
    assert_eq!(run(&failures, 2), (2, false));
}

#[test]
fn many_failures_are_not() {
    let failures = Failures::new();
    for _ in 0..FORGIVEN {
        assert_eq!(run(&failures, 1), (2, true));
    }
    assert_eq!(run(&failures, 1), (1, false));
    assert_eq!(run(&failures, 0), (1, true));
}

#[test]
fn a_panic_is_a_failure() {
    let failures = Failures::new();
    let runs = Cell::new(0);
    let outcome = failures.bear("a test", || {
        runs.set(runs.get() + 1);
        assert!(runs.get() > 1, "the first time");
        Ok(())
    });
    assert!(outcome.is_ok());
}
