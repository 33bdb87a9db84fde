use crate::Random;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use subtle::ConstantTimeEq;

/// Octets that make a value differ from all others; as many more show whose it is.
const RANDOM: usize = 8;

/// Makes challenges and nonces that only their maker recognizes.
///
/// Whoever calls and answers with the same secret must not prove itself to itself: a mirror that
/// sends an end's own challenge back to it would get the response that it needs for that end, and
/// one that sends its own SCCRQ back would get an SCCRP with the right digest. What is minted is
/// recognized without remembering it.
#[derive(Clone)]
pub struct Mint {
    key: [u8; 16],
}

impl Mint {
    /// A mint of its own.
    pub fn new(random: &mut Random) -> Mint {
        Mint {
            key: random.octets(),
        }
    }

    /// A challenge or nonce: for all others random octets.
    pub fn make(&self, random: &mut Random) -> [u8; 16] {
        let mut made = [0; 16];
        let (head, tail) = made.split_at_mut(RANDOM);
        random.fill(head);
        tail.copy_from_slice(&self.mark(head));
        made
    }

    /// Whether `octets` were made here.
    pub fn made(&self, octets: &[u8]) -> bool {
        match octets.split_at_checked(RANDOM) {
            Some((head, tail)) => self.mark(head).ct_eq(tail).into(),
            None => false,
        }
    }

    fn mark(&self, head: &[u8]) -> [u8; RANDOM] {
        let mac = Hmac::<Md5>::new_from_slice(&self.key).expect("16 octets are a key");
        let whole: [u8; 16] = mac.chain_update(head).finalize().into_bytes().into();
        let [a, b, c, d, e, f, g, h, ..] = whole;
        [a, b, c, d, e, f, g, h]
    }
}

impl std::fmt::Debug for Mint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mint(..)")
    }
}
