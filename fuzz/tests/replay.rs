//! Runs the committed corpus through the targets, and checks that targets, corpus and libFuzzer
//! programs are the same set.

use adit_fuzz::TARGETS;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// Every input through every target: what one target's search has found is a test of the others.
#[test]
fn every_input_passes_every_target() {
    let mut failures = Vec::new();
    for home in TARGETS {
        let inputs = entries(&format!("corpus/{}", home.name));
        assert!(!inputs.is_empty(), "the corpus of {} is empty", home.name);
        for path in inputs {
            let input = fs::read(&path).expect("a corpus file is readable");
            for target in TARGETS {
                if catch_unwind(|| (target.run)(&input)).is_err() {
                    failures.push(format!("{} panics on {}", target.name, path.display()));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn every_target_has_a_corpus_and_a_program() {
    let mut names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    names.sort();
    for directory in ["corpus", "libfuzzer/targets"] {
        let found: Vec<_> = entries(directory).into_iter().map(stem).collect();
        assert_eq!(found, names, "{directory}");
    }
    let manifest = fs::read_to_string(here("libfuzzer/Cargo.toml")).expect("it is there");
    for name in names {
        let path = format!("path = \"targets/{name}.rs\"");
        assert!(
            manifest.contains(&path),
            "libfuzzer/Cargo.toml has no [[bin]] {name}"
        );
    }
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The paths in a directory of this crate, in order.
fn entries(directory: &str) -> Vec<PathBuf> {
    let listing = fs::read_dir(here(directory)).unwrap_or_else(|e| panic!("{directory}: {e}"));
    let mut paths: Vec<_> = listing
        .map(|entry| entry.expect("it is listed").path())
        .collect();
    paths.sort();
    paths
}

fn stem(path: PathBuf) -> String {
    let stem = path.file_stem().expect("a directory entry has a name");
    stem.to_string_lossy().into_owned()
}
