use super::channel::Channel;
use super::end::{End, Readers};
use super::filter::Filter;
use super::route::{self, NETWORK, NpMode};
use super::worker::refusal;
use crate::counters::{DropReason, Tally};
use crate::user::line::Line;
use crate::user::port::Interface;
use adit_wire::netlink::{Errno, Stat};
use adit_wire::ppp::vj::Decompressor;
use adit_wire::ppp::{self, protocol};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Flags of a unit (Linux's `SC_...`).
pub mod flag {
    /// Packets to send go to the unit's file: whoever reads it waits for traffic to dial.
    pub const LOOP_TRAFFIC: u32 = 0x200;
    /// What a program may set: VJ's and CCP's switches, looping, multilink's.
    pub const SETTABLE: u32 = 0x0040_4eec;
}

/// PPP's default MRU (RFC 1661 §6.1).
const DEFAULT_MRU: u32 = 1500;

/// Numbers below belong to packets of the network layer (RFC 1661 §2).
const CONTROL: u16 = 0x8000;

/// What a filter sees in front of a packet: the direction, in an octet and one of nothing.
const INBOUND: [u8; 2] = [0, 0];
const OUTBOUND: [u8; 2] = [1, 0];

/// Which of a unit's two filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterKind {
    /// Packets that it says no to are dropped.
    Pass,
    /// Packets that it says no to do not count as activity.
    Active,
}

/// How long a unit has carried nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    /// Since the last packet was sent.
    pub sent: Duration,
    /// Since the last packet was received.
    pub received: Duration,
}

/// What SIOCGPPPSTATS tells of a unit. Octets are those of packets, without PPP's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct UnitStatistics {
    pub rx_packets: u64,
    pub rx_bytes: u64,
    pub rx_errors: u64,
    pub tx_packets: u64,
    pub tx_bytes: u64,
    pub tx_errors: u64,
}

/// A PPP interface: a device of the network layer over channels.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(super) index: u32,
    /// Under which the sending threads know it.
    pub(super) number: u64,
    /// Interface index of its device.
    pub(super) ifindex: u32,
    /// None once the unit has ended.
    device: Mutex<Option<Arc<Interface>>>,
    pub(super) readers: Readers,
    /// Of the file that made it.
    owner: OnceLock<Arc<End>>,
    channels: Mutex<Vec<Arc<Channel>>>,
    flags: AtomicU32,
    mru: AtomicU32,
    debug: AtomicU32,
    modes: [AtomicU32; NETWORK.len()],
    /// Once a program has asked the peer to compress headers.
    decompressor: Mutex<Option<Decompressor>>,
    filtered: AtomicBool,
    filters: RwLock<[Option<Filter>; 2]>,
    /// Milliseconds since the start of the process.
    last_sent: AtomicU64,
    last_received: AtomicU64,
    tally: Tally,
}

impl Unit {
    pub(super) fn new(index: u32, number: u64, device: Arc<Interface>) -> Unit {
        let now = AtomicU64::new(now());
        Unit {
            index,
            number,
            ifindex: device.index,
            device: Mutex::new(Some(device)),
            readers: Readers::default(),
            owner: OnceLock::new(),
            channels: Mutex::default(),
            flags: AtomicU32::new(0),
            mru: AtomicU32::new(DEFAULT_MRU),
            debug: AtomicU32::new(0),
            modes: Default::default(),
            decompressor: Mutex::default(),
            filtered: AtomicBool::new(false),
            filters: RwLock::default(),
            last_sent: AtomicU64::new(now.load(Relaxed)),
            last_received: now,
            tally: Tally::default(),
        }
    }

    /// Its device; none once the unit has ended.
    pub(super) fn device(&self) -> Option<Arc<Interface>> {
        self.lock_device().clone()
    }

    /// Takes the device away for good.
    pub(super) fn end(&self) -> Option<Arc<Interface>> {
        self.lock_device().take()
    }

    /// The unit ends with the program's end of this.
    pub(super) fn belong_to(&self, end: Arc<End>) {
        let _ = self.owner.set(end);
    }

