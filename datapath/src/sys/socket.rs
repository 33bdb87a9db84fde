use super::{error_queue, filter, get_int, set_int};
use crate::spec::{Pmtudisc, UdpChecksum};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU8;
use std::os::fd::{AsFd, BorrowedFd};

/// Room for bursts while the other side of the process is busy.
const BUFFER: usize = 4 << 20;

/// The IP protocol number of L2TP (RFC 3931 §4.1.1).
const IPPROTO_L2TP: i32 = 115;

/// A UDP socket bound to `local`, and connected to `remote` unless its port is 0.
pub(crate) fn udp(
    local: SocketAddr,
    remote: SocketAddr,
    checksum: UdpChecksum,
) -> io::Result<Socket> {
    let socket = new_udp(local, checksum)?;
    let peer = (remote.port() != 0).then_some(remote);
    prepare(&socket, local)?;
    peer.map_or(Ok(()), |peer| socket.connect(&SockAddr::from(peer)))?;
    Ok(socket)
}

/// A UDP socket bound to `local`, by `interface` alone if one is given, that tells to which
/// address a packet came.
pub(crate) fn udp_listener(
    local: SocketAddr,
    interface: Option<&str>,
    checksum: UdpChecksum,
) -> io::Result<Socket> {
    let socket = new_udp(local, checksum)?;
    listen(&socket, local, interface)?;
    Ok(socket)
}

/// A UDP socket to send from at `local`, which need not be an address of this host, by
/// `interface` alone if one is given. Messages on it name their source. It does not mind other
/// sockets of its port if they do not mind it.
pub(crate) fn udp_outlet(
    local: SocketAddr,
    interface: Option<&str>,
    checksum: UdpChecksum,
) -> io::Result<Socket> {
    let socket = new_udp(local, checksum)?;
    socket.set_reuse_address(true)?;
    let (level, name) = if local.is_ipv4() {
        (libc::SOL_IP, libc::IP_FREEBIND)
    } else {
        (libc::SOL_IPV6, libc::IPV6_FREEBIND)
    };
    set_int(socket.as_fd(), level, name, 1)?;
    socket.bind_device(interface.map(str::as_bytes))?;
    prepare(&socket, local)?;
    socket.set_recv_buffer_size(0)?;
    // What it would queue, the socket that packets come in by is told of.
    error_queue::refuse(socket.as_fd(), local.is_ipv4())?;
    Ok(socket)
}

fn new_udp(local: SocketAddr, checksum: UdpChecksum) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
        let zero_tx = i32::from(!checksum.tx.is_on());
        let zero_rx = i32::from(!checksum.rx);
        set_int(
            socket.as_fd(),
            libc::SOL_UDP,
            libc::UDP_NO_CHECK6_TX,
            zero_tx,
        )?;
        set_int(
            socket.as_fd(),
            libc::SOL_UDP,
            libc::UDP_NO_CHECK6_RX,
            zero_rx,
        )?;
    } else {
        set_checksums(&socket, checksum.tx.is_on())?;
    }
    // Without it, datagrams come one by one (Linux 5.0).
    let _ = set_int(socket.as_fd(), libc::SOL_UDP, libc::UDP_GRO, 1);
    Ok(socket)
}

/// Whether a UDP socket gives datagrams joined.
pub(crate) fn has_gro(socket: &Socket) -> bool {
    get_int(socket.as_fd(), libc::SOL_UDP, libc::UDP_GRO).is_ok_and(|on| on != 0)
}

/// Has a UDP socket give datagrams one by one. Tells whether it does.
pub(crate) fn refuse_gro(socket: &Socket) -> bool {
    set_int(socket.as_fd(), libc::SOL_UDP, libc::UDP_GRO, 0).is_ok()
}

fn listen(socket: &Socket, local: SocketAddr, interface: Option<&str>) -> io::Result<()> {
    let (level, name) = if local.is_ipv4() {
        (libc::SOL_IP, libc::IP_PKTINFO)
    } else {
        (libc::SOL_IPV6, libc::IPV6_RECVPKTINFO)
    };
    set_int(socket.as_fd(), level, name, 1)?;
    socket.bind_device(interface.map(str::as_bytes))?;
    prepare(socket, local)
}

