use super::Keys;
use super::hiding::append_hidden;
use crate::Random;
use adit_wire::l2tp::Version;
use adit_wire::l2tp::avp::{Attribute, AvpName, DigestType, RawAvp, walk, write_raw};

/// How a message is protected.
#[derive(Debug, Clone, Copy)]
pub struct Cover<'a> {
    /// The version in the message's header, which an SCCRQ that offers both has as 2.
    pub version: Version,
    /// Hides with these keys whatever may be hidden.
    pub hide: Option<&'a Keys>,
    /// Makes room for these digests, at most two, which [`seal`](super::seal) fills.
    pub digests: &'a [DigestType],
}

/// Why a message cannot be protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoverError {
    /// A value exceeds the 1015 octets that can be hidden.
    #[error("{0} is too long to be hidden")]
    TooLong(AvpName),
    /// The AVPs do not begin with a Message Type, or one has an impossible length.
    #[error("these are not the AVPs of a message")]
    NotAMessage,
}

/// Appends `avps`, a message in clear, to `out` with what protects it: digests of zeros right
/// behind the Message Type, a random vector, hidden values. `out` is as it was when that fails.
///
/// A zero-length body stays one. Where messages are authenticated it must not be sent, but an ACK
/// (RFC 3931 §6.15).
pub fn cover(
    avps: &[u8],
    cover: Cover<'_>,
    random: &mut Random,
    out: &mut Vec<u8>,
) -> Result<(), CoverError> {
    let start = out.len();
    let done = append(avps, cover, random, out);
    if done.is_err() {
        out.truncate(start);
    }
    done
}

fn append(
    avps: &[u8],
    cover: Cover<'_>,
    random: &mut Random,
    out: &mut Vec<u8>,
) -> Result<(), CoverError> {
    let mut walk = walk(avps);
    let Some(first) = walk.next() else {
        return Ok(());
    };
    let first = first.map_err(|_| CoverError::NotAMessage)?;
    if first.attribute != Attribute::MessageType.number() {
        return Err(CoverError::NotAMessage);
    }
    copy(&first, out)?;
    for kind in cover.digests {
        append_empty_digest(*kind, cover.version, out)?;
    }
    let mut vector = None;
    for avp in walk {
        let avp = avp.map_err(|_| CoverError::NotAMessage)?;
        let keys = cover.hide.filter(|_| may_be_hidden(&avp));
        let Some(keys) = keys else {
            copy(&avp, out)?;
            // Behind a foreign vector the own one counts no more.
            vector = vector.filter(|_| avp.name() != Attribute::RandomVector.into());
            continue;
        };
        let vector = match vector {
            Some(vector) => vector,
            None => *vector.insert(append_vector(cover.version, random, out)?),
        };
        let key = keys.hiding(cover.version);
        if !append_hidden(&avp, key, &vector, random, out) {
            return Err(CoverError::TooLong(avp.name()));
        }
    }
    Ok(())
}

/// What Adit hides: AVPs of the IETF's that may be, and that have something to hide.
fn may_be_hidden(avp: &RawAvp<'_>) -> bool {
    let known = Attribute::from_name(avp.name());
    !avp.hidden && !avp.value.is_empty() && known.is_some_and(Attribute::may_be_hidden)
}

fn append_empty_digest(
    kind: DigestType,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), CoverError> {
    let attribute = Attribute::MessageDigest;
    let mut value = [0; 21];
    value[0] = kind.number();
    let value = &value[..1 + kind.octets()];
    put(
        out,
        attribute.mandatory(version),
        false,
        attribute.into(),
        value,
    )
}

fn append_vector(
    version: Version,
    random: &mut Random,
    out: &mut Vec<u8>,
) -> Result<[u8; 16], CoverError> {
    let attribute = Attribute::RandomVector;
    let vector = random.octets();
    put(
        out,
        attribute.mandatory(version),
        false,
        attribute.into(),
        &vector,
    )?;
    Ok(vector)
}

fn copy(avp: &RawAvp<'_>, out: &mut Vec<u8>) -> Result<(), CoverError> {
    put(out, avp.mandatory, avp.hidden, avp.name(), avp.value)
}

fn put(
    out: &mut Vec<u8>,
    mandatory: bool,
    hidden: bool,
    name: AvpName,
    value: &[u8],
) -> Result<(), CoverError> {
    match write_raw(out, mandatory, hidden, name, value) {
        true => Ok(()),
        false => Err(CoverError::TooLong(name)),
    }
}
