use super::Fragment;
use core::net::Ipv4Addr;

/// An IPv4 header (RFC 791 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4View {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// The payload's protocol.
    pub protocol: u8,
    /// Octets of header, options included: 20 to 60.
    pub header_len: usize,
    /// Octets of header and payload.
    pub total_len: usize,
    /// Where the payload belongs, in a fragment.
    pub fragment: Option<Fragment>,
}

/// Splits a packet behind its header, options included, and leaves off what lies beyond the total
/// length (the padding of a short Ethernet frame).
///
/// The checksum is not verified: the kernel does that before a raw socket sees a packet.
pub fn ipv4_payload(packet: &[u8]) -> Option<(Ipv4View, &[u8])> {
    let head: &[u8; 20] = packet.first_chunk()?;
    let half = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let address = |at: usize| Ipv4Addr::new(head[at], head[at + 1], head[at + 2], head[at + 3]);
    let header_len = usize::from(head[0] & 0x0f) * 4;
    if head[0] >> 4 != 4 || header_len < head.len() {
        return None;
    }
    let view = Ipv4View {
        source: address(12),
        destination: address(16),
        protocol: head[9],
        header_len,
        total_len: half(2).into(),
        fragment: fragment(half(6)),
    };
    let payload = packet.get(..view.total_len)?.get(header_len..)?;
    Some((view, payload))
}

/// Reads the flags and the fragment offset, which counts units of 8 octets.
fn fragment(field: u16) -> Option<Fragment> {
    let offset = usize::from(field & 0x1fff) * 8;
    let more = field & 0x2000 != 0;
    (more || offset != 0).then_some(Fragment { offset, more })
}
