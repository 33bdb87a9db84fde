//! Sockets of IP protocol 115 as Linux gives them to programs (`socket(AF_INET, SOCK_DGRAM, 115)`):
//! control messages of one control connection, without the four zero octets that tell them from
//! data (RFC 3931 §4.1.1.2).
//!
//! The host may have none, so each is two sockets here: a raw one, the [`ControlSocket`], which the
//! network sees, and a [`ProgramEnd`], a UDP socket that passes messages to and from the program.

use crate::sys::batch::{self, BATCH, Message, Received, Target};
use crate::sys::{filter, socket};
use adit_wire::ip::ipv4_payload;
use socket2::{SockAddr, Socket};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Octets of the longest message either way, headers included.
pub const MESSAGE_OCTETS: usize = 1 << 16;

/// The session id that stands before a control message.
const ZERO: [u8; 4] = [0; 4];

/// A raw socket for the control messages of one connection. Addresses have port 0; those of IPv6
/// have a scope.
#[derive(Debug)]
pub struct ControlSocket {
    socket: Socket,
    v4: bool,
}

impl ControlSocket {
    /// A socket of IPv4 or IPv6 that can send, and hears nothing until it is bound.
    pub fn open(v4: bool) -> io::Result<ControlSocket> {
        let socket = socket::ip_control(v4)?;
        Ok(ControlSocket { socket, v4 })
    }

    /// Hears the messages for `connection` that come to `local`, which may be unspecified.
    pub fn bind(&self, local: SocketAddr, connection: u32) -> io::Result<()> {
        self.socket.bind(&SockAddr::from(local))?;
        filter::control_for(self.socket.as_fd(), self.v4, connection)
    }

    /// Sends to `peer` where nothing else is said, and hears nobody else; without one it sends
    /// nowhere and hears all.
    pub fn connect(&self, peer: Option<SocketAddr>) -> io::Result<()> {
        match peer {
            Some(peer) => self.socket.connect(&SockAddr::from(peer)),
            None => socket::disconnect(&self.socket),
        }
    }

    /// The address that it is bound to, or that it sends from; unspecified when there is neither.
    pub fn local(&self) -> io::Result<SocketAddr> {
        let bound = self.socket.local_addr()?.as_socket().map(without_port);
        bound.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// Sends a message to `to`, or to the peer it is connected to.
    pub fn send(&self, to: Option<SocketAddr>, message: &[u8]) -> io::Result<()> {
        let pieces = [IoSlice::new(&ZERO), IoSlice::new(message)];
        let target = to.map(|to| Target {
            to: SockAddr::from(to),
            from: None,
            mark: 0,
        });
        let out = Message {
            pieces: &pieces,
            segment: None,
            to: target.as_ref(),
            class: None,
            hops: None,
        };
        batch::send(self.socket.as_fd(), &[out]).map(drop)
    }

    /// Receives a message into `buffer`, of [`MESSAGE_OCTETS`]: who sent it, and the message. None
    /// for a packet that holds none.
    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> io::Result<Option<(SocketAddr, &'b [u8])>> {
        let received = receive(self.socket.as_fd(), buffer)?;
        let packet = buffer.get(..received.len).unwrap_or_default();
        let payload = match self.v4 {
            true => ipv4_payload(packet).map(|(_, payload)| payload),
            false => Some(packet),
        };
        let message = payload.and_then(|payload| payload.strip_prefix(&ZERO));
        Ok(received.from.zip(message))
    }
}

impl AsFd for ControlSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Our end of a program's messages: a UDP socket in a network namespace where every address is
/// local, whose packets have the peer's address on this side and the program's on the other.
#[derive(Debug)]
pub struct ProgramEnd {
    socket: Socket,
    program: SocketAddr,
}

impl ProgramEnd {
    /// Takes `socket` over, which tells destinations (IP_PKTINFO). The program's end is at `program`.
    /// EPROTONOSUPPORT when it is no UDP socket.
    pub fn new(socket: OwnedFd, program: SocketAddr) -> io::Result<ProgramEnd> {
        if !socket::is_udp(socket.as_fd())? {
            return Err(io::Error::from_raw_os_error(libc::EPROTONOSUPPORT));
        }
        Ok(ProgramEnd {
            socket: Socket::from(socket),
            program,
        })
    }

    /// Receives a message of the program's into `buffer`, of [`MESSAGE_OCTETS`], and tells its
    /// destination. None for what comes from anybody else.
    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> io::Result<Option<(IpAddr, &'b [u8])>> {
        let received = receive(self.socket.as_fd(), buffer)?;
        let message = buffer.get(..received.len).unwrap_or_default();
        let own = received.from.is_some_and(|from| {
            from.ip() == self.program.ip() && from.port() == self.program.port()
        });
        Ok(received.to.filter(|_| own).map(|to| (to, message)))
    }

    /// Gives the program a message as coming from there. A program that does not read loses it.
    pub fn send(&self, from: IpAddr, message: &[u8]) -> io::Result<()> {
        let target = Target {
            to: SockAddr::from(self.program),
            from: Some(from),
            mark: 0,
        };
        let out = Message {
            pieces: &[IoSlice::new(message)],
            segment: None,
            to: Some(&target),
            class: None,
            hops: None,
        };
        batch::send(self.socket.as_fd(), &[out]).map(drop)
    }
}

impl AsFd for ProgramEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Receives one message, without waiting.
fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let mut received = [Received::default(); BATCH];
    batch::receive(socket, &mut [IoSliceMut::new(buffer)], &mut received, true)?;
    let [first, ..] = received;
    Ok(first)
}

/// A raw socket tells its protocol for a port.
fn without_port(mut address: SocketAddr) -> SocketAddr {
    address.set_port(0);
    address
}

#[cfg(test)]
mod tests;
