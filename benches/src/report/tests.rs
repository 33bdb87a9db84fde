use super::Report;
use super::splice::splice;
use crate::case::Case;
use crate::host::Host;
use crate::metric::Metric;
use crate::options::{Plan, Subject};
use crate::peer::Peer;
use crate::run::{Failure, Outcome, Sample, Standing};
use crate::wire::Wire;
use std::time::Duration;

const BARE: Subject = Subject {
    peer: Peer::Bare,
    sessions: 1,
};
const VXLAN: Subject = Subject {
    peer: Peer::Vxlan,
    sessions: 1,
};
const FASTD: Subject = Subject {
    peer: Peer::Fastd,
    sessions: 1,
};

fn report(measured: &[(Subject, f64)]) -> Report {
    let plan = Plan {
        wires: vec![Wire::Nic, Wire::Plain],
        subjects: vec![BARE, VXLAN, FASTD],
        cases: Case::ALL.to_vec(),
        runs: 2,
        length: Duration::from_secs(1),
        out: None,
    };
    let host = Host {
        date: "2026-01-02T03:04:05Z".to_owned(),
        kernel: "Linux 6.18".to_owned(),
        cpu: "Fast".to_owned(),
        cpus: 2,
        busy_before: 0.01,
        sources: None,
    };
    let standing = |subject: Subject, version: Result<&str, &str>| Standing {
        subject,
        version: version.map(str::to_owned).map_err(str::to_owned),
    };
    let sample = |(run, &(subject, value)): (usize, &(Subject, f64))| Sample {
        wire: Wire::Nic,
        subject,
        metric: Metric::Tcp1,
        run,
        value,
    };
    let outcome = Outcome {
        standings: vec![
            standing(BARE, Ok("Linux 6.18")),
            standing(VXLAN, Ok("Linux 6.18")),
            standing(FASTD, Err("missing (Debian package fastd)")),
        ],
        samples: measured.iter().enumerate().map(sample).collect(),
        failures: vec![Failure {
            wire: Wire::Plain,
            subject: VXLAN.title(),
            run: 1,
            text: "a | broke\ntwice".to_owned(),
        }],
    };
    Report::new(&plan, &host, &outcome)
}

#[test]
fn a_cell_has_median_spread_and_ratio() {
    let text = report(&[(BARE, 9.0), (BARE, 11.0), (VXLAN, 8.0)]).markdown();
    assert!(
        text.contains("| bare veth | 10.00 (9.00–11.00) **1.25×** |"),
        "{text}"
    );
    assert!(text.contains("| kernel VXLAN | 8.00 **1.00×** |"), "{text}");
    assert!(text.contains("| fastd, method null | – |"), "{text}");
    assert!(text.contains("| fastd, method null | 1457 | missing (Debian package fastd) |"));
}

#[test]
fn no_ratio_without_both_sides() {
    let report = report(&[(BARE, 10.0)]);
    assert!(report.markdown().contains("| bare veth | 10.00 |"));
    assert!(report.figures.iter().all(|figure| figure.ratio.is_none()));
}

#[test]
fn only_measured_wires_and_columns_are_shown() {
    let text = report(&[(BARE, 10.0)]).markdown();
    assert!(
        text.contains("### Like a NIC") && !text.contains("### Offloads off"),
        "{text}"
    );
    assert!(!text.contains(Metric::Tcp4.title()), "{text}");
}

#[test]
fn failures_are_told_in_one_line_each() {
    let text = report(&[]).markdown();
    assert!(
        text.contains("- kernel VXLAN, Offloads off, round 1: a \\| broke twice"),
        "{text}"
    );
}

#[test]
fn the_record_has_every_value() {
    let record = serde_json::to_value(report(&[(BARE, 9.0), (BARE, 11.0)])).unwrap();
    let figure = &record["figures"][0];
    assert_eq!(figure["metric"], "tcp1");
    assert_eq!(figure["median"], 10.0);
    assert_eq!(figure["values"], serde_json::json!([9.0, 11.0]));
    assert_eq!(figure["ratio"], serde_json::Value::Null);
    assert_eq!(
        record["subjects"][2]["missing"],
        "missing (Debian package fastd)"
    );
}

#[test]
fn words_around_the_measured_part_stay() {
    let first = splice("", "old figures\n").unwrap();
    let edited = format!("{first}\n## By hand\n");
    let second = splice(&edited, "new figures").unwrap();
    assert!(second.starts_with("# Performance\n"));
    assert!(second.contains("new figures\n") && !second.contains("old figures"));
    assert!(second.ends_with("\n## By hand\n"));
}

#[test]
fn a_document_without_its_marks_is_left_alone() {
    assert_eq!(splice("# Mine\n", "figures"), None);
    let twice = splice("", "figures").unwrap().repeat(2);
    assert_eq!(splice(&twice, "figures"), None);
}
