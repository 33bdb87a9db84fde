//! The figures that the measurements yield.

use serde::Serialize;

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Payload of one TCP connection, Gbit/s.
    Tcp1,
    /// Payload of four TCP connections together, Gbit/s.
    Tcp4,
    /// UDP datagrams of 1400 octets without loss, packets per second.
    Udp1400,
    /// UDP datagrams of 64 octets without loss, packets per second.
    Udp64,
    /// Median round trip, microseconds.
    RttMedian,
    /// 99th percentile of the round trips, microseconds.
    RttP99,
    /// Processor time of both daemons during the one TCP connection, seconds per 10^9 octets.
    DaemonCpu,
    /// Processor time of the whole machine during the one TCP connection, as above.
    MachineCpu,
}

impl Metric {
    /// All of them.
    pub(crate) const ALL: [Metric; 8] = [
        Metric::Tcp1,
        Metric::Tcp4,
        Metric::Udp1400,
        Metric::Udp64,
        Metric::RttMedian,
        Metric::RttP99,
        Metric::DaemonCpu,
        Metric::MachineCpu,
    ];

    /// The heading of its column.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Metric::Tcp1 => "TCP, 1 flow, Gbit/s",
            Metric::Tcp4 => "TCP, 4 flows, Gbit/s",
            Metric::Udp1400 => "UDP 1400 B, packets/s",
            Metric::Udp64 => "UDP 64 B, packets/s",
            Metric::RttMedian => "round trip, median, µs",
            Metric::RttP99 => "round trip, p99, µs",
            Metric::DaemonCpu => "CPU of the daemons, s/GB",
            Metric::MachineCpu => "CPU of the machine, s/GB",
        }
    }

    /// The unit in the machine-readable record.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Metric::Tcp1 | Metric::Tcp4 => "Gbit/s",
            Metric::Udp1400 | Metric::Udp64 => "packets/s",
            Metric::RttMedian | Metric::RttP99 => "us",
            Metric::DaemonCpu | Metric::MachineCpu => "s/GB",
        }
    }

    /// A figure with as many digits as mean something.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Metric::Tcp1 | Metric::Tcp4 | Metric::DaemonCpu | Metric::MachineCpu => {
                format!("{value:.2}")
            }
            Metric::Udp1400 | Metric::Udp64 => format!("{:.0}k", value / 1e3),
            Metric::RttMedian | Metric::RttP99 => format!("{value:.1}"),
        }
    }
}
