//! What a sink has counted, and how it tells.

use anyhow::{Context, bail};
use std::fmt;
use std::io::{self, BufRead, Write};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A running count that the reading threads raise and the answering thread reads.
#[derive(Default)]
pub(super) struct Meter {
    packets: AtomicU64,
    bytes: AtomicU64,
}

impl Meter {
    /// Adds what one system call has brought.
    pub(super) fn add(&self, packets: u64, bytes: u64) {
        self.packets.fetch_add(packets, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Prints the totals once for every line read, until the input ends.
    pub(super) fn answer(&self) -> io::Result<()> {
        let start = Instant::now();
        for line in io::stdin().lock().lines() {
            line?;
            let totals = Totals {
                packets: self.packets.load(Ordering::Relaxed),
                bytes: self.bytes.load(Ordering::Relaxed),
                nanos: start.elapsed().as_nanos() as u64,
            };
            writeln!(io::stdout(), "{totals}")?;
        }
        Ok(())
    }
}

/// A sink's totals since it started; only differences mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    /// Datagrams, or reads of a stream.
    pub(crate) packets: u64,
    /// Payload octets.
    pub(crate) bytes: u64,
    /// The sink's clock.
    pub(crate) nanos: u64,
}

impl Totals {
    /// What came between `earlier` and this.
    pub(crate) fn since(self, earlier: Totals) -> Totals {
        Totals {
            packets: self.packets.saturating_sub(earlier.packets),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            nanos: self.nanos.saturating_sub(earlier.nanos),
        }
    }

    /// Gigabits of payload per second, for totals that are a difference.
    pub(crate) fn gigabits_per_second(self) -> f64 {
        self.bytes as f64 * 8.0 / self.nanos.max(1) as f64
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.packets, self.bytes, self.nanos)
    }
}

impl FromStr for Totals {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Totals> {
        let [packets, bytes, nanos] = numbers(line)?;
        Ok(Totals {
            packets,
            bytes,
            nanos,
        })
    }
}

/// Reads a line of exactly `N` numbers.
pub(crate) fn numbers<const N: usize>(line: &str) -> anyhow::Result<[u64; N]> {
    let fields: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
    let fields = fields.with_context(|| format!("not numbers: {line:?}"))?;
    match fields.try_into() {
        Ok(numbers) => Ok(numbers),
        Err(_) => bail!("not {N} numbers: {line:?}"),
    }
}
