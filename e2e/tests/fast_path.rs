//! The path inside the kernel: what it moves, what it leaves to user space, and that nothing is lost
//! when it comes and goes.

mod devices;
mod protocol_115;
mod vlan;

use adit_e2e::{
    Capture, Encap, Family, Host, Pair, Setup, Side, Test, address_device, eventually, test,
};
use adit_lab::{Amount, Namespace, Ping, tcp_transfer, veth};
use libtest_mimic::Trial;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = Vec::new();
    for family in [Family::V4, Family::V6] {
        for wire in [Wire::Whole, Wire::Merged] {
            for cookie in [0, 4, 8] {
                let name = format!("fast_path::both_ends::{family:?}_{wire:?}_cookie_{cookie}");
                let setup = move || setup(family).cookie(cookie);
                tests.push(test(name, move || both_ends(&setup(), wire)));
            }
            let name = format!("fast_path::one_end::{family:?}_{wire:?}");
            let setup = move || setup(family).cookie(8);
            tests.push(test(name, move || one_end(&setup(), wire)));
        }
    }
    tests.extend([
        test(
            "fast_path::a_wrong_cookie_is_counted",
            a_wrong_cookie_is_counted,
        ),
        test("fast_path::fragments_pass", fragments_pass),
        test("fast_path::obstacles_are_named", obstacles_are_named),
        test("fast_path::daemons_come_and_go", daemons_come_and_go),
        test(
            "fast_path::a_session_ends_under_traffic",
            a_session_ends_under_traffic,
        ),
        test("fast_path::a_device_comes_back", a_device_comes_back),
        test("fast_path::a_wire_changes", a_wire_changes),
        test("fast_path::a_route_changes", a_route_changes),
        test(
            "fast_path::a_device_moves_away_and_back",
            a_device_moves_away_and_back,
        ),
        test("fast_path::nobody_asked", nobody_asked),
        test(
            "fast_path::packets_fit_half_a_page",
            packets_fit_half_a_page,
        ),
    ]);
    tests.extend(devices::tests());
    tests.extend(protocol_115::tests());
    tests.extend(vlan::tests());
    tests
}

/// How long to wait for an answer that does not come.
const BRIEF: Duration = Duration::from_millis(500);

/// What the cable does to packets.
#[derive(Debug, Clone, Copy)]
enum Wire {
    /// Super-frames cross it whole, and nothing is merged.
    Whole,
    /// Like a NIC's: packets of the MTU's size, merged by the receiver.
    Merged,
}

impl Wire {
    fn apply(self, pair: &Pair) -> Test {
        for host in [&pair.a, &pair.b] {
            self.apply_to(host, "eth0")?;
        }
        Ok(())
    }

    fn apply_to(self, host: &Host, device: &str) -> Test {
        match self {
            Wire::Whole => set_features(host, device, "tso on gso on gro off"),
            Wire::Merged => set_features(host, device, "tso off gso on gro on"),
        }
    }
}

fn ethtool(host: &Host, features: &str) -> Test {
    set_features(host, "eth0", features)
}

fn set_features(host: &Host, device: &str, features: &str) -> Test {
    let command = host.command("ethtool").args(["-K", device]);
    let status = command
        .args(features.split(' '))
        .stdout(Stdio::null())
        .status()?;
    assert!(status.success(), "ethtool -K {device} {features}");
    Ok(())
}

fn setup(family: Family) -> Setup {
    let setup = Setup::new(Encap::Udp, family);
    match family {
        Family::V4 => setup,
        // Programs sum nothing up.
        Family::V6 => setup.tunnel("udp6_csum_tx off udp6_csum_rx off"),
    }
}

/// Hosts of which those named have the fast path.
fn hosts(fast: &[Side]) -> Pair {
    let mut pair = Pair::idle();
    for (host, side) in [(&mut pair.a, Side::A), (&mut pair.b, Side::B)] {
        match fast.contains(&side) {
            true => host.start(&["--fast-path=all"]),
            false => host.start(&[]),
        }
    }
    pair
}

fn connected(setup: &Setup) -> Pair {
    let pair = hosts(&[Side::A, Side::B]);
    pair.connect(setup);
    await_active(&pair.a);
    await_active(&pair.b);
    pair.await_ping();
    pair
}

/// Waits until programs move what the host sends: they begin in a pause of the traffic.
fn await_begun(pair: &Pair, host: &Host) {
    eventually("programs send", || {
        std::thread::sleep(Duration::from_millis(30));
        pair.await_ping();
        passed(host)[0] > 0
    });
}

