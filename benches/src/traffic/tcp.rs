//! Streams, read and written in large pieces.

use super::meter::Meter;
use anyhow::Context;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Octets handed to one read or write.
const PIECE: usize = 256 * 1024;

/// Accepts connections and counts what they bring.
pub(super) fn sink(address: Ipv4Addr) -> anyhow::Result<()> {
    let listener = TcpListener::bind((address, 0))?;
    println!("port {}", listener.local_addr()?.port());
    let meter = Arc::new(Meter::default());
    let counted = Arc::clone(&meter);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let counted = Arc::clone(&counted);
            thread::spawn(move || drain(stream, &counted));
        }
    });
    Ok(meter.answer()?)
}

/// Connects `flows` times and writes on every connection until the standard input ends.
pub(super) fn source(to: SocketAddrV4, flows: u16) -> anyhow::Result<()> {
    for _ in 0..flows {
        let stream = TcpStream::connect_timeout(&to.into(), Duration::from_secs(5))
            .with_context(|| format!("connecting to {to}"))?;
        thread::spawn(move || fill(stream));
    }
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn drain(mut stream: TcpStream, meter: &Meter) {
    let mut piece = vec![0; PIECE];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        meter.add(1, count as u64);
    }
}

fn fill(mut stream: TcpStream) {
    let piece = vec![0x5a; PIECE];
    while stream.write_all(&piece).is_ok() {}
}
