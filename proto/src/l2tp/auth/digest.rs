//! Message digests (RFC 3931 §4.3, §5.4.1).

use super::Keys;
use adit_wire::l2tp::V3ControlHeader;
use adit_wire::l2tp::avp::{Attribute, Avp, DigestType, HEADER, MessageDigest, walk};
use adit_wire::l2tp::control::{MessageKind, message_kind};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// A message carries at most two digests; further ones are not looked at.
const MAX_DIGESTS: usize = 2;

/// Zeros for the longest digest.
const ZEROS: [u8; 20] = [0; 20];

/// The random values that both ends put into the digests of a control connection. Each is empty
/// as long as it is not known: this end's until it is sent, the peer's until it is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nonces<'a> {
    /// This end's.
    pub local: &'a [u8],
    /// The peer's.
    pub remote: &'a [u8],
}

/// What a message's digests show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// It has none.
    Absent,
    /// It is as it was sent, by whoever sent it: it was made with the empty secret.
    Intact,
    /// It is from who knows a secret: the one with this index.
    Authentic(usize),
}

/// Why a message must be dropped (RFC 3931 §5.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// It has no readable AVPs, or a digest of impossible length or type.
    #[error("the message digest is malformed")]
    Malformed,
    /// None of its digests is right with any of the secrets.
    #[error("the message digest is wrong")]
    Wrong,
}

/// Where a digest stands in a message.
#[derive(Debug, Clone, Copy)]
struct Slot {
    kind: DigestType,
    start: usize,
}

impl Slot {
    fn end(&self) -> usize {
        self.start + self.kind.octets()
    }
}

/// Checks the digests of `message`, a control message that
/// [`UdpMessage::decode`](adit_wire::l2tp::UdpMessage::decode) could read, from its T bit on. What
/// lies beyond its Length field does not belong to it.
///
/// It is authentic when one of its digests is right with one of `keys`. Without keys it is held to
/// the empty secret and empty nonces.
pub fn check(message: &[u8], keys: &[Keys], nonces: Nonces<'_>) -> Result<Checked, DigestError> {
    let message = within_length(message).ok_or(DigestError::Malformed)?;
    let (first, slots) = slots(message)?;
    if slots[0].is_none() {
        return Ok(Checked::Absent);
    }
    let nonces = match first || keys.is_empty() {
        true => Nonces::default(),
        false => nonces,
    };
    let empty = [Keys::none()];
    let candidates = if keys.is_empty() { &empty } else { keys };
    let right = candidates.iter().position(|keys| {
        slots.iter().flatten().any(|slot| {
            let came = &message[slot.start..slot.end()];
            let (first, second) = (nonces.remote, nonces.local);
            let (digest, length) = digest(message, &slots, slot.kind, keys, first, second);
            digest[..length].ct_eq(came).into()
        })
    });
    match right {
        None => Err(DigestError::Wrong),
        Some(_) if keys.is_empty() => Ok(Checked::Intact),
        Some(index) => Ok(Checked::Authentic(index)),
    }
}

/// Fills in the digests for which [`cover`](super::cover()) made room in `message`, a whole control
/// message from its T bit on; without room there is nothing to do. The first is made with the first
/// of `keys`, the second with the second or else the last, and without keys with the empty secret.
pub fn seal(message: &mut [u8], keys: &[Keys], nonces: Nonces<'_>) -> Result<(), DigestError> {
    let (first, slots) = slots(message)?;
    let nonces = match first || keys.is_empty() {
        true => Nonces::default(),
        false => nonces,
    };
    let empty = Keys::none();
    let made = [0, 1].map(|index| {
        let slot = slots[index]?;
        let keys = keys.get(index).or(keys.last()).unwrap_or(&empty);
        let (first, second) = (nonces.local, nonces.remote);
        Some((
            slot,
            digest(message, &slots, slot.kind, keys, first, second),
        ))
    });
    for (slot, (digest, length)) in made.into_iter().flatten() {
        message[slot.start..slot.end()].copy_from_slice(&digest[..length]);
    }
    Ok(())
}

/// The nonce that an SCCRQ or SCCRP carries, which it takes to check the SCCRP's own digest.
pub fn nonce(avps: &[u8]) -> Option<&[u8]> {
    let name = Attribute::Nonce.into();
    let mut all = walk(avps).map_while(Result::ok);
    let nonce = all.find(|avp| avp.name() == name && !avp.hidden)?;
    Some(nonce.value).filter(|value| !value.is_empty())
}

fn within_length(message: &[u8]) -> Option<&[u8]> {
    let length = u16::from_be_bytes(*message.get(2..)?.first_chunk()?);
    message.get(..length.into())
}

/// Whether the message is an SCCRQ, whose digest has no nonces, and where its digests stand: right
/// behind the Message Type, and nowhere else.
fn slots(message: &[u8]) -> Result<(bool, [Option<Slot>; MAX_DIGESTS]), DigestError> {
    let avps = message.get(V3ControlHeader::LEN..).unwrap_or_default();
    let mut slots = [None; MAX_DIGESTS];
    if avps.is_empty() {
        return Ok((false, slots));
    }
    let is_sccrq = message_kind(avps) == Ok(Some(MessageKind::Sccrq));
    let mut at = V3ControlHeader::LEN;
    let mut walk = walk(avps);
    at += match walk.next() {
        Some(Ok(first)) => HEADER + first.value.len(),
        _ => return Err(DigestError::Malformed),
    };
    for slot in &mut slots {
        let next = walk.next().and_then(Result::ok);
        let Some(avp) = next.filter(|avp| avp.name() == Attribute::MessageDigest.into()) else {
            break;
        };
        let Ok(Avp::MessageDigest(MessageDigest { kind, .. })) =
            Avp::read(Attribute::MessageDigest, avp.value)
        else {
            return Err(DigestError::Malformed);
        };
        let start = at + HEADER + 1;
        *slot = Some(Slot { kind, start });
        at = start + kind.octets();
    }
    Ok((is_sccrq, slots))
}

/// The digest of `message` with zeros in all `slots`, behind two nonces; and its length.
fn digest(
    message: &[u8],
    slots: &[Option<Slot>],
    kind: DigestType,
    keys: &Keys,
    first: &[u8],
    second: &[u8],
) -> ([u8; 20], usize) {
    let feed = |update: &mut dyn FnMut(&[u8])| {
        update(first);
        update(second);
        let mut done = 0;
        for slot in slots.iter().flatten() {
            update(&message[done..slot.start]);
            update(&ZEROS[..slot.kind.octets()]);
            done = slot.end();
        }
        update(&message[done..]);
    };
    let mut digest = [0; 20];
    match kind {
        DigestType::HmacMd5 => {
            let mut mac = Hmac::<Md5>::new_from_slice(keys.digest()).expect("16 octets are a key");
            feed(&mut |octets| mac.update(octets));
            digest[..16].copy_from_slice(&mac.finalize().into_bytes());
        }
        DigestType::HmacSha1 => {
            let mut mac = Hmac::<Sha1>::new_from_slice(keys.digest()).expect("16 octets are a key");
            feed(&mut |octets| mac.update(octets));
            digest.copy_from_slice(&mac.finalize().into_bytes());
        }
    }
    (digest, kind.octets())
}
