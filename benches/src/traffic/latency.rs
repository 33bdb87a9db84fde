//! Round trips of one small datagram at a time.

use crate::stats::quantile;
use anyhow::{bail, ensure};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// How long a new tunnel may take until it answers.
const PATIENCE: Duration = Duration::from_secs(15);

/// Octets of payload, as many as a default ping carries.
const SIZE: usize = 56;

/// Sends back what comes, until killed.
pub(super) fn echo(address: Ipv4Addr) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((address, 0))?;
    println!("port {}", socket.local_addr()?.port());
    let mut buffer = [0; 2048];
    loop {
        let (count, from) = socket.recv_from(&mut buffer)?;
        // The route back may not be there yet; the other end asks again.
        let _ = socket.send_to(&buffer[..count], from);
    }
}

/// Waits for the path to open, then exchanges datagrams for `millis`.
pub(super) fn ping(to: SocketAddrV4, millis: u64) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(to)?;
    let mut sequence = await_first_answer(&socket, to)?;

    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let end = Instant::now() + Duration::from_millis(millis);
    let mut trips = Vec::new();
    while trips.is_empty() || Instant::now() < end {
        sequence += 1;
        match round_trip(&socket, sequence) {
            Some(trip) => trips.push(trip.as_nanos() as f64),
            None => ensure!(Instant::now() < end, "{to} stopped answering"),
        }
    }
    trips.sort_by(f64::total_cmp);
    println!(
        "{} {:.0} {:.0}",
        trips.len(),
        quantile(&trips, 0.5),
        quantile(&trips, 0.99)
    );
    Ok(())
}

/// Returns the last sequence number that was used.
fn await_first_answer(socket: &UdpSocket, to: SocketAddrV4) -> anyhow::Result<u64> {
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    let start = Instant::now();
    for sequence in 0.. {
        let asked = Instant::now();
        if round_trip(socket, sequence).is_some() {
            return Ok(sequence);
        }
        if start.elapsed() > PATIENCE {
            break;
        }
        std::thread::sleep(Duration::from_millis(20).saturating_sub(asked.elapsed()));
    }
    bail!("{to} has not answered for {} seconds", PATIENCE.as_secs())
}

/// The time until the answer to `sequence`; late answers to earlier ones are passed over.
fn round_trip(socket: &UdpSocket, sequence: u64) -> Option<Duration> {
    let mut buffer = [0; SIZE];
    buffer[..8].copy_from_slice(&sequence.to_be_bytes());
    let start = Instant::now();
    socket.send(&buffer).ok()?;
    loop {
        socket.recv(&mut buffer).ok()?;
        if buffer[..8] == sequence.to_be_bytes() {
            return Some(start.elapsed());
        }
    }
}
