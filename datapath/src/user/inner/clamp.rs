//! The largest segment size that two hosts agree on, kept to what the path carries (RFC 9293
//! §3.7.1). Without it a connection waits for somebody to tell its hosts that their segments are
//! too long, and often nobody does.

use super::replace;
use crate::sys::tap::Layer;
use crate::user::offload::{Layout, Transport};

const SYN: u8 = 0x02;
const END: u8 = 0;
const NOTHING: u8 = 1;
const MSS: u8 = 2;

/// Octets of IP and TCP header without options, which the size does not count.
const HEADERS_V4: u32 = 40;
const HEADERS_V6: u32 = 60;

/// Where the size that a SYN names stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The TCP header, from the frame's start.
    segment: usize,
    /// The size, from there.
    at: usize,
    /// What it has to be.
    size: u16,
}

/// What bounds segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Most {
    /// Their size.
    Size(u16),
    /// IP packets of so many octets.
    Mtu(u32),
}

/// Where and by what the segment size in `frame` has to be replaced. Nothing when the frame is no TCP SYN over IP, or names no size, or a
/// small enough one.
pub(crate) fn excess(layer: Layer, frame: &[u8], most: Most) -> Option<Place> {
    let layout = Layout::of(layer, frame)?;
    let header = frame.get(layout.segment..layout.payload)?;
    if layout.transport != Transport::Tcp || header[13] & SYN == 0 {
        return None;
    }
    let headers = if layout.v4 { HEADERS_V4 } else { HEADERS_V6 };
    let most = match most {
        Most::Size(size) => size,
        // A size of 0 would stop the connection.
        Most::Mtu(mtu) => u16::try_from(mtu.saturating_sub(headers).max(1)).unwrap_or(u16::MAX),
    };
    let at = option(header)?;
    let named = u16::from_be_bytes([header[at], header[at + 1]]);
    (named > most).then_some(Place {
        segment: layout.segment,
        at,
        size: most,
    })
}

/// Makes the segment size in `frame` what `place`, found there, says. The checksum follows, unless
/// it is `partial` and covers the pseudo header only.
pub(crate) fn clamp(frame: &mut [u8], place: Place, partial: bool) {
    let segment = &mut frame[place.segment..];
    let size = place.size.to_be_bytes();
    if partial {
        segment[place.at..place.at + 2].copy_from_slice(&size);
    } else {
        replace(segment, place.at, &size, Transport::Tcp.checksum_at());
    }
}

/// Where in a TCP header the two octets of its MSS option stand.
fn option(header: &[u8]) -> Option<usize> {
    let mut at = 20;
    while let Some(kind) = header.get(at) {
        match *kind {
            END => return None,
            NOTHING => at += 1,
            kind => {
                let len = usize::from(*header.get(at + 1)?);
                let whole = len >= 2 && at + len <= header.len();
                match (kind, len) {
                    _ if !whole => return None,
                    (MSS, 4) => return Some(at + 2),
                    (MSS, _) => return None,
                    _ => at += len,
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
