//! The configuration file against the state.

mod plan;
mod words;

pub use plan::{Plan, Step, Task, plan};

use super::waiting::Wait;
use super::{Engine, Object, Origin};
use crate::daemon::genl;
use adit_datapath::Error;
use adit_datapath::spec::{Change, Inventory, Retuning, SessionSpec, TunnelRetuning};
use adit_wire::netlink::Errno;
use std::time::Instant;

/// What a reload did, or would do: a line for every change, refusal and failure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// In the order of the changes, refusals first.
    pub lines: Vec<Line>,
    /// Whether the file itself has faults, which the lines tell, so that nothing was changed.
    pub faulty: bool,
}

/// A line of a [`Report`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// Whether it tells of a refusal or a failure.
    pub failed: bool,
}

impl Report {
    /// The report of a file that has these faults.
    pub fn of_faults(faults: Vec<String>) -> Report {
        let line = |text| Line { text, failed: true };
        Report {
            lines: faults.into_iter().map(line).collect(),
            faulty: true,
        }
    }

    /// What the failed lines come to; nothing when there are none.
    pub fn refusal(&self) -> Option<Error> {
        let failed = self.lines.iter().filter(|line| line.failed).count();
        let (errno, text) = match (self.faulty, failed) {
            (false, 0) => return None,
            (true, _) => (
                Errno::EINVAL,
                "nothing is changed; repair the file, then reload".to_owned(),
            ),
            (false, _) => {
                let all = self.lines.len();
                let text =
                    format!("{failed} of {all} changes failed; remove the causes, then reload");
                (Errno::EIO, text)
            }
        };
        Some(Error::new(errno, "config", text))
    }

    /// Writes every line to the log.
    pub fn log(&self) {
        for Line { text, failed } in &self.lines {
            match failed {
                true => tracing::error!("configuration: {text}"),
                false => tracing::info!("configuration: {text}"),
            }
        }
    }

    fn add(&mut self, text: String, failed: bool) {
        self.lines.push(Line { text, failed });
    }
}

impl Engine {
    /// Makes the file's part of the state what `file` says and touches nothing else, or only
    /// tells what that takes. A change that fails is told, the rest goes on.
    pub fn reload(&mut self, file: &Inventory, dry_run: bool, now: Instant) -> Report {
        let plan = plan(file, &self.desired, &self.configured);
        let mut report = Report::default();
        for refused in plan.refused {
            report.add(refused, true);
        }
        if !dry_run {
            self.remove_devices(&plan.steps);
        }
        for step in plan.steps {
            let outcome = match dry_run {
                true => Ok(()),
                false => self.perform(&step.task, now),
            };
            match (outcome, step.line) {
                (Ok(()), Some(line)) => report.add(line, false),
                (Ok(()), None) => {}
                (Err(refused), line) => {
                    let line = line.unwrap_or_else(|| words::task(&step.task));
                    report.add(format!("{line}: failed: {refused}"), true);
                }
            }
        }
        report
    }

    /// Removes the devices of all sessions that are to go, together: one by one, thousands of them
    /// take minutes. A failure is met again, and told, when the session's own turn comes.
    fn remove_devices(&mut self, steps: &[Step]) {
        let removed = |step: &Step| match &step.task {
            Task::Change(Change::RemoveSession(key), _) => Some(*key),
            Task::Change(..) | Task::Adopt(_) => None,
        };
        let keys: Vec<_> = steps.iter().filter_map(removed).collect();
        if let Err(error) = self.datapath.remove_sessions(&keys) {
            tracing::debug!(%error, "sessions are removed one by one");
        }
    }

    fn perform(&mut self, task: &Task, now: Instant) -> Result<(), Error> {
        match task {
            Task::Adopt(object) => self.adopt(*object),
            Task::Change(change, origin) => self.configure(change, *origin, now),
        }
    }

    /// Counts an object as the file's.
    fn adopt(&mut self, object: Object) -> Result<(), Error> {
        let change = match object {
            Object::Tunnel(id) => Change::TuneTunnel(id, TunnelRetuning::default()),
            Object::Session(key) => Change::TuneSession(key, Retuning::default()),
        };
        self.configured.insert(object);
        let written = self.settle(&change, Origin::File);
        if written.is_err() {
            self.configured.remove(&object);
        }
        written
    }

    /// Makes a change that the file asks for. An addition that the data path refuses stays
    /// desired and waits.
    fn configure(&mut self, change: &Change, origin: Origin, now: Instant) -> Result<(), Error> {
        let added = match change {
            Change::AddTunnel(spec) => Object::Tunnel(spec.id),
            Change::AddSession(spec) => {
                self.admit(spec)?;
                if self.waits(Object::Tunnel(spec.key.tunnel)) {
                    return self.settle(change, origin);
                }
                Object::Session(spec.key)
            }
            Change::TuneTunnel(..)
            | Change::TuneSession(..)
            | Change::RemoveTunnel(_)
            | Change::RemoveSession(_) => {
                self.apply(change)?;
                return self.settle(change, origin);
            }
        };
        let outcome = self.apply(change);
        self.settle(change, origin)?;
        outcome.inspect_err(|refused| {
            self.waiting.insert(added, Wait::new(refused, now));
        })
    }

    /// Refuses a session that another one's id or name, made by hand, stands against.
    fn admit(&self, spec: &SessionSpec) -> Result<(), Error> {
        let tunnel = self.desired.tunnels.get(&spec.key.tunnel);
        let absent = || {
            let text = format!("there is no tunnel {}", spec.key.tunnel);
            Error::new(Errno::ENODEV, "tunnel_id", text)
        };
        genl::free_session(spec, tunnel.ok_or_else(absent)?, &self.desired)
    }
}