/// How the host's session uses the fast path, as it is shown.
pub(crate) fn shown(host: &Host) -> String {
    let text = host.adit("-s show session name l2tpeth0");
    let line = text.lines().find_map(|line| line.split_once("fast path: "));
    line.map_or_else(String::new, |(_, shown)| shown.to_owned())
}

#[track_caller]
fn await_active(host: &Host) {
    await_shown(host, "active");
}

#[track_caller]
pub(crate) fn await_shown(host: &Host, what: &str) {
    eventually(&format!("{what} is shown"), || {
        shown(host).starts_with(what)
    });
}

/// Packets that passed a session's fast path: sent and received.
pub(crate) fn passed(host: &Host) -> [u64; 2] {
    let numbers: Vec<u64> = shown(host)
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    [numbers[0], numbers[1]]
}

fn transfer_both_ways(pair: &Pair) -> Test {
    let amount = Amount::Octets(16 << 20);
    for family in [Family::V4, Family::V6] {
        let inner = |side: Side| SocketAddr::new(side.inner(family), 0);
        tcp_transfer(&pair.a, &pair.b, inner(Side::B), amount)?;
        tcp_transfer(&pair.b, &pair.a, inner(Side::A), amount)?;
    }
    Ok(())
}

/// Streams and pings pass both ways, inside the kernel, and every packet is counted at both ends.
fn both_ends(setup: &Setup, wire: Wire) -> Test {
    let pair = hosts(&[Side::A, Side::B]);
    wire.apply(&pair)?;
    pair.connect(setup);
    await_active(&pair.a);
    await_active(&pair.b);
    await_begun(&pair, &pair.a);
    await_begun(&pair, &pair.b);
    let before = lost(&pair);
    transfer_both_ways(&pair)?;
    // Four streams of 16 MiB in packets of less than 1.5 kB.
    let least = (4 << 20) / 1500;
    for host in [&pair.a, &pair.b] {
        let [sent, received] = passed(host);
        assert!(sent > least && received > least, "{}", shown(host));
    }
    assert_eq!(lost(&pair), before);
    Ok(())
}

/// Octets that one end has sent and the other has not received, each way: those of the packets that
/// came before a device was up, once nothing else is on its way.
fn lost(pair: &Pair) -> [i64; 2] {
    let ways = [(&pair.a, Side::A, &pair.b), (&pair.b, Side::B, &pair.a)];
    let read = || {
        ways.map(|(from, side, to)| {
            let sent = |what| from.counter(side.session(), what) as i64;
            let received = |what| to.counter(side.other().session(), what) as i64;
            let early = received("rx_device_down");
            let packets = sent("tx_packets") - received("rx_packets") - early;
            let octets = sent("tx_bytes") - received("rx_bytes");
            (packets, octets)
        })
    };
    let mut last = read();
    eventually("nothing is on its way", || {
        let now = read();
        let same = std::mem::replace(&mut last, now) == now;
        same && now.map(|(packets, _)| packets) == [0, 0]
    });
    last.map(|(_, octets)| octets)
}

/// A peer that knows nothing of it is as good a peer, on a wire that makes packets of what a sender
/// leaves to it.
fn one_end(setup: &Setup, wire: Wire) -> Test {
    let pair = hosts(&[Side::A]);
    wire.apply(&pair)?;
    ethtool(&pair.a, "tx off")?;
    pair.connect(setup);
    await_active(&pair.a);
    await_begun(&pair, &pair.a);
    transfer_both_ways(&pair)?;
    let [sent, _] = passed(&pair.a);
    assert!(sent > 1000, "{}", shown(&pair.a));
    assert_eq!(shown(&pair.b), "");
    Ok(())
}

/// The peer's cookie is another one: user space sees the packets and counts them.
fn a_wrong_cookie_is_counted() -> Test {
    let pair = hosts(&[Side::A, Side::B]);
    setup(Family::V4).cookie(8).add(&pair.a, Side::A);
    setup(Family::V4).cookie(4).add(&pair.b, Side::B);
    address_device(&pair.a, Side::A);
    address_device(&pair.b, Side::B);
    await_active(&pair.a);
    let ping = Ping::to(Side::A.inner(Family::V4)).timeout(BRIEF);
    eventually("packets are refused for their cookie", || {
        let _ = ping.run(&pair.b);
        pair.a.counter(Side::A.session(), "rx_cookie_discards") > 3
    });
    assert_eq!(passed(&pair.a)[1], 0);
    Ok(())
}

