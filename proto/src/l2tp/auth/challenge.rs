use super::Keys;
use adit_wire::l2tp::control::MessageKind;
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

/// The response to `challenge` that an SCCRP or SCCCN carries: that of CHAP, with the message's
/// number for the identifier (RFC 2661 §4.4.3, §5.1.1).
pub fn respond(carrier: MessageKind, keys: &Keys, challenge: &[u8]) -> [u8; 16] {
    let id = carrier.number().to_be_bytes()[1];
    Md5::new()
        .chain_update([id])
        .chain_update(keys.secret())
        .chain_update(challenge)
        .finalize()
        .into()
}

/// Whether `response`, which came in a message of kind `carrier`, answers `challenge`.
pub fn response_is_right(
    carrier: MessageKind,
    keys: &Keys,
    challenge: &[u8],
    response: &[u8; 16],
) -> bool {
    respond(carrier, keys, challenge).ct_eq(response).into()
}
