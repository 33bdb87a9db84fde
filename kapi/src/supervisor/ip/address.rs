//! Addresses of protocol 115: `sockaddr_l2tpip` and `sockaddr_l2tpip6` of `linux/l2tp.h`.

use crate::protocol::Endpoint;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets of `sockaddr_l2tpip`, and of `sockaddr_l2tpip6`.
pub(super) const V4_OCTETS: usize = 16;
pub(super) const V6_OCTETS: usize = 32;
/// Octets of an IPv6 address without scope and connection, which suffice to send.
const V6_LEAST: usize = 24;

/// What a program gives as an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L2tpIpAddress {
    /// The address family that it claims to be of.
    pub family: u16,
    /// What stands where other families have a port.
    pub unused: u16,
    /// The flow label, of IPv6.
    pub flow: u32,
    /// What it names.
    pub end: Endpoint,
}

impl L2tpIpAddress {
    /// Reads an address of a socket of IPv6 or IPv4; none from too few octets. What is missing at
    /// the end of an IPv6 address is zero.
    pub fn read(v6: bool, octets: &[u8]) -> Option<L2tpIpAddress> {
        let (least, size) = match v6 {
            true => (V6_LEAST, V6_OCTETS),
            false => (V4_OCTETS, V4_OCTETS),
        };
        let given = octets.get(..octets.len().min(size))?;
        if given.len() < least {
            return None;
        }
        let mut whole = [0; V6_OCTETS];
        whole.get_mut(..given.len())?.copy_from_slice(given);
        let half = |at: usize| u16::from_ne_bytes([whole[at], whole[at + 1]]);
        let word = |at: usize| {
            u32::from_ne_bytes([whole[at], whole[at + 1], whole[at + 2], whole[at + 3]])
        };
        let end = match v6 {
            true => Endpoint {
                address: IpAddr::V6(Ipv6Addr::from(*whole[8..].first_chunk::<16>()?)),
                scope: word(24),
                connection: word(28),
            },
            false => Endpoint {
                address: IpAddr::V4(Ipv4Addr::from(*whole[4..].first_chunk::<4>()?)),
                scope: 0,
                connection: word(8),
            },
        };
        Some(L2tpIpAddress {
            family: half(0),
            unused: half(2),
            flow: if v6 { word(4) } else { 0 },
            end,
        })
    }

    /// The octets by which it is told.
    pub fn write(&self) -> Vec<u8> {
        let mut out = self.family.to_ne_bytes().to_vec();
        out.extend(self.unused.to_ne_bytes());
        match self.end.address {
            IpAddr::V4(address) => {
                out.extend(address.octets());
                out.extend(self.end.connection.to_ne_bytes());
                out.resize(V4_OCTETS, 0);
            }
            IpAddr::V6(address) => {
                out.extend(self.flow.to_ne_bytes());
                out.extend(address.octets());
                out.extend(self.end.scope.to_ne_bytes());
                out.extend(self.end.connection.to_ne_bytes());
            }
        }
        out
    }
}

#[cfg(test)]
mod tests;
