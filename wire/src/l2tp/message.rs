use super::cursor::{Filler, Reader};
use super::flags::Flags;
use super::{Field, HeaderError, SessionId, V2ControlHeader, V2DataHeader, V3_IP_CONTROL};
use super::{V3_UDP_FLAGS, V3ControlHeader, WriteError};

/// An L2TP message in a UDP datagram, of either version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UdpMessage<'a> {
    /// A v2 data message.
    V2Data {
        /// Its header.
        header: V2DataHeader,
        /// The PPP frame.
        payload: &'a [u8],
    },
    /// A v2 control message.
    V2Control {
        /// Its header.
        header: V2ControlHeader,
        /// The AVPs; none in a zero-length body acknowledgement.
        avps: &'a [u8],
    },
    /// A v3 data message (RFC 3931 §4.1.2.1).
    V3Data {
        /// The receiver's session id.
        session: SessionId,
        /// Cookie, sublayer and payload, which [`split_v3`](super::split_v3) takes apart.
        rest: &'a [u8],
    },
    /// A v3 control message.
    V3Control {
        /// Its header.
        header: V3ControlHeader,
        /// The AVPs; none in a zero-length body acknowledgement.
        avps: &'a [u8],
    },
}

/// An L2TPv3 message in an IP packet of protocol 115 (RFC 3931 §4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpMessage<'a> {
    /// A data message.
    Data {
        /// The receiver's session id, never 0.
        session: SessionId,
        /// Cookie, sublayer and payload, which [`split_v3`](super::split_v3) takes apart.
        rest: &'a [u8],
    },
    /// A control message: the first word is 0.
    Control {
        /// Its header.
        header: V3ControlHeader,
        /// The AVPs; none in a zero-length body acknowledgement.
        avps: &'a [u8],
    },
}

impl<'a> UdpMessage<'a> {
    /// Reads the L2TP header of a UDP payload.
    ///
    /// Reserved bits are ignored, and so is what lies beyond a Length field.
    pub fn decode(datagram: &'a [u8]) -> Result<UdpMessage<'a>, HeaderError> {
        let mut reader = Reader::new(datagram);
        let flags = Flags(reader.half(Field::Flags)?);
        // The version comes first: L, S, O and P mean something in v2 only (RFC 3931 §4.1.2.1).
        match (flags.version(), flags.has(Flags::T)) {
            (2, false) => V2DataHeader::read(flags, reader)
                .map(|(header, payload)| UdpMessage::V2Data { header, payload }),
            (2, true) => V2ControlHeader::read(flags, reader)
                .map(|(header, avps)| UdpMessage::V2Control { header, avps }),
            (3, false) => {
                reader.skip(2, Field::Reserved)?;
                let session = SessionId(reader.word(Field::SessionId)?);
                let rest = reader.rest();
                Ok(UdpMessage::V3Data { session, rest })
            }
            (3, true) => V3ControlHeader::read(flags, reader)
                .map(|(header, avps)| UdpMessage::V3Control { header, avps }),
            (version, _) => Err(HeaderError::UnknownVersion(version)),
        }
    }

    /// Writes the whole message at the start of `out`; gives its length.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, WriteError> {
        let (header, behind) = match *self {
            UdpMessage::V2Data { header, payload } => (header.write(out, payload.len())?, payload),
            UdpMessage::V2Control { header, avps } => (header.write(out, avps.len())?, avps),
            UdpMessage::V3Control { header, avps } => (header.write(out, avps.len())?, avps),
            UdpMessage::V3Data { session, rest } => {
                let mut filler = Filler::new(out);
                filler.put(&V3_UDP_FLAGS)?;
                filler.word(session.0)?;
                (filler.filled(), rest)
            }
        };
        append(out, header, behind)
    }
}

impl<'a> IpMessage<'a> {
    /// Reads the L2TP header of an IP payload.
    ///
    /// Reserved bits are ignored, and so is what lies beyond a control message's Length field.
    pub fn decode(payload: &'a [u8]) -> Result<IpMessage<'a>, HeaderError> {
        let mut reader = Reader::new(payload);
        let session = SessionId(reader.word(Field::SessionId)?);
        if session != SessionId(0) {
            let rest = reader.rest();
            return Ok(IpMessage::Data { session, rest });
        }
        let flags = Flags(reader.half(Field::Flags)?);
        match flags.version() {
            3 => V3ControlHeader::read(flags, reader)
                .map(|(header, avps)| IpMessage::Control { header, avps }),
            version => Err(HeaderError::UnknownVersion(version)),
        }
    }

    /// Writes the whole message at the start of `out`; gives its length.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, WriteError> {
        let mut filler = Filler::new(out);
        match *self {
            IpMessage::Data { session, rest } => {
                filler.word(session.0)?;
                append(out, 4, rest)
            }
            IpMessage::Control { header, avps } => {
                filler.put(&V3_IP_CONTROL)?;
                let behind_word = out.get_mut(4..).ok_or(WriteError::NoRoom)?;
                let length = header.write(behind_word, avps.len())?;
                append(out, 4 + length, avps)
            }
        }
    }
}

/// Puts `octets` behind a header of `header` octets; gives the length of both.
fn append(out: &mut [u8], header: usize, octets: &[u8]) -> Result<usize, WriteError> {
    let behind = out.get_mut(header..).ok_or(WriteError::NoRoom)?;
    Filler::new(behind).put(octets)?;
    Ok(header + octets.len())
}
