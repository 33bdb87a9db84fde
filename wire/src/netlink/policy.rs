use super::{Attr, Errno};
use crate::l2tp::Cookie;
use alloc::string::String;
use core::fmt;
use core::net::Ipv6Addr;

/// An attribute that the family's policy refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyError {
    /// The attribute.
    pub attr: Attr,
    /// What is wrong with it.
    pub reason: PolicyReason,
    /// Octets in front of it, from the first attribute on.
    pub at: usize,
}

/// What the policy has against a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyReason {
    /// Fewer octets than its type has.
    TooShort,
    /// More octets than it may have.
    TooLong,
    /// A string without a NUL, or with one only behind the longest string it may hold.
    Unterminated,
    /// A string that is not UTF-8.
    NotText,
}

impl PolicyError {
    /// The errno that Linux answers with.
    pub fn errno(&self) -> Errno {
        match self.reason {
            PolicyReason::TooShort | PolicyReason::TooLong => Errno::ERANGE,
            PolicyReason::Unterminated | PolicyReason::NotText => Errno::EINVAL,
        }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            PolicyReason::TooShort => "too short",
            PolicyReason::TooLong => "too long",
            PolicyReason::Unterminated => "not terminated by NUL, or too long",
            PolicyReason::NotText => "not UTF-8",
        };
        write!(f, "attribute {:?} is {reason}", self.attr)
    }
}

impl core::error::Error for PolicyError {}

/// An attribute on its way to a field.
pub(super) struct Value<'a> {
    pub(super) attr: Attr,
    pub(super) bytes: &'a [u8],
    /// Octets in front of the attribute.
    pub(super) at: usize,
}

impl<'a> Value<'a> {
    /// The first octets: an over-long integer is cut.
    pub(super) fn array<const N: usize>(&self) -> Result<[u8; N], PolicyError> {
        let array = self.bytes.first_chunk().copied();
        array.ok_or(self.refuse(PolicyReason::TooShort))
    }

    pub(super) fn octet(&self) -> Result<u8, PolicyError> {
        self.array().map(|[octet]| octet)
    }

    pub(super) fn half(&self) -> Result<u16, PolicyError> {
        self.array().map(u16::from_ne_bytes)
    }

    pub(super) fn word(&self) -> Result<u32, PolicyError> {
        self.array().map(u32::from_ne_bytes)
    }

    pub(super) fn long(&self) -> Result<u64, PolicyError> {
        self.array().map(u64::from_ne_bytes)
    }

    pub(super) fn ipv6(&self) -> Result<Ipv6Addr, PolicyError> {
        match self.bytes.len() {
            0..=16 => self.array::<16>().map(Ipv6Addr::from),
            _ => Err(self.refuse(PolicyReason::TooLong)),
        }
    }

    pub(super) fn cookie(&self) -> Result<Cookie, PolicyError> {
        Cookie::new(self.bytes).map_err(|_| self.refuse(PolicyReason::TooLong))
    }

    /// A nest is empty or holds at least the head of an attribute.
    pub(super) fn nest(&self) -> Result<&'a [u8], PolicyError> {
        match self.bytes.len() {
            1..4 => Err(self.refuse(PolicyReason::TooShort)),
            _ => Ok(self.bytes),
        }
    }

    /// A string of at most `max` octets and a NUL, as NLA_NUL_STRING checks it: the NUL must come
    /// in time, and then not much may follow it.
    pub(super) fn string(&self, max: usize) -> Result<String, PolicyError> {
        let end = self.bytes.iter().position(|octet| *octet == 0);
        let end = end.filter(|end| *end <= max);
        let end = end.ok_or(self.refuse(PolicyReason::Unterminated))?;
        if self.bytes.strip_suffix(&[0]).unwrap_or(self.bytes).len() > max {
            return Err(self.refuse(PolicyReason::TooLong));
        }
        let text = core::str::from_utf8(self.bytes.get(..end).unwrap_or_default());
        text.map(String::from)
            .map_err(|_| self.refuse(PolicyReason::NotText))
    }

    fn refuse(&self, reason: PolicyReason) -> PolicyError {
        let Value { attr, at, .. } = *self;
        PolicyError { attr, reason, at }
    }
}
