//! Addresses of sockets, as the system takes them.

use libc::{AF_INET, AF_INET6};

/// A `sockaddr_in`.
pub(crate) fn in4(address: [u8; 4], port: u16) -> Vec<u8> {
    let mut out = vec![AF_INET as u8, 0];
    out.extend(port.to_be_bytes());
    out.extend(address);
    out.extend([0; 8]);
    out
}

/// A `sockaddr_in6`.
pub(crate) fn in6(address: &str, port: u16) -> Vec<u8> {
    let address: std::net::Ipv6Addr = address.parse().expect("an address");
    let mut out = vec![AF_INET6 as u8, 0];
    out.extend(port.to_be_bytes());
    out.extend([0; 4]);
    out.extend(address.octets());
    out.extend([0; 4]);
    out
}

/// A `sockaddr_l2tpip`.
pub(crate) fn ip(address: [u8; 4], connection: u32) -> Vec<u8> {
    let mut out = vec![AF_INET as u8, 0, 0, 0];
    out.extend(address);
    out.extend(connection.to_ne_bytes());
    out.extend([0; 4]);
    out
}

/// A `sockaddr_l2tpip6`.
pub(crate) fn ip_6(address: &str, connection: u32) -> Vec<u8> {
    let mut out = in6(address, 0);
    out.extend(connection.to_ne_bytes());
    out
}
