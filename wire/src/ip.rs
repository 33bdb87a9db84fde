//! What the data path needs to know of the headers around and inside L2TP: Ethernet, IPv4, IPv6,
//! UDP, and the checksum that they share.
//!
//! Nothing here fails loudly: a packet that is cut short or contradicts itself gives `None`.

mod checksum;
mod ethernet;
mod v4;
mod v6;

pub use checksum::{Checksum, ones_complement_sum};
pub use ethernet::{EthernetView, ethernet_payload};
pub use v4::{Ipv4View, ipv4_payload};
pub use v6::{Ipv6View, ipv6_payload};

/// Where a packet's octets stand in the datagram that was fragmented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Octets of payload before these; 0 in the first fragment, which alone holds the transport
    /// header.
    pub offset: usize,
    /// Whether more fragments follow.
    pub more: bool,
}

/// Source and destination port of a UDP datagram (RFC 768), which starts at its header; `None`
/// when the 8 octets of the header are not all there.
pub fn udp_ports(datagram: &[u8]) -> Option<(u16, u16)> {
    let header: &[u8; 8] = datagram.first_chunk()?;
    let [s0, s1, d0, d1, ..] = *header;
    Some((u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])))
}

#[cfg(test)]
mod tests;
