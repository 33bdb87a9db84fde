use crate::harness::eventually;
use crate::program::program;
use adit_lab::{CapabilitySet, Namespace, NsCommand};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Output, Stdio};
use std::thread;
use tempfile::TempDir;

/// A namespace and the daemon in it, which keeps its state over restarts. Dereferences to the
/// namespace.
///
/// The methods panic when something goes another way than the test wants.
#[derive(Debug)]
pub struct Host {
    namespace: Namespace,
    directory: TempDir,
    daemon: Option<Child>,
    /// What the daemon has as /etc/ppp.
    ppp: Option<PathBuf>,
}

/// How a command was refused.
#[derive(Debug)]
pub struct Refusal {
    /// The exit status.
    pub status: i32,
    /// The one line on the standard error, without its end.
    pub text: String,
}

impl Deref for Host {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}

impl Host {
    /// A host whose daemon runs.
    #[track_caller]
    pub fn new(name: &str) -> Host {
        let mut host = Host::idle(name);
        host.start(&[]);
        host
    }

    /// A host whose daemon has yet to be started.
    #[track_caller]
    pub fn idle(name: &str) -> Host {
        Host {
            namespace: Namespace::new(name).expect("a namespace"),
            directory: TempDir::with_prefix("adit-e2e-").expect("a directory"),
            daemon: None,
            ppp: None,
        }
    }

