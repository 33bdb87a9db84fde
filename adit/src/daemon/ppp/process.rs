//! A pppd's life.

use super::ending::{self, Ending};
use adit_proto::l2tp::ResultCode;
use rustix::process::{Pid, Signal, kill_process};
use std::cell::RefCell;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a pppd that is told to end may take, its scripts included.
const GRACE: Duration = Duration::from_secs(10);
/// How long the last words of a pppd that has ended are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// What is kept of a line that it writes.
const LINE: usize = 512;

/// Runs `command` for a session, of this name in the log, until it ends, which it shall do when
/// told by `leave`. Gives what the peer is to be told.
pub(super) async fn run(session: &str, command: Command, leave: &Notify) -> ResultCode {
    let (ending, told, said) = match spawn(command) {
        Err(error) => (ending::fault(error.to_string()), false, Said::default()),
        Ok(mut child) => {
            tracing::debug!("{session}: pppd runs, process {}", child.id().unwrap_or(0));
            let (said, hearing) = hear(session, child.stderr.take());
            let (status, told) = wait(&mut child, leave).await;
            // A script of its may keep the other end for longer.
            let _ = timeout(LAST_WORDS, hearing).await;
            let ending = match status {
                Ok(status) => ending::of(status),
                Err(error) => ending::fault(error.to_string()),
            };
            (ending, told, said.take())
        }
    };
    let Ending { text, code, .. } = &ending;
    let said = if ending.options {
        said.first
    } else {
        said.last
    };
    let said = said.map_or_else(String::new, |said| format!("; it says: {said}"));
    match ending.fault && !told {
        true => tracing::warn!("{session}: pppd: {text}{said}"),
        false => tracing::debug!("{session}: pppd: {text}{said}"),
    }
    code.clone()
}

fn spawn(mut command: Command) -> io::Result<Child> {
    command
        // What is typed at the daemon's terminal is not for it.
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command.spawn()
    // What the child has does not stay open here.
}

/// What a pppd has written of itself.
#[derive(Debug, Default)]
struct Said {
    first: Option<String>,
    last: Option<String>,
}

/// Logs and keeps what a pppd writes, as long as it does.
fn hear(session: &str, words: Option<ChildStderr>) -> (Rc<RefCell<Said>>, JoinHandle<()>) {
    let said = Rc::new(RefCell::new(Said::default()));
    let (kept, session) = (Rc::clone(&said), session.to_owned());
    let hearing = tokio::task::spawn_local(async move {
        let Some(words) = words else { return };
        let each = |line: String| {
            tracing::debug!("{session}: pppd: {line}");
            let mut kept = kept.borrow_mut();
            kept.first.get_or_insert_with(|| line.clone());
            kept.last = Some(line);
        };
        read(words, each).await;
    });
    (said, hearing)
}

/// Waits for the end of a child; makes an end of it when told to leave, and tells whether it was.
async fn wait(child: &mut Child, leave: &Notify) -> (io::Result<ExitStatus>, bool) {
    tokio::select! {
        status = child.wait() => (status, false),
        () = leave.notified() => (end(child).await, true),
    }
}

async fn end(child: &mut Child) -> io::Result<ExitStatus> {
    // Nobody else waits for it, so that the id is its own as long as it has not been waited for.
    let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    if let Some(pid) = pid {
        // One that has ended meanwhile needs no signal.
        let _ = kill_process(pid, Signal::TERM);
    }
    match timeout(GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            child.start_kill()?;
            child.wait().await
        }
    }
}

/// Gives `each` the lines that come, as far as they are kept and without what is no text.
async fn read(mut from: impl AsyncRead + Unpin, mut each: impl FnMut(String)) {
    let mut chunk = [0; 1024];
    let mut line = Vec::new();
    loop {
        let len = from.read(&mut chunk).await.unwrap_or(0);
        for octet in &chunk[..len] {
            match octet {
                b'\n' => finish(&mut line, &mut each),
                _ if line.len() < LINE => line.push(*octet),
                _ => {}
            }
        }
        if len == 0 {
            return finish(&mut line, &mut each);
        }
    }
}

fn finish(line: &mut Vec<u8>, each: &mut impl FnMut(String)) {
    let text = String::from_utf8_lossy(line);
    let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    line.clear();
    if !text.is_empty() {
        each(text);
    }
}

#[cfg(test)]
mod tests;
