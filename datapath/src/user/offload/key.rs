use super::flow::{Layout, Transport, flag};

/// Headers of a frame that is joined: Ethernet with two tags, IPv6 or IPv4 with options, TCP with
/// options.
pub(super) const MAX_HEADERS: usize = 142;

/// A frame's headers without what differs from frame to frame of a run: lengths, checksums, IPv4
/// id, TCP sequence number and PSH. One comparison tells whether a frame may join.
#[derive(Debug, Clone)]
pub(super) struct Key {
    octets: [u8; MAX_HEADERS],
    /// The bits that count.
    mask: [u8; MAX_HEADERS],
    len: usize,
}

impl Key {
    /// Of a frame whose headers have at most [`MAX_HEADERS`] octets.
    pub(super) fn of(layout: &Layout, frame: &[u8]) -> Key {
        let len = layout.payload;
        let mut octets = [0; MAX_HEADERS];
        octets[..len].copy_from_slice(&frame[..len]);
        let mut mask = [0xff; MAX_HEADERS];
        let mut blank = |at: usize, count: usize| mask[at..at + count].fill(0);
        let (network, segment) = (layout.network, layout.segment);
        if layout.v4 {
            blank(network + 2, 4);
            blank(network + 10, 2);
        } else {
            blank(network + 4, 2);
        }
        match layout.transport {
            Transport::Tcp => {
                blank(segment + 4, 4);
                blank(segment + 16, 2);
                mask[segment + 13] = !flag::PSH;
            }
            Transport::Udp => blank(segment + 4, 4),
        }
        Key { octets, mask, len }
    }

    /// Whether `frame` has the same headers, which then have the same layout.
    pub(super) fn matches(&self, frame: &[u8]) -> bool {
        let Some(headers) = frame.get(..self.len) else {
            return false;
        };
        let bits = self.octets.iter().zip(&self.mask);
        let differ = |all, (octet, (same, mask)): (&u8, (&u8, &u8))| all | (octet ^ same) & mask;
        headers.iter().zip(bits).fold(0, differ) == 0
    }
}
