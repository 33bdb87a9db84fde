//! The kernel's own answers to the questions of `adit-conform`, which the emulation is held
//! against elsewhere: that what is written down of them is true.

use crate::rig::Rig;
use adit_e2e::Test;
use std::env;
use std::fs;

/// The answers written down. With ADIT_WRITE_ANSWERS=1 they are written instead of compared.
const ANSWERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conform/linux-6.1.txt");

pub(crate) fn answers_as_written_down(rig: &mut Rig) -> Test {
    rig.clear()?;
    let mut found = String::new();
    // A command in the guest has a minute.
    for group in groups(rig)? {
        found += &rig.guest(&format!("adit-conform --new-namespace {group}"))?;
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

/// The groups of cases, each with the dot that ends its name.
fn groups(rig: &mut Rig) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let list = rig.guest("adit-conform --list")?;
    let mut groups: Vec<String> = list
        .lines()
        .filter_map(|name| name.split_once('.'))
        .map(|(group, _)| format!("{group}."))
        .collect();
    groups.dedup();
    Ok(groups)
}
