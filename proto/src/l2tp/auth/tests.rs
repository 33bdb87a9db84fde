mod digests;
mod hidden;
mod tunnel;

use super::{Keys, Mint};
use crate::Random;
use crate::l2tp::config::Secret;

fn keys(secret: &[u8]) -> Keys {
    Keys::new(&Secret(secret.to_vec()))
}

/// The octets that `digits` write in hex.
fn hex(digits: &str) -> Vec<u8> {
    let octet = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("these are hex digits");
    (0..digits.len()).step_by(2).map(octet).collect()
}

#[test]
fn keys_do_not_show_themselves() {
    assert_eq!(format!("{:?}", keys(b"tunnel secret")), "Keys(..)");
}

#[test]
fn a_mint_knows_its_own() {
    let mut random = Random::new([4; 32]);
    let (mint, other) = (Mint::new(&mut random), Mint::new(&mut random));
    let made = mint.make(&mut random);
    assert!(mint.made(&made) && !other.made(&made));
    assert_ne!(made, mint.make(&mut random));
    for at in 0..16 {
        let mut changed = made;
        changed[at] ^= 0x10;
        assert!(!mint.made(&changed), "octet {at}");
    }
    assert!(!mint.made(&made[..15]) && !mint.made(&[]));
}
