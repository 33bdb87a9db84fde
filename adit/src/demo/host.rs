use super::{Doing, Failure, say};
use adit_lab::{Namespace, NsCommand};
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a daemon may take to come up or to end.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// A host: a namespace with a daemon in it.
pub(super) struct Host {
    namespace: Namespace,
    program: PathBuf,
    daemon: Child,
    /// Collects what the daemon writes, so that its pipe never fills up.
    log: JoinHandle<String>,
}

impl Host {
    /// Starts a daemon in a fresh namespace and waits until it can be asked.
    pub(super) fn new(name: &str) -> Result<Host, Failure> {
        let program = env::current_exe().doing("finding this program")?;
        let namespace = Namespace::new(name).doing("making a network namespace")?;
        say(&format!("{name}# adit run &"))?;
        let mut daemon = quiet(namespace.command(&program))
            .args(["run", "--state", "none"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .doing("starting a daemon")?;
        let log = collect(daemon.stderr.take());
        let mut host = Host {
            namespace,
            program,
            daemon,
            log,
        };
        match host.wait_for(|host| Ok(host.ask("show tunnel")?.status.success()))? {
            true => Ok(host),
            false => Err(host.give_up("the daemon does not answer")),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.namespace.name()
    }

    pub(super) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Gives a device an address and brings it up.
    pub(super) fn set_up(&self, link: &str, address: &str) -> Result<(), Failure> {
        self.namespace
            .add_address(link, address)
            .and_then(|()| self.namespace.set_up(link))
            .doing("configuring a device")?;
        say(&format!("{}: {link} is up with {address}", self.name()))
    }

    /// Runs one command line and prints it with its output.
    pub(super) fn adit(&self, line: &str) -> Result<(), Failure> {
        say(&format!("{}# adit {line}", self.name()))?;
        let output = self.ask(line)?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::Program(reason.trim_end().to_owned()));
        }
        match String::from_utf8_lossy(&output.stdout).trim_end() {
            "" => Ok(()),
            text => say(text),
        }
    }

    /// Asks the daemon to end and waits for it.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        // The process has not been waited for, so its id cannot be another's.
        kill_process(Pid::from_child(&self.daemon), Signal::TERM)
            .map_err(std::io::Error::from)
            .doing("ending a daemon")?;
        if !self.wait_for(|host| Ok(host.exit_status()?.is_some()))? {
            return Err(self.give_up("the daemon does not end on SIGTERM"));
        }
        match self.exit_status()? {
            Some(status) if status.success() => Ok(()),
            Some(_) | None => Err(self.give_up("the daemon failed")),
        }
    }

    fn ask(&self, line: &str) -> Result<std::process::Output, Failure> {
        quiet(self.namespace.command(&self.program))
            .args(line.split_whitespace())
            .stdin(Stdio::null())
            .output()
            .doing("running a command")
    }

    fn exit_status(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.daemon.try_wait().doing("watching a daemon")
    }

    /// Whether `condition` comes true before patience or the daemon ends.
    fn wait_for(
        &mut self,
        condition: impl Fn(&mut Host) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if condition(self)? {
                return Ok(true);
            }
            if Instant::now() >= deadline || self.exit_status()?.is_some() {
                return Ok(false);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Ends the daemon the hard way and tells what it had to say.
    fn give_up(mut self, complaint: &str) -> Failure {
        // It may have ended already, which is as good.
        let _ = self.daemon.kill();
        let name = self.name().to_owned();
        let log = self.log.join().unwrap_or_default();
        let last = log.lines().last().unwrap_or("it wrote nothing");
        Failure::Program(format!("{name}: {complaint}: {last}"))
    }
}

/// Keeps what was said to this process about sockets away from those it starts.
fn quiet(command: NsCommand) -> NsCommand {
    command
        .env_remove("ADIT_SOCKET")
        .env_remove("NOTIFY_SOCKET")
}

fn collect(stderr: Option<ChildStderr>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut octets = Vec::new();
        if let Some(mut stderr) = stderr {
            // Whatever was read before an error is still worth showing.
            let _ = stderr.read_to_end(&mut octets);
        }
        String::from_utf8_lossy(&octets).into_owned()
    })
}
