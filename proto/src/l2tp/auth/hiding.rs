//! Hidden AVPs (RFC 2661 §4.3, RFC 3931 §5.3).

use super::Keys;
use crate::Random;
use adit_wire::l2tp::Version;
use adit_wire::l2tp::avp::{
    Attribute, AvpName, HEADER, MAX_VALUE, RawAvp, has_hidden, walk, write_raw,
};
use md5::{Digest, Md5};

/// Octets of the hash, and of what is hidden at a time.
const BLOCK: usize = 16;

/// Octets of the length in front of a value that is to be hidden.
const LENGTH: usize = 2;

/// `avps` with hidden values in clear, and their H bits clear: itself when none is hidden, else a
/// list in `scratch`.
///
/// What cannot be revealed stays as it is, for the message's reader to judge by its M bit: without
/// `keys`, without a random vector before it, or when the length inside cannot be, as with another
/// secret.
pub fn reveal<'a>(
    avps: &'a [u8],
    version: Version,
    keys: Option<&Keys>,
    scratch: &'a mut Vec<u8>,
) -> &'a [u8] {
    let Some(keys) = keys.filter(|_| has_hidden(avps)) else {
        return avps;
    };
    let key = keys.hiding(version);
    scratch.clear();
    let mut vector = None;
    let mut rest = avps;
    for avp in walk(avps).map_while(Result::ok) {
        let (octets, behind) = rest.split_at(HEADER + avp.value.len());
        rest = behind;
        if avp.name() == Attribute::RandomVector.into() {
            vector = Some(avp.value);
        }
        let known = vector.filter(|_| avp.hidden && is_hideable(avp.name()));
        if !known.is_some_and(|vector| append_revealed(&avp, key, vector, scratch)) {
            scratch.extend_from_slice(octets);
        }
    }
    // Behind an impossible length; the message's reader comes to it again.
    scratch.extend_from_slice(rest);
    scratch
}

/// Appends `avp` in clear, or nothing and gives `false`.
fn append_revealed(avp: &RawAvp<'_>, key: &[u8], vector: &[u8], out: &mut Vec<u8>) -> bool {
    let mut clear = [0; MAX_VALUE];
    let Some(clear) = clear.get_mut(..avp.value.len()) else {
        return false;
    };
    let mut pad = first_pad(avp.attribute, key, vector);
    for (clear, hidden) in clear.chunks_mut(BLOCK).zip(avp.value.chunks(BLOCK)) {
        clear.copy_from_slice(hidden);
        mix(clear, &pad);
        pad = next_pad(key, hidden);
    }
    let Some((length, value)) = clear.split_first_chunk::<LENGTH>() else {
        return false;
    };
    match value.get(..usize::from(u16::from_be_bytes(*length))) {
        Some(value) => write_raw(out, avp.mandatory, false, avp.name(), value),
        None => false,
    }
}

/// Appends `avp` hidden, with up to 15 octets of padding, or nothing and gives `false` when its
/// value exceeds 1015 octets.
pub(super) fn append_hidden(
    avp: &RawAvp<'_>,
    key: &[u8],
    vector: &[u8],
    random: &mut Random,
    out: &mut Vec<u8>,
) -> bool {
    let mut octets = [0; MAX_VALUE];
    let filled = LENGTH + avp.value.len();
    let padded = (filled + random.below(BLOCK as u32) as usize).min(MAX_VALUE);
    let Some(octets) = octets.get_mut(..padded).filter(|_| filled <= padded) else {
        return false;
    };
    let (value, padding) = octets.split_at_mut(filled);
    let length = avp.value.len() as u16;
    value[..LENGTH].copy_from_slice(&length.to_be_bytes());
    value[LENGTH..].copy_from_slice(avp.value);
    random.fill(padding);
    let mut pad = first_pad(avp.attribute, key, vector);
    for block in octets.chunks_mut(BLOCK) {
        mix(block, &pad);
        pad = next_pad(key, block);
    }
    write_raw(out, avp.mandatory, true, avp.name(), octets)
}

/// Whether an AVP may be hidden at all: those that it takes to read a message may not.
fn is_hideable(name: AvpName) -> bool {
    !matches!(
        Attribute::from_name(name),
        Some(Attribute::MessageType | Attribute::RandomVector | Attribute::MessageDigest)
    )
}

fn first_pad(attribute: u16, key: &[u8], vector: &[u8]) -> [u8; BLOCK] {
    let hash = Md5::new().chain_update(attribute.to_be_bytes());
    hash.chain_update(key)
        .chain_update(vector)
        .finalize()
        .into()
}

fn next_pad(key: &[u8], hidden: &[u8]) -> [u8; BLOCK] {
    let hash = Md5::new().chain_update(key);
    hash.chain_update(hidden).finalize().into()
}

/// Exclusive-or of `octets` with as much of `pad`.
fn mix(octets: &mut [u8], pad: &[u8; BLOCK]) {
    for (octet, pad) in octets.iter_mut().zip(pad) {
        *octet ^= pad;
    }
}
