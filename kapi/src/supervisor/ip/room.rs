//! A network namespace for the ends of sockets that the kernel does not have: nothing is in it but a
//! loopback device, and every address is local there.
//!
//! A program whose socket is of UDP and lives in it can be sent a datagram from any address of any
//! host, which is what it shall be told where a message came from; receiving, polling and sending to
//! where the socket is connected are the kernel's own calls.

use crate::protocol::{Ask, IpAsk};
use crate::supervisor::Supervisor;
use crate::supervisor::daemon::Link;
use crate::supervisor::namespace::Namespace;
use crate::supervisor::objects::Known;
use crate::sys::process::unshare_network;
use crate::sys::socket::{self, watch};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::link::{LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily as RouteFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, netlink, socket_with, sockopt};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::io::Interest;
use tokio::task::spawn_local;

/// The loopback device of any namespace.
pub(super) const LOOPBACK: u32 = 1;
/// RT_TABLE_LOCAL of `linux/rtnetlink.h`.
const LOCAL_TABLE: u8 = 255;
/// The groups of NETLINK_SOCK_DIAG that tell of UDP sockets' ends, over IPv4 and IPv6.
const DESTROYED: u32 = 1 << 1 | 1 << 3;
/// Where an inet_diag_msg has the socket's cookie, behind the netlink header.
const COOKIE: usize = 16 + 4 + 40;

/// The two ends of a program's messages.
pub(super) struct Pair {
    pub(super) theirs: OwnedFd,
    pub(super) ours: OwnedFd,
    /// Where the program's end is.
    pub(super) at: SocketAddr,
    /// The port of ours, which is at every address.
    pub(super) port: u16,
    /// What tells the program's end from all other sockets.
    pub(super) cookie: u64,
}

/// See the [module](self).
pub(in crate::supervisor) struct Room {
    namespace: Rc<Namespace>,
    /// The sockets that programs have open, by their cookies.
    held: RefCell<BTreeMap<u64, Held>>,
}

/// A socket that a program has open.
pub(super) struct Held {
    pub(super) at: SocketAddr,
    pub(super) link: Rc<Link>,
    pub(super) number: u32,
    pub(super) known: Known,
}

/// Makes a room, and a socket that hears what is closed there.
fn build() -> io::Result<(File, OwnedFd)> {
    let made = std::thread::spawn(|| {
        unshare_network()?;
        furnish()?;
        let (family, flags) = (AddressFamily::NETLINK, SocketFlags::CLOEXEC);
        let diagnosis = socket_with(family, SocketType::RAW, flags, Some(netlink::SOCK_DIAG))?;
        bind(&diagnosis, &netlink::SocketAddrNetlink::new(0, DESTROYED))?;
        Ok((File::open("/proc/thread-self/ns/net")?, diagnosis))
    });
    let made = made.join();
    made.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

/// Whether this process may make a room.
pub(crate) fn may_be_made() -> io::Result<()> {
    build().map(drop)
}

/// Brings the loopback device up and makes all addresses its own. A host without IPv6 does without.
fn furnish() -> io::Result<()> {
    let mut link = LinkMessage::default();
    link.header.index = LOOPBACK;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    order(RouteNetlinkMessage::SetLink(link), 0)?;
    let route = |address_family| {
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family,
            table: LOCAL_TABLE,
            protocol: RouteProtocol::Static,
            scope: RouteScope::Host,
            kind: RouteType::Local,
            ..RouteHeader::default()
        };
        message.attributes = vec![RouteAttribute::Oif(LOOPBACK)];
        let message = RouteNetlinkMessage::NewRoute(message);
        order(message, NLM_F_CREATE | NLM_F_EXCL)
    };
    route(RouteFamily::Inet)?;
    let _ = route(RouteFamily::Inet6);
    Ok(())
}

/// Has rtnetlink do one thing.
fn order(order: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
    let socket = netlink_sys::Socket::new(NETLINK_ROUTE)?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(order));
    message.finalize();
    let mut octets = vec![0; message.buffer_len()];
    message.serialize(&mut octets);
    socket.send_to(&octets, &netlink_sys::SocketAddr::new(0, 0), 0)?;
    let (octets, _) = socket.recv_from_full()?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&octets);
    match answer.map(|answer| answer.payload) {
        Ok(NetlinkPayload::Error(error)) if error.code.is_some() => Err(error.to_io()),
        Ok(_) => Ok(()),
        Err(err) => Err(io::Error::new(io::ErrorKind::InvalidData, err)),
    }
}

