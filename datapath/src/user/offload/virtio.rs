/// Octets of a [`VirtioHeader`] in front of a frame.
pub(crate) const HEADER_LEN: usize = 10;

const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
const GSO_ECN: u8 = 0x80;

/// What the kernel says of a frame, or is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VirtioHeader {
    pub(crate) checksum: ChecksumState,
    pub(crate) segments: Option<Segments>,
}

/// How far the transport checksum of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChecksumState {
    /// As it stands, right or wrong.
    Complete,
    /// As it stands, and right.
    Verified,
    /// The field holds the sum of the pseudo header; what starts at `start` is to be added, and
    /// the field stands `offset` behind.
    Partial { start: u16, offset: u16 },
}

/// A frame that stands for several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segments {
    pub(crate) kind: Kind,
    /// Octets of payload in each segment but the last.
    pub(crate) size: u16,
    /// Octets of headers in front of the payload. The kernel takes it for a hint.
    pub(crate) header_len: u16,
}

/// What a super-frame is cut by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    TcpV4,
    TcpV6,
    Udp,
}

impl VirtioHeader {
    /// A frame like any other.
    pub(crate) const PLAIN: VirtioHeader = VirtioHeader {
        checksum: ChecksumState::Complete,
        segments: None,
    };

    /// A frame whose transport checksum has been verified.
    pub(crate) const VERIFIED: VirtioHeader = VirtioHeader {
        checksum: ChecksumState::Verified,
        segments: None,
    };

    /// Whether the transport checksum is yet to be completed.
    pub(crate) fn is_partial(&self) -> bool {
        matches!(self.checksum, ChecksumState::Partial { .. })
    }

    /// Reads a header; `None` for a kind of super-frame that nobody offered to take.
    pub(crate) fn read(octets: &[u8; HEADER_LEN]) -> Option<VirtioHeader> {
        let half = |at: usize| u16::from_ne_bytes([octets[at], octets[at + 1]]);
        let checksum = match octets[0] {
            flags if flags & NEEDS_CSUM != 0 => ChecksumState::Partial {
                start: half(6),
                offset: half(8),
            },
            flags if flags & DATA_VALID != 0 => ChecksumState::Verified,
            _ => ChecksumState::Complete,
        };
        let kind = match octets[1] & !GSO_ECN {
            0 => None,
            GSO_TCPV4 => Some(Kind::TcpV4),
            GSO_TCPV6 => Some(Kind::TcpV6),
            GSO_UDP_L4 => Some(Kind::Udp),
            _ => return None,
        };
        let (header_len, size) = (half(2), half(4));
        let segments = kind.map(|kind| Segments {
            kind,
            size,
            header_len,
        });
        Some(VirtioHeader { checksum, segments })
    }

    /// Writes the header.
    pub(crate) fn write(&self) -> [u8; HEADER_LEN] {
        let (flags, start, offset) = match self.checksum {
            ChecksumState::Complete => (0, 0, 0),
            ChecksumState::Verified => (DATA_VALID, 0, 0),
            ChecksumState::Partial { start, offset } => (NEEDS_CSUM, start, offset),
        };
        let (kind, header_len, size) = match self.segments {
            None => (0, 0, 0),
            Some(Segments {
                kind,
                size,
                header_len,
            }) => {
                let kind = match kind {
                    Kind::TcpV4 => GSO_TCPV4,
                    Kind::TcpV6 => GSO_TCPV6,
                    Kind::Udp => GSO_UDP_L4,
                };
                (kind, header_len, size)
            }
        };
        let mut out = [flags, kind, 0, 0, 0, 0, 0, 0, 0, 0];
        for (at, value) in [(2, header_len), (4, size), (6, start), (8, offset)] {
            out[at..at + 2].copy_from_slice(&value.to_ne_bytes());
        }
        out
    }
}
