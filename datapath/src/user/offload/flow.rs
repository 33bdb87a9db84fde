use crate::sys::checksum::sum;
use crate::sys::tap::Layer;
use adit_wire::ip::{Checksum, ethernet_payload, ipv4_payload, ipv6_payload};

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// TCP flags (RFC 9293 §3.1).
pub(super) mod flag {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const PSH: u8 = 0x08;
    pub(crate) const ACK: u8 = 0x10;
    pub(crate) const CWR: u8 = 0x80;
}

/// The transports that can be cut and joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    /// Where the checksum stands in the transport header.
    pub(crate) const fn checksum_at(self) -> usize {
        match self {
            Transport::Tcp => 16,
            Transport::Udp => 6,
        }
    }

    const fn protocol(self) -> u8 {
        match self {
            Transport::Tcp => TCP,
            Transport::Udp => UDP,
        }
    }
}

/// Where the headers of a frame with TCP or UDP over IP stand. Offsets count from the
/// start of the frame and lie inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) v4: bool,
    pub(crate) transport: Transport,
    /// The IP header.
    pub(crate) network: usize,
    /// The TCP or UDP header.
    pub(crate) segment: usize,
    /// The payload.
    pub(crate) payload: usize,
    /// Where the IP packet ends.
    pub(crate) end: usize,
}

impl Layout {
    /// Finds the headers; `None` when the frame is of another kind, a fragment, or cut short.
    pub(crate) fn of(layer: Layer, frame: &[u8]) -> Option<Layout> {
        let (ethertype, network) = network(layer, frame)?;
        let packet = frame.get(network..)?;
        let (v4, protocol, header_len, total_len, fragment) = match ethertype {
            ETHERTYPE_IPV4 => {
                let (ip, _) = ipv4_payload(packet)?;
                (true, ip.protocol, ip.header_len, ip.total_len, ip.fragment)
            }
            ETHERTYPE_IPV6 => {
                let (ip, _) = ipv6_payload(packet)?;
                (false, ip.protocol, ip.header_len, ip.total_len, ip.fragment)
            }
            _ => return None,
        };
        let transport = match protocol {
            TCP => Transport::Tcp,
            UDP => Transport::Udp,
            _ => return None,
        };
        let (segment, end) = (network + header_len, network + total_len);
        let payload = segment + transport_header_len(transport, frame.get(segment..end)?)?;
        let whole = fragment.is_none() && payload <= end;
        whole.then_some(Layout {
            v4,
            transport,
            network,
            segment,
            payload,
            end,
        })
    }

    /// The sum of the pseudo header (RFC 9293 §3.1, RFC 8200 §8.1) but for the segment's length.
    pub(super) fn pseudo_header(&self, frame: &[u8]) -> Checksum {
        let addresses = if self.v4 { 12..20 } else { 8..40 };
        let mut sum = Checksum::new();
        sum.add(&frame[self.network + addresses.start..self.network + addresses.end]);
        sum.add(&[0, self.transport.protocol()]);
        sum
    }

    /// Whether the checksums are there and right, IPv4's and the transport's; `pseudo_header` is
    /// what [`Layout::pseudo_header`] gives for the frame.
    pub(super) fn checksums_are_right(&self, frame: &[u8], pseudo_header: Checksum) -> bool {
        if self.v4 && sum(&frame[self.network..self.segment]) != 0xffff {
            return false;
        }
        let at = self.segment + self.transport.checksum_at();
        if self.transport == Transport::Udp && frame[at..at + 2] == [0, 0] {
            return false;
        }
        let segment = &frame[self.segment..self.end];
        let mut total = pseudo_header;
        total.add_sum(segment.len() as u16, 2);
        total.add_sum(sum(segment), segment.len());
        total.finish() == 0
    }

    /// The length of the IP packet as `frame`, which has this layout up to its payload, tells it.
    pub(super) fn total_len(&self, frame: &[u8]) -> usize {
        let at = self.network + if self.v4 { 2 } else { 4 };
        let len = usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
        len + if self.v4 { 0 } else { 40 }
    }

    /// Makes the IP header in `headers` that of a packet that ends `len` octets behind its start.
    pub(super) fn set_total_len(&self, headers: &mut [u8], len: usize) {
        let ip = &mut headers[self.network..self.segment];
        if self.v4 {
            ip[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            ip[10..12].copy_from_slice(&[0, 0]);
            let mut sum = Checksum::new();
            sum.add(ip);
            ip[10..12].copy_from_slice(&sum.finish().to_be_bytes());
        } else {
            ip[4..6].copy_from_slice(&((len - 40) as u16).to_be_bytes());
        }
    }
}

/// The EtherType of a frame, which a bare packet would have too, and where its packet starts.
pub(crate) fn network(layer: Layer, frame: &[u8]) -> Option<(u16, usize)> {
    match layer {
        Layer::Ethernet => {
            let (ethernet, _) = ethernet_payload(frame)?;
            Some((ethernet.ethertype, ethernet.header_len))
        }
        Layer::Ip => match frame.first()? >> 4 {
            4 => Some((ETHERTYPE_IPV4, 0)),
            6 => Some((ETHERTYPE_IPV6, 0)),
            _ => None,
        },
    }
}

fn transport_header_len(transport: Transport, segment: &[u8]) -> Option<usize> {
    let len = match transport {
        Transport::Tcp => usize::from(segment.get(12)? >> 4) * 4,
        Transport::Udp => 8,
    };
    let least = if transport == Transport::Tcp { 20 } else { 8 };
    (len >= least && len <= segment.len()).then_some(len)
}
