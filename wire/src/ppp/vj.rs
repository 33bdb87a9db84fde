//! Van Jacobson's compression of TCP headers (RFC 1144), on the way in: peers send so when this
//! end has asked for it, as pppd does. What is sent need not be compressed.

use crate::ip::{Checksum, ipv4_payload};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

const TCP: u8 = 6;

/// The longest headers: IPv4's and TCP's, with options.
const MAX_HEADERS: usize = 120;

/// What a compressed header says has changed (RFC 1144 §3.2.2).
mod change {
    pub(super) const CONNECTION: u8 = 0x40;
    pub(super) const ID: u8 = 0x20;
    pub(super) const PUSH: u8 = 0x10;
    pub(super) const SEQUENCE: u8 = 0x08;
    pub(super) const ACK: u8 = 0x04;
    pub(super) const WINDOW: u8 = 0x02;
    pub(super) const URGENT: u8 = 0x01;
    /// Changes that cannot be at once stand for: all data before is acknowledged and sent on.
    pub(super) const ECHOED: u8 = SEQUENCE | WINDOW | URGENT;
    /// All data before is sent on.
    pub(super) const STREAM: u8 = SEQUENCE | ACK | WINDOW | URGENT;
}

/// TCP's flags.
const PSH: u8 = 0x08;
const URG: u8 = 0x20;

/// The receiving side of a line's compression: the headers that each connection had last.
#[derive(Debug)]
pub struct Decompressor {
    slots: Box<[Option<Headers>]>,
    current: Option<u8>,
    /// Something was lost: compressed packets mean nothing until one names its connection.
    tossing: bool,
}

/// The last headers of a connection.
#[derive(Debug, Clone)]
struct Headers {
    octets: Vec<u8>,
    /// Where TCP's header starts.
    tcp: usize,
    /// Octets behind them.
    payload: usize,
}

impl Decompressor {
    /// For connections with ids up to `max_id`.
    pub fn new(max_id: u8) -> Decompressor {
        Decompressor {
            slots: vec![None; usize::from(max_id) + 1].into(),
            current: None,
            tossing: true,
        }
    }

    /// Takes an uncompressed packet, which has the id of its connection for its protocol number;
    /// gives the IPv4 packet that it was. `None` for what is no such packet.
    pub fn uncompressed(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let found = self.remember(packet);
        self.tossing = found.is_none();
        found
    }

    fn remember(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let (ip, segment) = ipv4_payload(packet)?;
        let (id, tcp) = (ip.protocol, ip.header_len);
        let mut whole = packet[..ip.total_len].to_vec();
        whole[9] = TCP;
        let tcp_len = usize::from(segment.get(12)? >> 4) * 4;
        let headers = segment.get(..tcp_len).filter(|_| tcp_len >= 20)?;
        if checksum(&whole[..tcp]) != 0 || ip.fragment.is_some() {
            return None;
        }
        let slot = self.slots.get_mut(usize::from(id))?;
        *slot = Some(Headers {
            octets: whole[..tcp + headers.len()].to_vec(),
            tcp,
            payload: segment.len() - headers.len(),
        });
        self.current = Some(id);
        Some(whole)
    }

    /// Takes a compressed packet; gives the IPv4 packet that it was. `None` for what cannot be
    /// expanded; nothing can from then on until a packet names its connection.
    pub fn compressed(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let found = self.expand(packet);
        self.tossing |= found.is_none();
        found
    }

    fn expand(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let mut reader = Reader { rest: packet };
        let changes = reader.octet()?;
        if changes & change::CONNECTION != 0 {
            self.current = Some(reader.octet()?);
            self.tossing = false;
        } else if self.tossing {
            return None;
        }
        let slot = self.slots.get_mut(usize::from(self.current?))?;
        let headers = slot.as_mut()?;
        headers.change(changes, &mut reader)?;
        headers.payload = reader.rest.len();
        headers.complete()?;
        Some([&headers.octets, reader.rest].concat())
    }
}

impl Headers {
    /// Applies what a compressed header says.
    fn change(&mut self, changes: u8, reader: &mut Reader<'_>) -> Option<()> {
        let sent = self.payload as u32;
        let tcp = self.octets.get_mut(self.tcp..)?;
        tcp[16..18].copy_from_slice(&reader.array::<2>()?);
        tcp[13] &= !(PSH | URG);
        if changes & change::PUSH != 0 {
            tcp[13] |= PSH;
        }
        match changes & change::STREAM {
            change::ECHOED => {
                add_word(tcp, 8, sent);
                add_word(tcp, 4, sent);
            }
            change::STREAM => add_word(tcp, 4, sent),
            which => {
                if which & change::URGENT != 0 {
                    tcp[13] |= URG;
                    tcp[18..20].copy_from_slice(&reader.number()?.to_be_bytes());
                }
                if which & change::WINDOW != 0 {
                    add_half(tcp, 14, reader.number()?);
                }
                if which & change::ACK != 0 {
                    add_word(tcp, 8, reader.number()?.into());
                }
                if which & change::SEQUENCE != 0 {
                    add_word(tcp, 4, reader.number()?.into());
                }
            }
        }
        let ids = match changes & change::ID {
            0 => 1,
            _ => reader.number()?,
        };
        add_half(&mut self.octets, 4, ids);
        Some(())
    }

    /// Writes length and checksum of IP.
    fn complete(&mut self) -> Option<()> {
        let len = u16::try_from(self.octets.len() + self.payload).ok()?;
        self.octets[2..4].copy_from_slice(&len.to_be_bytes());
        self.octets[10..12].fill(0);
        let sum = checksum(&self.octets[..self.tcp]);
        self.octets[10..12].copy_from_slice(&sum.to_be_bytes());
        (self.octets.len() <= MAX_HEADERS).then_some(())
    }
}

fn add_half(octets: &mut [u8], at: usize, more: u16) {
    let now = u16::from_be_bytes([octets[at], octets[at + 1]]);
    octets[at..at + 2].copy_from_slice(&now.wrapping_add(more).to_be_bytes());
}

fn add_word(octets: &mut [u8], at: usize, more: u32) {
    let now = [octets[at], octets[at + 1], octets[at + 2], octets[at + 3]];
    let sum = u32::from_be_bytes(now).wrapping_add(more);
    octets[at..at + 4].copy_from_slice(&sum.to_be_bytes());
}

fn checksum(octets: &[u8]) -> u16 {
    let mut sum = Checksum::new();
    sum.add(octets);
    sum.finish()
}

/// The part of a compressed packet that is not read yet.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn octet(&mut self) -> Option<u8> {
        self.array().map(|[octet]| octet)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*head)
    }

    /// A number in one octet, or in two behind a zero.
    fn number(&mut self) -> Option<u16> {
        match self.octet()? {
            0 => self.array().map(u16::from_be_bytes),
            small => Some(small.into()),
        }
    }
}

#[cfg(test)]
mod tests;
