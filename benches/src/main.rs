//! Measures Adit beside the kernel's tunnels and another user-space tunnel, in one run, on one
//! pair of network namespaces and with the same processes around each.
//!
//! `cargo run --release -p adit-bench` runs it; `-- --help` shows what can be limited.

mod calls;
mod case;
mod costs;
mod cpu;
mod host;
mod metric;
mod options;
mod peer;
mod report;
mod run;
mod set_up;
mod stats;
mod sys;
mod traffic;
mod wire;
mod world;

use crate::host::Host;
use crate::options::{CommandLine, Plan, Role};
use crate::report::Report;
use crate::run::Outcome;
use anyhow::Context;
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    let done = match &line.role {
        Some(Role::Traffic { tool }) => traffic::run(tool),
        Some(Role::SetUp(plan)) => set_up::run(plan),
        Some(Role::Calls(plan)) => calls::run(plan),
        Some(Role::Costs(plan)) => costs::run(plan),
        None => match line.options.plan() {
            Ok(plan) => measure(&plan),
            Err(error) => {
                eprintln!("adit-bench: {error:#}");
                return ExitCode::from(2);
            }
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("adit-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, prints the tables and keeps them where the plan says.
fn measure(plan: &Plan) -> anyhow::Result<()> {
    adit_lab::become_root()?;
    let host = Host::look()?;
    let outcome = Outcome::of(plan)?;
    let report = Report::new(plan, &host, &outcome);
    println!("{}", report.markdown());
    if let Some(out) = &plan.out {
        report
            .write(out)
            .with_context(|| format!("writing {}", out.display()))?;
    }
    anyhow::ensure!(
        outcome.failures.is_empty(),
        "some peers failed; the report names them"
    );
    Ok(())
}
