use adit_wire::netlink::Errno;

/// Why a change was not made: the errno that Linux's driver would answer with, the field that is
/// to blame in the words of the command line, and a sentence with value and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {text}")]
pub struct Error {
    /// Positive error number.
    pub errno: Errno,
    /// The keyword of the field to blame, `name` or `local` say.
    pub field: &'static str,
    /// What is wrong with which value, and what to do.
    pub text: String,
}

impl Error {
    /// An error of these three parts.
    pub fn new(errno: Errno, field: &'static str, text: impl Into<String>) -> Error {
        Error {
            errno,
            field,
            text: text.into(),
        }
    }

    /// The operating system's refusal `err` while doing `what` for `field`.
    pub fn system(err: &std::io::Error, field: &'static str, what: &str) -> Error {
        let errno = Errno(err.raw_os_error().unwrap_or(Errno::EIO.0));
        Error::new(errno, field, format!("{what}: {err}"))
    }
}
