//! Sessions of one tunnel on several threads.

use adit_e2e::{Encap, Family, Host, Pair, Setup, Side, Test, test};
use libtest_mimic::Trial;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::UdpSocket;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::{Duration, Instant};

const SESSIONS: u32 = 8;
/// The session whose device is down at the far end.
const DOWN: u32 = 8;
const WORKERS: &str = "4";
/// Datagrams of each session, and how many of them may be on their way.
const DATAGRAMS: u64 = 2000;
const WINDOW: u64 = 32;

pub(crate) fn tests() -> Vec<Trial> {
    let test_of = |encap| {
        let name = format!("spread::order_is_kept_and_no_session_stalls_another::{encap:?}");
        test(name, move || {
            order_is_kept_and_no_session_stalls_another(encap)
        })
    };
    [Encap::Udp, Encap::Ip].map(test_of).into()
}

/// Datagrams of seven sessions arrive whole and in order though the eighth's device takes nothing,
/// and all threads have work. Sequence numbers tell the daemon itself of what is out of order.
fn order_is_kept_and_no_session_stalls_another(encap: Encap) -> Test {
    let mut pair = Pair::idle();
    pair.a.start(&["--workers", WORKERS]);
    pair.b.start(&["--workers", WORKERS]);
    let setup = Setup::new(encap, Family::V4);
    for (host, side) in [(&pair.a, Side::A), (&pair.b, Side::B)] {
        host.adit(&setup.add_tunnel(side));
        (1..=SESSIONS).for_each(|number| add_session(host, side, number));
    }
    pair.b.set_down(&device(DOWN))?;

    let before = [times(&pair.a, "tx"), times(&pair.b, "rx")];
    let received: Vec<AtomicU64> = (1..=SESSIONS).map(|_| AtomicU64::new(0)).collect();
    let received = &received[..];
    thread::scope(|scope| -> io::Result<()> {
        let alive = (1..=SESSIONS).filter(|number| *number != DOWN);
        let sockets: Vec<_> = alive
            .map(|number| pair.b.run(|| listen(number)).map(|socket| (number, socket)))
            .collect::<Result<_, _>>()?;
        let listeners: Vec<_> = sockets
            .into_iter()
            .map(|(number, socket)| {
                scope.spawn(move || receive(&socket, &received[number as usize - 1]))
            })
            .collect();
        let sent = pair.a.run(|| send(received));
        for listener in listeners {
            listener.join().expect("no panic")?;
        }
        sent
    })?;

    let after = [times(&pair.a, "tx"), times(&pair.b, "rx")];
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after.len().to_string(), WORKERS);
        let worked = |name: &String| after[name] - before[name];
        let all: u64 = after.keys().map(worked).sum();
        let idle = after.keys().find(|name| worked(name) < all / 100);
        let times = format!("{before:?} {after:?}");
        assert_eq!(idle, None, "a thread had nothing to do: {times}");
    }
    assert!(pair.b.counter(2000 + DOWN, "rx_device_down") > 0);
    for number in (1..=SESSIONS).filter(|number| *number != DOWN) {
        for reason in ["rx_seq_discards", "rx_seq_window", "rx_backlog"] {
            let count = pair.b.counter(2000 + number, reason);
            assert_eq!(count, 0, "{reason} of {number}");
        }
    }
    Ok(())
}

fn device(number: u32) -> String {
    format!("s{number}")
}

fn add_session(host: &Host, side: Side, number: u32) {
    let (tunnel, peer) = (side.tunnel(), side.other());
    let seq = if number.is_multiple_of(2) {
        "both"
    } else {
        "none"
    };
    host.adit(&format!(
        "add session tunnel_id {tunnel} session_id {} peer_session_id {} name {} seq {seq}",
        side.session() + number,
        peer.session() + number,
        device(number),
    ));
    let last = match side {
        Side::A => 1,
        Side::B => 2,
    };
    let address = format!("10.50.{number}.{last}/24");
    host.add_address(&device(number), &address)
        .expect("an address");
    host.set_up(&device(number))
        .expect("a device that comes up");
}

fn listen(number: u32) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(format!("10.50.{number}.2:9000"))?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(socket)
}

/// Receives all datagrams of a session, which bear the numbers from 0 on.
fn receive(socket: &UdpSocket, received: &AtomicU64) -> io::Result<()> {
    let mut octets = [0; 2000];
    for number in 0..DATAGRAMS {
        let len = socket.recv(&mut octets)?;
        let (got, _) = octets[..len].split_first_chunk().expect("a number");
        let got = u64::from_be_bytes(*got);
        if got != number {
            let text = format!("{socket:?}: {got} instead of {number}");
            return Err(io::Error::other(text));
        }
        received.store(number + 1, Release);
    }
    Ok(())
}

/// Sends every session its datagrams, in turn. What goes to the device that is down is broadcast,
/// which needs no neighbour.
fn send(received: &[AtomicU64]) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_broadcast(true)?;
    let deadline = Instant::now() + Duration::from_secs(30);
    for number in 0..DATAGRAMS {
        for session in 1..=SESSIONS {
            let host = if session == DOWN { 255 } else { 2 };
            let arrived = &received[session as usize - 1];
            let room = || match arrived.load(Acquire) {
                // What waits for the neighbour's address may be overtaken by what does not.
                0 => number == 0,
                arrived => number < arrived + WINDOW,
            };
            while session != DOWN && !room() {
                if Instant::now() > deadline {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                thread::sleep(Duration::from_micros(50));
            }
            let mut octets = [0; 1000];
            octets[..8].copy_from_slice(&number.to_be_bytes());
            socket.send_to(&octets, format!("10.50.{session}.{host}:9000"))?;
        }
    }
    Ok(())
}

/// The nanoseconds that each thread of this kind of a daemon has run.
fn times(host: &Host, kind: &str) -> BTreeMap<String, u64> {
    let tasks = fs::read_dir(host.proc("task")).expect("a process that runs");
    tasks
        .filter_map(|task| {
            let task = task.ok()?.path();
            let name = fs::read_to_string(task.join("comm")).ok()?;
            let ran = fs::read_to_string(task.join("schedstat")).ok()?;
            let ran = ran.split_whitespace().next()?.parse().ok()?;
            let name = name.trim().to_owned();
            name.starts_with(kind).then_some((name, ran))
        })
        .collect()
}
