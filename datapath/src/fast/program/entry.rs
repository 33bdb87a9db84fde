//! What programs and the data path tell each other by maps.

/// The longest of what may follow the session id: cookie and sublayer.
pub(crate) const MAX_REST: usize = 12;

/// Octets of a session's value in the array where [`egress`](super::egress()) counts: a [`Count`],
/// and a [`Pause`] each since the last super-frame of UDP, since the last tagged frame that was too long,
/// and since it was opened.
pub(crate) const SENT: usize = Count::LEN + 3 * Pause::LEN;

/// A session's value in the array where [`egress`](super::egress()) counts, opened at this time.
pub(crate) fn opened(now: u64) -> [u8; SENT] {
    let mut out = [0; SENT];
    out[SENT - Pause::LEN..].copy_from_slice(&Pause::opened(now).write());
    out
}

/// Octets of a session's value in the array that tells [`egress`](super::egress()) its way: the
/// interface index of the device that packets leave by. While it is 0, the program takes nothing.
pub(crate) const WAY: usize = 4;

/// What is known of the session that a key leads to, and what it has received. Programs use the
/// offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    pub(crate) received: Count,
    /// Cookie and sublayer of the peer's packets.
    pub(crate) rest: [u8; MAX_REST],
    /// How many octets of these there are.
    pub(crate) rest_len: u32,
    /// The interface index of the session's device.
    pub(crate) device: u32,
    /// Octets of the longest frame that the device takes.
    pub(crate) longest: u32,
}

/// Packets, and octets of L2TP in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    pub(crate) packets: u64,
    pub(crate) octets: u64,
}

impl Count {
    /// Octets in a map.
    pub(crate) const LEN: usize = 16;

    pub(crate) fn read(octets: &[u8; Count::LEN]) -> Count {
        let (packets, octets) = octets.split_at(8);
        let number = |octets: &[u8]| octets.try_into().map_or(0, u64::from_ne_bytes);
        Count {
            packets: number(packets),
            octets: number(octets),
        }
    }
}

/// What programs wait for before they take what user space took until now, lest they overtake it: a
/// pause in that, for a while. Times are nanoseconds of the machine's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause {
    /// Since when to wait; 0 where there is nothing to wait for.
    pub(crate) since: u64,
    /// When the last packet was left to user space meanwhile.
    pub(crate) left: u64,
}

impl Pause {
    /// Octets in a map: the two times, one behind the other.
    pub(crate) const LEN: usize = 16;

    /// Of programs that begin now: the first pause is enough.
    pub(super) fn opened(now: u64) -> Pause {
        Pause {
            since: now.saturating_sub(super::STAY_NANOSECONDS).max(1),
            left: now,
        }
    }

    pub(super) fn write(self) -> [u8; Pause::LEN] {
        let mut out = [0; Pause::LEN];
        out[..8].copy_from_slice(&self.since.to_ne_bytes());
        out[8..].copy_from_slice(&self.left.to_ne_bytes());
        out
    }
}

impl Entry {
    /// Octets in a map.
    pub(crate) const LEN: usize = 72;

    pub(super) const PACKETS: i16 = 0;
    pub(super) const OCTETS: i16 = 8;
    /// The [`Pause`] since the last packet with a UDP checksum, or since the session was opened.
    pub(super) const CHECKSUM_SEEN: i16 = 16;
    pub(super) const REST: i16 = 32;
    pub(super) const MASK: i16 = 48;
    pub(super) const DEVICE: i16 = 60;
    pub(super) const REST_LEN: i16 = 64;
    pub(super) const LONGEST: i16 = 68;

    /// The entry as programs find it that begin now.
    pub(crate) fn opened(&self, now: u64) -> [u8; Entry::LEN] {
        let mut out = self.write();
        let at = Entry::CHECKSUM_SEEN as usize;
        out[at..at + Pause::LEN].copy_from_slice(&Pause::opened(now).write());
        out
    }

    /// The entry as programs find it.
    pub(crate) fn write(&self) -> [u8; Entry::LEN] {
        let mut out = [0; Entry::LEN];
        let rest_len = self.rest_len as usize;
        let mut put = |at: i16, octets: &[u8]| {
            out[at as usize..at as usize + octets.len()].copy_from_slice(octets);
        };
        put(Entry::PACKETS, &self.received.packets.to_ne_bytes());
        put(Entry::OCTETS, &self.received.octets.to_ne_bytes());
        put(Entry::REST, &self.rest[..rest_len]);
        put(Entry::MASK, &[0xff; MAX_REST][..rest_len]);
        put(Entry::DEVICE, &self.device.to_ne_bytes());
        put(Entry::REST_LEN, &self.rest_len.to_ne_bytes());
        put(Entry::LONGEST, &self.longest.to_ne_bytes());
        out
    }
}
