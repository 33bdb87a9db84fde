use super::super::avp::{AvpName, Fault};
use core::fmt;

/// A message, and what of it was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded<M> {
    /// The message.
    pub message: M,
    /// What of it was ignored.
    pub ignored: Ignored,
}

/// The AVPs that were ignored: worth a counter and a line in a log, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ignored {
    /// How many.
    pub count: u32,
    /// The first of them.
    pub first: Option<(AvpName, Oddity)>,
}

/// What is odd about an AVP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Vendor or attribute is not known, or in version 2 a reserved bit is set.
    Unrecognized,
    /// It is still hidden: there is no secret, or no random vector before it.
    Hidden,
    /// Its value cannot be.
    Malformed(Fault),
    /// It came before in the same message; the first one counts.
    Repeated,
    /// It has no place in such a message.
    Misplaced,
}

impl Ignored {
    pub(super) fn add(&mut self, name: AvpName, oddity: Oddity) {
        self.count += 1;
        self.first.get_or_insert((name, oddity));
    }
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Oddity::Unrecognized => f.write_str("is not recognized"),
            Oddity::Hidden => f.write_str("is hidden and cannot be revealed"),
            Oddity::Malformed(fault) => fault.fmt(f),
            Oddity::Repeated => f.write_str("came before"),
            Oddity::Misplaced => f.write_str("has no place in this message"),
        }
    }
}
