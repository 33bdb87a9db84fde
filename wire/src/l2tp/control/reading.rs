use super::super::avp::{Attribute, Avp, AvpName, RawAvp, Walk, walk};
use super::{Ignored, MessageError, MessageKind, Oddity};
use crate::l2tp::Version;

/// What a certain peer does differently, named and off unless wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quirks {
    /// Reads AVPs of the L2TPv3 drafts, under Cisco's vendor id, as the RFC's that they became
    /// ([`CISCO`](super::super::avp::CISCO)). When both forms are there the first counts.
    pub cisco_draft_avps: bool,
}

/// A message's AVPs on the way into its type.
pub(super) struct Reading<'a> {
    walk: Walk<'a>,
    pub(super) kind: MessageKind,
    version: Version,
    quirks: Quirks,
    pub(super) ignored: Ignored,
}

/// The kind of the message that `avps` are; `None` for a zero-length body.
///
/// It can be asked before hidden AVPs are revealed and before a digest is checked, which it may
/// take to know how.
pub fn message_kind(avps: &[u8]) -> Result<Option<MessageKind>, MessageError> {
    start(avps).map(|started| started.map(|(kind, _)| kind))
}

/// The kind, and the AVPs behind the Message Type.
fn start(avps: &[u8]) -> Result<Option<(MessageKind, Walk<'_>)>, MessageError> {
    let mut walk = walk(avps);
    let Some(first) = walk.next() else {
        return Ok(None);
    };
    let first = first.map_err(|_| MessageError::NoMessageType)?;
    let number = match Avp::read(Attribute::MessageType, first.value) {
        Ok(Avp::MessageType(number)) if first.attribute == 0 && !first.hidden => number,
        _ => return Err(MessageError::NoMessageType),
    };
    let known = MessageKind::from_number(number).filter(|_| first.vendor == 0);
    let kind = known.ok_or(MessageError::UnknownKind {
        vendor: first.vendor,
        kind: number,
        mandatory: first.mandatory,
    })?;
    Ok(Some((kind, walk)))
}

impl<'a> Reading<'a> {
    /// Reads the Message Type of `avps`; `None` for a zero-length body.
    pub(super) fn start(
        avps: &'a [u8],
        version: Version,
        quirks: Quirks,
    ) -> Result<Option<Reading<'a>>, MessageError> {
        let started = start(avps)?;
        Ok(started.map(|(kind, walk)| Reading {
            walk,
            kind,
            version,
            quirks,
            ignored: Ignored::default(),
        }))
    }

    /// The next AVP that is recognized and sound; the M bit of each other decides.
    pub(super) fn next(&mut self) -> Result<Option<(AvpName, Avp<'a>)>, MessageError> {
        let kind = self.kind;
        while let Some(raw) = self.walk.next() {
            let raw = raw.map_err(|error| MessageError::Length { kind, error })?;
            let avp = raw.name();
            match self.read(raw) {
                // Whoever knows the secret has used them already.
                Ok(Avp::RandomVector(_) | Avp::MessageDigest(_)) => {}
                Ok(read) => return Ok(Some((avp, read))),
                Err(oddity) if raw.mandatory => {
                    return Err(MessageError::Unusable { kind, avp, oddity });
                }
                Err(oddity) => self.ignored.add(avp, oddity),
            }
        }
        Ok(None)
    }

    fn read(&self, raw: RawAvp<'a>) -> Result<Avp<'a>, Oddity> {
        let attribute = match self.quirks.cisco_draft_avps {
            true => Attribute::from_name_or_draft(raw.name()),
            false => Attribute::from_name(raw.name()),
        };
        // RFC 2661 §4.1 has a reserved bit make an AVP unknown, RFC 3931 §5.1 has it ignored.
        let reserved = raw.reserved && self.version == Version::V2;
        let attribute = attribute
            .filter(|_| !reserved)
            .ok_or(Oddity::Unrecognized)?;
        if raw.hidden {
            return Err(Oddity::Hidden);
        }
        Avp::read(attribute, raw.value).map_err(Oddity::Malformed)
    }

    /// Puts a value where it belongs, unless one is there.
    pub(super) fn keep<T>(&mut self, place: &mut Option<T>, value: T, name: AvpName) {
        match place {
            Some(_) => self.ignored.add(name, Oddity::Repeated),
            None => *place = Some(value),
        }
    }

    pub(super) fn missing(&self, attribute: Attribute) -> MessageError {
        MessageError::Missing {
            kind: self.kind,
            attribute,
        }
    }
}
