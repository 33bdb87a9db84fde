//! The commands that work on tunnels and sessions, and their abbreviations.

use crate::input::form::{self, Form};
use std::ffi::{OsStr, OsString};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Delete,
    Show,
    Set,
    Start,
    Stop,
    Drain,
}

/// To what it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Tunnel,
    Session,
    Connection,
    Control,
    Daemon,
}

impl Verb {
    pub(super) const ALL: [Verb; 7] = [
        Verb::Add,
        Verb::Delete,
        Verb::Show,
        Verb::Set,
        Verb::Start,
        Verb::Stop,
        Verb::Drain,
    ];

    /// The command's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Verb::Add => "add",
            Verb::Delete => "del",
            Verb::Show => "show",
            Verb::Set => "set",
            Verb::Start => "start",
            Verb::Stop => "stop",
            Verb::Drain => "drain",
        }
    }

    /// What it can be done to.
    pub(super) fn objects(self) -> &'static [Object] {
        match self {
            Verb::Drain => &[Object::Tunnel, Object::Daemon],
            Verb::Show => &[
                Object::Tunnel,
                Object::Session,
                Object::Connection,
                Object::Control,
            ],
            Verb::Add | Verb::Delete | Verb::Set | Verb::Start | Verb::Stop => {
                &[Object::Tunnel, Object::Session]
            }
        }
    }

    /// Other names, which help shows.
    pub(super) fn aliases(self) -> &'static [&'static str] {
        match self {
            Verb::Add | Verb::Start | Verb::Stop | Verb::Drain => &[],
            Verb::Delete => &["delete"],
            Verb::Show => &["list", "lst"],
            Verb::Set => &["modify"],
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Verb::Add => "Make a tunnel or a session",
            Verb::Delete => "Remove a tunnel with its sessions, or one session",
            Verb::Show => {
                "Print tunnels, sessions or connections, all or those that match, or counters"
            }
            Verb::Set => "Change a tunnel or a session while it works",
            Verb::Start => "Open a connection's tunnel, or place a call of its, now",
            Verb::Stop => "Close a tunnel or end a call, and do not start it again",
            Verb::Drain => {
                "Let a tunnel, or the daemon, take no more calls and end after the last one"
            }
        }
    }

    pub(super) fn about_one(self, object: Object) -> String {
        if object == Object::Control {
            return "Print what the control protocol has counted, and what it dropped".to_owned();
        }
        if object == Object::Daemon {
            return "Let the daemon take no more tunnels and calls, and end after the last"
                .to_owned();
        }
        let object = object.name();
        match self {
            Verb::Add => format!("Make a {object}"),
            Verb::Delete => format!("Remove a {object}"),
            Verb::Show => format!("Print {object}s, all or those that match"),
            Verb::Set => format!("Change a {object} while it works"),
            Verb::Start => format!("Start a {object} of the configuration file now"),
            Verb::Stop => format!("Stop a {object} that was set up by protocol"),
            Verb::Drain => format!("Let a {object} take no more calls, and close it when empty"),
        }
    }

    /// What help says of `object` below the keywords.
    pub(super) fn note(self, object: Object) -> &'static str {
        match (self, object) {
            (Verb::Show, Object::Session) => {
                "\n\nCookies are shown to callers with CAP_NET_ADMIN only."
            }
            (Verb::Show, Object::Connection) => {
                "\n\nConnections are those of the configuration file, whether they are up or not."
            }
            (Verb::Show, Object::Tunnel | Object::Control | Object::Daemon)
            | (Verb::Add | Verb::Delete | Verb::Set | Verb::Start | Verb::Stop | Verb::Drain, _) => {
                ""
            }
        }
    }

    /// The verb of this name.
    pub(super) fn named(name: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|verb| verb.name() == name)
    }
}

impl Object {
    pub(super) const ALL: [Object; 5] = [
        Object::Tunnel,
        Object::Session,
        Object::Connection,
        Object::Control,
        Object::Daemon,
    ];

