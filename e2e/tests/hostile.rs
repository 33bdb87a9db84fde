//! Packets that no well-behaved peer sends: each is counted, none does harm.

use adit_e2e::{Encap, Family, Host, Pair, Probe, Setup, Side, Test, eventually, frame, test};
use adit_lab::Ping;
use libtest_mimic::Trial;
use std::time::Duration;

/// The ids that a [`Probe`] makes.
const TUNNEL: u32 = 3000;
const SESSION: u32 = 1000;

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = vec![test(
        "hostile::a_wrong_cookie_carries_nothing",
        a_wrong_cookie_carries_nothing,
    )];
    type Body = fn(Encap, Family) -> Test;
    let bodies: [(&str, Body); 5] = [
        ("wrong_cookies_are_counted", wrong_cookies_are_counted),
        ("unknown_sessions_are_counted", unknown_sessions_are_counted),
        (
            "truncated_packets_are_counted",
            truncated_packets_are_counted,
        ),
        (
            "oversized_packets_are_counted",
            oversized_packets_are_counted,
        ),
        ("random_packets_do_no_harm", random_packets_do_no_harm),
    ];
    for (name, body) in bodies {
        for encap in [Encap::Udp, Encap::Ip] {
            for family in [Family::V4, Family::V6] {
                let name = format!("hostile::{name}::{encap:?}{family:?}");
                tests.push(test(name, move || body(encap, family)));
            }
        }
    }
    tests
}

/// Everything that the tunnel has dropped, its sessions' share included.
fn drops(host: &Host) -> u64 {
    let tunnels = host.list("tunnel");
    let reasons = tunnels[0]["drops"].as_object().into_iter().flatten();
    reasons.filter_map(|(_, count)| count.as_u64()).sum()
}

/// A good packet still passes.
fn alive(probe: &mut Probe, cookie: &[u8]) {
    probe.send(&probe.packet(SESSION, cookie, Some(0), &frame(4711)));
    assert_eq!(probe.delivered(1), [4711]);
}

fn a_wrong_cookie_carries_nothing() -> Test {
    let pair = Pair::new();
    let setup = Setup::new(Encap::Udp, Family::V4);
    setup.clone().cookie(4).install(&pair.a, Side::A);
    let demand = "cookie a1b2c3d4 peer_cookie 11223345";
    setup.session(demand).install(&pair.b, Side::B);
    let ping = Ping::to(Side::B.inner(Family::V4)).timeout(Duration::from_millis(300));
    eventually("the mismatch is counted", || {
        let answered = ping.run(&pair.a).is_ok_and(|report| report.complete());
        assert!(!answered, "a ping passed");
        let counted = |name| pair.b.counter(2000, name) > 0;
        counted("rx_cookie_discards") && counted("rx_cookie")
    });
    assert_eq!(pair.b.counter(2000, "rx_packets"), 0);
    Ok(())
}

fn wrong_cookies_are_counted(encap: Encap, family: Family) -> Test {
    let good = [0xa1, 0xb2, 0xc3, 0xd4];
    let mut probe = Probe::new(&Setup::new(encap, family).cookie(4));
    let wrong: [&[u8]; 3] = [&[0xa1, 0xb2, 0xc3, 0xd5], &[0; 4], &[]];
    for cookie in wrong {
        probe.send(&probe.packet(SESSION, cookie, Some(0), &frame(1)));
    }
    alive(&mut probe, &good);
    for counter in ["rx_cookie_discards", "rx_cookie"] {
        assert_eq!(probe.host.counter(SESSION, counter), 3, "{counter}");
    }
    Ok(())
}

fn unknown_sessions_are_counted(encap: Encap, family: Family) -> Test {
    let mut probe = Probe::new(&Setup::new(encap, family));
    for session in [1, SESSION + 1, u32::MAX] {
        probe.send(&probe.packet(session, &[], Some(0), &frame(1)));
    }
    alive(&mut probe, &[]);
    assert_eq!(probe.host.tunnel_counter(TUNNEL, "rx_unknown_session"), 3);
    Ok(())
}

/// Whatever a packet loses at its end, from nothing but the Ethernet header's last octet on, it
/// is dropped for a reason.
fn truncated_packets_are_counted(encap: Encap, family: Family) -> Test {
    let cookie = [0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18];
    let mut probe = Probe::new(&Setup::new(encap, family).cookie(8));
    let whole = probe.packet(SESSION, &cookie, Some(0), &frame(1));
    let shortest = whole.len() - frame(1).len() + 14;
    for length in 0..shortest {
        probe.send(&whole[..length]);
    }
    alive(&mut probe, &cookie);
    assert_eq!(drops(&probe.host), shortest as u64);
    Ok(())
}

fn oversized_packets_are_counted(encap: Encap, family: Family) -> Test {
    let mut probe = Probe::new(&Setup::new(encap, family));
    for length in [1600, 9000, 60_000] {
        let mut long = frame(1);
        long.resize(length, 0);
        probe.send(&probe.packet(SESSION, &[], Some(0), &long));
    }
    alive(&mut probe, &[]);
    assert_eq!(probe.host.counter(SESSION, "rx_frame_mtu"), 3);
    Ok(())
}

fn random_packets_do_no_harm(encap: Encap, family: Family) -> Test {
    let mut probe = Probe::new(&Setup::new(encap, family).cookie(8));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut sent = 0;
    for round in 0..2000 {
        let length = usize::try_from(random.next() % 200)?;
        let mut packet: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        // Half of them get as far as the cookie, which they do not guess.
        if round % 2 == 0 {
            packet = probe.packet(SESSION, &packet, None, &[]);
        }
        probe.send(&packet);
        sent += 1;
        if round % 100 == 0 {
            // Keeps ahead of nobody: what the socket drops could not be told from a miscount.
            eventually("all have been counted", || drops(&probe.host) >= sent);
        }
    }
    let cookie = [0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18];
    alive(&mut probe, &cookie);
    assert_eq!(drops(&probe.host), sent);
    Ok(())
}

/// Marsaglia's xorshift: the same packets in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
