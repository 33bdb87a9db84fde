use core::fmt;
use core::str::FromStr;

/// An L2TPv3 cookie (RFC 3931 §4.1): the octets between the session id and the sublayer.
///
/// The RFC knows lengths of 0, 4 and 8; Linux's netlink interface takes any length up to 8, so
/// this type does too. Text forms (`FromStr`, `Display`) are plain hex, and `FromStr` admits only
/// 8 or 16 digits, as `ip l2tp` does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Cookie {
    len: u8,
    octets: [u8; 8],
}

/// Why a cookie was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieError {
    /// More than 8 octets.
    TooLong,
    /// Text that is not 8 or 16 hex digits.
    NotHex,
}

impl Cookie {
    /// No cookie: nothing is written, nothing is checked.
    pub const EMPTY: Cookie = Cookie {
        len: 0,
        octets: [0; 8],
    };

    /// The cookie with exactly these octets, at most 8.
    pub fn new(octets: &[u8]) -> Result<Cookie, CookieError> {
        let mut cookie = Cookie::EMPTY;
        cookie
            .octets
            .get_mut(..octets.len())
            .ok_or(CookieError::TooLong)?
            .copy_from_slice(octets);
        cookie.len = octets.len() as u8;
        Ok(cookie)
    }

    /// The octets in wire order.
    pub fn as_slice(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }

    /// Length in octets, 0 to 8.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there is no cookie.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl FromStr for Cookie {
    type Err = CookieError;

    fn from_str(text: &str) -> Result<Cookie, CookieError> {
        if !matches!(text.len(), 8 | 16) || !text.is_ascii() {
            return Err(CookieError::NotHex);
        }
        let mut octets = [0; 8];
        for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |d: u8| char::from(d).to_digit(16).ok_or(CookieError::NotHex);
            *octet = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Cookie::new(&octets[..text.len() / 2])
    }
}

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice()
            .iter()
            .try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cookie({self})")
    }
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CookieError::TooLong => "a cookie has at most 8 octets",
            CookieError::NotHex => "cookie must be either 8 or 16 hex digits",
        })
    }
}

impl core::error::Error for CookieError {}
