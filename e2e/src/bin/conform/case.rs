//! What a case has: a name to answer under, and the means that many cases share.

use crate::cases::get_session;
use crate::netlink::{Message, Netlink, tell};
use crate::numbers::command::SESSION_GET;
use crate::numbers::{done, outcome};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that is bound to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before believing that nothing comes.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(10);

/// A case by name.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) body: Box<dyn FnOnce(&mut Case)>,
}

/// A case; what it panics with is part of its answer.
pub(crate) fn entry(name: impl Into<String>, body: impl FnOnce(&mut Case) + 'static) -> Entry {
    Entry {
        name: name.into(),
        body: Box::new(body),
    }
}

/// A running case. Each answer is a line: the case, what was asked, what was answered.
pub(crate) struct Case {
    name: String,
    asked: BTreeMap<String, u32>,
    netlink: Option<Netlink>,
}

impl Case {
    pub(crate) fn new(name: String) -> Case {
        Case {
            name,
            asked: BTreeMap::new(),
            netlink: None,
        }
    }

    /// Notes an answer. Questions of the same name are numbered.
    pub(crate) fn say(&mut self, question: &str, answer: impl Display) {
        let times = self.asked.entry(question.to_owned()).or_default();
        *times += 1;
        let number = match *times {
            1 => String::new(),
            times => format!("#{times}"),
        };
        let line = format!("{}\t{question}{number}\t{answer}\n", self.name);
        // Whoever listens for the answers has them or has gone.
        let _ = io::stdout().write_all(line.as_bytes());
    }

    /// Notes whether a call went well, or its error.
    pub(crate) fn did<T>(&mut self, question: &str, result: io::Result<T>) {
        self.say(question, done(result));
    }

    /// Notes what a call gave, or its error; gives it on.
    pub(crate) fn got<T>(
        &mut self,
        question: &str,
        result: io::Result<T>,
        tell: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let answer = outcome(result.as_ref().map_err(copy), tell);
        self.say(question, answer);
        result.ok()
    }

    /// The case's netlink socket.
    pub(crate) fn netlink(&mut self) -> &mut Netlink {
        self.netlink
            .get_or_insert_with(|| Netlink::open().expect("the family l2tp"))
    }

    /// Sends a message and notes what comes back.
    pub(crate) fn ask(&mut self, question: &str, message: &Message) {
        let replies = self.netlink().ask(message);
        self.say(question, outcome(replies, |replies| tell(&replies)));
    }

    /// Asks until the answer has one of `parts` in it, and notes the last one. What follows from a
    /// call may come a moment after it: a packet that has arrived is not counted yet, what a closed
    /// socket had is still there.
    pub(crate) fn ask_until(&mut self, question: &str, message: &Message, parts: &[&str]) {
        self.answers_with(message, parts);
        self.ask(question, message);
    }

    /// Whether the answer to a message comes to have one of `parts` in it.
    pub(crate) fn answers_with(&mut self, message: &Message, parts: &[&str]) -> bool {
        patiently(|| {
            let replies = self.netlink().ask(message).expect("a netlink socket");
            let answer = tell(&replies);
            parts.iter().any(|part| answer.contains(part))
        })
    }

    /// Whether a session goes, as it does after what ends it.
    pub(crate) fn loses_session(&mut self, tunnel: u32, session: u32) -> bool {
        self.answers_with(&get_session(tunnel, session), &["ENODEV"])
    }

    /// Sends a message that must succeed.
    pub(crate) fn must(&mut self, message: &Message) {
        let replies = self.netlink().ask(message).expect("a netlink socket");
        let answer = tell(&replies);
        assert_eq!(answer, "ok", "command {}", message.command);
    }

    /// Notes a whole table, a line for each entry. Nobody promises an order of a tunnel's
    /// sessions.
    pub(crate) fn table(&mut self, question: &str, command: u8) {
        let replies = self.netlink().ask(&Message::dump(command));
        let replies = replies.expect("a netlink socket").into_iter();
        let mut lines: Vec<String> = replies.map(|reply| tell(&[reply])).collect();
        if command == SESSION_GET {
            lines.sort();
        }
        for line in lines {
            self.say(question, line);
        }
    }

    /// Gives a socket that must be had.
    #[track_caller]
    pub(crate) fn have(&mut self, socket: io::Result<OwnedFd>) -> OwnedFd {
        socket.unwrap_or_else(|error| panic!("needed: {error}"))
    }
}

/// Waits for a condition that is bound to come true; whether it has.
pub(crate) fn patiently(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(PAUSE);
    }
    true
}

fn copy(error: &io::Error) -> io::Error {
    io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(0))
}
