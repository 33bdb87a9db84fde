//! Sessions of one tunnel, and flows of one session, on several threads.

use adit_e2e::{Encap, Family, Host, Pair, Setup, Side, Test, eventually, test};
use adit_lab::Namespace;
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
/// Flows of one session.
const FLOWS: u16 = 16;
const WORKERS: &str = "4";
/// Datagrams of each flow, and how many of them may be on their way.
const DATAGRAMS: u64 = 2000;
const WINDOW: u64 = 32;

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = Vec::new();
    for encap in [Encap::Udp, Encap::Ip] {
        let name = format!("spread::sessions_keep_their_order_and_stall_nobody::{encap:?}");
        let run = move || sessions_keep_their_order_and_stall_nobody(encap);
        tests.push(test(name, run));
    }
    tests.push(test("spread::tunnels_share_threads", tunnels_share_threads));
    for seq in ["none", "both"] {
        let name = format!("spread::flows_keep_their_order::seq_{seq}");
        tests.push(test(name, move || flows_keep_their_order(seq)));
    }
    tests.push(test("spread::queues_are_taken_over", queues_are_taken_over));
    tests
}

/// Datagrams of seven sessions arrive whole and in order though the eighth's device takes nothing,
/// and all threads have work. Sequence numbers tell the daemon itself of what is out of order.
fn sessions_keep_their_order_and_stall_nobody(encap: Encap) -> Test {
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
    let flow = |number| Flow {
        from: "0.0.0.0:0".to_owned(),
        // A broadcast needs no neighbour.
        to: format!(
            "10.50.{number}.{}:9000",
            if number == DOWN { 255 } else { 2 }
        ),
        arrives: number != DOWN,
        arrived: AtomicU64::new(0),
    };
    let flows: Vec<_> = (1..=SESSIONS).map(flow).collect();
    run(&pair, &flows)?;
    for (before, after) in before
        .iter()
        .zip([times(&pair.a, "tx"), times(&pair.b, "rx")])
    {
        assert_eq!(
            busy(before, &after).to_string(),
            WORKERS,
            "{before:?} {after:?}"
        );
    }
    eventually("what the eighth did not take is counted", || {
        pair.b.counter(2000 + DOWN, "rx_device_down") > 0
    });
    for number in (1..=SESSIONS).filter(|number| *number != DOWN) {
        assert_in_order(&pair.b, 2000 + number);
    }
    Ok(())
}

/// Tunnels of one session each, which all threads serve.
fn tunnels_share_threads() -> Test {
    let mut pair = Pair::idle();
    pair.a.start(&["--workers", WORKERS]);
    pair.b.start(&["--workers", WORKERS]);
    let tunnels = 1..=4;
    for (host, side) in [(&pair.a, Side::A), (&pair.b, Side::B)] {
        tunnels
            .clone()
            .for_each(|number| add_tunnel(host, side, number));
    }
    let before = [times(&pair.a, "tx"), times(&pair.b, "rx")];
    let flow = |number| Flow {
        from: "0.0.0.0:0".to_owned(),
        to: format!("10.50.{number}.2:9000"),
        arrives: true,
        arrived: AtomicU64::new(0),
    };
    run(&pair, &tunnels.map(flow).collect::<Vec<_>>())?;
    let after = [times(&pair.a, "tx"), times(&pair.b, "rx")];
    for (before, after) in before.iter().zip(after) {
        let busy = busy(before, &after).to_string();
        assert_eq!(busy, WORKERS, "{before:?} {after:?}");
    }
    Ok(())
}

/// Datagrams of the flows of one session arrive whole and in order, and so do their answers' next
/// ones, though several threads send them.
fn flows_keep_their_order(seq: &str) -> Test {
    let mut pair = Pair::idle();
    pair.a.start(&["--workers", WORKERS, "--queues", WORKERS]);
    pair.b.start(&["--workers", WORKERS]);
    pair.connect(&Setup::new(Encap::Udp, Family::V4).session(&format!("seq {seq}")));
    pair.await_ping();
    let shown = pair.a.adit("-s show session");
    assert!(!shown.contains("multi-queue"), "{shown}");

    let before = times(&pair.a, "tx");
    let flow = |number: u16| Flow {
        from: format!("{}:{}", Side::A.inner(Family::V4), 9100 + number),
        to: format!("{}:{}", Side::B.inner(Family::V4), 9200 + number),
        arrives: true,
        arrived: AtomicU64::new(0),
    };
    let flows: Vec<_> = (1..=FLOWS).map(flow).collect();
    run(&pair, &flows)?;
    let after = times(&pair.a, "tx");
    assert!(busy(&before, &after) > 1, "{before:?} {after:?}");
    assert_in_order(&pair.b, Side::B.session());
    Ok(())
}

