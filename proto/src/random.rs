use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use std::time::Duration;

/// The node's source of ids, cookies, challenges and jitter: a ChaCha20 stream.
///
/// With a seed from the host's entropy source, what it gives cannot be guessed, which cookies
/// need (RFC 3931 §8.2); with a fixed seed it repeats itself, which simulations need.
pub struct Random(ChaCha20Rng);

impl Random {
    /// The stream that `seed` begins.
    pub fn new(seed: [u8; 32]) -> Random {
        Random(ChaCha20Rng::from_seed(seed))
    }

    /// Fills `octets`.
    pub fn fill(&mut self, octets: &mut [u8]) {
        self.0.fill_bytes(octets);
    }

    /// Any array of octets.
    pub fn octets<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        self.fill(&mut octets);
        octets
    }

    /// Any number.
    pub fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number below `bound`, or 0 when that is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        // The bias is below 1 in 2^32 for any bound, which nothing here can notice.
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u32
    }

    /// A duration between half of `around` and one and a half of it.
    pub fn jitter(&mut self, around: Duration) -> Duration {
        around / 2 + around.mul_f64(f64::from(self.word()) / f64::from(u32::MAX))
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}
