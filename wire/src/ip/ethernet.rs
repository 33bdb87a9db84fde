const MAC_PAIR: usize = 12;
const TAG: usize = 4;
const MAX_TAGS: usize = 2;

/// TPIDs of a customer tag (IEEE 802.1Q) and of a service tag (802.1ad).
const TAG_PROTOCOLS: [u16; 2] = [0x8100, 0x88a8];

/// An Ethernet frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EthernetView {
    /// The type behind the addresses and the tags; below 0x600 it is an 802.3 length.
    pub ethertype: u16,
    /// Octets of addresses, tags and type: 14, 18 or 22.
    pub header_len: usize,
}

/// Splits a frame behind its header, which may hold up to two VLAN tags. A third tag's TPID is
/// given as the ethertype.
pub fn ethernet_payload(frame: &[u8]) -> Option<(EthernetView, &[u8])> {
    let mut at = MAC_PAIR;
    let mut ethertype = half(frame, at)?;
    while TAG_PROTOCOLS.contains(&ethertype) && at < MAC_PAIR + MAX_TAGS * TAG {
        at += TAG;
        ethertype = half(frame, at)?;
    }
    let header_len = at + 2;
    let view = EthernetView {
        ethertype,
        header_len,
    };
    Some((view, frame.get(header_len..)?))
}

fn half(frame: &[u8], at: usize) -> Option<u16> {
    frame
        .get(at..)?
        .first_chunk()
        .map(|half| u16::from_be_bytes(*half))
}
