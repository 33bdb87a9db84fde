use super::Attribute;
use core::fmt;

/// Octets of an AVP before its value.
pub const HEADER: usize = 6;

const M: u16 = 0x8000;
const H: u16 = 0x4000;
const RESERVED: u16 = 0x3c00;
const LENGTH: u16 = 0x03ff;

/// An AVP as it stands in a message, its value not looked at (RFC 2661 §4.1, RFC 3931 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawAvp<'a> {
    /// M: who does not recognize it must end the session or tunnel.
    pub mandatory: bool,
    /// H: the value is hidden.
    pub hidden: bool,
    /// Whether one of the four reserved bits is set.
    pub reserved: bool,
    /// The Vendor ID, 0 for the IETF's own.
    pub vendor: u16,
    /// The Attribute Type.
    pub attribute: u16,
    /// The Attribute Value, at most 1017 octets.
    pub value: &'a [u8],
}

/// The numbers that say what an AVP is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvpName {
    /// The Vendor ID, 0 for the IETF's own.
    pub vendor: u16,
    /// The Attribute Type.
    pub attribute: u16,
}

/// An AVP whose Length field cannot be: nothing from there on is readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LengthError {
    /// Where the AVP begins, in octets from the first AVP.
    pub offset: usize,
    /// Its Length field; 0 where not even the field came.
    pub length: u16,
    /// The octets that are left from its beginning.
    pub left: usize,
}

/// The AVPs of a message, one after the other, until the end or the first that is unreadable.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    octets: &'a [u8],
    offset: usize,
}

/// Walks over the AVPs in `octets`, which is what follows a control message's header.
pub fn walk(octets: &[u8]) -> Walk<'_> {
    Walk { octets, offset: 0 }
}

/// Whether one of the AVPs in `octets` is hidden; what is unreadable is not.
pub fn has_hidden(octets: &[u8]) -> bool {
    walk(octets).map_while(Result::ok).any(|avp| avp.hidden)
}

impl RawAvp<'_> {
    /// Vendor and attribute.
    pub fn name(&self) -> AvpName {
        AvpName {
            vendor: self.vendor,
            attribute: self.attribute,
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<RawAvp<'a>, LengthError>;

    fn next(&mut self) -> Option<Self::Item> {
        let octets = self.octets.get(self.offset..).unwrap_or_default();
        if octets.is_empty() {
            return None;
        }
        match split(octets) {
            Ok((avp, length)) => {
                self.offset += length;
                Some(Ok(avp))
            }
            Err(length) => {
                let (offset, left) = (self.offset, octets.len());
                self.offset = self.octets.len();
                Some(Err(LengthError {
                    offset,
                    length,
                    left,
                }))
            }
        }
    }
}

/// The AVP at the start of `octets` and the octets it takes, or its impossible Length.
fn split(octets: &[u8]) -> Result<(RawAvp<'_>, usize), u16> {
    let half = |at: usize| Some(u16::from_be_bytes(*octets.get(at..)?.first_chunk()?));
    let first = half(0).ok_or(0u16)?;
    let length = first & LENGTH;
    let taken = usize::from(length);
    let value = octets.get(HEADER..taken).ok_or(length)?;
    let avp = RawAvp {
        mandatory: first & M != 0,
        hidden: first & H != 0,
        reserved: first & RESERVED != 0,
        vendor: half(2).ok_or(length)?,
        attribute: half(4).ok_or(length)?,
        value,
    };
    Ok((avp, taken))
}

/// The first six octets of an AVP; `None` when its value is too long.
pub(super) fn header(
    mandatory: bool,
    hidden: bool,
    name: AvpName,
    value: usize,
) -> Option<[u8; HEADER]> {
    let length = u16::try_from(HEADER + value).ok()?;
    if length > LENGTH {
        return None;
    }
    let flags = if mandatory { M } else { 0 } | if hidden { H } else { 0 };
    let [a, b] = (flags | length).to_be_bytes();
    let [c, d] = name.vendor.to_be_bytes();
    let [e, f] = name.attribute.to_be_bytes();
    Some([a, b, c, d, e, f])
}

impl From<Attribute> for AvpName {
    fn from(attribute: Attribute) -> AvpName {
        AvpName {
            vendor: 0,
            attribute: attribute.number(),
        }
    }
}

impl fmt::Display for AvpName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.vendor, Attribute::from_name(*self)) {
            (0, Some(known)) => write!(f, "{known} (AVP {})", self.attribute),
            (0, None) => write!(f, "AVP {}", self.attribute),
            (vendor, _) => write!(f, "AVP {} of vendor {vendor}", self.attribute),
        }
    }
}

impl fmt::Display for LengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LengthError {
            offset,
            length,
            left,
        } = self;
        write!(
            f,
            "the AVP at octet {offset} has Length {length}, and {left} octets are left"
        )
    }
}

impl core::error::Error for LengthError {}
