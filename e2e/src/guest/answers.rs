//! The guest's side of the command channel, whose form `e2e/guest/init` gives.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdout, ExitStatus, Output};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// The answers as they come in, read by a thread so that waiting for one can end.
#[derive(Debug)]
pub(super) struct Answers(Receiver<io::Result<Output>>);

impl Answers {
    pub(super) fn read(channel: ChildStdout) -> Answers {
        let (sender, receiver) = mpsc::channel();
        // The thread ends with the channel, which ends with QEMU.
        thread::spawn(move || {
            let mut channel = BufReader::new(channel);
            loop {
                let answer = read_answer(&mut channel);
                let last = answer.is_err();
                if sender.send(answer).is_err() || last {
                    return;
                }
            }
        });
        Answers(receiver)
    }

    /// The next answer, waited for no longer than `patience`.
    pub(super) fn next(&self, patience: Duration) -> io::Result<Output> {
        match self.0.recv_timeout(patience) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {} s", patience.as_secs()),
            )),
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn read_answer(channel: &mut impl BufRead) -> io::Result<Output> {
    let mut head = String::new();
    if channel.read_line(&mut head)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let numbers: Result<Vec<u32>, _> = head.split_whitespace().map(str::parse).collect();
    let Ok(&[status @ 0..=255, stdout, stderr]) = numbers.as_deref() else {
        let text = format!("not an answer: {head:?}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    };
    Ok(Output {
        status: exit_status(status),
        stdout: read_octets(channel, stdout)?,
        stderr: read_octets(channel, stderr)?,
    })
}

/// `wait` keeps the exit status of a process above eight bits of other things.
fn exit_status(status: u32) -> ExitStatus {
    ExitStatus::from_raw((status << 8) as i32)
}

fn read_octets(channel: &mut impl BufRead, count: u32) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    channel.take(count.into()).read_to_end(&mut octets)?;
    if octets.len() < count as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(octets)
}
