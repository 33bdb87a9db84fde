//! The data of tunnels on programs' own UDP sockets. A filter keeps it from these; it comes in by
//! a raw *twin* of their port, after defragmentation and decryption, headers included.

use crate::counters::DropReason;
use crate::sys::batch::Received;
use adit_wire::ip::{Checksum, ipv4_payload};
use std::net::{IpAddr, SocketAddr};

const UDP: u8 = 17;
const HEADER: usize = 8;

/// A datagram as the twin has found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Datagram<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) payload: &'a [u8],
}

/// Opens what came to a twin: over IPv4 a packet, over IPv6 a packet's payload. With
/// `strict`, an IPv6 datagram without checksum is refused.
pub(crate) fn open<'a>(
    v4: bool,
    strict: bool,
    packet: &'a [u8],
    received: &Received,
) -> Result<Datagram<'a>, DropReason> {
    let (source, destination, datagram): (IpAddr, IpAddr, _) = if v4 {
        let (ip, datagram) = ipv4_payload(packet).ok_or(DropReason::Truncated)?;
        (ip.source.into(), ip.destination.into(), datagram)
    } else {
        let source = received.from.ok_or(DropReason::Truncated)?.ip();
        (source, received.to.ok_or(DropReason::Truncated)?, packet)
    };
    let header: &[u8; HEADER] = datagram.first_chunk().ok_or(DropReason::Truncated)?;
    let half = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let datagram = datagram.get(..half(4).into());
    let datagram = datagram.filter(|datagram| datagram.len() >= HEADER);
    let datagram = datagram.ok_or(DropReason::Truncated)?;
    let whole = match half(6) {
        0 => v4 || !strict,
        sum => is_right(sum, source, destination, datagram),
    };
    if !whole {
        return Err(DropReason::Checksum);
    }
    Ok(Datagram {
        from: SocketAddr::new(source, half(0)),
        payload: &datagram[HEADER..],
    })
}

/// Whether the checksum field `field` is right. From this host and over virtual cables, packets
/// come with the sum of the pseudo header alone, which hardware was meant to complete: nobody
/// tells a raw socket, and what never was on a wire needs no check.
fn is_right(field: u16, source: IpAddr, destination: IpAddr, datagram: &[u8]) -> bool {
    let mut pseudo = Checksum::new();
    for address in [source, destination] {
        match address {
            IpAddr::V4(address) => pseudo.add(&address.octets()),
            IpAddr::V6(address) => pseudo.add(&address.octets()),
        }
    }
    pseudo.add(&(datagram.len() as u32).to_be_bytes());
    pseudo.add(&[0, UDP]);
    let unfinished = field == !pseudo.finish();
    pseudo.add(datagram);
    unfinished || pseudo.finish() == 0
}

#[cfg(test)]
mod tests;
