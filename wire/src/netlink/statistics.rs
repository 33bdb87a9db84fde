use super::Stat;
use super::walk::counters;

/// The counters inside [`Attr::Stats`](super::Attr::Stats), each described at its [`Stat`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Statistics {
    pub tx_packets: u64,
    pub tx_bytes: u64,
    pub tx_errors: u64,
    pub rx_packets: u64,
    pub rx_bytes: u64,
    pub rx_seq_discards: u64,
    pub rx_oos_packets: u64,
    pub rx_errors: u64,
    pub rx_cookie_discards: u64,
    pub rx_invalid: u64,
}

impl Statistics {
    /// These values; what is not named is 0.
    pub fn from_values(values: impl IntoIterator<Item = (Stat, u64)>) -> Statistics {
        let mut out = Statistics::default();
        for (stat, value) in values {
            if let Some(field) = out.field(stat) {
                *field = value;
            }
        }
        out
    }

    /// The counters with their numbers, in the order in which Linux emits them.
    pub fn in_order(mut self) -> [(Stat, u64); 10] {
        use Stat::*;
        [
            TxPackets,
            TxBytes,
            TxErrors,
            RxPackets,
            RxBytes,
            RxSeqDiscards,
            RxCookieDiscards,
            RxOosPackets,
            RxErrors,
            RxInvalid,
        ]
        .map(|stat| (stat, self.field(stat).map_or(0, |value| *value)))
    }

    /// Reads the counters of a nest; unknown ones are passed over.
    pub(super) fn read(nest: &[u8]) -> Statistics {
        let known = |(number, value)| Some((Stat::from_number(number)?, value));
        Statistics::from_values(counters(nest).filter_map(known))
    }

    fn field(&mut self, stat: Stat) -> Option<&mut u64> {
        Some(match stat {
            Stat::TxPackets => &mut self.tx_packets,
            Stat::TxBytes => &mut self.tx_bytes,
            Stat::TxErrors => &mut self.tx_errors,
            Stat::RxPackets => &mut self.rx_packets,
            Stat::RxBytes => &mut self.rx_bytes,
            Stat::RxSeqDiscards => &mut self.rx_seq_discards,
            Stat::RxOosPackets => &mut self.rx_oos_packets,
            Stat::RxErrors => &mut self.rx_errors,
            Stat::RxCookieDiscards => &mut self.rx_cookie_discards,
            Stat::RxInvalid => &mut self.rx_invalid,
            Stat::Pad => return None,
        })
    }
}