    /// The word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Object::Tunnel => "tunnel",
            Object::Session => "session",
            Object::Connection => "connection",
            Object::Control => "control",
            Object::Daemon => "daemon",
        }
    }

    /// The object of this name.
    pub(super) fn named(name: &str) -> Option<Object> {
        Object::ALL.into_iter().find(|object| object.name() == name)
    }
}

/// The keywords that `verb` takes for `object`.
pub(super) fn form(verb: Verb, object: Object) -> &'static Form {
    match (verb, object) {
        // Only `show` has these for an object.
        (_, Object::Connection) => &form::SHOW_CONNECTION,
        (_, Object::Control | Object::Daemon) => &form::NOTHING,
        (Verb::Add, Object::Tunnel) => &form::ADD_TUNNEL,
        (Verb::Add, Object::Session) => &form::ADD_SESSION,
        (Verb::Delete, Object::Tunnel) => &form::DEL_TUNNEL,
        (Verb::Delete, Object::Session) => &form::DEL_SESSION,
        (Verb::Show, Object::Tunnel) => &form::SHOW_TUNNEL,
        (Verb::Show, Object::Session) => &form::SHOW_SESSION,
        (Verb::Set, Object::Tunnel) => &form::SET_TUNNEL,
        (Verb::Set, Object::Session) => &form::SET_SESSION,
        (Verb::Start, Object::Tunnel) => &form::START_TUNNEL,
        (Verb::Start, Object::Session) => &form::START_SESSION,
        (Verb::Stop | Verb::Drain, Object::Tunnel) => &form::STOP_TUNNEL,
        (Verb::Stop | Verb::Drain, Object::Session) => &form::STOP_SESSION,
    }
}

/// Words that may be cut short, in the order in which iproute2 tries them; the first that
/// begins with what was typed wins, unique or not.
const VERBS: [(&str, &str); 10] = [
    ("add", "add"),
    ("delete", "del"),
    ("show", "show"),
    ("lst", "show"),
    ("list", "show"),
    ("set", "set"),
    ("modify", "set"),
    ("start", "start"),
    ("stop", "stop"),
    ("drain", "drain"),
];
const OBJECTS: [(&str, &str); 5] = [
    ("tunnel", "tunnel"),
    ("session", "session"),
    ("connection", "connection"),
    ("control", "control"),
    ("daemon", "daemon"),
];

/// Writes out an abbreviated verb and object: the first words of `args` (without the program's
/// name) that are neither flags nor the value of one. Other commands are never abbreviated.
pub(super) fn expand(mut args: Vec<OsString>) -> Vec<OsString> {
    let mut places = word_places(&args);
    let mut first = places.next();
    if first.is_some_and(|at| args.get(at).is_some_and(|word| word == "help")) {
        first = places.next();
    }
    let verb = first.and_then(|at| expand_at(&mut args, at, &VERBS));
    let second = places.next();
    if let (Some(()), Some(at)) = (verb, second) {
        expand_at(&mut args, at, &OBJECTS);
    }
    args
}

fn expand_at(args: &mut [OsString], at: usize, known: &[(&str, &str)]) -> Option<()> {
    let word = args.get_mut(at)?;
    let typed = word.to_str().filter(|typed| !typed.is_empty())?;
    let (_, full) = known.iter().find(|(full, _)| full.starts_with(typed))?;
    *word = full.into();
    Some(())
}

/// Where the words stand that are neither flags nor the value of `--socket`.
fn word_places(args: &[OsString]) -> impl Iterator<Item = usize> + use<> {
    let mut value_follows = false;
    let mut places = Vec::new();
    for (at, arg) in args.iter().enumerate() {
        let is_flag = arg.as_encoded_bytes().starts_with(b"-");
        if !is_flag && !value_follows {
            places.push(at);
        }
        value_follows = !value_follows && arg == OsStr::new("--socket");
    }
    places.into_iter()
}