    /// Has the daemon find these files, by name, in /etc/ppp, and nothing else, and gives it a /run
    /// of its own, from its next start on.
    #[track_caller]
    pub fn set_ppp_files<'a>(&mut self, files: impl IntoIterator<Item = (&'a str, String)>) {
        let directory = self.path("ppp");
        fs::create_dir_all(&directory).expect("a directory");
        for (name, text) in files {
            fs::write(directory.join(name), text).expect("a file");
        }
        self.ppp = Some(directory);
    }

    /// A file of this host, for configurations.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts the daemon and waits until it answers.
    #[track_caller]
    pub fn start(&mut self, arguments: &[&str]) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("log"));
        let daemon = self
            .daemon_command()
            .args(arguments)
            .stderr(log.expect("a log"))
            .spawn()
            .expect("a daemon");
        self.daemon = Some(daemon);
        eventually("the daemon answers", || {
            let daemon = self.daemon.as_mut().expect("just started");
            let ended = daemon.try_wait().expect("a child to ask for");
            assert!(ended.is_none(), "the daemon ended with {ended:?}");
            self.output("show tunnel").status.success()
        });
    }

    /// Starts the daemon with a configuration file of this text.
    #[track_caller]
    pub fn start_configured(&mut self, text: &str) {
        let path = self.configure(text);
        self.start(&["--config", &path]);
    }

    /// Writes the text of the daemon's configuration file, and gives its path.
    #[track_caller]
    pub fn configure(&self, text: &str) -> String {
        let path = self.path("adit.toml");
        fs::write(&path, text).expect("a file to write");
        path.display().to_string()
    }

    /// The daemon's command line, for those that are not meant to come up.
    pub fn daemon_command(&self) -> NsCommand {
        let command = match &self.ppp {
            None => self.command(program()),
            Some(files) => {
                let script = "mount --bind \"$0\" /etc/ppp && mount -t tmpfs tmpfs /run && \
                              exec \"$@\"";
                let command = self
                    .command("unshare")
                    .args(["--mount", "sh", "-c", script]);
                command.arg(files).arg(program())
            }
        };
        command
            .arg("run")
            .arg("--state")
            .arg(self.path("state"))
            .stdin(Stdio::null())
            .env_remove("ADIT_SOCKET")
            .env_remove("NOTIFY_SOCKET")
    }

    /// Ends the daemon by SIGTERM.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.await_end()
    }

    /// Ends the daemon by SIGKILL.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.await_end();
    }

    /// Sends the daemon a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let daemon = self.daemon.as_ref().expect("the daemon runs");
        kill_process(Pid::from_child(daemon), signal).expect("a signal");
    }

    /// Runs a command line and returns what it prints.
    #[track_caller]
    pub fn adit(&self, line: &str) -> String {
        let output = self.output(line);
        let errors = String::from_utf8_lossy(&output.stderr);
        let name = self.name();
        assert!(output.status.success(), "{name}: adit {line}: {errors}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs a command line that must be refused, with one line and nothing printed.
    #[track_caller]
    pub fn refused(&self, line: &str) -> Refusal {
        refusal(line, &self.output(line))
    }

    /// Runs a command line without some capabilities that must be refused.
    #[track_caller]
    pub fn refused_without(&self, capabilities: CapabilitySet, line: &str) -> Refusal {
        let command = self.client(line).without(capabilities);
        refusal(line, &command.output().expect("a client"))
    }

    /// Runs a command line without some capabilities and returns what it prints.
    #[track_caller]
    pub fn adit_without(&self, capabilities: CapabilitySet, line: &str) -> String {
        let command = self.client(line).without(capabilities);
        let output = command.output().expect("a client");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "adit {line}: {errors}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs a command line.
    pub fn output(&self, line: &str) -> Output {
        self.client(line).output().expect("a client")
    }

    /// All tunnels or sessions, as `kind` says, with their counters.
    #[track_caller]
    pub fn list(&self, kind: &str) -> Vec<Value> {
        let text = self.adit(&format!("-j -s show {kind}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The session with this local id.
    #[track_caller]
    pub fn session(&self, id: u32) -> Value {
        let sessions = self.list("session");
        let mut found = sessions.into_iter().filter(|one| one["session_id"] == id);
        found.next().expect("the session is listed")
    }

    /// A counter of the session with this local id; what was never counted is 0.
    #[track_caller]
    pub fn counter(&self, session: u32, name: &str) -> u64 {
        number(&self.session(session), name).unwrap_or(0)
    }

    /// A counter of the tunnel with this local id; what was never counted is 0.
    #[track_caller]
    pub fn tunnel_counter(&self, tunnel: u32, name: &str) -> u64 {
        let tunnels = self.list("tunnel");
        let found = tunnels.iter().find(|one| one["tunnel_id"] == tunnel);
        number(found.expect("the tunnel is listed"), name).unwrap_or(0)
    }

    /// What is set up, without what changes by itself.
    #[track_caller]
    pub fn state(&self) -> String {
        self.adit("show tunnel") + &self.adit("show session")
    }

    /// What the daemon has written.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// A file of the daemon's directory below /proc.
    #[track_caller]
    pub fn proc(&self, entry: &str) -> PathBuf {
        let daemon = self.daemon.as_ref().expect("the daemon runs");
        format!("/proc/{}/{entry}", daemon.id()).into()
    }

    fn client(&self, line: &str) -> NsCommand {
        self.command(program())
            .args(line.split_whitespace())
            .stdin(Stdio::null())
            .env_remove("ADIT_SOCKET")
    }

    #[track_caller]
    fn await_end(&mut self) -> ExitStatus {
        let mut daemon = self.daemon.take().expect("the daemon runs");
        let mut status = None;
        eventually("the daemon ends", || {
            status = daemon.try_wait().expect("a child to ask for");
            status.is_some()
        });
        status.expect("waited for")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of {}:\n{}---", self.name(), self.log());
        }
    }
}

#[track_caller]
fn refusal(line: &str, output: &Output) -> Refusal {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "accepted: adit {line}");
    assert_eq!(errors.lines().count(), 1, "adit {line}: {errors}");
    assert!(output.stdout.is_empty(), "adit {line} printed something");
    Refusal {
        status: output.status.code().expect("no signal"),
        text: errors.trim_end().to_owned(),
    }
}

/// The number called `name` anywhere inside `value`.
fn number(value: &Value, name: &str) -> Option<u64> {
    let members = value.as_object()?;
    let own = members.get(name).and_then(Value::as_u64);
    own.or_else(|| members.values().find_map(|member| number(member, name)))
}
