//! How a command fails: a line on stderr for each thing that is wrong, and an exit status.

pub(super) use crate::complaint::complain;

use crate::control::ClientError;
use crate::input::FieldError;
use clap::error::{ContextKind, ErrorKind};
use std::process::ExitCode;

/// Why a command ends without having done its work.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line was not understood.
    Usage(String),
    /// It was understood and refused; each line says one thing.
    Refused(String),
    /// A program was to be run and was not; the status says whether it was not found.
    NotRun { text: String, status: u8 },
    /// Help or the version was asked for: the text belongs on stdout and nothing is wrong.
    Asked(clap::Error),
}

impl Failure {
    pub(super) fn usage(text: impl Into<String>) -> Failure {
        Failure::Usage(text.into())
    }

    pub(super) fn refused(text: impl ToString) -> Failure {
        Failure::Refused(text.to_string())
    }

    /// Tells the user, and gives the exit status.
    pub(super) fn report(self) -> ExitCode {
        let (text, code) = match self {
            Failure::Usage(text) => (text, 2),
            Failure::Refused(text) => (text, 1),
            Failure::NotRun { text, status } => (text, status),
            Failure::Asked(text) => {
                // A reader that has gone (`adit --help | head`) is no failure.
                let _ = text.print();
                return ExitCode::SUCCESS;
            }
        };
        for line in text.lines() {
            complain(line);
        }
        code.into()
    }
}

impl From<FieldError> for Failure {
    fn from(error: FieldError) -> Failure {
        Failure::Usage(one_line(&error.to_string()))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        Failure::refused(error)
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Failure {
        match matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            true => Failure::Asked(error),
            false => Failure::Usage(one_line(&in_our_words(&error))),
        }
    }
}

/// What `clap` says in a block of several lines, as field, value and remedy.
fn in_our_words(error: &clap::Error) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string);
    let part = |kind| context(kind).unwrap_or_default();
    let suggested = |kind, otherwise: &str| match context(kind) {
        Some(near) => format!("did you mean {near}?"),
        None => otherwise.to_owned(),
    };
    let (field, value) = (
        part(ContextKind::InvalidArg),
        part(ContextKind::InvalidValue),
    );
    let is = |kind| error.kind() == kind;
    if is(ErrorKind::MissingSubcommand) {
        let known = part(ContextKind::ValidSubcommand);
        format!("command: none given; give one of {known}")
    } else if is(ErrorKind::InvalidSubcommand) {
        let given = part(ContextKind::InvalidSubcommand);
        let remedy = suggested(ContextKind::SuggestedSubcommand, "see adit --help");
        format!("command: {given} is not known here; {remedy}")
    } else if is(ErrorKind::UnknownArgument) {
        let remedy = suggested(ContextKind::SuggestedArg, "see adit --help");
        format!("{field}: not known here; {remedy}")
    } else if is(ErrorKind::MissingRequiredArgument) {
        format!("{field}: required and missing; see adit --help")
    } else if is(ErrorKind::InvalidValue) && value.is_empty() {
        format!("{field}: no value follows; give one")
    } else if is(ErrorKind::InvalidValue) {
        let known = part(ContextKind::ValidValue);
        format!("{field}: {value} is not known here; give one of {known}")
    } else if is(ErrorKind::ValueValidation) {
        let why = std::error::Error::source(error).map_or(String::new(), |e| format!(": {e}"));
        format!("{field}: {value} is no good{why}; see adit --help")
    } else {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(first);
        format!("command line: {first}; see adit --help")
    }
}

/// The text without what would break its line or command a terminal.
pub(super) fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}
