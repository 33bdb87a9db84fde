use crate::harness::eventually;
use crate::host::Host;
use crate::pair::{Encap, Family, Setup, Side, address_cable};
use adit_lab::{Namespace, Tap, veth};
use rustix::net::sockopt::{self, Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, recv,
    send, socket_with,
};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How long a packet may take that is bound to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait before believing that nothing arrives.
const SILENCE: Duration = Duration::from_millis(300);

/// A host whose peer is the test itself: packets are made and read by hand on the tunnel's side,
/// and frames on the device's side, where a bridge leads to a TAP device.
#[derive(Debug)]
pub struct Probe {
    /// The host under test, [`Side::A`].
    pub host: Host,
    encap: Encap,
    family: Family,
    /// Where the peer, [`Side::B`], would be.
    pub far: Namespace,
    socket: OwnedFd,
    wire: Tap,
}

impl Probe {
    /// Installs `setup` at A.
    #[track_caller]
    pub fn new(setup: &Setup) -> Probe {
        let (host, far) = (Host::new("a"), Namespace::new("far").expect("a namespace"));
        veth(&host, "eth0", &far, "eth0").expect("a cable");
        address_cable(&host, Side::A);
        address_cable(&far, Side::B);
        // Devices that come up would send by themselves, and these tests count packets.
        host.run(|| fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"))
            .expect("a sysctl");
        setup.add(&host, Side::A);
        let wire = bridged(&host).expect("a bridge");
        let open = || open(setup.encap, setup.family);
        let socket = far.run(open).expect("a socket like the peer's");
        Probe {
            host,
            encap: setup.encap,
            family: setup.family,
            far,
            socket,
            wire,
        }
    }

    /// A data packet; `sublayer` is the word behind the cookie (RFC 3931 section 4.6).
    pub fn packet(
        &self,
        session: u32,
        cookie: &[u8],
        sublayer: Option<u32>,
        frame: &[u8],
    ) -> Vec<u8> {
        let mut packet = match self.encap {
            Encap::Udp => vec![0, 3, 0, 0],
            Encap::Ip => Vec::new(),
        };
        packet.extend(session.to_be_bytes());
        packet.extend(cookie);
        packet.extend(sublayer.iter().flat_map(|word| word.to_be_bytes()));
        packet.extend(frame);
        packet
    }

    /// Sends octets to the host's tunnel.
    #[track_caller]
    pub fn send(&self, packet: &[u8]) {
        send(&self.socket, packet, SendFlags::empty()).expect("a packet that leaves");
    }

    /// Gives what is sent from now on this TOS octet or traffic class.
    #[track_caller]
    pub fn set_class(&self, class: u8) {
        let set = match self.family {
            Family::V4 => sockopt::set_ip_tos(&self.socket, class),
            Family::V6 => sockopt::set_ipv6_tclass(&self.socket, class.into()),
        };
        set.expect("a class");
    }

    /// The next frame of this EtherType that the host's device delivers.
    #[track_caller]
    pub fn delivered_frame(&mut self, ethertype: [u8; 2]) -> Vec<u8> {
        let received = self
            .wire
            .receive(PATIENCE, |frame| frame.get(12..14) == Some(&ethertype[..]));
        let received = received.expect("a device to read");
        received.expect("a frame is delivered")
    }

    /// Sends frame `number` without a cookie and with or without a sequence number.
    #[track_caller]
    pub fn send_frame(&self, sequence: Option<u32>, number: u32) {
        let word = sequence.map_or(0, |sequence| 0x4000_0000 | sequence);
        let session = Side::A.session();
        self.send(&self.packet(session, &[], Some(word), &frame(number)));
    }

    /// The next packet that the host sends to its peer, from the L2TP header on.
    #[track_caller]
    pub fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65536];
        set_socket_timeout(&self.socket, Timeout::Recv, Some(PATIENCE)).expect("a timeout");
        let (_, length) =
            recv(&self.socket, &mut buffer[..], RecvFlags::empty()).expect("a packet");
        buffer.truncate(length);
        // A raw IPv4 socket gives the IP header too.
        if self.encap == Encap::Ip && self.family == Family::V4 {
            buffer.drain(..20);
        }
        buffer
    }

    /// Gives frame `number` to the host's device to send.
    #[track_caller]
    pub fn transmit(&mut self, number: u32) {
        self.wire.send(&frame(number)).expect("a device that is up");
    }

    /// The numbers of the next `count` frames that the host's device delivers.
    #[track_caller]
    pub fn delivered(&mut self, count: usize) -> Vec<u32> {
        let next = |_| self.next(PATIENCE).expect("a frame is delivered");
        (0..count).map(next).collect()
    }

    /// Waits until the host's session of this id has counted so many.
    #[track_caller]
    pub fn await_count(&self, session: u32, counter: &str, count: u64) {
        let mut counted = 0;
        eventually(&format!("{counter} is {count}"), || {
            counted = self.host.counter(session, counter);
            counted >= count
        });
        assert_eq!(counted, count, "{counter}");
    }

    /// Makes sure that no frame is delivered for a while.
    #[track_caller]
    pub fn silent(&mut self) {
        assert_eq!(self.next(SILENCE), None, "nothing was to be delivered");
    }

    fn next(&mut self, patience: Duration) -> Option<u32> {
        let received = self
            .wire
            .receive(patience, |frame| frame_number(frame).is_some());
        frame_number(&received.expect("a device to read")?)
    }
}

/// A broadcast frame of a type for experiments (IEEE 802, 9.2.3) that carries a number.
pub fn frame(number: u32) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame.extend(number.to_be_bytes());
    frame.resize(60, 0);
    frame
}

fn frame_number(frame: &[u8]) -> Option<u32> {
    if frame.get(12..14)? != [0x88, 0xb5] {
        return None;
    }
    Some(u32::from_be_bytes(frame.get(14..18)?.try_into().ok()?))
}

/// Bridges `l2tpeth0` with a TAP device, through which it sends and delivers whole frames.
pub fn bridged(host: &Namespace) -> io::Result<Tap> {
    bridge(host, host.tap("tap")?)
}

/// As [`bridged`], for frames with a virtio header in front.
pub fn virtio_bridged(host: &Namespace) -> io::Result<Tap> {
    bridge(host, host.virtio_tap("tap")?)
}

fn bridge(host: &Namespace, tap: Tap) -> io::Result<Tap> {
    host.add_bridge("br")?;
    for port in ["l2tpeth0", "tap"] {
        host.set_master(port, "br")?;
        host.set_up(port)?;
    }
    host.set_up("br")?;
    Ok(tap)
}

/// A socket that sends and receives in the place of B's.
fn open(encap: Encap, family: Family) -> io::Result<OwnedFd> {
    const L2TP: u32 = 115;
    let domain = match family {
        Family::V4 => AddressFamily::INET,
        Family::V6 => AddressFamily::INET6,
    };
    let (kind, protocol, ports) = match encap {
        Encap::Udp => (SocketType::DGRAM, None, (Side::B.port(), Side::A.port())),
        Encap::Ip => {
            let protocol = NonZeroU32::new(L2TP).map(Protocol::from_raw);
            (SocketType::RAW, protocol, (0, 0))
        }
    };
    let socket = socket_with(domain, kind, SocketFlags::CLOEXEC, protocol)?;
    bind(&socket, &SocketAddr::new(Side::B.outer(family), ports.0))?;
    connect(&socket, &SocketAddr::new(Side::A.outer(family), ports.1))?;
    Ok(socket)
}
