use super::Fragment;
use core::net::Ipv6Addr;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// An IPv6 header (RFC 8200 §3) with the extension headers behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6View {
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
    /// The payload's protocol: the last extension header's Next Header.
    pub protocol: u8,
    /// Octets of header, extension headers included: 40 and more.
    pub header_len: usize,
    /// Octets of header and payload.
    pub total_len: usize,
    /// Where the payload belongs, in a fragment.
    pub fragment: Option<Fragment>,
}

/// Splits a packet behind its header and its hop-by-hop, routing, destination and fragment
/// headers, and leaves off what lies beyond the payload length. Any other header is payload.
pub fn ipv6_payload(packet: &[u8]) -> Option<(Ipv6View, &[u8])> {
    let head: &[u8; 40] = packet.first_chunk()?;
    if head[0] >> 4 != 6 {
        return None;
    }
    let address = |at: usize| {
        let octets: [u8; 16] = core::array::from_fn(|i| head[at + i]);
        Ipv6Addr::from(octets)
    };
    let total_len = head.len() + usize::from(u16::from_be_bytes([head[4], head[5]]));
    let mut view = Ipv6View {
        source: address(8),
        destination: address(24),
        protocol: head[6],
        header_len: head.len(),
        total_len,
        fragment: None,
    };
    let mut rest = packet.get(head.len()..total_len)?;
    // Behind a fragment header that is not the first, the octets are the middle of something.
    while view.fragment.is_none_or(|fragment| fragment.offset == 0) {
        match view.protocol {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | FRAGMENT => {
                rest = view.extend(rest)?;
            }
            _ => break,
        }
    }
    Some((view, rest))
}

impl Ipv6View {
    /// Takes the extension header at the start of `rest` into the view; gives what follows it.
    fn extend<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        // Every extension header is a multiple of 8 octets, the first being the next one's kind.
        let unit: &[u8; 8] = rest.first_chunk()?;
        let mut len = unit.len();
        if self.protocol == FRAGMENT {
            let field = u16::from_be_bytes([unit[2], unit[3]]);
            self.fragment = Some(Fragment {
                offset: usize::from(field & 0xfff8),
                more: field & 1 != 0,
            });
        } else {
            len += usize::from(unit[1]) * 8;
        }
        self.protocol = unit[0];
        self.header_len += len;
        rest.get(len..)
    }
}
