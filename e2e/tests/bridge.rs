//! A pseudowire as a port of a bridge, and everything Ethernet that crosses it.

use adit_e2e::{Encap, Family, Host, Pair, Setup, Side, Test, bridged, eventually, test};
use adit_lab::{Amount, Namespace, Ping, Tap, tcp_transfer, veth};
use libtest_mimic::Trial;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("bridge::whole_frames_cross", whole_frames_cross),
        test("bridge::stations_find_each_other", stations_find_each_other),
        test("bridge::multicast_crosses", multicast_crosses),
        test(
            "bridge::hosts_send_what_an_ethernet_takes",
            hosts_send_what_an_ethernet_takes,
        ),
    ]
}

/// Hosts behind the bridges need not know what is between: their longest frames cross, and TCP sends
/// such as need no fragments.
fn hosts_send_what_an_ethernet_takes() -> Test {
    let pair = Pair::new();
    let setup = Setup::new(Encap::Udp, Family::V4).session("mtu 1500 mss auto");
    let stations = [(&pair.a, Side::A), (&pair.b, Side::B)].map(|(host, side)| {
        setup.add(host, side);
        station(host, side).expect("a host behind a bridge")
    });
    let [near, far] = &stations;
    let full = Ping::to(Side::B.inner(Family::V4)).size(1472);
    eventually("the longest frame crosses", || {
        full.unfragmented()
            .run(near)
            .is_ok_and(|report| report.complete())
    });
    for family in [Family::V4, Family::V6] {
        let to = |side: Side| SocketAddr::new(side.inner(family), 0);
        tcp_transfer(near, far, to(Side::B), Amount::Octets(4 << 20))?;
        tcp_transfer(far, near, to(Side::A), Amount::Octets(4 << 20))?;
    }
    for (host, side) in [(&pair.a, Side::A), (&pair.b, Side::B)] {
        assert_eq!(host.counter(side.session(), "tx_too_big"), 0);
        assert_eq!(host.counter(side.session(), "rx_frame_mtu"), 0);
    }
    Ok(())
}

/// A host on a cable to a bridge, whose other port is the session's device.
fn station(host: &Host, side: Side) -> io::Result<Namespace> {
    let station = Namespace::new("station")?;
    veth(&station, "eth0", host, "port")?;
    host.add_bridge("br0")?;
    for port in ["l2tpeth0", "port"] {
        host.set_master(port, "br0")?;
        host.set_up(port)?;
    }
    host.set_up("br0")?;
    for family in [Family::V4, Family::V6] {
        let address = format!("{}/{}", side.inner(family), family.prefix_len());
        station.add_address("eth0", &address)?;
    }
    station.set_up("eth0")?;
    Ok(station)
}

/// Two sites: a bridge at each, with the pseudowire and a TAP device as ports.
fn sites() -> io::Result<(Pair, [Tap; 2])> {
    let pair = Pair::new();
    let setup = Setup::new(Encap::Udp, Family::V4);
    for (host, side) in [(&pair.a, Side::A), (&pair.b, Side::B)] {
        setup.add(host, side);
    }
    let taps = [bridged(&pair.a)?, bridged(&pair.b)?];
    Ok((pair, taps))
}

/// Tagged, doubly tagged, multicast and longest frames arrive as they were sent.
fn whole_frames_cross() -> Test {
    let (_pair, [mut left, mut right]) = sites()?;
    let heads: [&[u8]; 4] = [
        &[0x88, 0xb5],
        &[0x81, 0x00, 0x20, 0x07, 0x88, 0xb5],
        &[0x88, 0xa8, 0x00, 0x05, 0x81, 0x00, 0x00, 0x07, 0x88, 0xb5],
        &[0x08, 0x06],
    ];
    let groups = [
        [0xff; 6],
        [0x01, 0x00, 0x5e, 0, 0, 9],
        [0x33, 0x33, 0, 0, 0, 9],
    ];
    for group in groups {
        for head in heads {
            for body in [46, 1400] {
                let mut frame = group.to_vec();
                frame.extend([2, 0, 0, 0, 0, 1]);
                frame.extend(head);
                frame.extend((0..body).map(|at| (at % 251) as u8));
                eventually(&format!("{group:02x?} {head:02x?} {body} arrives"), || {
                    left.send(&frame).expect("a device that is up");
                    let wait = Duration::from_millis(200);
                    let found = right.receive(wait, |found| found == frame);
                    found.expect("a device to read").is_some()
                });
            }
        }
    }
    Ok(())
}

/// ARP and neighbour discovery work between stations behind the bridges.
fn stations_find_each_other() -> Test {
    let (pair, _taps) = sites()?;
    for (host, number) in [(&pair.a, 1), (&pair.b, 2)] {
        host.add_address("br", &format!("10.42.1.{number}/24"))?;
        host.add_address("br", &format!("fd42::{number}/64"))?;
    }
    for family in [Family::V4, Family::V6] {
        let report = Ping::to(Side::B.inner(family)).count(3).run(&pair.a)?;
        assert!(report.complete(), "{family:?}: {report:?}");
    }
    Ok(())
}

/// What is sent to a group on one side is heard on the other.
fn multicast_crosses() -> Test {
    let pair = Pair::connected(&Setup::new(Encap::Ip, Family::V6));
    let index = pair.b.link("l2tpeth0")?.index;
    let group6: Ipv6Addr = "ff02::4242".parse()?;
    let group4 = Ipv4Addr::new(239, 42, 42, 42);
    let hear = |bind: &str| -> io::Result<UdpSocket> {
        let socket = pair.b.run(|| UdpSocket::bind(bind))?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        Ok(socket)
    };
    let (ear4, ear6) = (hear("0.0.0.0:4242")?, hear("[::]:4243")?);
    pair.b
        .run(|| ear4.join_multicast_v4(&group4, &Ipv4Addr::new(10, 42, 1, 2)))?;
    ear6.join_multicast_v6(&group6, index)?;
    let mouth4 = pair.a.run(|| UdpSocket::bind("10.42.1.1:0"))?;
    let mouth6 = pair.a.run(|| UdpSocket::bind("[fd42::1]:0"))?;
    let scope = pair.a.link("l2tpeth0")?.index;
    let target6 = SocketAddrV6::new(group6, 4243, 0, scope);
    let mut buffer = [0; 16];
    eventually("IPv4 multicast is heard", || {
        // Without a route for the group the first attempts may find no device that is ready.
        let _ = mouth4.send_to(b"four", (group4, 4242));
        ear4.recv(&mut buffer)
            .is_ok_and(|length| &buffer[..length] == b"four")
    });
    eventually("IPv6 multicast is heard", || {
        let _ = mouth6.send_to(b"six", target6);
        ear6.recv(&mut buffer)
            .is_ok_and(|length| &buffer[..length] == b"six")
    });
    Ok(())
}
