//! The traffic programs: each runs as a process of its own, born inside a namespace.
//!
//! They are this same executable under a hidden subcommand. A sink prints `port N`, then answers
//! every line on its standard input with its totals. All of them end when that input ends.

mod latency;
mod meter;
mod tcp;
mod udp;

use clap::Subcommand;
use std::net::{Ipv4Addr, SocketAddrV4};

pub(crate) use meter::{Totals, numbers};

/// One traffic program and its arguments.
#[derive(Subcommand, Debug)]
pub(crate) enum Tool {
    /// Accepts TCP connections and reads them empty.
    TcpSink {
        /// Address to listen on.
        address: Ipv4Addr,
    },
    /// Fills TCP connections.
    TcpSource {
        /// Where the sink listens.
        to: SocketAddrV4,
        /// Number of connections, each with a thread.
        flows: u16,
    },
    /// Counts UDP datagrams.
    UdpSink {
        /// Address to listen on.
        address: Ipv4Addr,
    },
    /// Sends UDP datagrams at a given rate and prints `SENT NANOSECONDS`.
    UdpSource {
        /// Where the sink listens.
        to: SocketAddrV4,
        /// Octets of UDP payload.
        size: usize,
        /// Datagrams per second; 0 is as fast as the socket takes them.
        rate: u64,
        /// How long, in milliseconds.
        millis: u64,
    },
    /// Sends every datagram back to where it came from.
    UdpEcho {
        /// Address to listen on.
        address: Ipv4Addr,
    },
    /// Waits for the echo's first answer, then measures round trips and prints
    /// `COUNT MEDIAN P99`, the last two in nanoseconds.
    UdpPing {
        /// Where the echo listens.
        to: SocketAddrV4,
        /// How long, in milliseconds.
        millis: u64,
    },
}

/// Runs one traffic program to its end.
pub(crate) fn run(tool: &Tool) -> anyhow::Result<()> {
    match *tool {
        Tool::TcpSink { address } => tcp::sink(address),
        Tool::TcpSource { to, flows } => tcp::source(to, flows),
        Tool::UdpSink { address } => udp::sink(address),
        Tool::UdpSource {
            to,
            size,
            rate,
            millis,
        } => udp::source(to, size, rate, millis),
        Tool::UdpEcho { address } => latency::echo(address),
        Tool::UdpPing { to, millis } => latency::ping(to, millis),
    }
}

#[cfg(test)]
mod tests;