    /// The end of the file that made the unit: once the program has closed it the unit ends.
    pub(super) fn owner(&self) -> Option<&End> {
        self.owner.get().map(|end| &**end)
    }

    fn lock_device(&self) -> MutexGuard<'_, Option<Arc<Interface>>> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channels that are connected to it.
    pub(super) fn channels(&self) -> MutexGuard<'_, Vec<Arc<Channel>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel that it sends by: the first whose session is there.
    pub(super) fn sender(&self) -> Option<Arc<Channel>> {
        let channels = self.channels();
        channels.iter().find(|channel| !channel.is_cut()).cloned()
    }

    /// The line that a frame written to its file leaves by; none when it is dropped, and counted,
    /// or comes back to the file.
    pub(super) fn way_out(&self, frame: &[u8]) -> Option<Arc<Line>> {
        if let Some(reason) = refusal(frame) {
            self.drop_unsent(reason);
            return None;
        }
        let (protocol, information) = ppp::split(frame)?;
        if !self.sends(protocol, [information, &[]]) {
            self.drop_unsent(DropReason::PppTxFilter);
            return None;
        }
        if self.loops() {
            self.loop_back(protocol, [information, &[]]);
            return None;
        }
        let line = self.sender().map(|channel| channel.line.clone());
        if line.is_none() {
            self.drop_unsent(DropReason::PppNoChannel);
        }
        line
    }

    /// Counts a received frame, which has so many octets behind its protocol number.
    pub(super) fn count_received(&self, octets: usize) {
        self.tally.add(Stat::RxPackets, 1);
        self.tally.add(Stat::RxBytes, octets as u64);
    }

    /// Takes compressed headers with connection ids up to this one from now on.
    pub(super) fn decompress_up_to(&self, max_id: u8) {
        *self.lock_decompressor() = Some(Decompressor::new(max_id));
    }

    /// Expands the headers of a packet.
    pub(super) fn decompress(&self, protocol: u16, packet: &[u8]) -> Result<Vec<u8>, DropReason> {
        let mut decompressor = self.lock_decompressor();
        let line = decompressor.as_mut().ok_or(DropReason::PppCompressed)?;
        let whole = match protocol {
            protocol::VJ_UNCOMPRESSED => line.uncompressed(packet),
            _ => line.compressed(packet),
        };
        whole.ok_or(DropReason::PppCompressed)
    }

    fn lock_decompressor(&self) -> MutexGuard<'_, Option<Decompressor>> {
        let decompressor = self.decompressor.lock();
        decompressor.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a received packet may go to the device, its protocol standing at `place` of
    /// [`NETWORK`].
    pub(super) fn admit(
        &self,
        place: usize,
        protocol: u16,
        packet: &[u8],
    ) -> Result<(), DropReason> {
        if !self.wants(INBOUND, protocol, [packet, &[]]) {
            return Err(DropReason::PppFilter);
        }
        if self.modes[place].load(Relaxed) != NpMode::PASS.0 {
            return Err(DropReason::PppMode);
        }
        let version = match protocol {
            protocol::IPV4 => 4,
            protocol::IPV6 => 6,
            _ => return Err(DropReason::PppProtocol),
        };
        match packet.first() {
            Some(octet) if octet >> 4 == version => Ok(()),
            Some(_) | None => Err(DropReason::PppProtocol),
        }
    }

    /// The protocol number of a packet from the device, if its protocol may pass.
    pub(crate) fn protocol_of(&self, packet: &[u8]) -> Result<u16, DropReason> {
        let (protocol, place) = match packet.first().map(|octet| octet >> 4) {
            Some(4) => (protocol::IPV4, 0),
            Some(6) => (protocol::IPV6, 1),
            Some(_) | None => return Err(DropReason::Malformed),
        };
        if self.modes[place].load(Relaxed) != NpMode::PASS.0 {
            return Err(DropReason::PppTxMode);
        }
        Ok(protocol)
    }

    /// Whether a packet to send passes the filter. One that does is counted.
    pub(crate) fn sends(&self, protocol: u16, packet: [&[u8]; 2]) -> bool {
        let octets: usize = packet.iter().map(|piece| piece.len()).sum();
        let wanted = self.wants(OUTBOUND, protocol, packet);
        if wanted {
            self.tally.add(Stat::TxPackets, 1);
            self.tally.add(Stat::TxBytes, octets as u64);
        }
        wanted
    }

