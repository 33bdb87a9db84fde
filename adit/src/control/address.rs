use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Where a daemon's control socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An abstract name, which exists per network namespace as the kernel's L2TP state does.
    Namespace(&'static str),
    /// A file.
    Path(PathBuf),
}

impl Address {
    /// The abstract name of every namespace's daemon.
    pub const DEFAULT: Address = Address::Namespace("adit/control");

    /// From `--socket` or ADIT_SOCKET; nothing or an empty text is [`Address::DEFAULT`].
    pub fn from_option(given: Option<&OsStr>) -> Address {
        match given {
            Some(path) if !path.as_bytes().is_empty() => Address::Path(path.into()),
            Some(_) | None => Address::DEFAULT,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Namespace(name) => write!(f, "@{name}"),
            Address::Path(path) => path.display().fmt(f),
        }
    }
}
