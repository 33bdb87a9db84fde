mod digests;
mod hidden;
mod tunnel;

use super::Keys;
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