/// Makes both ends in the calling thread's namespace.
fn pair(v6: bool) -> io::Result<Pair> {
    let (own, any): (IpAddr, IpAddr) = match v6 {
        true => (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::UNSPECIFIED.into()),
        false => (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::UNSPECIFIED.into()),
    };
    let theirs = UdpSocket::bind((own, 0))?;
    let ours = UdpSocket::bind((any, 0))?;
    let on = 1i32.to_ne_bytes();
    match v6 {
        true => {
            socket::set_option(&ours, libc::SOL_IPV6, libc::IPV6_RECVPKTINFO, &on)?;
            // Addresses of IPv6 that only a route makes local may not be sent from otherwise.
            socket::set_option(&ours, libc::SOL_IPV6, libc::IPV6_FREEBIND, &on)?;
        }
        false => socket::set_option(&ours, libc::SOL_IP, libc::IP_PKTINFO, &on)?,
    }
    // Link-local addresses mean a device.
    socket::set_option(&ours, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, b"lo\0")?;
    ours.set_nonblocking(true)?;
    Ok(Pair {
        at: theirs.local_addr()?,
        port: ours.local_addr()?.port(),
        cookie: sockopt::socket_cookie(&theirs)?,
        theirs: theirs.into(),
        ours: ours.into(),
    })
}

impl Room {
    /// Makes a room.
    pub(super) async fn open(supervisor: &Supervisor) -> io::Result<Rc<Room>> {
        let (file, diagnosis) = tokio::task::spawn_blocking(build)
            .await
            .map_err(io::Error::other)??;
        let room = Rc::new(Room {
            namespace: supervisor.namespaces.get(file)?,
            held: RefCell::default(),
        });
        let diagnosis = watch(diagnosis)?;
        let hearing = Rc::clone(&room);
        spawn_local(async move {
            let mut buffer = [0; 4096];
            loop {
                let take = |fd: &OwnedFd| socket::receive(fd, &mut buffer);
                match diagnosis.async_io(Interest::READABLE, take).await {
                    Ok(received) => {
                        let told = buffer.get(..received.len).unwrap_or_default();
                        let cookie = told.get(COOKIE..).and_then(<[u8]>::first_chunk);
                        let cookie = cookie.map(|cookie| u64::from_ne_bytes(*cookie));
                        hearing.close(cookie.unwrap_or_default()).await;
                    }
                    // Some ends were missed.
                    Err(err) if err.raw_os_error() == Some(libc::ENOBUFS) => hearing.sweep().await,
                    Err(_) => return,
                }
            }
        });
        Ok(room)
    }

    /// Makes the two ends of a program's messages.
    pub(super) async fn pair(&self, v6: bool) -> io::Result<Pair> {
        self.namespace.within(move || pair(v6)).await
    }

    /// Whether no program has a socket here.
    pub(in crate::supervisor) fn is_empty(&self) -> bool {
        self.held.borrow().is_empty()
    }

    /// Keeps a socket until its program has closed it.
    pub(super) fn hold(&self, cookie: u64, held: Held) {
        self.held.borrow_mut().insert(cookie, held);
    }

    async fn close(&self, cookie: u64) {
        let held = self.held.borrow_mut().remove(&cookie);
        if let Some(Held {
            link,
            number,
            known,
            ..
        }) = held
        {
            drop(known);
            // With the daemon it has gone as well.
            let _ = link.settle(Ask::Ip(number, IpAsk::Close), &[]).await;
        }
    }

    /// Ends what is closed and has not been told of yet: its port is free again at once.
    pub(super) async fn sweep(&self) {
        let held: Vec<_> = {
            let held = self.held.borrow();
            held.iter()
                .map(|(cookie, held)| (*cookie, held.at))
                .collect()
        };
        let is_free = |at: SocketAddr| UdpSocket::bind(at).is_ok();
        let closed = move || {
            let closed = held.into_iter().filter(|(_, at)| is_free(*at));
            Ok(closed.map(|(cookie, _)| cookie).collect::<Vec<u64>>())
        };
        match self.namespace.within(closed).await {
            Ok(closed) => {
                for cookie in closed {
                    self.close(cookie).await;
                }
            }
            Err(err) => tracing::debug!("closed sockets cannot be looked for: {err}"),
        }
    }
}
