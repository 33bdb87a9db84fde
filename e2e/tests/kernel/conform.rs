//! The kernel's own answers to the questions of `adit-conform`, which the emulation is held
//! against elsewhere: that what is written down of them is true.

use crate::rig::Rig;
use adit_e2e::Test;
use std::env;
use std::fs;

/// The answers written down. With ADIT_WRITE_ANSWERS=1 they are written instead of compared.
const ANSWERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conform/linux-6.1.txt");

/// Cases for one command: one in the guest has a minute, of which a busy machine makes little.
const CASES: usize = 8;

pub(crate) fn answers_as_written_down(rig: &mut Rig) -> Test {
    rig.clear()?;
    let mut found = String::new();
    let list = rig.guest("adit-conform --list")?;
    let names: Vec<&str> = list.lines().collect();
    for names in names.chunks(CASES) {
        let names = names.join(" ");
        found += &rig.guest(&format!("adit-conform --new-namespace --exact {names}"))?;
    }
    if env::var_os("ADIT_WRITE_ANSWERS").is_some_and(|value| value == "1") {
        return Ok(fs::write(ANSWERS, found)?);
    }
    let written = fs::read_to_string(ANSWERS)?;
    let differing = written
        .lines()
        .zip(found.lines())
        .find(|(old, new)| old != new);
    assert_eq!(differing, None, "written down, and found");
    assert_eq!(
        written.lines().count(),
        found.lines().count(),
        "how many answers"
    );
    Ok(())
}