/// A raw socket for what is sent to a UDP port and is no control message, with all headers that
/// this needs.
pub(crate) fn udp_twin(v4: bool, port: u16) -> io::Result<Socket> {
    let local: IpAddr = match v4 {
        true => Ipv4Addr::UNSPECIFIED.into(),
        false => Ipv6Addr::UNSPECIFIED.into(),
    };
    let local = SocketAddr::new(local, 0);
    let socket = Socket::new(Domain::for_address(local), Type::RAW, Some(Protocol::UDP))?;
    filter::data_of(socket.as_fd(), v4, port)?;
    listen(&socket, local, None)?;
    Ok(socket)
}

/// Whether this is a UDP socket.
pub(crate) fn is_udp(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let option = |name| get_int(socket, libc::SOL_SOCKET, name);
    let family = option(libc::SO_DOMAIN)?;
    let is_ip = matches!(family, libc::AF_INET | libc::AF_INET6);
    Ok(is_ip && option(libc::SO_PROTOCOL)? == libc::IPPROTO_UDP)
}

/// A number that no other socket has had.
pub(crate) fn cookie(socket: BorrowedFd<'_>) -> io::Result<u64> {
    super::get_long(socket, libc::SOL_SOCKET, libc::SO_COOKIE)
}

/// Whether an IPv4 UDP socket sends checksums.
pub(crate) fn set_checksums(socket: &Socket, on: bool) -> io::Result<()> {
    set_int(
        socket.as_fd(),
        libc::SOL_SOCKET,
        libc::SO_NO_CHECK,
        i32::from(!on),
    )
}

/// A raw socket for protocol 115 between exactly these two addresses; with an unspecified `remote`
/// it has no peer.
pub(crate) fn ip(local: IpAddr, remote: IpAddr) -> io::Result<Socket> {
    let local = SocketAddr::new(local, 0);
    let socket = new_ip(local)?;
    prepare(&socket, local)?;
    // One that has no peer takes packets of anybody's, as Linux has it on programs' sockets.
    if !remote.is_unspecified() {
        socket.connect(&SockAddr::from(SocketAddr::new(remote, 0)))?;
    }
    Ok(socket)
}

/// A raw socket for protocol 115 bound to `local`, by `interface` alone if one is given, that
/// tells to which address a packet came.
pub(crate) fn ip_listener(local: IpAddr, interface: Option<&str>) -> io::Result<Socket> {
    let local = SocketAddr::new(local, 0);
    let socket = new_ip(local)?;
    listen(&socket, local, interface)?;
    Ok(socket)
}

fn new_ip(local: SocketAddr) -> io::Result<Socket> {
    let protocol = Protocol::from(IPPROTO_L2TP);
    Socket::new(Domain::for_address(local), Type::RAW, Some(protocol))
}

/// A raw socket for protocol 115 that hears nothing yet.
pub(crate) fn ip_control(v4: bool) -> io::Result<Socket> {
    let domain = if v4 { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(IPPROTO_L2TP)))?;
    filter::nothing(socket.as_fd())?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Has the socket tell of the mark that the host has put on each packet (Linux 5.19).
pub(crate) fn tell_marks(socket: &Socket) -> io::Result<()> {
    /// SO_RCVMARK, which libc does not have for every target.
    const RCVMARK: libc::c_int = 75;
    set_int(socket.as_fd(), libc::SOL_SOCKET, RCVMARK, 1)
}

/// Has an IPv4 socket tell to which address a packet came.
#[cfg(test)]
pub(crate) fn tell_destination(socket: &impl AsFd) -> io::Result<()> {
    set_int(socket.as_fd(), libc::SOL_IP, libc::IP_PKTINFO, 1)
}

/// Takes a raw socket's peer away.
pub(crate) fn disconnect(socket: &Socket) -> io::Result<()> {
    Ok(rustix::net::connect_unspec(socket)?)
}

