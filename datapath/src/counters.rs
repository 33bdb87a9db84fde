//! What is counted, and why a packet may be dropped.

use adit_wire::netlink::{Stat, Statistics};
use std::ops::AddAssign;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $name:literal;)+) => {
        /// Why a packet was dropped. One list for counters, logs and the command line.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum DropReason { $($(#[doc = $doc])+ $variant = $code,)+ }

        impl DropReason {
            /// All reasons, by ascending code.
            pub const ALL: &'static [DropReason] = &[$(DropReason::$variant,)+];

            /// How many there are; codes run from 0 to this minus one.
            pub const COUNT: usize = DropReason::ALL.len();

            /// The name that people and metrics see.
            pub const fn name(self) -> &'static str {
                match self { $(DropReason::$variant => $name,)+ }
            }
        }
    };
}

drop_reasons! {
    /// Received: the packet ends inside its L2TP header.
    Truncated = 0, "rx_truncated";
    /// Received: a control message where nothing handles control messages.
    Control = 1, "rx_control_unclaimed";
    /// Received: no session has this id.
    UnknownSession = 2, "rx_unknown_session";
    /// Received: a version other than the tunnel's.
    Version = 3, "rx_version";
    /// Received: the cookie is not the assigned one.
    Cookie = 4, "rx_cookie";
    /// Received: sequence numbers are demanded and this packet has none.
    SequenceMissing = 5, "rx_seq_missing";
    /// Received: the sequence number lies outside the window.
    SequenceWindow = 6, "rx_seq_window";
    /// Received: out of sequence, and reordering is off.
    SequenceOrder = 7, "rx_seq_order";
    /// Received: this sequence number is waiting in the reorder queue already.
    SequenceDuplicate = 8, "rx_seq_duplicate";
    /// Received: shorter than an Ethernet header.
    FrameShort = 9, "rx_frame_short";
    /// Received: the frame is longer than the device's MTU admits.
    FrameMtu = 10, "rx_frame_mtu";
    /// Received: the device is down.
    DeviceDown = 11, "rx_device_down";
    /// Received: the device refused the frame.
    DeviceWrite = 12, "rx_device_write";
    /// Received: the socket's buffer overflowed.
    SocketOverflow = 13, "rx_socket_overflow";
    /// To send: the tunnel has no peer port.
    NoPeer = 14, "tx_no_peer";
    /// To send: the socket's buffer is full.
    SocketFull = 15, "tx_socket_full";
    /// To send: the outer packet would be too long.
    TooBig = 16, "tx_too_big";
    /// To send: there is no route to the peer.
    NoRoute = 17, "tx_no_route";
    /// To send: the frame is the tunnel's own outer packet, its route leads into itself.
    Recursion = 18, "tx_recursion";
    /// To send: the socket refused the packet for another reason.
    SocketError = 19, "tx_socket_error";
    /// To send: the device gave a super-frame that is none.
    Malformed = 20, "tx_malformed";
    /// Received: not from the tunnel's peer.
    PeerAddress = 21, "rx_peer_address";
    /// Received: a control message, while too many others wait to be read.
    ControlOverflow = 22, "rx_control_overflow";
    /// Received: a PPP frame that ends inside its protocol field.
    PppShort = 23, "rx_ppp_short";
    /// Received: a PPP frame that nobody takes: the session has no user.
    PppUnclaimed = 24, "rx_ppp_unclaimed";
    /// Received: whoever reads the PPP frames does not keep up.
    PppReader = 25, "rx_ppp_reader";
    /// Received: the PPP unit is closed to the packet's protocol.
    PppMode = 26, "rx_ppp_npmode";
    /// Received: the PPP unit's pass filter says no.
    PppFilter = 27, "rx_ppp_filter";
    /// Received: a packet that is not of the protocol that its PPP frame names, or of one that no
    /// device takes.
    PppProtocol = 28, "rx_ppp_protocol";
    /// To send: the PPP unit is closed to the packet's protocol.
    PppTxMode = 29, "tx_ppp_npmode";
    /// To send: the PPP unit's pass filter says no.
    PppTxFilter = 30, "tx_ppp_filter";
    /// To send: a program's PPP frame ends inside its protocol field or its LCP header.
    PppTxShort = 31, "tx_ppp_short";
    /// To send: the PPP unit has no channel.
    PppNoChannel = 32, "tx_ppp_no_channel";
    /// Received: marked as congested on the way, with a frame whose sender knows no such mark.
    Congestion = 33, "rx_ecn_congestion";
    /// Received: the UDP checksum is wrong, or missing where it is demanded.
    Checksum = 34, "rx_checksum";
    /// Received: TCP headers are compressed though nobody asked for it, or cannot be expanded.
    PppCompressed = 35, "rx_ppp_compressed";
    /// Received: the thread that delivers the session's packets does not keep up.
    Backlog = 36, "rx_backlog";
    /// To send: a frame that a program has not written whole to its terminal.
    PppTxLine = 37, "tx_ppp_line";
}

