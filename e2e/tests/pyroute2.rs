//! pyroute2 from PyPI, unmodified, under `adit exec`.

use adit_e2e::{Pair, Test, needing_python, program, python_packages};
use libtest_mimic::Trial;
use std::process::Stdio;

pub(crate) fn tests() -> Vec<Trial> {
    vec![needing_python(
        "pyroute2",
        "pyroute2::makes_and_removes_a_pseudowire",
        makes_and_removes_a_pseudowire,
    )]
}

fn makes_and_removes_a_pseudowire() -> Test {
    let pair = Pair::new();
    let output = pair
        .a
        .command(program())
        .args(["exec", "--", "python3", "-c", include_str!("pyroute2.py")])
        .env("PYTHONPATH", python_packages())
        .env_remove("ADIT_SOCKET")
        .stdin(Stdio::null())
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let steps = String::from_utf8(output.stdout)?;
    assert_eq!(
        steps.lines().collect::<Vec<_>>(),
        [
            "tunnel 2324 32001 32000",
            "session 3435 3536 py0",
            "again 17",
            "gone 19",
        ],
        "{errors}"
    );
    Ok(())
}
