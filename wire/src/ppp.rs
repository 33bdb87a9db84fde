//! The front of a PPP frame (RFC 1661 §2, RFC 1662 §3): what says which protocol it carries.

pub mod hdlc;
pub mod vj;

/// Address and Control of HDLC-like framing (RFC 1662 §3.1): L2TP carries them in front of each
/// frame (RFC 2661 §4.4), and a receiver accepts frames without.
pub const ADDRESS_CONTROL: [u8; 2] = [0xff, 0x03];

/// Protocol numbers (RFC 1661 §2, IANA).
pub mod protocol {
    /// Internet Protocol, version 4.
    pub const IPV4: u16 = 0x0021;
    /// Novell IPX.
    pub const IPX: u16 = 0x002b;
    /// TCP over IPv4 with its headers compressed (RFC 1144).
    pub const VJ_COMPRESSED: u16 = 0x002d;
    /// The same as it is, for the other end to learn its headers.
    pub const VJ_UNCOMPRESSED: u16 = 0x002f;
    /// AppleTalk.
    pub const APPLETALK: u16 = 0x0029;
    /// Internet Protocol, version 6.
    pub const IPV6: u16 = 0x0057;
    /// MPLS unicast.
    pub const MPLS_UNICAST: u16 = 0x0281;
    /// MPLS multicast.
    pub const MPLS_MULTICAST: u16 = 0x0283;
    /// Control of compression of one link of several.
    pub const LINK_CCP: u16 = 0x80fb;
    /// The first number of the protocols that concern a link and not what it carries: LCP.
    pub const LINK_LAYER: u16 = 0xc000;
    /// Link Control Protocol.
    pub const LCP: u16 = 0xc021;
}

/// The frame without Address and Control, if it has them.
pub fn strip_address_control(frame: &[u8]) -> &[u8] {
    frame.strip_prefix(&ADDRESS_CONTROL).unwrap_or(frame)
}

/// Protocol and information of a frame that starts at its protocol field, which may be compressed
/// to one octet (RFC 1661 §6.5). `None` when the frame ends before the field does.
pub fn split(frame: &[u8]) -> Option<(u16, &[u8])> {
    match *frame {
        // The first octet of a whole field is even, the last one odd (RFC 1661 §2).
        [compressed, ref information @ ..] if compressed & 1 == 1 => {
            Some((compressed.into(), information))
        }
        [high, low, ref information @ ..] => Some((u16::from_be_bytes([high, low]), information)),
        [] | [_] => None,
    }
}

#[cfg(test)]
mod tests;
