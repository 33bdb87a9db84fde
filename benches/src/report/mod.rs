//! What is told about a run: a record for programs and tables for people.

mod markdown;
mod splice;

use crate::host::Host;
use crate::metric::Metric;
use crate::options::{Plan, Subject};
use crate::run::{Failure, Outcome, Sample};
use crate::stats::Summary;
use crate::wire::Wire;
use anyhow::Context;
use serde::Serialize;
use std::fs;
use std::path::Path;

/// Everything a reader needs; serialised, it is the machine-readable record.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Raised when a field changes its meaning.
    schema: u32,
    host: Host,
    /// Rounds asked for.
    runs: usize,
    /// Seconds of each TCP measurement.
    seconds: f64,
    /// Whether the program was compiled for speed.
    optimized: bool,
    /// The title of the subject that ratios refer to.
    base: String,
    subjects: Vec<Row>,
    figures: Vec<Figure>,
    failures: Vec<Failure>,
}

/// A subject, measured or not.
#[derive(Debug, Serialize)]
struct Row {
    title: String,
    peer: &'static str,
    sessions: u32,
    /// Octets of the largest inner packet.
    mtu: u32,
    /// Present if it can be measured here.
    version: Option<String>,
    /// Present if it cannot: why.
    missing: Option<String>,
}

/// A metric of a subject on a wire, over all rounds.
#[derive(Debug, Serialize)]
struct Figure {
    wire: Wire,
    subject: String,
    metric: Metric,
    unit: &'static str,
    #[serde(flatten)]
    summary: Summary,
    /// Times the base's median; absent unless both sides were measured.
    ratio: Option<f64>,
    /// In the order of the rounds.
    values: Vec<f64>,
}

impl Report {
    /// Summarises a run.
    pub(crate) fn new(plan: &Plan, host: &Host, outcome: &Outcome) -> Report {
        let row = |subject: Subject, version: &Result<String, String>| Row {
            title: subject.title(),
            peer: subject.peer.name(),
            sessions: subject.sessions,
            mtu: subject.peer.mtu(),
            version: version.as_ref().ok().cloned(),
            missing: version.as_ref().err().cloned(),
        };
        let standings = outcome.standings.iter();
        Report {
            schema: 1,
            host: host.clone(),
            runs: plan.runs,
            seconds: plan.length.as_secs_f64(),
            optimized: !cfg!(debug_assertions),
            base: plan.base().title(),
            subjects: standings
                .map(|standing| row(standing.subject, &standing.version))
                .collect(),
            figures: figures(plan, &outcome.samples),
            failures: outcome.failures.clone(),
        }
    }

    /// Writes the tables to `path`, between their marks if the file has them, and the record
    /// beside it.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let old = match fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other?,
        };
        let new = splice::splice(&old, &self.markdown())
            .context("the marks of the measured part are damaged")?;
        fs::write(path, new)?;
        let record = serde_json::to_string_pretty(self)? + "\n";
        Ok(fs::write(path.with_extension("json"), record)?)
    }

    fn figure(&self, wire: Wire, subject: &str, metric: Metric) -> Option<&Figure> {
        self.figures.iter().find(|figure| {
            figure.wire == wire && figure.subject == subject && figure.metric == metric
        })
    }
}

fn figures(plan: &Plan, samples: &[Sample]) -> Vec<Figure> {
    let values = |wire, subject, metric| -> Vec<f64> {
        let of = |sample: &&Sample| {
            sample.wire == wire && sample.subject == subject && sample.metric == metric
        };
        samples
            .iter()
            .filter(of)
            .map(|sample| sample.value)
            .collect()
    };
    let mut figures = Vec::new();
    for &wire in &plan.wires {
        for &subject in &plan.subjects {
            for metric in Metric::ALL {
                let values_here = values(wire, subject, metric);
                let Some(summary) = Summary::of(&values_here) else {
                    continue;
                };
                let base = Summary::of(&values(wire, plan.base(), metric));
                figures.push(Figure {
                    wire,
                    subject: subject.title(),
                    metric,
                    unit: metric.unit(),
                    summary,
                    ratio: base.and_then(|base| summary.ratio(&base)),
                    values: values_here,
                });
            }
        }
    }
    figures
}

#[cfg(test)]
mod tests;
