use crate::namespace::Start;
use crate::sys;
use rustix::thread::CapabilitySet;
use std::ffi::OsStr;
use std::io;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;

/// A process to be born in a namespace, built like [`std::process::Command`].
///
/// The process is killed when its [`crate::Namespace`] is dropped or this process ends, however
/// it ends. A command must be started before its namespace is dropped.
#[derive(Debug)]
pub struct NsCommand {
    command: Command,
    keeper: mpsc::Sender<Start>,
}

impl NsCommand {
    pub(crate) fn new(program: &OsStr, keeper: mpsc::Sender<Start>) -> NsCommand {
        let mut command = Command::new(program);
        sys::die_with_parent(&mut command);
        NsCommand { command, keeper }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> NsCommand {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> NsCommand {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> NsCommand {
        self.command.env(key, value);
        self
    }

    /// Removes an inherited environment variable.
    pub fn env_remove(mut self, key: impl AsRef<OsStr>) -> NsCommand {
        self.command.env_remove(key);
        self
    }

    /// Where the standard input comes from.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> NsCommand {
        self.command.stdin(stdin);
        self
    }

    /// Where the standard output goes.
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> NsCommand {
        self.command.stdout(stdout);
        self
    }

    /// Where the standard error goes.
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> NsCommand {
        self.command.stderr(stderr);
        self
    }

    /// Starts the process in its own process group, out of reach of the terminal's signals.
    pub fn own_process_group(mut self) -> NsCommand {
        use std::os::unix::process::CommandExt;
        self.command.process_group(0);
        self
    }

    /// Starts the program, which runs as root of its user namespace, without `capabilities` and
    /// without a way to get them back.
    pub fn without(mut self, capabilities: CapabilitySet) -> NsCommand {
        sys::drop_capabilities(&mut self.command, capabilities);
        self
    }

    /// Starts the process.
    pub fn spawn(self) -> io::Result<Child> {
        let (answer, outcome) = mpsc::channel();
        let gone = || io::Error::other("the namespace was dropped before its command started");
        let order = (self.command, answer);
        self.keeper.send(order).map_err(|_| gone())?;
        drop(self.keeper);
        outcome.recv().map_err(|_| gone())?
    }

    /// Starts the process and collects its output until it ends.
    pub fn output(self) -> io::Result<Output> {
        self.stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?
            .wait_with_output()
    }

    /// Starts the process and waits for it.
    pub fn status(self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }
}
