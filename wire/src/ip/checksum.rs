/// The Internet checksum (RFC 1071), accumulated over slices.
///
/// The slices are summed as if they stood one behind the other: a slice of odd length makes the
/// next one start in the middle of a 16-bit word.
///
/// ```
/// use adit_wire::ip::Checksum;
/// let mut sum = Checksum::new();
/// sum.add(&[0x00, 0x01, 0xf2]);
/// sum.add(&[0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
/// assert_eq!(sum.finish(), 0x220d);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Checksum {
    sum: u16,
    odd: bool,
}

impl Checksum {
    /// The sum of nothing.
    pub fn new() -> Checksum {
        Checksum::default()
    }

    /// Adds `octets` behind those added before.
    pub fn add(&mut self, octets: &[u8]) {
        self.add_sum(ones_complement_sum(octets), octets.len());
    }

    /// Adds `octets` octets, whose [`ones_complement_sum`] is `sum`, behind those added before. A
    /// 16-bit word is the sum of itself.
    pub fn add_sum(&mut self, sum: u16, octets: usize) {
        // A sum over octets in the other halves of their words is the sum with its own halves
        // swapped (RFC 1071 §2 B).
        let sum = if self.odd { sum.swap_bytes() } else { sum };
        self.sum = fold(u64::from(self.sum) + u64::from(sum));
        self.odd ^= octets % 2 == 1;
    }

    /// The checksum to put into a header whose checksum field counted as 0. Over a packet whose
    /// checksum field is filled in it gives 0 when the checksum is right.
    ///
    /// UDP sends a result of 0 as 0xffff (RFC 768), which is the caller's business.
    pub fn finish(self) -> u16 {
        !self.sum
    }
}

/// The folded one's complement sum of one slice, as if a zero stood behind an odd end (RFC 1071).
// Inlined, it is compiled for the instructions that its caller may use.
#[inline]
pub fn ones_complement_sum(octets: &[u8]) -> u16 {
    // 32-bit words fold to the same sum as 16-bit words (RFC 1071 §2 C), and words of the host's
    // order to that sum in the host's order (§2 B), which needs no swap of each. A u64 holds the
    // carries of 16 GiB.
    let words = octets.chunks_exact(4);
    let tail = words.remainder();
    let mut total = 0u64;
    for word in words {
        total += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
    }
    let mut last = [0; 4];
    last[..tail.len()].copy_from_slice(tail);
    u16::from_be(fold(total + u64::from(u32::from_ne_bytes(last))))
}

#[inline]
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
