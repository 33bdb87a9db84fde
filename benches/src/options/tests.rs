use super::{CommandLine, Plan, Subject};
use crate::case::Case;
use crate::peer::{How, Over, Peer};
use crate::wire::Wire;
use clap::{CommandFactory, Parser};
use std::path::PathBuf;

fn plan(line: &str) -> anyhow::Result<Plan> {
    let words = std::iter::once("adit-bench").chain(line.split_whitespace());
    CommandLine::try_parse_from(words)?.options.plan()
}

#[test]
fn the_grammar_is_sound() {
    CommandLine::command().debug_assert();
}

#[test]
fn no_options_measure_everything_and_keep_the_record() {
    let plan = plan("").unwrap();
    let usual = Peer::ALL.iter().filter(|peer| peer.is_usual());
    assert_eq!(plan.subjects.len(), usual.count());
    assert_eq!((plan.wires.len(), plan.cases.len(), plan.runs), (3, 5, 5));
    assert_eq!(plan.out, Some(PathBuf::from("docs/performance.md")));
    assert_eq!(
        plan.base(),
        Subject {
            peer: Peer::Vxlan,
            sessions: 1
        }
    );
}

#[test]
fn names_limit_their_own_kind_only() {
    let plan = plan("--only vxlan,tcp1,bare,nic").unwrap();
    let peers: Vec<Peer> = plan.subjects.iter().map(|subject| subject.peer).collect();
    assert_eq!(peers, [Peer::Bare, Peer::Vxlan]);
    assert_eq!(plan.cases, [Case::Tcp1]);
    assert_eq!(plan.wires, [Wire::Nic]);
    assert_eq!(plan.out, None);
}

#[test]
fn a_quick_run_does_not_overwrite_the_record() {
    assert_eq!(plan("--quick").unwrap().out, None);
    assert_eq!(
        plan("--quick --out x.md").unwrap().out,
        Some(PathBuf::from("x.md"))
    );
}

#[test]
fn sessions_are_compared_with_the_fewest() {
    let plan = plan("--sessions 1,100 --only nic").unwrap();
    assert_eq!(
        plan.base(),
        Subject {
            peer: Peer::Adit(Over::Udp, How::Together),
            sessions: 1
        }
    );
    assert_eq!(plan.subjects[1].title(), "Adit over UDP, 100 sessions");
    assert!(plan.compares_sessions());
}

#[test]
fn bad_values_are_named() {
    for (line, part) in [
        ("--only vxlam", "vxlam"),
        ("--runs 0", "--runs 0"),
        ("--seconds 0", "--seconds 0"),
        ("--sessions 0", "--sessions 0"),
        ("--sessions 9 --only bare", "bare"),
        ("--out notes.txt", "notes.txt"),
    ] {
        let error = plan(line).unwrap_err().to_string();
        assert!(error.contains(part), "{line}: {error}");
    }
}
