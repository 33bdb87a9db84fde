//! The four address forms of PPPoL2TP, `linux/if_pppol2tp.h`.

use crate::protocol::Ids;
use adit_wire::netlink::Errno;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// AF_PPPOX of `linux/socket.h` and PX_PROTO_OL2TP of `linux/if_pppox.h`.
const AF_PPPOX: u16 = 24;
const PX_PROTO_OL2TP: u32 = 1;

/// Octets in front of what the forms differ in: family, protocol, pid, descriptor.
const HEAD: usize = 14;

/// An address of PPPoL2TP, as programs give it to `connect` and are told it by `getsockname`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PppoxAddress {
    /// 2 or 3, which the form's length tells.
    pub version: u8,
    /// The process that the tunnel is of, as an address told tells it.
    pub pid: i32,
    /// The descriptor of the tunnel's socket.
    pub fd: i32,
    /// Tunnel and session, here and there.
    pub ids: Ids,
    /// The tunnel's peer.
    pub peer: SocketAddr,
}

/// The version and whether addresses are of IPv6, by an address's length.
fn form(len: usize) -> Option<(u8, bool)> {
    match len {
        38 => Some((2, false)),
        50 => Some((2, true)),
        46 => Some((3, false)),
        58 => Some((3, true)),
        _ => None,
    }
}

/// Whether an address of PPPoL2TP may have `len` octets.
pub(super) fn is_length(len: i32) -> bool {
    usize::try_from(len).is_ok_and(|len| form(len).is_some())
}

impl PppoxAddress {
    /// Reads what `connect` was given: EINVAL for another length or protocol. The family, the
    /// process and the peer mean nothing there.
    pub fn read(octets: &[u8]) -> Result<PppoxAddress, Errno> {
        let (version, is_v6) = form(octets.len()).ok_or(Errno::EINVAL)?;
        let word = |at: usize| {
            let word = octets.get(at..).and_then(|rest| rest.first_chunk());
            u32::from_ne_bytes(word.copied().unwrap_or_default())
        };
        if word(2) != PX_PROTO_OL2TP {
            return Err(Errno::EINVAL);
        }
        let (ids_at, peer_at) = match (version, is_v6) {
            (_, false) => (HEAD + 16, HEAD),
            (2, true) => (HEAD, HEAD + 8),
            (_, true) => (HEAD, HEAD + 16),
        };
        Ok(PppoxAddress {
            version,
            pid: word(6) as i32,
            fd: word(10) as i32,
            ids: read_ids(version, octets.get(ids_at..).unwrap_or_default()),
            peer: read_peer(is_v6, octets.get(peer_at..).unwrap_or_default()),
        })
    }

    /// The octets, in the form that version and peer ask for.
    pub fn write(&self) -> Vec<u8> {
        let mut out = AF_PPPOX.to_ne_bytes().to_vec();
        out.extend(PX_PROTO_OL2TP.to_ne_bytes());
        out.extend(self.pid.to_ne_bytes());
        out.extend(self.fd.to_ne_bytes());
        match self.peer {
            SocketAddr::V4(peer) => {
                write_v4(&mut out, peer);
                write_ids(&mut out, self.version, self.ids);
            }
            SocketAddr::V6(peer) => {
                write_ids(&mut out, self.version, self.ids);
                write_v6(&mut out, peer);
            }
        }
        out
    }
}

/// Tunnel and session here, then there: 16 bits each in version 2, 32 in version 3.
fn read_ids(version: u8, octets: &[u8]) -> Ids {
    let mut words: [u32; 4] = [0; 4];
    for (at, word) in words.iter_mut().enumerate() {
        *word = match version {
            2 => {
                let half = octets.get(2 * at..).and_then(|rest| rest.first_chunk());
                u16::from_ne_bytes(half.copied().unwrap_or_default()).into()
            }
            _ => {
                let word = octets.get(4 * at..).and_then(|rest| rest.first_chunk());
                u32::from_ne_bytes(word.copied().unwrap_or_default())
            }
        };
    }
    let [tunnel, session, peer_tunnel, peer_session] = words;
    Ids {
        tunnel,
        session,
        peer_tunnel,
        peer_session,
    }
}

fn write_ids(out: &mut Vec<u8>, version: u8, ids: Ids) {
    for id in [ids.tunnel, ids.session, ids.peer_tunnel, ids.peer_session] {
        match version {
            2 => out.extend((id as u16).to_ne_bytes()),
            _ => out.extend(id.to_ne_bytes()),
        }
    }
}

fn read_peer(is_v6: bool, octets: &[u8]) -> SocketAddr {
    let half = |at: usize| {
        let half = octets.get(at..).and_then(|rest| rest.first_chunk());
        half.copied().unwrap_or_default()
    };
    let port = u16::from_be_bytes(half(2));
    match is_v6 {
        false => {
            let address: [u8; 4] = octets
                .get(4..)
                .and_then(|rest| rest.first_chunk().copied())
                .unwrap_or_default();
            SocketAddrV4::new(Ipv4Addr::from(address), port).into()
        }
        true => {
            let address: [u8; 16] = octets
                .get(8..)
                .and_then(|rest| rest.first_chunk().copied())
                .unwrap_or_default();
            SocketAddrV6::new(Ipv6Addr::from(address), port, 0, 0).into()
        }
    }
}

fn write_v4(out: &mut Vec<u8>, peer: SocketAddrV4) {
    out.extend((libc::AF_INET as u16).to_ne_bytes());
    out.extend(peer.port().to_be_bytes());
    out.extend(peer.ip().octets());
    out.extend([0; 8]);
}

fn write_v6(out: &mut Vec<u8>, peer: SocketAddrV6) {
    out.extend((libc::AF_INET6 as u16).to_ne_bytes());
    out.extend(peer.port().to_be_bytes());
    out.extend(peer.flowinfo().to_ne_bytes());
    out.extend(peer.ip().octets());
    out.extend(peer.scope_id().to_ne_bytes());
}

#[cfg(test)]
mod tests;
