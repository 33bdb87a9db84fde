//! Kernels that lack a feature, and peers that are not there: everything else goes on.

use adit_e2e::{Encap, Family, Host, Pair, Setup, Side, Test, test};
use adit_lab::{Amount, Ping, tcp_transfer};
use libtest_mimic::Trial;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

/// Each feature, and what is said where it is missing.
const FEATURES: [(&str, &str); 6] = [
    ("udp-segment", "no UDP_SEGMENT"),
    ("udp-gro", "no UDP_GRO"),
    ("tso", "no TSO"),
    ("uso", "no USO"),
    ("outlet", "no second socket"),
    ("multi-queue", "no multi-queue device"),
];

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests: Vec<_> = FEATURES
        .map(|(feature, said)| {
            let name = format!("degraded::without_{feature}");
            test(name, move || without(feature, &[said]))
        })
        .into();
    let all = FEATURES.map(|(feature, _)| feature).join(",");
    let said = FEATURES.map(|(_, said)| said);
    tests.push(test("degraded::without_any", move || without(&all, &said)));
    for encap in [Encap::Udp, Encap::Ip] {
        let name = format!("degraded::a_dead_peer_stalls_nobody::{encap:?}");
        tests.push(test(name, move || a_dead_peer_stalls_nobody(encap)));
    }
    tests
}

/// A stream passes both ways, and what is missing is shown, and logged once however many tunnels
/// miss it.
fn without(features: &str, said: &[&str]) -> Test {
    let mut pair = Pair::idle();
    pair.a.start(&["--queues", "2", "--without", features]);
    pair.b.start(&[]);
    pair.connect(&Setup::new(Encap::Udp, Family::V4));
    pair.await_ping();
    let (a, b) = (inner(Side::A), inner(Side::B));
    let amount = Amount::Octets(4 << 20);
    tcp_transfer(&pair.a, &pair.b, b, amount)?;
    tcp_transfer(&pair.b, &pair.a, a, amount)?;

    second_tunnel(&pair.a, Encap::Udp);
    let (shown, log) = (pair.a.adit("-s show session"), pair.a.log());
    for said in said {
        assert_eq!(shown.matches(said).count(), 2, "{shown}");
        let told = log.matches(&format!("degraded: {said}")).count();
        assert_eq!(told, 1, "{log}");
    }
    assert!(!pair.b.adit("-s show session").contains("degraded"));
    Ok(())
}

/// One thread serves a tunnel whose peer answers and one whose peer does not exist. However much
/// is sent to the second, the first passes a stream whole and answers every ping.
fn a_dead_peer_stalls_nobody(encap: Encap) -> Test {
    let mut pair = Pair::idle();
    pair.a.start(&["--workers", "1"]);
    pair.b.start(&[]);
    pair.connect(&Setup::new(encap, Family::V4));
    pair.await_ping();
    second_tunnel(&pair.a, encap);
    pair.a.add_address("l2tpeth1", "10.43.1.1/24")?;
    pair.a.set_up("l2tpeth1")?;

    let stop = AtomicBool::new(false);
    let flooded: Result<u64, io::Error> = thread::scope(|scope| {
        let flood = scope.spawn(|| pair.a.run(|| flood("10.43.1.255:9", &stop)));
        let outcome = tcp_transfer(&pair.a, &pair.b, inner(Side::B), Amount::Octets(8 << 20));
        let pings = Ping::to(Side::B.inner(Family::V4)).count(20);
        let report = outcome.and_then(|_| pings.run(&pair.a));
        stop.store(true, Relaxed);
        let flooded = flood.join().unwrap_or(Ok(0))?;
        assert!(report?.complete());
        Ok(flooded)
    });
    let sent = pair.a.counter(1001, "tx_packets") + pair.a.counter(1001, "tx_errors");
    assert!(flooded? > 0 && sent > 0, "nothing came to the dead tunnel");
    Ok(())
}

/// A tunnel to a host that does not exist.
#[track_caller]
fn second_tunnel(host: &Host, encap: Encap) {
    let encap = match encap {
        Encap::Udp => "udp udp_sport 5001 udp_dport 5001",
        Encap::Ip => "ip",
    };
    host.adit(&format!(
        "add tunnel tunnel_id 3001 peer_tunnel_id 9 local 192.0.2.1 remote 192.0.2.99 encap {encap}"
    ));
    host.adit("add session tunnel_id 3001 session_id 1001 peer_session_id 9");
}

/// Broadcasts, which need no neighbour, until told to stop. Gives how many went.
fn flood(to: &str, stop: &AtomicBool) -> io::Result<u64> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_broadcast(true)?;
    let mut count = 0;
    while !stop.load(Relaxed) {
        // A full queue is the device's business.
        count += u64::from(socket.send_to(&[0; 1000], to).is_ok());
    }
    Ok(count)
}

fn inner(side: Side) -> SocketAddr {
    SocketAddr::new(side.inner(Family::V4), 0)
}