/// The route from B admits less than its frames need, so that B's kernel cuts the outer packets. A
/// puts them together before anybody unwraps them.
fn fragments_pass() -> Test {
    let pair = hosts(&[Side::A, Side::B]);
    let route = "route replace 192.0.2.1/32 dev eth0 mtu 1300";
    let status = pair.b.command("ip").args(route.split(' ')).status()?;
    assert!(status.success());
    setup(Family::V4).add(&pair.a, Side::A);
    setup(Family::V4).session("mtu 1440").add(&pair.b, Side::B);
    address_device(&pair.a, Side::A);
    address_device(&pair.b, Side::B);
    await_active(&pair.a);
    await_shown(&pair.b, "no, the MTU 1440 is too large for a path of 1300");
    pair.await_ping();
    let ping = Ping::to(Side::A.inner(Family::V4)).size(1400).count(5);
    assert!(ping.run(&pair.b)?.complete());
    Ok(())
}

fn obstacles_are_named() -> Test {
    let pair = connected(&setup(Family::V4));
    let tune = |words: &str| {
        pair.a.adit(&format!("set session name l2tpeth0 {words}"));
        pair.b.adit(&format!("set session name l2tpeth0 {words}"));
    };
    tune("mss 1000");
    await_shown(&pair.a, "no, mss is set");
    await_shown(&pair.b, "no, mss is set");
    pair.await_ping();
    tune("mss off");
    await_active(&pair.a);
    await_active(&pair.b);
    pair.await_ping();
    pair.a.set_down("l2tpeth0")?;
    await_shown(&pair.a, "no, the device is down");
    pair.a.set_up("l2tpeth0")?;
    await_active(&pair.a);
    tune("seq both");
    await_shown(&pair.a, "no, packets are numbered");
    pair.await_ping();

    let pair = hosts(&[Side::A, Side::B]);
    pair.connect(&Setup::new(Encap::Udp, Family::V6));
    pair.await_ping();
    await_shown(&pair.a, "no, UDP checksums are on");

    let mut pair = Pair::idle();
    pair.a.start(&["--fast-path"]);
    pair.b.start(&[]);
    pair.connect(&setup(Family::V4));
    pair.await_ping();
    await_shown(&pair.a, "no, the peer is behind a veth pair");
    Ok(())
}

/// Programs go with their daemon, however it ends; its successor takes the session over with new
/// ones, and counts on.
fn daemons_come_and_go() -> Test {
    let setup = setup(Family::V4).cookie(4);
    let mut pair = connected(&setup);
    let ping = Ping::to(Side::B.inner(Family::V4)).timeout(BRIEF);
    pair.a.kill();
    assert!(!ping.run(&pair.a)?.complete(), "a path without its daemon");
    pair.a.start(&["--fast-path=all"]);
    await_active(&pair.a);
    await_begun(&pair, &pair.a);

    pair.a.kill();
    pair.a.start(&[]);
    // What B leaves to the wire to complete, user space cannot read.
    ethtool(&pair.b, "tx off")?;
    pair.await_ping();
    assert_eq!(shown(&pair.a), "");

    assert!(pair.b.stop().success());
    pair.b.start(&["--fast-path=all"]);
    setup.install(&pair.b, Side::B);
    await_active(&pair.b);
    pair.await_ping();
    Ok(())
}

fn a_session_ends_under_traffic() -> Test {
    let pair = connected(&setup(Family::V4).cookie(8));
    let to = SocketAddr::new(Side::B.inner(Family::V4), 0);
    for round in 0..3 {
        tcp_transfer(&pair.a, &pair.b, to, Amount::Octets(1 << 20))?;
        let before = pair.a.tunnel_counter(Side::A.tunnel(), "tx_packets");
        let flood = Ping::to(Side::B.inner(Family::V4)).timeout(BRIEF);
        let flood = flood.count(200);
        std::thread::scope(|scope| {
            let pinging = scope.spawn(|| flood.run(&pair.a));
            pair.a.adit("del session tunnel_id 3000 session_id 1000");
            let after = pair.a.tunnel_counter(Side::A.tunnel(), "tx_packets");
            assert!(after >= before, "round {round}: {before} became {after}");
            // Its device went away meanwhile.
            let _ = pinging.join();
        });
        pair.a
            .adit(&setup(Family::V4).cookie(8).add_session(Side::A));
        address_device(&pair.a, Side::A);
        await_active(&pair.a);
        // Its address is a new one, which B learns when it is asked.
        eventually("a ping is answered", || {
            let ping = Ping::to(Side::B.inner(Family::V4)).timeout(BRIEF);
            ping.run(&pair.a).is_ok_and(|report| report.complete())
        });
    }
    Ok(())
}

/// A device that somebody deletes is made again, and has its program again.
fn a_device_comes_back() -> Test {
    let pair = connected(&setup(Family::V4));
    pair.a.delete_link("l2tpeth0")?;
    eventually("the device is there again", || {
        pair.a.link("l2tpeth0").is_ok()
    });
    address_device(&pair.a, Side::A);
    await_active(&pair.a);
    pair.await_ping();
    Ok(())
}

