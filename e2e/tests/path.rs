//! The MTU of the path between tunnel ends: learnt, followed, and told to those who send too much.

use adit_e2e::{Encap, Family, Pair, Routed, Setup, Side, Test, eventually, test};
use adit_lab::{Amount, Namespace, Ping, tcp_transfer, veth};
use libtest_mimic::Trial;
use std::net::SocketAddr;
use std::time::Duration;

/// The MTU of the link that neither host sees, and how long the kernel remembers it.
const NARROW: u32 = 1400;
const WIDE: u32 = 1500;
const MEMORY: u32 = 3;

/// What a device's MTU is below the path's: the headers of a plain session, and Ethernet's.
const CASES: [(Encap, Family, u32); 4] = [
    (Encap::Udp, Family::V4, 54),
    (Encap::Ip, Family::V4, 42),
    (Encap::Udp, Family::V6, 74),
    (Encap::Ip, Family::V6, 62),
];

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = Vec::new();
    for (encap, family, overhead) in CASES {
        let name = |what| format!("path::{what}::{encap:?}_{family:?}");
        tests.push(test(name("the_device_follows"), move || {
            the_device_follows(encap, family, overhead)
        }));
        tests.push(test(name("others_are_told"), move || {
            others_are_told(encap, family, overhead)
        }));
    }
    for (encap, family) in [(Encap::Udp, Family::V4), (Encap::Ip, Family::V6)] {
        let name = format!("path::probes_find_a_black_hole::{encap:?}_{family:?}");
        tests.push(test(name, move || probes_find_a_black_hole(encap, family)));
    }
    tests.push(test(
        "path::a_peer_that_does_not_answer_probes",
        a_peer_that_does_not_answer_probes,
    ));
    tests.push(test(
        "path::fragments_flow_by_default",
        fragments_flow_by_default,
    ));
    tests.push(test(
        "path::an_mtu_set_by_hand_stays",
        an_mtu_set_by_hand_stays,
    ));
    tests
}

fn mtu(host: &Namespace) -> u32 {
    host.link("l2tpeth0").expect("the device").mtu
}

fn transfer(from: &Namespace, to: &Namespace, side: Side, family: Family) -> Test {
    let address = SocketAddr::new(side.inner(family), 0);
    tcp_transfer(from, to, address, Amount::Octets(2_000_000))?;
    Ok(())
}

/// Data flows from the start, both devices come to the MTU of the path, and go back to that of
/// their own links when the kernel forgets.
fn the_device_follows(encap: Encap, family: Family, overhead: u32) -> Test {
    let routed = Routed::new(NARROW, MEMORY);
    let Pair { a, b } = &routed.pair;
    routed
        .pair
        .connect(&Setup::new(encap, family).tunnel("pmtudisc do"));
    routed.pair.await_ping();
    assert_eq!((mtu(a), mtu(b)), (WIDE - overhead, WIDE - overhead));
    for shown in [a.session(1000), a.list("tunnel").remove(0)] {
        assert_eq!(shown["path_mtu"], WIDE, "{shown}");
    }
    transfer(a, b, Side::B, Family::V4)?;
    transfer(b, a, Side::A, Family::V6)?;
    // What was learnt is forgotten soon here, so that traffic has to go on.
    eventually("both devices follow the path", || {
        let full =
            |side: Side| Ping::to(side.inner(Family::V4)).size((WIDE - overhead - 28) as usize);
        let brief = Duration::from_millis(50);
        let _ = full(Side::B).timeout(brief).run(a);
        let _ = full(Side::A).timeout(brief).run(b);
        (mtu(a), mtu(b)) == (NARROW - overhead, NARROW - overhead)
    });
    routed.set_mtu(WIDE);
    eventually("both devices follow back", || {
        (mtu(a), mtu(b)) == (WIDE - overhead, WIDE - overhead)
    });
    let log = a.log();
    assert!(log.contains("the path's MTU has changed"), "{log}");
    Ok(())
}

