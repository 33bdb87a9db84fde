//! The order of measurement: every round takes every subject once, each time starting with another.

use crate::case::await_path;
use crate::metric::Metric;
use crate::options::{Plan, Subject};
use crate::wire::Wire;
use crate::world::World;
use serde::Serialize;

/// One measured figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// The wire it was measured on.
    pub(crate) wire: Wire,
    /// What was measured.
    pub(crate) subject: Subject,
    /// Which figure.
    pub(crate) metric: Metric,
    /// In which round, from 1.
    pub(crate) run: usize,
    /// In the metric's unit.
    pub(crate) value: f64,
}

/// What is known about a subject besides its figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    /// Whom it is about.
    pub(crate) subject: Subject,
    /// Its version, or why it cannot be measured here.
    pub(crate) version: Result<String, String>,
}

/// A subject that stopped working.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Failure {
    /// On which wire; it is left out there from then on.
    pub(crate) wire: Wire,
    /// Its title.
    pub(crate) subject: String,
    /// In which round, from 1.
    pub(crate) run: usize,
    /// The cause.
    pub(crate) text: String,
}

/// Everything that a run found out.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Outcome {
    /// All subjects of the plan.
    pub(crate) standings: Vec<Standing>,
    /// All figures.
    pub(crate) samples: Vec<Sample>,
    /// What went wrong.
    pub(crate) failures: Vec<Failure>,
}

impl Outcome {
    /// Carries out `plan`, telling on standard error where it is.
    pub(crate) fn of(plan: &Plan) -> anyhow::Result<Outcome> {
        let world = World::new()?;
        let mut outcome = Outcome {
            standings: standings(plan, &world),
            ..Outcome::default()
        };
        let able: Vec<Subject> = outcome.able().collect();
        for &wire in &plan.wires {
            world.become_wire(wire)?;
            for run in 1..=plan.runs {
                for subject in order(&able, run) {
                    if !outcome.has_failed(wire, subject) {
                        outcome.round(plan, &world, wire, subject, run);
                    }
                }
            }
        }
        Ok(outcome)
    }

    /// The subjects that this machine can measure.
    fn able(&self) -> impl Iterator<Item = Subject> {
        self.standings
            .iter()
            .filter(|standing| standing.version.is_ok())
            .map(|able| able.subject)
    }

    fn has_failed(&self, wire: Wire, subject: Subject) -> bool {
        let title = subject.title();
        self.failures
            .iter()
            .any(|failure| failure.wire == wire && failure.subject == title)
    }

    /// Measures every case of one subject once.
    fn round(&mut self, plan: &Plan, world: &World, wire: Wire, subject: Subject, run: usize) {
        let title = subject.title();
        eprintln!("{}, round {run} of {}: {title}", wire.title(), plan.runs);
        if let Err(error) = self.measure(plan, world, wire, subject, run) {
            let text = format!("{error:#}");
            eprintln!("{title} failed: {text}");
            self.failures.push(Failure {
                wire,
                subject: title,
                run,
                text,
            });
        }
    }

    fn measure(
        &mut self,
        plan: &Plan,
        world: &World,
        wire: Wire,
        subject: Subject,
        run: usize,
    ) -> anyhow::Result<()> {
        let path = subject.peer.join(world, subject.sessions)?;
        await_path(&path)?;
        for case in &plan.cases {
            for (metric, value) in case.measure(&path, plan.length)? {
                self.samples.push(Sample {
                    wire,
                    subject,
                    metric,
                    run,
                    value,
                });
            }
        }
        Ok(())
    }
}

fn standings(plan: &Plan, world: &World) -> Vec<Standing> {
    let standing = |&subject: &Subject| {
        let version = subject
            .peer
            .probe(world)
            .map_err(|error| format!("{error:#}"));
        if let Err(reason) = &version {
            eprintln!("{}: {reason}", subject.title());
        }
        Standing { subject, version }
    };
    plan.subjects.iter().map(standing).collect()
}

/// The subjects in the order of round `run`: everyone is first, last and behind others in turn.
fn order(subjects: &[Subject], run: usize) -> Vec<Subject> {
    let mut order = subjects.to_vec();
    if !order.is_empty() {
        order.rotate_left((run - 1) % subjects.len());
    }
    if run.is_multiple_of(2) {
        order.reverse();
    }
    order
}

#[cfg(test)]
mod tests;
