//! What a case has: a name to answer under, and the means that many cases share.

use crate::netlink::{Message, Netlink, tell};
use crate::numbers::command::SESSION_GET;
use crate::numbers::{done, outcome};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

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

/// Gives who hears of a closed descriptor only afterwards the time to act upon it.
pub(crate) fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(300));
}

fn copy(error: &io::Error) -> io::Error {
    io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(0))
}
