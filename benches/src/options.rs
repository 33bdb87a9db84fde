//! The command line.

use crate::calls::Calls;
use crate::case::Case;
use crate::costs::Costs;
use crate::peer::{How, Over, Peer};
use crate::set_up::SetUp;
use crate::traffic::Tool;
use crate::wire::Wire;
use anyhow::{bail, ensure};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Where a whole run records its figures.
const RECORD: &str = "docs/performance.md";

/// Measures Adit beside the kernel's tunnels and another user-space tunnel.
///
/// Needs root, and the programs ip and fastd for the peers that use them.
#[derive(Parser, Debug)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    /// What the program does when it is not a traffic program.
    #[command(flatten)]
    pub(crate) options: Options,
    /// Another thing to measure, or how the program starts itself in the namespaces.
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// What else this executable does.
#[derive(Subcommand, Debug)]
pub(crate) enum Role {
    /// Measures instead how fast the control plane sets up tunnels and sessions: two nodes in one
    /// process, without sockets and without privileges.
    SetUp(SetUp),
    /// Measures instead how fast two daemons do the same with each other, over sockets and into
    /// their data paths.
    Calls(Calls),
    /// Measures instead what system calls cost under `adit exec` and without.
    Costs(Costs),
    /// Runs one end of a measurement.
    #[command(hide = true)]
    Traffic {
        /// Which.
        #[command(subcommand)]
        tool: Tool,
    },
}

/// What to measure, how often, and where to write it.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// One short run of everything: shows that all of it works, proves no figure
    #[arg(long)]
    quick: bool,
    /// Rounds over which medians are taken [default: 5, with --quick 1]
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// Seconds of each TCP measurement; the others follow [default: 1, with --quick 0.4]
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    /// Measure only these peers (bare, vxlan, gretap, fastd, adit-udp, adit-fast, adit-ip), cases
    /// (rtt, tcp1, tcp4, udp1400, udp64) and wires (nic, offload, plain); of a kind not named, all.
    /// Measured only when named: adit-plain, without all that lets packets travel together, and
    /// adit-ppp and adit-xl2tpd, which carry PPP
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    only: Vec<String>,
    /// Numbers of sessions: measure instead Adit's throughput through one of so many
    #[arg(long, value_name = "N,..", value_delimiter = ',')]
    sessions: Vec<u32>,
    /// Write the tables to this Markdown file and the record beside it, with the ending json
    /// [default: docs/performance.md for a whole run, nowhere for any other]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The order of work that the options amount to.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What to measure it on.
    pub(crate) wires: Vec<Wire>,
    /// What is measured, each with its number of sessions; the report compares with one of them.
    pub(crate) subjects: Vec<Subject>,
    /// What to measure of it.
    pub(crate) cases: Vec<Case>,
    /// Rounds.
    pub(crate) runs: usize,
    /// The length of a TCP measurement.
    pub(crate) length: Duration,
    /// Where to write.
    pub(crate) out: Option<PathBuf>,
}

/// A peer with a number of sessions in its tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The way to join the namespaces.
    pub(crate) peer: Peer,
    /// How many sessions the tunnel has; the traffic goes through one.
    pub(crate) sessions: u32,
}

impl Plan {
    /// What ratios refer to: kernel VXLAN, or the smallest number of sessions.
    pub(crate) fn base(&self) -> Subject {
        let vxlan = Subject {
            peer: Peer::Vxlan,
            sessions: 1,
        };
        let fewest = self.subjects.iter().min_by_key(|subject| subject.sessions);
        match self.compares_sessions() {
            true => fewest.copied().unwrap_or(vxlan),
            false => vxlan,
        }
    }

    /// Whether the subjects differ in their number of sessions.
    pub(crate) fn compares_sessions(&self) -> bool {
        self.subjects.iter().any(|subject| subject.sessions != 1)
    }
}

impl Subject {
    /// Its name in a table.
    pub(crate) fn title(self) -> String {
        match self.sessions {
            1 => self.peer.title().to_owned(),
            sessions => format!("{}, {sessions} sessions", self.peer.title()),
        }
    }
}

