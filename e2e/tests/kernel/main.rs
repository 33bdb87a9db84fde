//! Against the real driver: pseudowires between Adit, in a namespace, and Linux's own L2TP, in a
//! guest beside it. One daemon and one guest serve all of them, one after another.

mod conform;
mod counters;
mod guest;
mod rig;
mod side;
mod variant;
mod walk;

use adit_e2e::guest::Kit;
use adit_e2e::{Test, run_where, test};
use rig::Rig;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use variant::{Variant, restarted, variants, whole_frames, wrong_cookies};

/// Made by the first test that needs it, or not at all, which then fails every test.
type Shared = LazyLock<Result<Mutex<Rig>, String>>;

fn main() -> ExitCode {
    let shared: Arc<Shared> = Arc::new(LazyLock::new(|| match Rig::new() {
        Ok(rig) => Ok(Mutex::new(rig)),
        Err(error) => Err(error.to_string()),
    }));
    let trial = |variant: Variant, body: fn(&mut Rig, &Variant) -> Test| {
        let shared = Arc::clone(&shared);
        test(variant.name.clone(), move || {
            let rig = shared.as_ref().as_ref().map_err(String::as_str)?;
            // A test that panicked leaves the rig as usable as any other: each begins with
            // clearing up.
            let mut rig = rig.lock().unwrap_or_else(PoisonError::into_inner);
            body(&mut rig, &variant)
        })
    };
    let mut tests = vec![test(
        "a_guest_obeys_and_ends",
        guest::a_guest_obeys_and_ends,
    )];
    let conform = Arc::clone(&shared);
    tests.push(test("the_kernel_answers_as_written_down", move || {
        let rig = conform.as_ref().as_ref().map_err(String::as_str)?;
        conform::answers_as_written_down(&mut rig.lock().unwrap_or_else(PoisonError::into_inner))
    }));
    tests.extend(
        variants()
            .into_iter()
            .map(|variant| trial(variant, walk::walk)),
    );
    tests.extend(whole_frames().map(|variant| trial(variant, walk::whole_frames)));
    tests.push(trial(wrong_cookies(), walk::nothing_passes));
    let [kernel_restarts, adit_killed] = restarted();
    tests.push(trial(kernel_restarts, walk::kernel_starts_again));
    tests.push(trial(adit_killed, walk::adit_is_killed));
    run_where(|| Ok(Kit::find().map(drop)?), tests)
}
