//! The measurements: each puts one kind of traffic on a path.

mod search;

use crate::cpu::Cpu;
use crate::metric::Metric;
use crate::peer::Path;
use crate::traffic::{Totals, numbers};
use crate::world::{Side, Traffic};
use anyhow::ensure;
use std::thread;
use std::time::{Duration, Instant};

/// One kind of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// One TCP connection.
    Tcp1,
    /// Four TCP connections at once.
    Tcp4,
    /// UDP datagrams of 1400 octets.
    Udp1400,
    /// UDP datagrams of 64 octets.
    Udp64,
    /// One small datagram at a time, there and back.
    Rtt,
}

/// What a case found.
pub(crate) type Values = Vec<(Metric, f64)>;

impl Case {
    /// All of them, in the order of measurement.
    pub(crate) const ALL: [Case; 5] = [
        Case::Rtt,
        Case::Tcp1,
        Case::Tcp4,
        Case::Udp1400,
        Case::Udp64,
    ];

    /// The word that selects it on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Case::Tcp1 => "tcp1",
            Case::Tcp4 => "tcp4",
            Case::Udp1400 => "udp1400",
            Case::Udp64 => "udp64",
            Case::Rtt => "rtt",
        }
    }

    /// Measures for about `length`, which a search multiplies.
    pub(crate) fn measure(self, path: &Path<'_>, length: Duration) -> anyhow::Result<Values> {
        match self {
            Case::Tcp1 => {
                let flow = tcp(path, 1, length)?;
                let gigabytes = flow.received.bytes as f64 / 1e9;
                let mut values = vec![
                    (Metric::Tcp1, flow.received.gigabits_per_second()),
                    (Metric::MachineCpu, flow.cpu.machine / gigabytes),
                ];
                if !path.daemons().is_empty() {
                    values.push((Metric::DaemonCpu, flow.cpu.processes / gigabytes));
                }
                Ok(values)
            }
            Case::Tcp4 => Ok(vec![(
                Metric::Tcp4,
                tcp(path, 4, length)?.received.gigabits_per_second(),
            )]),
            Case::Udp1400 => Ok(vec![(Metric::Udp1400, lossless_rate(path, 1400, length)?)]),
            Case::Udp64 => Ok(vec![(Metric::Udp64, lossless_rate(path, 64, length)?)]),
            Case::Rtt => {
                let [median, p99] = round_trips(path, length / 3)?;
                Ok(vec![(Metric::RttMedian, median), (Metric::RttP99, p99)])
            }
        }
    }
}

/// Waits until the path carries packets.
pub(crate) fn await_path(path: &Path<'_>) -> anyhow::Result<()> {
    round_trips(path, Duration::ZERO).map(|_| ())
}

/// The median and the 99th percentile, in microseconds.
fn round_trips(path: &Path<'_>, length: Duration) -> anyhow::Result<[f64; 2]> {
    let (_echo, to) = sink(path, "udp-echo")?;
    let ping = format!("udp-ping {to} {}", length.as_millis());
    let line = path.world().traffic(Side::Near, &ping)?.line()?;
    let [_, median, p99] = numbers::<3>(&line)?;
    Ok([median as f64 / 1e3, p99 as f64 / 1e3])
}

/// What came out of some streams, and what it cost.
struct Flow {
    received: Totals,
    cpu: Cpu,
}

fn tcp(path: &Path<'_>, flows: u16, length: Duration) -> anyhow::Result<Flow> {
    let daemons = path.daemons();
    let (mut sink, to) = sink(path, "tcp-sink")?;
    let _source = path
        .world()
        .traffic(Side::Near, &format!("tcp-source {to} {flows}"))?;
    // Windows open and caches fill before the count begins.
    thread::sleep(length / 5);
    let (before, cpu) = (sink.totals()?, Cpu::now(&daemons)?);
    thread::sleep(length);
    let (after, spent) = (sink.totals()?, Cpu::now(&daemons)?);
    let received = after.since(before);
    ensure!(received.bytes > 0, "nothing arrived on {flows} TCP flows");
    Ok(Flow {
        received,
        cpu: spent.since(cpu),
    })
}

/// The highest rate of datagrams of `size` octets, in packets per second, that all arrive.
fn lossless_rate(path: &Path<'_>, size: u16, length: Duration) -> anyhow::Result<f64> {
    let (mut sink, to) = sink(path, "udp-sink")?;
    let millis = (length * 3 / 20).as_millis().max(20);
    search::highest_lossless(|rate| {
        let before = sink.totals()?;
        let source = format!("udp-source {to} {size} {rate:.0} {millis}");
        let line = path.world().traffic(Side::Near, &source)?.line()?;
        let [sent, nanos] = numbers::<2>(&line)?;
        let received = settled(&mut sink, before, sent)?;
        Ok(search::Trial {
            sent,
            received,
            seconds: nanos as f64 / 1e9,
        })
    })
}

/// How many datagrams arrived since `before`, once no more come or all `sent` have.
fn settled(sink: &mut Traffic, before: Totals, sent: u64) -> anyhow::Result<u64> {
    const QUIET: Duration = Duration::from_millis(30);
    let mut received = 0;
    let mut last = Instant::now();
    while received < sent && last.elapsed() < QUIET {
        thread::sleep(Duration::from_millis(3));
        let now = sink.totals()?.since(before).packets;
        if now > received {
            received = now;
            last = Instant::now();
        }
    }
    Ok(received)
}

/// Starts a sink on the far side; returns it and where it can be reached.
fn sink(path: &Path<'_>, name: &str) -> anyhow::Result<(Traffic, String)> {
    let address = path.address(Side::Far);
    let mut sink = path
        .world()
        .traffic(Side::Far, &format!("{name} {address}"))?;
    let port = sink.port()?;
    Ok((sink, format!("{address}:{port}")))
}