impl Options {
    /// Fills in the defaults and looks the names up.
    ///
    /// # Errors
    /// One line that names the option, its value and what it may be.
    pub(crate) fn plan(&self) -> anyhow::Result<Plan> {
        let runs = self.runs.unwrap_or(if self.quick { 1 } else { 5 });
        ensure!(
            (1..=1000).contains(&runs),
            "--runs {runs}: give 1 to 1000 rounds"
        );
        let seconds = self.seconds.unwrap_or(if self.quick { 0.4 } else { 1.0 });
        ensure!(
            (0.1..=600.0).contains(&seconds),
            "--seconds {seconds}: give 0.1 to 600 seconds"
        );

        let mut choice = Choice::default();
        for name in &self.only {
            choice.add(name)?;
        }
        let plan = Plan {
            subjects: self.subjects(&choice.peers)?,
            wires: choice.wires.or_all(&Wire::ALL),
            cases: choice.cases.or_all(&Case::ALL),
            runs,
            length: Duration::from_secs_f64(seconds),
            out: self
                .out
                .clone()
                .or_else(|| self.is_whole().then(|| PathBuf::from(RECORD))),
        };
        if let Some(out) = &plan.out {
            let markdown = out.extension().is_some_and(|extension| extension == "md");
            ensure!(
                markdown,
                "--out {}: give a file name that ends in .md",
                out.display()
            );
        }
        Ok(plan)
    }

    /// Whether this run is the one whose figures are kept.
    fn is_whole(&self) -> bool {
        !self.quick && self.only.is_empty() && self.sessions.is_empty()
    }

    fn subjects(&self, peers: &[Peer]) -> anyhow::Result<Vec<Subject>> {
        let named = !peers.is_empty();
        let peers = peers.or_all(&Peer::ALL).into_iter();
        if self.sessions.is_empty() {
            return Ok(peers
                .filter(|peer| named || peer.is_usual())
                .map(|peer| Subject { peer, sessions: 1 })
                .collect());
        }
        let peers: Vec<Peer> = peers
            .filter(|peer| named || *peer == Peer::Adit(Over::Udp, How::Together))
            .collect();
        if let Some(peer) = peers.iter().find(|peer| !peer.has_sessions()) {
            bail!(
                "--sessions: {} has none; give --only adit-udp or adit-ip",
                peer.name()
            );
        }
        if let Some(number) = self
            .sessions
            .iter()
            .find(|number| !(1..=65_535).contains(*number))
        {
            bail!("--sessions {number}: give numbers from 1 to 65535");
        }
        let of = |peer| {
            self.sessions
                .iter()
                .map(move |&sessions| Subject { peer, sessions })
        };
        Ok(peers.into_iter().flat_map(of).collect())
    }
}

/// The names given to `--only`, by their kind.
#[derive(Default)]
struct Choice {
    peers: Vec<Peer>,
    cases: Vec<Case>,
    wires: Vec<Wire>,
}

impl Choice {
    fn add(&mut self, name: &str) -> anyhow::Result<()> {
        let peer = Peer::ALL.into_iter().find(|peer| peer.name() == name);
        let case = Case::ALL.into_iter().find(|case| case.name() == name);
        let wire = Wire::ALL.into_iter().find(|wire| wire.name() == name);
        if peer.is_none() && case.is_none() && wire.is_none() {
            let peers = Peer::ALL.iter().map(|peer| peer.name());
            let cases = Case::ALL.iter().map(|case| case.name());
            let wires = Wire::ALL.iter().map(|wire| wire.name());
            let known: Vec<&str> = peers.chain(cases).chain(wires).collect();
            bail!(
                "--only {name:?}: no such peer, case or wire; give some of {}",
                known.join(", ")
            );
        }
        self.peers.extend(peer);
        self.cases.extend(case);
        self.wires.extend(wire);
        Ok(())
    }
}

/// Nothing chosen means everything.
trait OrAll<T> {
    fn or_all(&self, all: &[T]) -> Vec<T>;
}

impl<T: Copy + PartialEq> OrAll<T> for [T] {
    /// In the order of `all`, whatever the order of choice.
    fn or_all(&self, all: &[T]) -> Vec<T> {
        let chosen = all
            .iter()
            .filter(|item| self.is_empty() || self.contains(item));
        chosen.copied().collect()
    }
}

#[cfg(test)]
mod tests;