/// A reading of one object's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// The counters that Linux reports.
    pub statistics: Statistics,
    /// Drops, indexed by [`DropReason`] code.
    pub drops: [u64; DropReason::COUNT],
}

impl Counters {
    /// How many packets were dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize]
    }
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            statistics: Statistics::default(),
            drops: [0; DropReason::COUNT],
        }
    }
}

impl DropReason {
    /// The counters of Linux that a drop for this reason moves, besides its own.
    pub const fn statistics(self) -> &'static [Stat] {
        use DropReason as Why;
        match self {
            Why::Truncated | Why::Version => &[Stat::RxErrors, Stat::RxInvalid],
            Why::Cookie => &[Stat::RxErrors, Stat::RxCookieDiscards],
            Why::SequenceMissing | Why::SequenceOrder | Why::SequenceDuplicate => {
                &[Stat::RxErrors, Stat::RxSeqDiscards]
            }
            Why::Control
            | Why::UnknownSession
            | Why::SequenceWindow
            | Why::FrameShort
            | Why::Congestion
            | Why::FrameMtu
            | Why::DeviceDown
            | Why::DeviceWrite
            | Why::SocketOverflow
            | Why::PeerAddress
            | Why::ControlOverflow
            | Why::Backlog
            | Why::Checksum
            | Why::PppCompressed
            | Why::PppShort
            | Why::PppUnclaimed
            | Why::PppReader
            | Why::PppMode
            | Why::PppFilter
            | Why::PppProtocol => &[Stat::RxErrors],
            Why::NoPeer
            | Why::SocketFull
            | Why::TooBig
            | Why::NoRoute
            | Why::Recursion
            | Why::SocketError
            | Why::Malformed
            | Why::PppTxMode
            | Why::PppTxFilter
            | Why::PppTxLine
            | Why::PppNoChannel => &[Stat::TxErrors],
            // Linux refuses to take it from the program in the first place.
            Why::PppTxShort => &[],
        }
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Counters) {
        let sums = self
            .statistics
            .in_order()
            .into_iter()
            .zip(other.statistics.in_order());
        self.statistics = Statistics::from_values(sums.map(|((stat, a), (_, b))| (stat, a + b)));
        for (sum, more) in self.drops.iter_mut().zip(other.drops) {
            *sum += more;
        }
    }
}

/// Counters that threads move while others read them.
#[derive(Debug)]
pub(crate) struct Tally {
    statistics: [AtomicU64; STATS],
    drops: [AtomicU64; DropReason::COUNT],
}

const STATS: usize = 12;

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            statistics: Default::default(),
            drops: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Tally {
    pub(crate) fn add(&self, stat: Stat, amount: u64) {
        self.statistics[stat as usize].fetch_add(amount, Relaxed);
    }

    /// Counts `count` packets dropped for `reason`.
    pub(crate) fn drop(&self, reason: DropReason, count: u64) {
        self.drops[reason as usize].fetch_add(count, Relaxed);
        for stat in reason.statistics() {
            self.add(*stat, count);
        }
    }

    /// Counts `count` packets dropped for `reason` and moves no counter of Linux.
    pub(crate) fn note(&self, reason: DropReason, count: u64) {
        self.drops[reason as usize].fetch_add(count, Relaxed);
    }

    pub(crate) fn read(&self) -> Counters {
        let value = |stat: &Stat| (*stat, self.statistics[*stat as usize].load(Relaxed));
        let drops = std::array::from_fn(|code| self.drops[code].load(Relaxed));
        Counters {
            statistics: Statistics::from_values(Stat::ALL.iter().map(value)),
            drops,
        }
    }
}

#[cfg(test)]
mod tests;
