//! Control messages beside a packet: what a socket is told of one, and tells of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Room for all that is sent or asked for with one packet.
pub(super) const ROOM: usize = 144;

const HEADER: usize = size_of::<libc::cmsghdr>();

/// Control messages, one behind the other as the kernel lays them out.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(super) struct Controls {
    pub(super) octets: [u8; ROOM],
}

impl Controls {
    pub(super) const EMPTY: Controls = Controls { octets: [0; ROOM] };

    /// Adds a message behind the first `len` octets; gives the octets in use then. What has no
    /// room is left out.
    fn push(&mut self, len: usize, level: i32, kind: i32, value: &[u8]) -> usize {
        let end = len + aligned(HEADER + value.len());
        let Some(room) = self.octets.get_mut(len..end) else {
            return len;
        };
        let (header, behind) = room.split_at_mut(HEADER);
        let length = (HEADER + value.len()).to_ne_bytes();
        header[..LEN].copy_from_slice(&length[..LEN]);
        header[LEN..LEN + 4].copy_from_slice(&level.to_ne_bytes());
        header[LEN + 4..LEN + 8].copy_from_slice(&kind.to_ne_bytes());
        behind[..value.len()].copy_from_slice(value);
        end
    }

    /// Has the kernel cut the packet into segments of so many octets.
    pub(super) fn segment(&mut self, len: usize, size: u16) -> usize {
        self.push(len, libc::SOL_UDP, libc::UDP_SEGMENT, &size.to_ne_bytes())
    }

    /// Has the packet leave with this TOS octet or traffic class.
    pub(super) fn class(&mut self, len: usize, v4: bool, class: u8) -> usize {
        let (level, kind) = if v4 {
            (libc::SOL_IP, libc::IP_TOS)
        } else {
            (libc::SOL_IPV6, libc::IPV6_TCLASS)
        };
        self.push(len, level, kind, &i32::from(class).to_ne_bytes())
    }

    /// Has the packet leave with this TTL or hop limit.
    pub(super) fn hops(&mut self, len: usize, v4: bool, hops: u8) -> usize {
        let (level, kind) = if v4 {
            (libc::SOL_IP, libc::IP_TTL)
        } else {
            (libc::SOL_IPV6, libc::IPV6_HOPLIMIT)
        };
        self.push(len, level, kind, &i32::from(hops).to_ne_bytes())
    }

    /// Has the packet leave with this mark, for the host's own use.
    pub(super) fn mark(&mut self, len: usize, mark: u32) -> usize {
        self.push(len, libc::SOL_SOCKET, libc::SO_MARK, &mark.to_ne_bytes())
    }

    /// Has the packet leave from this address.
    pub(super) fn source(&mut self, len: usize, from: IpAddr) -> usize {
        match from {
            // in_pktinfo: interface index, the address to send from, an address for receivers.
            IpAddr::V4(from) => {
                let mut value = [0; 12];
                value[4..8].copy_from_slice(&from.octets());
                self.push(len, libc::SOL_IP, libc::IP_PKTINFO, &value)
            }
            // in6_pktinfo: the address, then the interface index.
            IpAddr::V6(from) => {
                let mut value = [0; 20];
                value[..16].copy_from_slice(&from.octets());
                self.push(len, libc::SOL_IPV6, libc::IPV6_PKTINFO, &value)
            }
        }
    }

    /// What the first `len` octets tell.
    pub(super) fn read(&self, len: usize) -> Told {
        let mut told = Told::default();
        let mut rest = self.octets.get(..len).unwrap_or_default();
        while let Some((length, level, kind)) = header(rest) {
            let Some(value) = rest.get(HEADER..length) else {
                break;
            };
            told.take(level, kind, value);
            rest = rest.get(aligned(length)..).unwrap_or_default();
        }
        told
    }
}

/// What a socket tells of a packet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Octets of each datagram but the last, where several came as one.
    pub(super) segment: Option<usize>,
    /// The address it was sent to.
    pub(super) destination: Option<IpAddr>,
    /// Its TOS octet or traffic class.
    pub(super) class: Option<u8>,
    /// The mark that the host has put on it.
    pub(super) mark: Option<u32>,
}

impl Told {
    fn take(&mut self, level: i32, kind: i32, value: &[u8]) {
        match (level, kind) {
            (libc::SOL_UDP, libc::UDP_GRO) => {
                let size = value.first_chunk().map(|size| i32::from_ne_bytes(*size));
                self.segment = size.and_then(|size| usize::try_from(size).ok());
                self.segment = self.segment.filter(|size| *size > 0);
            }
            (libc::SOL_IP, libc::IP_PKTINFO) => {
                let address = value.get(8..).and_then(<[u8]>::first_chunk::<4>);
                self.destination = address.map(|octets| Ipv4Addr::from(*octets).into());
            }
            // One octet.
            (libc::SOL_IP, libc::IP_TOS) => self.class = value.first().copied(),
            // An int.
            (libc::SOL_IPV6, libc::IPV6_TCLASS) => {
                let class = value.first_chunk().map(|class| i32::from_ne_bytes(*class));
                self.class = class.map(|class| class as u8);
            }
            (libc::SOL_SOCKET, libc::SO_MARK) => {
                self.mark = value.first_chunk().map(|mark| u32::from_ne_bytes(*mark));
            }
            (libc::SOL_IPV6, libc::IPV6_PKTINFO) => {
                let address = value.first_chunk::<16>();
                self.destination = address.map(|octets| Ipv6Addr::from(*octets).into());
            }
            _ => {}
        }
    }
}

/// The size of a cmsghdr's length field: a size_t, or on musl an unsigned int before a pad.
const LEN: usize = HEADER - 8;

/// Length with header, level and kind of the message at the front.
fn header(octets: &[u8]) -> Option<(usize, i32, i32)> {
    let mut length = [0; size_of::<usize>()];
    length[..LEN].copy_from_slice(octets.get(..LEN)?);
    let length = usize::from_ne_bytes(length);
    let word = |at: usize| {
        let word = octets.get(at..).and_then(<[u8]>::first_chunk);
        word.map(|word| i32::from_ne_bytes(*word))
    };
    (length >= HEADER).then_some((length, word(LEN)?, word(LEN + 4)?))
}

fn aligned(len: usize) -> usize {
    len.next_multiple_of(size_of::<usize>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_ends_where_it_is_cut() {
        let mut controls = Controls::EMPTY;
        let len = controls.push(0, libc::SOL_UDP, libc::UDP_GRO, &1400i32.to_ne_bytes());
        let v6: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let len = controls.class(len, false, 0xb9);
        let len = controls.mark(len, 0x10);
        let len = controls.source(len, v6.into());
        let told = Told {
            mark: Some(0x10),
            segment: Some(1400),
            destination: Some(v6.into()),
            class: Some(0xb9),
        };
        assert_eq!(controls.read(len), told);
        let cut = controls.read(len - 8);
        assert_eq!((cut.segment, cut.destination), (Some(1400), None));
        assert_eq!(controls.read(0), Told::default());
    }

    #[test]
    fn what_has_no_room_is_left_out() {
        let mut controls = Controls::EMPTY;
        let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
        let mut len = 0;
        for _ in 0..5 {
            len = controls.source(len, v6);
        }
        assert!(len <= ROOM);
    }
}