/// A host behind a bridge that sends too long packets is told so, by what its own kernel believes,
/// and so is the end of the tunnel itself.
fn others_are_told(encap: Encap, family: Family, overhead: u32) -> Test {
    let routed = Routed::new(NARROW, 600);
    let Pair { a, b } = &routed.pair;
    let setup = Setup::new(encap, family)
        .tunnel("pmtudisc do")
        .session("mtu 1500");
    setup.add(a, Side::A);
    setup.install(b, Side::B);
    let station = Namespace::new("c")?;
    veth(&station, "eth0", a, "port")?;
    a.add_bridge("br0")?;
    for link in ["l2tpeth0", "port", "br0"] {
        if link != "br0" {
            a.set_master(link, "br0")?;
        }
        a.set_up(link)?;
    }
    station.add_address("eth0", "10.42.1.1/24")?;
    station.add_address("eth0", "fd42::1/64")?;
    station.set_up("eth0")?;
    let small = Ping::to(Side::B.inner(Family::V4)).timeout(Duration::from_millis(500));
    eventually("a small ping is answered", || {
        small.run(&station).is_ok_and(|report| report.complete())
    });
    for inner in [Family::V4, Family::V6] {
        // Who is told tells the other by a smaller segment size.
        if inner == Family::V4 {
            transfer(&station, b, Side::B, inner)?;
            transfer(b, &station, Side::A, inner)?;
        } else {
            transfer(b, &station, Side::A, inner)?;
            transfer(&station, b, Side::B, inner)?;
        }
        let header = if inner == Family::V4 { 28 } else { 48 };
        let known = (NARROW - overhead - header) as usize;
        let ping = |size| Ping::to(Side::B.inner(inner)).unfragmented().size(size);
        let long = ping(known + 1).timeout(Duration::from_millis(100));
        eventually("the station's kernel knows what does not fit", || {
            let known = Some(rustix::io::Errno::MSGSIZE.raw_os_error());
            long.run(&station)
                .is_err_and(|error| error.raw_os_error() == known)
        });
        assert!(ping(known).run(&station)?.complete());
    }
    assert!(a.counter(1000, "tx_too_big") > 0);
    assert!(b.counter(2000, "tx_too_big") > 0);
    assert_eq!((mtu(a), mtu(b)), (1500, 1500));
    Ok(())
}

/// Where a router swallows long packets and tells nobody, probes find out what goes through.
fn probes_find_a_black_hole(encap: Encap, family: Family) -> Test {
    let routed = Routed::new(WIDE, 600);
    routed.swallow(NARROW);
    let Pair { a, b } = &routed.pair;
    let words = "pmtudisc do pmtu_probe 1";
    routed
        .pair
        .connect(&Setup::new(encap, family).tunnel(words));
    routed.pair.await_ping();
    let overhead = CASES
        .iter()
        .find(|case| (case.0, case.1) == (encap, family));
    let overhead = overhead.expect("a case").2;
    // A link leaves room for a tag beyond its MTU, and the search ends 8 octets below the truth.
    let found = NARROW - 8 - overhead..=NARROW + 4 - overhead;
    eventually("the device follows", || found.contains(&mtu(a)));
    transfer(a, b, Side::B, Family::V4)?;
    assert!(found.contains(&mtu(a)));
    a.adit("set tunnel tid 3000 pmtu_probe off");
    eventually("what was found is forgotten", || mtu(a) == WIDE - overhead);
    Ok(())
}

fn a_peer_that_does_not_answer_probes() -> Test {
    let routed = Routed::new(WIDE, 600);
    let Pair { a, b } = &routed.pair;
    b.set_variable("ipv4/icmp_echo_ignore_all", 1)?;
    let setup = Setup::new(Encap::Udp, Family::V4).tunnel("pmtu_probe 1");
    setup.install(a, Side::A);
    eventually("the log says so", || a.log().contains("answers no probes"));
    assert_eq!(mtu(a), WIDE - 54);
    Ok(())
}

/// Without `pmtudisc`, outer packets are fragmented on the way as those of Linux's driver are, and
/// nothing is lost.
fn fragments_flow_by_default() -> Test {
    let routed = Routed::new(NARROW, 600);
    let Pair { a, b } = &routed.pair;
    routed
        .pair
        .connect(&Setup::new(Encap::Udp, Family::V4).session("mtu 1500"));
    routed.pair.await_ping();
    let full = Ping::to(Side::B.inner(Family::V4))
        .unfragmented()
        .size(1472);
    assert!(full.count(3).run(a)?.complete());
    transfer(a, b, Side::B, Family::V4)?;
    assert_eq!(a.counter(1000, "tx_too_big"), 0);
    Ok(())
}

fn an_mtu_set_by_hand_stays() -> Test {
    let routed = Routed::new(NARROW, 600);
    let Pair { a, b } = &routed.pair;
    routed
        .pair
        .connect(&Setup::new(Encap::Udp, Family::V4).tunnel("pmtudisc do"));
    routed.pair.await_ping();
    a.set_mtu("l2tpeth0", 1445)?;
    transfer(a, b, Side::B, Family::V4)?;
    let full = Ping::to(Side::A.inner(Family::V4)).size(1400);
    eventually("the other device follows", || {
        let _ = full.timeout(Duration::from_millis(100)).run(b);
        mtu(b) == NARROW - 54
    });
    assert_eq!(mtu(a), 1445);
    a.adit("set session name l2tpeth0 mtu auto");
    assert_eq!(mtu(a), NARROW - 54);
    a.adit("set session name l2tpeth0 mtu 1400");
    assert_eq!(mtu(a), 1400);
    Ok(())
}
