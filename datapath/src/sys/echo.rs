//! Echo requests of ICMP and ICMPv6 to one host, each an IP packet of a certain size that nobody
//! may fragment.

use super::{error_queue, set_int};
use adit_wire::ip::{Checksum, ipv4_payload};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

const HEADER: usize = 8;
/// Octets behind the header that no other sender of echo requests has.
const TOKEN: usize = 8;

/// A socket for echo requests to one host.
#[derive(Debug)]
pub(crate) struct Echo {
    socket: Socket,
    v4: bool,
    id: u16,
    token: [u8; TOKEN],
    sequence: u16,
    /// The octets of what was sent, and of what has come.
    octets: Vec<u8>,
}

impl Echo {
    /// For a host that is reached from `local`, by this device where there is one. `token` is
    /// nobody else's.
    pub(crate) fn open(
        local: IpAddr,
        remote: IpAddr,
        interface: Option<&str>,
        token: u64,
    ) -> io::Result<Echo> {
        let end = |ip| SocketAddr::new(ip, 0);
        let v4 = remote.is_ipv4();
        let (level, name, probe, protocol) = match v4 {
            true => (
                libc::SOL_IP,
                libc::IP_MTU_DISCOVER,
                libc::IP_PMTUDISC_PROBE,
                Protocol::ICMPV4,
            ),
            false => (
                libc::SOL_IPV6,
                libc::IPV6_MTU_DISCOVER,
                libc::IPV6_PMTUDISC_PROBE,
                Protocol::ICMPV6,
            ),
        };
        let socket = Socket::new(Domain::for_address(end(remote)), Type::RAW, Some(protocol))?;
        socket.set_nonblocking(true)?;
        // Never fragmented, whatever the path is said to carry.
        set_int(socket.as_fd(), level, name, probe)?;
        error_queue::ask(socket.as_fd(), v4)?;
        socket.bind_device(interface.map(str::as_bytes))?;
        socket.bind(&SockAddr::from(end(local)))?;
        socket.connect(&SockAddr::from(end(remote)))?;
        Ok(Echo {
            socket,
            v4,
            id: (token >> 48) as u16,
            token: token.to_be_bytes(),
            sequence: 0,
            octets: Vec::new(),
        })
    }

    /// Asks with an IP packet of `size` octets. EMSGSIZE when it is too long for this host's link.
    pub(crate) fn ask(&mut self, size: u32) -> io::Result<()> {
        let ip = if self.v4 { 20 } else { 40 };
        let len = (size as usize).saturating_sub(ip).max(HEADER + TOKEN);
        self.sequence = self.sequence.wrapping_add(1);
        let octets = &mut self.octets;
        octets.clear();
        octets.extend([if self.v4 { 8 } else { 128 }, 0, 0, 0]);
        octets.extend(self.id.to_be_bytes());
        octets.extend(self.sequence.to_be_bytes());
        octets.extend(self.token);
        octets.resize(len, 0);
        if self.v4 {
            // The kernel fills in that of ICMPv6, which covers addresses (RFC 3542 §3.1).
            let mut sum = Checksum::new();
            sum.add(octets);
            octets[2..4].copy_from_slice(&sum.finish().to_be_bytes());
        }
        // An error may be about an earlier request, which asking clears.
        let mut sent = self.socket.send(octets);
        if sent.is_err() {
            sent = self.socket.send(octets);
        }
        sent.map(drop)
    }

    /// The size of the IP packet that an answer answers, for each that has come.
    pub(crate) fn answers(&mut self) -> Vec<u32> {
        const MOST: usize = 1 << 16;
        let mut sizes = Vec::new();
        self.octets.resize(MOST, 0);
        // An error tells that something was too big, which the silence after it tells as well.
        for _ in 0..64 {
            match (&self.socket).read(&mut self.octets) {
                Ok(len) => sizes.extend(self.size_of(&self.octets[..len])),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {}
            }
        }
        while error_queue::take(self.socket.as_fd()).is_some() {}
        sizes
    }

    fn size_of(&self, packet: &[u8]) -> Option<u32> {
        let (kind, ip, message) = match self.v4 {
            true => (0, 20, ipv4_payload(packet)?.1),
            false => (129, 40, packet),
        };
        let ours = message.first() == Some(&kind)
            && message.get(4..6) == Some(&self.id.to_be_bytes()[..])
            && message.get(HEADER..HEADER + TOKEN) == Some(&self.token[..]);
        ours.then_some((message.len() + ip) as u32)
    }
}

impl AsFd for Echo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
