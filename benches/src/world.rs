//! The two namespaces, the cable between them, and the processes born in them.

use crate::traffic::Totals;
use crate::wire::Wire;
use adit_lab::{Namespace, NsCommand, veth};
use anyhow::{Context, bail, ensure};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Output, Stdio};

/// The name of the cable's end in each namespace.
pub(crate) const CABLE: &str = "cable0";

/// The cable's MTU in octets, which every outer packet has to fit.
pub(crate) const CABLE_MTU: u32 = 1500;

/// One of the two namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Where the traffic comes from.
    Near,
    /// Where it goes to.
    Far,
}

impl Side {
    /// Both, in the order in which they are set up: who is called before who calls.
    pub(crate) const BOTH: [Side; 2] = [Side::Far, Side::Near];

    /// The opposite one.
    pub(crate) fn other(self) -> Side {
        match self {
            Side::Near => Side::Far,
            Side::Far => Side::Near,
        }
    }

    /// Its address on the cable.
    pub(crate) fn outer(self) -> &'static str {
        match self {
            Side::Near => "192.0.2.1",
            Side::Far => "192.0.2.2",
        }
    }

    /// Its address inside a tunnel.
    pub(crate) fn inner(self) -> &'static str {
        match self {
            Side::Near => "198.51.100.1",
            Side::Far => "198.51.100.2",
        }
    }
}

/// A pair of namespaces that share nothing but a cable.
pub(crate) struct World {
    near: Namespace,
    far: Namespace,
    executable: PathBuf,
}

impl World {
    /// Makes the namespaces and joins them.
    pub(crate) fn new() -> anyhow::Result<World> {
        let world = World {
            near: Namespace::new("near")?,
            far: Namespace::new("far")?,
            executable: std::env::current_exe()?,
        };
        veth(&world.near, CABLE, &world.far, CABLE)?;
        for side in Side::BOTH {
            world.configure(side, CABLE, side.outer(), CABLE_MTU)?;
        }
        Ok(world)
    }

    /// Gives the cable the offloads of `wire`, at both ends.
    pub(crate) fn become_wire(&self, wire: Wire) -> anyhow::Result<()> {
        for side in Side::BOTH {
            self.namespace(side).run(|| wire.apply(CABLE))?;
        }
        Ok(())
    }

    /// Whether a namespace has a device of this name.
    pub(crate) fn has(&self, side: Side, device: &str) -> bool {
        self.namespace(side).link(device).is_ok()
    }

    /// Sets a device's address and MTU and brings it up.
    pub(crate) fn configure(
        &self,
        side: Side,
        device: &str,
        address: &str,
        mtu: u32,
    ) -> anyhow::Result<()> {
        let namespace = self.namespace(side);
        namespace.set_mtu(device, mtu)?;
        namespace.add_address(device, &format!("{address}/24"))?;
        Ok(namespace.set_up(device)?)
    }

    /// Removes a device, or leaves it be when it is gone already.
    pub(crate) fn remove(&self, side: Side, device: &str) {
        let _ = self.namespace(side).delete_link(device);
    }

    /// A program to start in one of the namespaces.
    pub(crate) fn command(&self, side: Side, program: &str) -> NsCommand {
        self.namespace(side).command(program)
    }

    /// Runs a program to its end.
    ///
    /// # Errors
    /// What it printed on standard error, when it fails.
    pub(crate) fn execute(
        &self,
        side: Side,
        program: &str,
        arguments: &str,
    ) -> anyhow::Result<String> {
        let command = self
            .command(side, program)
            .args(arguments.split_whitespace());
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .output()
            .with_context(|| format!("the program {program} cannot be run"))?;
        let complaint = String::from_utf8_lossy(&stderr);
        ensure!(
            status.success(),
            "{program} {arguments}: {}",
            complaint.trim()
        );
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    }

    /// Starts a traffic program: the words of `line` are its name and arguments.
    pub(crate) fn traffic(&self, side: Side, line: &str) -> anyhow::Result<Traffic> {
        let command = self.namespace(side).command(&self.executable);
        let mut child = command
            .arg("traffic")
            .args(line.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(questions), Some(answers)) => Ok(Traffic {
                name: line.to_owned(),
                questions,
                answers: BufReader::new(answers),
                child,
            }),
            _ => bail!("{line}: no pipes"),
        }
    }

    fn namespace(&self, side: Side) -> &Namespace {
        match side {
            Side::Near => &self.near,
            Side::Far => &self.far,
        }
    }
}

/// A traffic program at work; it is killed when this is dropped.
pub(crate) struct Traffic {
    name: String,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    child: Child,
}

impl Traffic {
    /// The next line it prints.
    pub(crate) fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let count = self.answers.read_line(&mut line)?;
        ensure!(count > 0, "{} ended without an answer", self.name);
        Ok(line.trim().to_owned())
    }

    /// A sink's port, which is the first thing it prints.
    pub(crate) fn port(&mut self) -> anyhow::Result<u16> {
        let line = self.line()?;
        let port = line
            .strip_prefix("port ")
            .with_context(|| format!("no port: {line:?}"))?;
        Ok(port.parse()?)
    }

    /// A sink's totals at this moment.
    pub(crate) fn totals(&mut self) -> anyhow::Result<Totals> {
        writeln!(self.questions)?;
        self.line()?.parse()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
