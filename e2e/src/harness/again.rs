//! Tests that failed once.

use super::Test;
use libtest_mimic::Failed;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[cfg(test)]
mod tests;

/// So many tests of a program may fail once. What fails for a reason fails twice, and where many fail
/// by chance something is wrong with all of them.
const FORGIVEN: usize = 2;

/// How many tests have failed once.
#[derive(Debug, Default)]
pub(super) struct Failures(AtomicUsize);

impl Failures {
    pub(super) const fn new() -> Failures {
        Failures(AtomicUsize::new(0))
    }

    /// Runs a test, and once more when it fails. These tests share a kernel and its time with
    /// whatever else runs on the machine, and there are some hundreds of them. A first failure is
    /// printed whole.
    pub(super) fn bear(&self, name: &str, body: impl Fn() -> Test) -> Result<(), Failed> {
        let attempt = || catch_unwind(AssertUnwindSafe(&body));
        let first = attempt();
        if matches!(first, Ok(Ok(()))) {
            return Ok(());
        }
        if self.0.fetch_add(1, Relaxed) >= FORGIVEN {
            return told(first);
        }
        match first {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("{name} has failed and runs once more: {error}"),
            Err(_) => eprintln!("{name} has panicked as told above and runs once more"),
        }
        told(attempt())
    }
}

fn told(outcome: std::thread::Result<Test>) -> Result<(), Failed> {
    match outcome {
        Ok(outcome) => outcome.map_err(|error| Failed::from(error.to_string())),
        Err(panic) => resume_unwind(panic),
    }
}