/// Where packets are unwrapped follows what the device does to them.
fn a_wire_changes() -> Test {
    let pair = connected(&setup(Family::V4));
    for wire in [Wire::Merged, Wire::Whole] {
        wire.apply(&pair)?;
        pair.await_ping();
        transfer_both_ways(&pair)?;
    }
    Ok(())
}

/// Packets of a session leave by the device of the route, whichever that is now.
fn a_route_changes() -> Test {
    let pair = connected(&setup(Family::V4));
    veth(&pair.a, "eth1", &pair.b, "eth1")?;
    for (host, own, other, gateway) in [
        (&pair.a, "198.51.100.1/24", "192.0.2.2", "198.51.100.2"),
        (&pair.b, "198.51.100.2/24", "192.0.2.1", "198.51.100.1"),
    ] {
        host.add_address("eth1", own)?;
        host.set_up("eth1")?;
        ip(
            host,
            &format!("route add {other}/32 via {gateway} dev eth1"),
        )?;
    }
    let mut before = passed(&pair.a);
    for (device, change) in [("eth1", None), ("eth0", Some("del")), ("eth1", Some("add"))] {
        if let Some(change) = change {
            let route =
                |other, gateway| format!("route {change} {other}/32 via {gateway} dev eth1");
            ip(&pair.a, &route("192.0.2.2", "198.51.100.2"))?;
            ip(&pair.b, &route("192.0.2.1", "198.51.100.1"))?;
        }
        let sent = || link_packets(&pair.a, device);
        let first = sent();
        eventually("packets leave by the device of the route", || {
            pair.await_ping();
            sent() > first + 20
        });
        await_active(&pair.a);
        await_active(&pair.b);
        transfer_both_ways(&pair)?;
        let now = passed(&pair.a);
        assert!(now[0] > before[0] && now[1] > before[1], "{device}");
        before = now;
    }
    Ok(())
}

fn ip(host: &Host, line: &str) -> Test {
    let status = host.command("ip").args(line.split(' ')).status()?;
    assert!(status.success(), "ip {line}");
    Ok(())
}

/// Packets that a device has sent.
fn link_packets(host: &Host, device: &str) -> u64 {
    let line = format!("-json -statistics link show dev {device}");
    let output = host.command("ip").args(line.split(' ')).output();
    let text = output.expect("a program that runs").stdout;
    let shown: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let sent = &shown[0]["stats64"]["tx"]["packets"];
    sent.as_u64().expect("a number")
}

/// In another namespace it has no fast path, and moves packets all the same.
fn a_device_moves_away_and_back() -> Test {
    let pair = connected(&setup(Family::V4));
    let away = Namespace::new("away")?;
    pair.a.move_link("l2tpeth0", &away)?;
    await_shown(&pair.a, "no, the device is in another namespace");
    // What B leaves to the wire to complete, user space cannot read.
    ethtool(&pair.b, "tx off")?;
    away.add_address("l2tpeth0", "10.42.1.1/24")?;
    away.set_up("l2tpeth0")?;
    let ping = Ping::to(Side::B.inner(Family::V4));
    eventually("a ping is answered", || {
        ping.run(&away).is_ok_and(|report| report.complete())
    });
    away.move_link("l2tpeth0", &pair.a)?;
    address_device(&pair.a, Side::A);
    await_active(&pair.a);
    pair.await_ping();
    Ok(())
}

/// Over a veth pair long packets are slow, so that TCP's are made shorter.
fn packets_fit_half_a_page() -> Test {
    let pair = hosts(&[Side::A, Side::B]);
    Wire::Merged.apply(&pair)?;
    pair.connect(&setup(Family::V4));
    await_active(&pair.a);
    pair.await_ping();
    let capture = Capture::new(&pair.a)?;
    let to = SocketAddr::new(Side::B.inner(Family::V4), 0);
    tcp_transfer(&pair.a, &pair.b, to, Amount::Octets(64 << 10))?;
    let from_port = Side::A.port().to_be_bytes();
    let mut lengths = Vec::new();
    capture.find(BRIEF, |frame| {
        let outer = frame.get(12..14) == Some(&[8, 0]) && frame.get(34..36) == Some(&from_port);
        lengths.extend(outer.then_some(frame.len()));
        None::<()>
    })?;
    let longest = lengths.iter().max().copied();
    assert_eq!(longest, Some(1514 - 54), "{lengths:?}");
    Ok(())
}

fn nobody_asked() -> Test {
    let pair = Pair::connected(&setup(Family::V4));
    pair.await_ping();
    assert_eq!(shown(&pair.a), "");
    Ok(())
}