    /// Counts a packet that could not be sent because there is no channel.
    pub(crate) fn drop_unsent(&self, reason: DropReason) {
        self.tally.drop(reason, 1);
    }

    /// Whether packets to send go to the unit's file.
    pub(crate) fn loops(&self) -> bool {
        self.flags.load(Relaxed) & flag::LOOP_TRAFFIC != 0
    }

    /// Gives a packet to send to the unit's file.
    pub(crate) fn loop_back(&self, protocol: u16, packet: [&[u8]; 2]) {
        let number = protocol.to_be_bytes();
        if let Err(reason) = self.readers.give(&[&number, packet[0], packet[1]]) {
            self.tally.drop(reason, 1);
        }
    }

    /// Whether the filter lets a packet pass; notes activity.
    fn wants(&self, direction: [u8; 2], protocol: u16, packet: [&[u8]; 2]) -> bool {
        if protocol >= CONTROL {
            return true;
        }
        let mut active = true;
        if self.filtered.load(Relaxed) {
            let number = protocol.to_be_bytes();
            let pieces = [&direction[..], &number, packet[0], packet[1]];
            let filters = self.filters.read().unwrap_or_else(PoisonError::into_inner);
            let says_no = |kind: FilterKind| {
                let filter = filters[kind as usize].as_ref();
                filter.is_some_and(|filter| filter.run(&pieces) == 0)
            };
            if says_no(FilterKind::Pass) {
                return false;
            }
            active = !says_no(FilterKind::Active);
        }
        if active {
            let last = match direction == OUTBOUND {
                true => &self.last_sent,
                false => &self.last_received,
            };
            last.store(now(), Relaxed);
        }
        true
    }

    pub(super) fn set_filter(&self, kind: FilterKind, filter: Option<Filter>) {
        let mut filters = self.filters.write().unwrap_or_else(PoisonError::into_inner);
        filters[kind as usize] = filter;
        let any = filters.iter().any(Option::is_some);
        self.filtered.store(any, Relaxed);
    }

    pub(super) fn flags(&self) -> u32 {
        self.flags.load(Relaxed)
    }

    pub(super) fn set_flags(&self, flags: u32) {
        self.flags.store(flags & flag::SETTABLE, Relaxed);
    }

    pub(super) fn mru(&self) -> u32 {
        self.mru.load(Relaxed)
    }

    pub(super) fn set_mru(&self, mru: u32) {
        self.mru.store(mru, Relaxed);
    }

    pub(super) fn debug(&self) -> u32 {
        self.debug.load(Relaxed)
    }

    pub(super) fn set_debug(&self, debug: u32) {
        self.debug.store(debug, Relaxed);
    }

    /// The mode of a network protocol; EINVAL for one that has none.
    pub(super) fn mode(&self, protocol: u16) -> Result<NpMode, Errno> {
        let place = route::network(protocol).ok_or(Errno::EINVAL)?;
        Ok(NpMode(self.modes[place].load(Relaxed)))
    }

    pub(super) fn set_mode(&self, protocol: u16, mode: NpMode) -> Result<(), Errno> {
        let place = route::network(protocol).ok_or(Errno::EINVAL)?;
        self.modes[place].store(mode.0, Relaxed);
        Ok(())
    }

    pub(super) fn idle(&self) -> Idle {
        let since =
            |last: &AtomicU64| Duration::from_millis(now().saturating_sub(last.load(Relaxed)));
        Idle {
            sent: since(&self.last_sent),
            received: since(&self.last_received),
        }
    }

    pub(super) fn statistics(&self) -> UnitStatistics {
        let statistics = self.tally.read().statistics;
        UnitStatistics {
            rx_packets: statistics.rx_packets,
            rx_bytes: statistics.rx_bytes,
            rx_errors: statistics.rx_errors,
            tx_packets: statistics.tx_packets,
            tx_bytes: statistics.tx_bytes,
            tx_errors: statistics.tx_errors,
        }
    }
}

fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_millis() as u64
}
