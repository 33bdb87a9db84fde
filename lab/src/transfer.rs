use crate::namespace::Namespace;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// When a transfer is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// After so many octets.
    Octets(u64),
    /// After so long.
    For(Duration),
}

/// What a transfer moved: all of it arrived, and arrived unaltered.
#[derive(Debug, Clone, Copy)]
pub struct Transfer {
    /// Octets received.
    pub octets: u64,
    /// From the first octet sent to the last received.
    pub elapsed: Duration,
}

impl Transfer {
    /// Throughput in bits per second.
    pub fn bits_per_second(&self) -> f64 {
        self.octets as f64 * 8.0 / self.elapsed.as_secs_f64()
    }
}

/// No progress for this long ends a transfer.
const STALL: Duration = Duration::from_secs(20);

/// The octet at each position of a stream is the position modulo this prime, so that a lost,
/// repeated or moved piece shows.
const PERIOD: usize = 251;
const CHUNK: usize = 128 * 1024;

/// Sends a TCP stream from one namespace to the address `to_address` of another and checks every
/// octet that arrives. Port 0 takes a free one.
///
/// # Errors
/// What connecting meets; TimedOut or WouldBlock when nothing moves for 20 seconds; InvalidData
/// when something else arrives than was sent.
pub fn tcp_transfer(
    from: &Namespace,
    to: &Namespace,
    to_address: SocketAddr,
    amount: Amount,
) -> io::Result<Transfer> {
    let listener = to.run(|| TcpListener::bind(to_address))?;
    // A listener's receive timeout is how long accept waits.
    set_socket_timeout(&listener, Timeout::Recv, Some(STALL))?;
    let address = listener.local_addr()?;
    let sender = from.run(|| TcpStream::connect_timeout(&address, STALL))?;
    let (receiver, _) = listener.accept()?;
    sender.set_write_timeout(Some(STALL))?;
    receiver.set_read_timeout(Some(STALL))?;

    let start = Instant::now();
    let (sent, received) = thread::scope(|scope| {
        let sending = scope.spawn(|| send(&sender, amount, start));
        let received = receive(&receiver);
        if received.is_err() {
            // Nobody reads any more: let the sender find out now.
            let _ = sender.shutdown(Shutdown::Both);
        }
        (sending.join(), received)
    });
    let octets = received?;
    let sent = sent.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
    if sent != octets {
        let text = format!("{sent} octets were sent and {octets} arrived");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(Transfer {
        octets,
        elapsed: start.elapsed(),
    })
}

fn send(mut stream: &TcpStream, amount: Amount, start: Instant) -> io::Result<u64> {
    let pattern = pattern();
    let mut sent: u64 = 0;
    loop {
        let length = match amount {
            Amount::Octets(all) => (all - sent).min(CHUNK as u64) as usize,
            Amount::For(time) if start.elapsed() < time => CHUNK,
            Amount::For(_) => 0,
        };
        if length == 0 {
            stream.shutdown(Shutdown::Write)?;
            return Ok(sent);
        }
        let phase = (sent % PERIOD as u64) as usize;
        sent += stream.write(&pattern[phase..phase + length])? as u64;
    }
}

/// Reads to the end and returns how much there was.
fn receive(mut stream: &TcpStream) -> io::Result<u64> {
    let pattern = pattern();
    let mut buffer = vec![0; CHUNK];
    let mut received: u64 = 0;
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(received);
        }
        let phase = (received % PERIOD as u64) as usize;
        if buffer[..length] != pattern[phase..phase + length] {
            let text = format!("altered within {length} octets behind the first {received}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        received += length as u64;
    }
}

/// Long enough for a chunk at any phase.
fn pattern() -> Vec<u8> {
    (0..CHUNK + PERIOD).map(|at| (at % PERIOD) as u8).collect()
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
