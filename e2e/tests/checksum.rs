//! UDP checksums of the outer packets, as a raw socket sees and makes them.

use adit_e2e::{Encap, Family, Pair, Probe, Setup, Side, Test, frame, test};
use adit_lab::Namespace;
use libtest_mimic::Trial;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, ipproto, recv, send,
    socket_with,
};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    let cases = [
        (Family::V4, "", false),
        (Family::V4, "udp_csum on", true),
        (Family::V4, "udp_csum off", false),
        (Family::V6, "", true),
        (Family::V6, "udp6_csum_tx off", false),
        (Family::V6, "udp6_csum_tx on udp6_csum_rx off", true),
    ];
    let mut tests = Vec::new();
    for (family, words, expected) in cases {
        let name = format!("checksum::sent::{family:?} {words}");
        tests.push(test(name.trim_end(), move || sent(family, words, expected)));
    }
    for local in ["0.0.0.0", "192.0.2.1"] {
        let name = format!("checksum::of_control_messages/{local}");
        tests.push(test(name, move || of_control_messages(local)));
    }
    for (family, words, taken) in [
        (Family::V4, "udp_csum on", true),
        (Family::V6, "", false),
        (Family::V6, "udp6_csum_rx off", true),
    ] {
        let name = format!("checksum::zero_received::{family:?} {words}");
        let body = move || zero_received(family, words, taken);
        tests.push(test(name.trim_end(), body));
    }
    tests
}

fn probe(family: Family, words: &str) -> Probe {
    Probe::new(&Setup::new(Encap::Udp, family).tunnel(words))
}

/// A socket for whole UDP packets to the host, header included.
fn raw_udp(probe: &Probe, family: Family) -> Result<OwnedFd, Box<dyn std::error::Error>> {
    raw_udp_in(&probe.far, Side::A, family)
}

/// A socket in `namespace` for whole UDP packets to that side and from it.
fn raw_udp_in(
    namespace: &Namespace,
    other: Side,
    family: Family,
) -> Result<OwnedFd, Box<dyn std::error::Error>> {
    let domain = match family {
        Family::V4 => AddressFamily::INET,
        Family::V6 => AddressFamily::INET6,
    };
    let open = || {
        let flags = SocketFlags::CLOEXEC;
        socket_with(domain, SocketType::RAW, flags, Some(ipproto::UDP))
    };
    let socket = namespace.run(open)?;
    connect(&socket, &SocketAddr::new(other.outer(family), 0))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(Duration::from_secs(10)))?;
    Ok(socket)
}

/// Whether packets leave with a checksum; zero says that there is none (RFC 768).
fn sent(family: Family, words: &str, expected: bool) -> Test {
    let mut probe = probe(family, words);
    let socket = raw_udp(&probe, family)?;
    probe.transmit(1);
    let mut buffer = [0; 2048];
    let (_, length) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
    // A raw IPv4 socket gives the IP header too.
    let header = if family == Family::V4 { 20 } else { 0 };
    let packet = &buffer[header..length];
    assert_eq!(packet[..2], Side::A.port().to_be_bytes());
    assert_eq!(packet[packet.len() - 60..], frame(1));
    assert_eq!(packet[6..8] != [0, 0], expected);
    Ok(())
}

/// They have one, wherever data goes without.
fn of_control_messages(local: &str) -> Test {
    let mut pair = Pair::idle();
    let socket = raw_udp_in(&pair.b, Side::A, Family::V4)?;
    pair.a.start_configured(&format!(
        "[[listener]]\nname = \"l\"\nlocal = \"{local}\"\n\
         [[connection]]\nname = \"c\"\nhost = \"192.0.2.2\"\n"
    ));
    let mut buffer = [0; 2048];
    let (_, length) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
    let packet = &buffer[20..length];
    assert_eq!(packet[..2], 1701u16.to_be_bytes());
    assert_ne!(packet[6..8], [0, 0]);
    Ok(())
}

/// Whether a packet without a checksum is taken.
fn zero_received(family: Family, words: &str, taken: bool) -> Test {
    let mut probe = probe(family, words);
    let socket = raw_udp(&probe, family)?;
    let packet = probe.packet(Side::A.session(), &[], Some(0), &frame(1));
    let mut datagram = Vec::new();
    datagram.extend(Side::B.port().to_be_bytes());
    datagram.extend(Side::A.port().to_be_bytes());
    datagram.extend(u16::try_from(packet.len() + 8)?.to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(packet);
    send(&socket, &datagram, SendFlags::empty())?;
    probe.send_frame(None, 2);
    let expected: &[u32] = if taken { &[1, 2] } else { &[2] };
    assert_eq!(probe.delivered(expected.len()), expected);
    Ok(())
}
