//! AVPs of the L2TPv3 drafts, which Cisco shipped under its own vendor id before RFC 3931 gave them
//! numbers. Older IOS and what imitates it still send them.

use super::Attribute;

/// Cisco's vendor id.
pub const CISCO: u16 = 9;

/// The attribute of RFC 3931 that Cisco's attribute `number` became.
pub(super) fn successor(number: u16) -> Option<Attribute> {
    let found = TABLE.iter().find(|(draft, _)| *draft == number);
    found.map(|(_, attribute)| *attribute)
}

const TABLE: &[(u16, Attribute)] = &[
    (1, Attribute::AssignedControlConnectionId),
    (2, Attribute::PwCapabilities),
    (3, Attribute::LocalSessionId),
    (4, Attribute::RemoteSessionId),
    (5, Attribute::AssignedCookie),
    (6, Attribute::RemoteEndId),
    (7, Attribute::PwType),
    (8, Attribute::CircuitStatus),
    (9, Attribute::TieBreaker),
    (12, Attribute::MessageDigest),
    (13, Attribute::Nonce),
];
