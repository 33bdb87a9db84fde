//! Against the real driver: pseudowires and calls between Adit, in a namespace, and Linux's own
//! L2TP, in a guest beside it. One daemon and one guest serve all pseudowires, one after another,
//! and another pair all calls.

mod calls;
mod compression;
mod conform;
mod control;
mod counters;
mod dialer;
mod guest;
mod pppd;
mod rig;
mod side;
mod traffic;
mod variant;
mod walk;

use adit_e2e::guest::Kit;
use adit_e2e::{Role, Test, run_where, test};
use calls::HANGUPS;
use libtest_mimic::Trial;
use rig::Rig;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use variant::{Variant, restarted, variants, whole_frames, wrong_cookies};

/// A rig for many tests, one after another: made by the first of them, or not at all, which then
/// fails each.
struct Shared {
    name: &'static str,
    rig: OnceLock<Result<Mutex<Rig>, String>>,
}

impl Shared {
    fn new(name: &'static str) -> Arc<Shared> {
        let rig = OnceLock::new();
        Arc::new(Shared { name, rig })
    }

    fn test(
        self: &Arc<Shared>,
        name: impl Into<String>,
        body: impl Fn(&mut Rig) -> Test + Send + 'static,
    ) -> Trial {
        let shared = Arc::clone(self);
        test(name, move || {
            let rig = shared.rig.get_or_init(|| match Rig::new(shared.name) {
                Ok(rig) => Ok(Mutex::new(rig)),
                Err(error) => Err(error.to_string()),
            });
            let rig = rig.as_ref().map_err(String::as_str)?;
            // A test that panicked leaves the rig as usable as any other: each begins with
            // clearing up.
            body(&mut rig.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }
}

fn main() -> ExitCode {
    let mut tests = vec![
        test("a_guest_obeys_and_ends", guest::a_guest_obeys_and_ends),
        test("pppd_on_a_terminal", pppd::pppd_on_a_terminal),
    ];
    tests.extend(interleaved(on_pseudowires(), on_calls()));
    run_where(|| Ok(Kit::find().map(drop)?), tests)
}

/// Tests of two rigs in an order that gives both of them work all the time: tests begin in order,
/// and wait for their rig.
fn interleaved(many: Vec<Trial>, few: Vec<Trial>) -> Vec<Trial> {
    let share = many.len() / few.len();
    let mut many = many.into_iter();
    let mut tests = Vec::new();
    for trial in few {
        tests.extend(many.by_ref().take(share));
        tests.push(trial);
    }
    tests.extend(many);
    tests
}

fn on_pseudowires() -> Vec<Trial> {
    let shared = Shared::new("kernel");
    let trial = |variant: Variant, body: fn(&mut Rig, &Variant) -> Test| {
        shared.test(variant.name.clone(), move |rig| body(rig, &variant))
    };
    let mut tests = vec![shared.test(
        "the_kernel_answers_as_written_down",
        conform::answers_as_written_down,
    )];
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
    tests
}

fn on_calls() -> Vec<Trial> {
    let shared = Shared::new("calls");
    let mut tests = Vec::new();
    for (name, role) in [("adit_calls", Role::Lac), ("adit_is_called", Role::Lns)] {
        let body = move |rig: &mut Rig| control::carries(rig, role);
        tests.push(shared.test(format!("control::{name}"), body));
        let body = move |rig: &mut Rig| control::ends(rig, role);
        tests.push(shared.test(format!("control::{name}_and_the_kernel_ends"), body));
        let carries = move |rig: &mut Rig| calls::carries(rig, role);
        tests.push(shared.test(format!("calls::{name}"), carries));
        for (what, body) in compression::tests() {
            let body = move |rig: &mut Rig| body(rig, role);
            tests.push(shared.test(format!("calls::{name}_{what}"), body));
        }
        for (who, hangup) in HANGUPS {
            let ends = move |rig: &mut Rig| calls::ends(rig, role, hangup);
            tests.push(shared.test(format!("calls::{name}_and_{who}_ends"), ends));
        }
    }
    tests
}