/// The next daemon takes a device over whether it was made for several queues or for one, and says
/// where it has to do with fewer than it is to have.
fn queues_are_taken_over() -> Test {
    let mut pair = Pair::idle();
    pair.a.start(&["--queues", "3"]);
    pair.b.start(&[]);
    pair.connect(&Setup::new(Encap::Udp, Family::V4));
    pair.await_ping();
    let index = pair.a.link("l2tpeth0")?.index;
    for arguments in [&["--queues", "3"][..], &[], &["--queues", "2"]] {
        pair.a.kill();
        pair.a.start(arguments);
        pair.await_ping();
        assert_eq!(pair.a.link("l2tpeth0")?.index, index);
        let shown = pair.a.adit("-s show session");
        assert!(!shown.contains("multi-queue"), "{arguments:?}: {shown}");
    }
    pair.b.kill();
    pair.b.start(&["--queues", "2"]);
    pair.await_ping();
    let shown = pair.b.adit("-s show session");
    assert!(shown.contains("no multi-queue device"), "{shown}");
    Ok(())
}

/// Datagrams from A to B.
struct Flow {
    from: String,
    to: String,
    /// Whether they have somebody to receive them.
    arrives: bool,
    arrived: AtomicU64,
}

/// Sends all datagrams of flows, which each bear their numbers, and sees that they arrive as they
/// were sent.
fn run(pair: &Pair, flows: &[Flow]) -> io::Result<()> {
    thread::scope(|scope| {
        let mut receivers = Vec::new();
        for flow in flows.iter().filter(|flow| flow.arrives) {
            let socket = bind(&pair.b, &flow.to)?;
            receivers.push(scope.spawn(move || receive(&socket, &flow.arrived)));
        }
        let sockets = flows.iter().map(|flow| bind(&pair.a, &flow.from));
        let sent = send(flows, &sockets.collect::<Result<Vec<_>, _>>()?);
        for receiver in receivers {
            receiver.join().expect("no panic")?;
        }
        sent
    })
}

fn bind(namespace: &Namespace, address: &str) -> io::Result<UdpSocket> {
    let socket = namespace.run(|| UdpSocket::bind(address))?;
    socket.set_broadcast(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(socket)
}

/// Receives the datagrams of a flow and answers them, which nobody needs to hear.
fn receive(socket: &UdpSocket, arrived: &AtomicU64) -> io::Result<()> {
    let mut octets = [0; 2000];
    for number in 0..DATAGRAMS {
        let (len, from) = socket.recv_from(&mut octets)?;
        let (got, _) = octets[..len].split_first_chunk().expect("a number");
        let got = u64::from_be_bytes(*got);
        if got != number {
            let text = format!("{socket:?}: {got} instead of {number}");
            return Err(io::Error::other(text));
        }
        arrived.store(number + 1, Release);
        socket.send_to(&got.to_be_bytes(), from)?;
    }
    Ok(())
}

/// Sends every flow its datagrams, in turn.
fn send(flows: &[Flow], sockets: &[UdpSocket]) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    for number in 0..DATAGRAMS {
        for (flow, socket) in flows.iter().zip(sockets) {
            let room = || match flow.arrived.load(Acquire) {
                // What waits for the neighbour's address may be overtaken by what does not.
                0 => number == 0,
                arrived => number < arrived + WINDOW,
            };
            while flow.arrives && !room() {
                if Instant::now() > deadline {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                thread::sleep(Duration::from_micros(50));
            }
            let mut octets = [0; 1000];
            octets[..8].copy_from_slice(&number.to_be_bytes());
            socket.send_to(&octets, &flow.to)?;
        }
    }
    Ok(())
}

fn device(number: u32) -> String {
    format!("s{number}")
}

fn add_tunnel(host: &Host, side: Side, number: u32) {
    let (peer, port) = (side.other(), 7000 + number);
    let (own, other) = (side.tunnel() + number, peer.tunnel() + number);
    host.adit(&format!(
        "add tunnel tunnel_id {own} peer_tunnel_id {other} local {} remote {} encap udp \
         udp_sport {port} udp_dport {port}",
        side.outer(Family::V4),
        peer.outer(Family::V4),
    ));
    add_session_to(host, side, own, number);
}

fn add_session(host: &Host, side: Side, number: u32) {
    add_session_to(host, side, side.tunnel(), number);
}

fn add_session_to(host: &Host, side: Side, tunnel: u32, number: u32) {
    let peer = side.other();
    let seq = ["both", "none"][number as usize % 2];
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

#[track_caller]
fn assert_in_order(host: &Host, session: u32) {
    for reason in ["rx_seq_discards", "rx_seq_window", "rx_backlog"] {
        let count = host.counter(session, reason);
        assert_eq!(count, 0, "{reason} of {session}");
    }
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

/// How many threads have done a hundredth of the work and more.
fn busy(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> usize {
    let worked: Vec<_> = after.iter().map(|(name, now)| now - before[name]).collect();
    let all: u64 = worked.iter().sum();
    worked.iter().filter(|one| **one > all / 100).count()
}
