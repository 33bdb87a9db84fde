//! Datagrams at a chosen rate, and their count at the other end.

use super::meter::Meter;
use crate::sys::{Batch, send_repeated};
use rustix::net::sockopt;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The sink's socket buffer: bursts of a scheduling slice fit, an overload does not.
const RECEIVE_BUFFER: usize = 4 << 20;

/// How often a paced source sends what has fallen due.
const TICK: Duration = Duration::from_micros(100);

/// Counts the datagrams that arrive.
pub(super) fn sink(address: Ipv4Addr) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((address, 0))?;
    sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER)
        .or_else(|_| sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER))?;
    println!("port {}", socket.local_addr()?.port());
    let meter = Arc::new(Meter::default());
    let counted = Arc::clone(&meter);
    thread::spawn(move || {
        let mut batch = Batch::new();
        while let Ok((packets, bytes)) = batch.receive(&socket) {
            counted.add(packets, bytes);
        }
    });
    Ok(meter.answer()?)
}

/// Sends `rate` datagrams a second for `millis`, in a burst per tick, and prints what was sent.
///
/// A source that falls behind catches up in the next ticks, so that the rate holds on average as
/// long as the socket can take it.
pub(super) fn source(to: SocketAddrV4, size: usize, rate: u64, millis: u64) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(to)?;
    // The default slack of 50 microseconds would stretch every tick by half.
    rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1))?;
    let payload = vec![0x5a; size];
    let length = Duration::from_millis(millis);
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < length {
        let due = match rate {
            0 => usize::MAX,
            rate => (start.elapsed().as_secs_f64() * rate as f64) as usize - sent,
        };
        if due == 0 {
            thread::sleep(TICK);
        } else {
            sent += send_repeated(&socket, &payload, due)?;
        }
    }
    println!("{sent} {}", start.elapsed().as_nanos());
    Ok(())
}
