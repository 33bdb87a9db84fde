use crate::dialup::Dialup;
use crate::host::Host;
use crate::program::program;
use rustix::process::Pid;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

/// xl2tpd on a host under `adit exec`, with an /etc/ppp of its own. It is killed when the value is
/// dropped.
///
/// The methods panic when something goes another way than the test wants.
#[derive(Debug)]
pub struct Xl2tpd {
    child: Child,
    files: PathBuf,
}

impl Xl2tpd {
    /// Starts it as one end of a call, with new logs.
    #[track_caller]
    pub fn start(host: &Host, dialup: &Dialup) -> Xl2tpd {
        let files = host.path("ppp");
        fs::create_dir_all(&files).expect("a directory");
        // pppd appends to its own; the first time there is none.
        let _ = fs::remove_file(files.join("pppd.log"));
        for (name, text) in dialup.files() {
            fs::write(files.join(name), text).expect("a file");
        }
        let log = fs::File::create(files.join("xl2tpd.log")).expect("a file");
        let script = format!(
            "mount --bind {0} /etc/ppp && mount -t tmpfs tmpfs /run && \
             exec {1} exec --log {0}/exec.log -- {2}",
            files.display(),
            program().display(),
            Dialup::command(),
        );
        let child = host
            .command("unshare")
            .args(["--mount", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .env_remove("ADIT_SOCKET")
            .spawn()
            .expect("xl2tpd");
        Xl2tpd { child, files }
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The pppd that it has started.
    #[track_caller]
    pub fn pppd(&self) -> Pid {
        let path = format!("/proc/{0}/task/{0}/children", self.pid().as_raw_nonzero());
        let children = fs::read_to_string(path).expect("children");
        let name = |pid: &&str| fs::read_to_string(format!("/proc/{pid}/comm"));
        let mut children = children.split_whitespace();
        let pppd = children.find(|pid| name(pid).is_ok_and(|name| name.trim() == "pppd"));
        let pppd = pppd.expect("a pppd").parse().expect("a number");
        Pid::from_raw(pppd).expect("a process")
    }

    /// A file of its /etc/ppp.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files.join(name)
    }

    /// What has been written to a log: `xl2tpd.log`, `pppd.log` or `exec.log`.
    pub fn log(&self, name: &str) -> String {
        let octets = fs::read(self.file(name)).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }
}

impl Drop for Xl2tpd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["xl2tpd.log", "pppd.log", "exec.log"] {
                let text = self.log(name);
                eprintln!("--- {}/{name}\n{text}---", self.files.display());
            }
        }
        // Ends with its namespace too, which is later.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
