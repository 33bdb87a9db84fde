use crate::spec::Encap;
use crate::sys::batch::Target;
use crate::sys::socket;
use crate::user::remote::target;
use socket2::Socket;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Addresses tried before there is no outlet.
const ATTEMPTS: usize = 8;

/// The socket that a UDP carrier's data leaves by, beside the one that it comes in by.
///
/// Who waits for a socket is woken for each packet that leaves it, to learn that there is room
/// again, and only then finds that he had asked for what comes in; where the kernel cuts segments
/// that is once for every segment. For this socket nobody waits. Its port is that of the other
/// one, it names the address to send from with every message, and it is bound to an address to
/// which no network leads, so that the other one gets all that comes in, ICMP errors included.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) socket: Socket,
    /// The peer; none where each message names its own.
    pub(crate) target: Option<Target>,
}

impl Outlet {
    /// An outlet beside `inlet`, which is bound, by `interface` alone if one is given. Fails where
    /// the system has no such socket, which is no harm.
    pub(crate) fn beside(
        inlet: &Socket,
        encap: &Encap,
        interface: Option<&str>,
    ) -> io::Result<Outlet> {
        let bound = inlet.local_addr()?.as_socket();
        let bound = bound.ok_or(io::ErrorKind::AddrNotAvailable)?;
        Outlet::of(bound, encap, interface)
    }

    /// An outlet beside a socket that is `bound` there.
    pub(crate) fn of(
        bound: SocketAddr,
        encap: &Encap,
        interface: Option<&str>,
    ) -> io::Result<Outlet> {
        let Encap::Udp {
            remote, checksum, ..
        } = encap
        else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let mut outcome = Err(io::ErrorKind::AddrInUse.into());
        for _ in 0..ATTEMPTS {
            let local = SocketAddr::new(unreachable(bound.ip()), bound.port());
            outcome = socket::udp_outlet(local, interface, *checksum);
            if outcome.is_ok() {
                break;
            }
        }
        let alone = remote.port() != 0;
        Ok(Outlet {
            socket: outcome?,
            target: alone.then(|| target(*remote, Some(bound.ip()), 0)),
        })
    }
}

/// An address of the family to which no network leads: of the loopback network, or with the
/// discard prefix (RFC 6666). Each of many sockets with one port needs another.
fn unreachable(like: IpAddr) -> IpAddr {
    let random = RandomState::new().hash_one(like);
    match like {
        IpAddr::V4(_) => Ipv4Addr::from_bits(0x7f80_0000 | random as u32 & 0x7f_ffff).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(0x0100 << 112 | u128::from(random)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{TxChecksum, UdpChecksum};
    use crate::sys::batch::{Message, send};
    use std::io::{IoSlice, Read};
    use std::os::fd::AsFd;

    /// What leaves comes from the inlet's address and port, and the answer reaches the inlet.
    #[test]
    fn a_peer_sees_one_socket() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let peer = std::net::UdpSocket::bind(any).unwrap();
        let (tx, rx) = (TxChecksum::Always, false);
        let (remote, checksum) = (peer.local_addr().unwrap(), UdpChecksum { tx, rx });
        let encap = Encap::Udp {
            local: any,
            remote,
            checksum,
        };
        let mut inlet = socket::udp(any, remote, checksum).unwrap();
        let outlet = Outlet::beside(&inlet, &encap, None).unwrap();
        let message = Message {
            pieces: &[IoSlice::new(b"there")],
            segment: None,
            class: None,
            hops: None,
            to: outlet.target.as_ref(),
        };
        assert_eq!(send(outlet.socket.as_fd(), &[message]).unwrap(), 1);
        let mut octets = [0; 9];
        let (len, from) = peer.recv_from(&mut octets).unwrap();
        assert_eq!(&octets[..len], b"there");
        assert_eq!(Some(from), inlet.local_addr().unwrap().as_socket());
        peer.send_to(b"back", from).unwrap();
        inlet.set_nonblocking(false).unwrap();
        let len = inlet.read(&mut octets).unwrap();
        assert_eq!(&octets[..len], b"back");
    }
}
