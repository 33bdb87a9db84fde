//! Against the real driver: what the guest runs is Linux's own L2TP.

mod guest;

use adit_e2e::guest::Kit;
use adit_e2e::{run_where, test};
use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = vec![test(
        "a_guest_obeys_and_ends",
        guest::a_guest_obeys_and_ends,
    )];
    run_where(|| Ok(Kit::find().map(drop)?), tests)
}
