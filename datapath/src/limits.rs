//! What the kernel lacks, and the data path does more slowly.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

/// A feature of the kernel, or of a device, that a session has to do without. Every packet passes
/// all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The socket or its device cuts no packets of more octets than this (UDP_SEGMENT): longer
    /// ones are sent one by one.
    Segments(usize),
    /// The socket gives datagrams one by one (UDP_GRO, Linux 5.0).
    UdpGro,
    /// The device takes and gives frames one by one.
    Tso,
    /// The device takes UDP frames one by one (Linux 6.2).
    Uso,
    /// Data leaves by the socket that it comes in by.
    Outlet,
    /// The device has no more than so many queues.
    Queues(usize),
}

impl Limit {
    /// Says so, once in the life of the process for each feature.
    pub(crate) fn warn(self) {
        static TOLD: AtomicU8 = AtomicU8::new(0);
        let bit = match self {
            Limit::Segments(_) => 1,
            Limit::UdpGro => 2,
            Limit::Uso => 4,
            Limit::Outlet => 8,
            Limit::Queues(_) => 16,
            Limit::Tso => 32,
        };
        if TOLD.fetch_or(bit, Relaxed) & bit == 0 {
            tracing::warn!("degraded: {self}");
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Segments(0) => write!(f, "no UDP_SEGMENT, packets are sent one by one"),
            Limit::Segments(octets) => write!(
                f,
                "no UDP_SEGMENT beyond {octets} octets, longer packets are sent one by one"
            ),
            Limit::UdpGro => write!(f, "no UDP_GRO, packets are received one by one"),
            Limit::Tso => write!(f, "no TSO, TCP frames pass the device one by one"),
            Limit::Uso => write!(f, "no USO, UDP frames reach the device one by one"),
            Limit::Outlet => write!(f, "no second socket to send by"),
            Limit::Queues(1) => write!(f, "no multi-queue device, one thread sends its frames"),
            Limit::Queues(queues) => write!(f, "no more than {queues} queues of the device"),
        }
    }
}

/// Features that the data path shall do without even where the kernel has them, to be what it is
/// on a kernel that lacks them. Written as names with commas between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Without {
    /// `udp-segment`: segments cut by the kernel.
    pub segments: bool,
    /// `udp-gro`: datagrams joined by the kernel.
    pub gro: bool,
    /// `tso`: devices that take and give joined frames of any kind.
    pub tso: bool,
    /// `uso`: devices that take joined UDP frames.
    pub uso: bool,
    /// `outlet`: a second socket to send by.
    pub outlet: bool,
    /// `multi-queue`: devices of several queues.
    pub queues: bool,
}

impl FromStr for Without {
    type Err = String;

    fn from_str(names: &str) -> Result<Without, String> {
        let mut without = Without::default();
        for name in names.split(',') {
            let feature = match name {
                "udp-segment" => &mut without.segments,
                "udp-gro" => &mut without.gro,
                "tso" => &mut without.tso,
                "uso" => &mut without.uso,
                "outlet" => &mut without.outlet,
                "multi-queue" => &mut without.queues,
                _ => {
                    return Err(format!(
                        "{name:?} is no feature; use udp-segment, udp-gro, tso, uso, \
                         outlet, multi-queue"
                    ));
                }
            };
            *feature = true;
        }
        Ok(without)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_go_by_their_names() {
        let without: Without = "uso,udp-gro".parse().unwrap();
        let (gro, uso) = (true, true);
        assert_eq!(
            without,
            Without {
                gro,
                uso,
                ..Without::default()
            }
        );
        assert!(
            "lro"
                .parse::<Without>()
                .unwrap_err()
                .contains("udp-segment")
        );
    }
}
