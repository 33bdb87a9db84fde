//! Who and where: hosts, networks and names with stars.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A host by address or by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name, looked up anew at each attempt.
    Name(String),
}

impl FromStr for Host {
    type Err = ();

    fn from_str(text: &str) -> Result<Host, ()> {
        if let Ok(address) = text.parse() {
            return Ok(Host::Address(address));
        }
        let label = |label: &str| {
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            (1..=63).contains(&label.len()) && label.chars().all(legal) && !label.starts_with('-')
        };
        let name = text.strip_suffix('.').unwrap_or(text);
        // An address that is none is no name either.
        let is_number = |label: &str| label.chars().all(|c| c.is_ascii_digit());
        let named = name.split('.').all(label) && !name.rsplit('.').next().is_none_or(is_number);
        match named && text.len() <= 253 {
            true => Ok(Host::Name(text.to_owned())),
            false => Err(()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(address) => address.fmt(f),
            Host::Name(name) => name.fmt(f),
        }
    }
}

/// The addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    address: IpAddr,
    prefix: u8,
}

impl Net {
    /// Whether `address` is one of them. An IPv4 address in IPv6 clothes is itself.
    pub fn has(&self, address: IpAddr) -> bool {
        let bits = |octets: &[u8]| {
            let mut out = [0; 16];
            out.iter_mut()
                .zip(octets)
                .for_each(|(to, from)| *to = *from);
            u128::from_be_bytes(out)
        };
        let differ = match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => bits(&own.octets()) ^ bits(&other.octets()),
            (IpAddr::V6(own), IpAddr::V6(other)) => bits(&own.octets()) ^ bits(&other.octets()),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        differ.leading_zeros() >= self.prefix.into()
    }
}

impl Net {
    /// Its address and how many bits of it count.
    pub fn parts(&self) -> (IpAddr, u8) {
        (self.address, self.prefix)
    }
}

impl FromStr for Net {
    type Err = ();

    fn from_str(text: &str) -> Result<Net, ()> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse().map_err(|_| ())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(most);
        (prefix <= most)
            .then_some(Net { address, prefix })
            .ok_or(())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A name in which a star stands for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern as it is written.
    pub fn new(text: &str) -> Pattern {
        Pattern(text.to_owned())
    }

    /// Whether `name` fits, in upper or lower case.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.to_ascii_lowercase(), name.to_ascii_lowercase());
        let mut parts = pattern.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let mut last = None;
        for part in parts {
            if let Some(middle) = last.replace(part) {
                let Some(at) = rest.find(middle) else {
                    return false;
                };
                rest = &rest[at + middle.len()..];
            }
        }
        last.map_or(rest.is_empty(), |end| rest.ends_with(end))
    }
}
