//! What the data path does to the frames it carries beside carrying them: all of it on request, or
//! because a frame does not fit.

pub(crate) mod clamp;
pub(crate) mod class;
pub(crate) mod too_big;

/// Puts `new` into `octets` at `at` and corrects the checksum at `checksum`, which covers it, by
/// what changes (RFC 1624). `at` and `checksum` count from where the sum starts.
fn replace(octets: &mut [u8], at: usize, new: &[u8], checksum: usize) {
    let half = |octets: &[u8], at: usize| {
        u32::from(octets.get(at).copied().unwrap_or(0)) << 8
            | u32::from(octets.get(at + 1).copied().unwrap_or(0))
    };
    let words = (at & !1..at + new.len()).step_by(2);
    let mut sum = !half(octets, checksum) & 0xffff;
    for word in words.clone() {
        sum += !half(octets, word) & 0xffff;
    }
    if let Some(old) = octets.get_mut(at..at + new.len()) {
        old.copy_from_slice(new);
    }
    for word in words {
        sum += half(octets, word);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    if let Some(field) = octets.get_mut(checksum..checksum + 2) {
        field.copy_from_slice(&(!(sum as u16)).to_be_bytes());
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