/// The address that packets to `remote` leave from, by the socket's own `local` one and its
/// interface, and the MTU of their route.
pub(crate) fn route(
    local: SocketAddr,
    remote: SocketAddr,
    interface: Option<&str>,
) -> io::Result<(IpAddr, u32)> {
    let socket = Socket::new(
        Domain::for_address(remote),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.bind_device(interface.map(str::as_bytes))?;
    socket.bind(&SockAddr::from(SocketAddr::new(local.ip(), 0)))?;
    // Any port does: nothing is sent.
    socket.connect(&SockAddr::from(SocketAddr::new(remote.ip(), 9)))?;
    let chosen = socket.local_addr()?.as_socket().map(|chosen| chosen.ip());
    let mtu = route_mtu(&socket, remote.is_ipv4())?;
    Ok((chosen.unwrap_or(local.ip()), mtu))
}

/// Whether packets may be fragmented.
pub(crate) fn set_discovery(socket: &Socket, v4: bool, mode: Pmtudisc) -> io::Result<()> {
    let (level, name) = if v4 {
        (libc::SOL_IP, libc::IP_MTU_DISCOVER)
    } else {
        (libc::SOL_IPV6, libc::IPV6_MTU_DISCOVER)
    };
    set_int(socket.as_fd(), level, name, mode as i32)
}

/// The TTL or hop limit of packets; `None` is the system's.
pub(crate) fn set_ttl(socket: &Socket, v4: bool, ttl: Option<NonZeroU8>) -> io::Result<()> {
    let (level, name) = if v4 {
        (libc::SOL_IP, libc::IP_TTL)
    } else {
        (libc::SOL_IPV6, libc::IPV6_UNICAST_HOPS)
    };
    let hops = ttl.map_or(-1, |ttl| i32::from(ttl.get()));
    set_int(socket.as_fd(), level, name, hops)
}

/// The TTL or hop limit that packets get.
pub(crate) fn ttl(socket: &Socket, v4: bool) -> io::Result<u8> {
    let (level, name) = match v4 {
        true => (libc::SOL_IP, libc::IP_TTL),
        false => (libc::SOL_IPV6, libc::IPV6_UNICAST_HOPS),
    };
    let hops = get_int(socket.as_fd(), level, name)?;
    u8::try_from(hops).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Whether the socket tells of each packet's TOS octet or traffic class.
pub(crate) fn tell_class(socket: &Socket, v4: bool, on: bool) -> io::Result<()> {
    let (level, name) = if v4 {
        (libc::SOL_IP, libc::IP_RECVTOS)
    } else {
        (libc::SOL_IPV6, libc::IPV6_RECVTCLASS)
    };
    set_int(socket.as_fd(), level, name, on.into())
}

/// Buffers, DF on no outer packet yet, local address.
fn prepare(socket: &Socket, local: SocketAddr) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    set_discovery(socket, local.is_ipv4(), Pmtudisc::Dont)?;
    error_queue::ask(socket.as_fd(), local.is_ipv4())?;
    set_buffer(socket, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF)?;
    set_buffer(socket, libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)?;
    socket.bind(&SockAddr::from(local))
}

/// The whole buffer where the process may exceed the system's limit, else as much as it may.
fn set_buffer(socket: &Socket, force: i32, ask: i32) -> io::Result<()> {
    set_int(socket.as_fd(), libc::SOL_SOCKET, force, BUFFER as i32)
        .or_else(|_| set_int(socket.as_fd(), libc::SOL_SOCKET, ask, BUFFER as i32))
}

/// The MTU of the route that the connected `socket` uses.
pub(crate) fn route_mtu(socket: &Socket, v4: bool) -> io::Result<u32> {
    let (level, name) = if v4 {
        (libc::SOL_IP, libc::IP_MTU)
    } else {
        (libc::SOL_IPV6, libc::IPV6_MTU)
    };
    get_int(socket.as_fd(), level, name).map(|mtu| mtu.unsigned_abs())
}

/// Packets that the socket dropped because nobody read them in time.
pub(crate) fn overflows(socket: &Socket) -> u64 {
    const SK_MEMINFO_DROPS: usize = 8;
    super::meminfo(socket.as_fd()).map_or(0, |info| u64::from(info[SK_MEMINFO_DROPS]))
}
