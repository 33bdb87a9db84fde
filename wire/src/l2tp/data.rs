use super::{Cookie, SessionId};
use core::fmt;

/// The first four octets of a v3 data message over UDP (RFC 3931 §4.1.2.1): version 3, reserved.
pub const V3_UDP_FLAGS: [u8; 4] = [0, 3, 0, 0];

/// Bit 30 of the default sublayer: a sequence number is present (RFC 3931 §4.6).
const SEQUENCE_PRESENT: u32 = 0x4000_0000;

/// The L2-specific sublayer of a v3 session (RFC 3931 §4.6, AVP 69).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sublayer {
    /// No octets between cookie and payload; such a session cannot carry sequence numbers.
    None,
    /// The default sublayer: 4 octets with the S bit and 24 bits of sequence number.
    #[default]
    Default,
}

impl Sublayer {
    /// Octets on the wire.
    pub const fn len(self) -> usize {
        match self {
            Sublayer::None => 0,
            Sublayer::Default => 4,
        }
    }

    /// Whether the sublayer takes no room.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A 24-bit v3 sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sequence(pub u32);

impl Sequence {
    /// The largest number; the next one is 0.
    pub const MAX: u32 = 0x00ff_ffff;

    /// The number `count` places on.
    #[must_use]
    pub const fn plus(self, count: u32) -> Sequence {
        Sequence(self.0.wrapping_add(count) & Sequence::MAX)
    }

    /// How many places this is on from `other`.
    pub const fn since(self, other: Sequence) -> u32 {
        self.0.wrapping_sub(other.0) & Sequence::MAX
    }
}

/// A v3 data message after its session id, taken apart by the receiving session's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V3Data<'a> {
    /// The sequence number, when the sublayer carries one.
    pub sequence: Option<Sequence>,
    /// The pseudowire's frame.
    pub payload: &'a [u8],
}

/// Why the octets behind a session id do not fit the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataError {
    /// The message ends inside the cookie or the sublayer.
    Truncated,
    /// The cookie is not the one that this end assigned.
    CookieMismatch,
}

/// Takes apart what follows the session id of a v3 data message: cookie, sublayer, payload.
///
/// `cookie` is the one this end demands; when it is empty no octet is skipped for it.
pub fn split_v3<'a>(
    rest: &'a [u8],
    cookie: &Cookie,
    sublayer: Sublayer,
) -> Result<V3Data<'a>, DataError> {
    let (got, rest) = rest
        .split_at_checked(cookie.len())
        .ok_or(DataError::Truncated)?;
    if got != cookie.as_slice() {
        return Err(DataError::CookieMismatch);
    }
    match sublayer {
        Sublayer::None => Ok(V3Data {
            sequence: None,
            payload: rest,
        }),
        Sublayer::Default => {
            let (word, payload) = rest.split_first_chunk().ok_or(DataError::Truncated)?;
            let word = u32::from_be_bytes(*word);
            let sequence = (word & SEQUENCE_PRESENT != 0).then_some(Sequence(word & Sequence::MAX));
            Ok(V3Data { sequence, payload })
        }
    }
}

/// Writes a v3 data header at the start of `out` and returns its length.
///
/// `udp` puts [`V3_UDP_FLAGS`] in front; `id` and `cookie` are the peer's. Returns `None` when
/// `out` is too short: the longest header has 20 octets. A sequence number is written only into
/// the default sublayer.
pub fn write_v3(
    out: &mut [u8],
    udp: bool,
    id: SessionId,
    cookie: &Cookie,
    sublayer: Sublayer,
    sequence: Option<Sequence>,
) -> Option<usize> {
    let mut at = 0;
    let mut put = |octets: &[u8]| -> Option<()> {
        out.get_mut(at..at + octets.len())?.copy_from_slice(octets);
        at += octets.len();
        Some(())
    };
    if udp {
        put(&V3_UDP_FLAGS)?;
    }
    put(&id.0.to_be_bytes())?;
    put(cookie.as_slice())?;
    if sublayer == Sublayer::Default {
        let word = sequence.map_or(0, |s| SEQUENCE_PRESENT | (s.0 & Sequence::MAX));
        put(&word.to_be_bytes())?;
    }
    Some(at)
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DataError::Truncated => "the message ends inside its header",
            DataError::CookieMismatch => "the cookie is not the assigned one",
        })
    }
}

impl core::error::Error for DataError {}
