//! What both ends hold a value to: the command line passes nothing that the daemon refuses.

use std::ops::RangeInclusive;

/// The value of the MTU attribute that stands for an automatic MTU.
pub const AUTOMATIC_MTU: u16 = 0;

/// MTUs in octets. Below 68 IPv4 does not work (RFC 791), and a TAP device's limit is 65535 less
/// its Ethernet header.
pub const MTU: RangeInclusive<u16> = 68..=65521;

/// The values of the TOS attribute beyond those of the octet: the frame's is taken over outward,
/// or both ways.
pub const TOS_INHERIT: u16 = 0x100;
/// See [`TOS_INHERIT`].
pub const TOS_UNIFORM: u16 = 0x101;
/// The value of a session's TOS attribute that leaves it to the tunnel.
pub const TOS_OF_TUNNEL: u16 = 0x102;
/// The value of a session's ECN attribute that leaves it to the tunnel.
pub const ECN_OF_TUNNEL: u8 = 2;

/// The value of the MSS attribute for an automatic one, and the values of others.
pub const AUTOMATIC_MSS: u16 = 0xffff;
/// See [`AUTOMATIC_MSS`].
pub const MSS: RangeInclusive<u16> = 64..=65495;

/// The longest reorder timeout in milliseconds: as many as Linux can count, 24 days.
pub const REORDER_TIMEOUT_MAX: u64 = i32::MAX as u64;

/// Octets of the longest interface name.
const NAME_OCTETS: usize = 15;

/// Checks an interface name by Linux's rule: 1 to 15 octets, no slash, colon or white space, and
/// neither `.` nor `..`. Nor a percent sign, which would make the name a pattern, nor control
/// characters, which would command a terminal. Fails with what is wrong and the remedy.
pub fn interface_name(name: &str) -> Result<(), String> {
    let illegal = |c: char| matches!(c, '/' | ':' | '%') || c.is_whitespace() || c.is_control();
    let remedy = if name.is_empty() || name.len() > NAME_OCTETS {
        "give 1 to 15 octets"
    } else if matches!(name, "." | "..") {
        "give another"
    } else if name.contains(illegal) {
        "leave out slash, colon, percent sign and spaces"
    } else {
        return Ok(());
    };
    Err(format!("{name:?} is no interface name; {remedy}"))
}
