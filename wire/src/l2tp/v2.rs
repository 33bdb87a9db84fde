use super::cursor::{Filler, Reader, length_field};
use super::flags::Flags;
use super::{Bit, Field, HeaderError, SessionId, TunnelId, WriteError};

/// The header of a v2 data message (RFC 2661 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V2DataHeader {
    /// The receiver's tunnel id, 16 bits.
    pub tunnel: TunnelId,
    /// The receiver's session id, 16 bits.
    pub session: SessionId,
    /// Whether the Length field is present (L).
    pub has_length: bool,
    /// The sequence number, when present (S). The Nr beside it is reserved: written as 0, ignored
    /// when read.
    pub ns: Option<u16>,
    /// The octets of padding between header and payload, when the Offset Size is present (O). The
    /// padding is written as zeros.
    pub offset: Option<u16>,
    /// Whether the message asks for preferential treatment (P).
    pub priority: bool,
}

/// The header of a v2 control message (RFC 2661 §3.1): L and S are set, O and P are clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V2ControlHeader {
    /// The receiver's tunnel id, 16 bits; 0 in an SCCRQ.
    pub tunnel: TunnelId,
    /// The receiver's session id, 16 bits; 0 when the message is about the tunnel.
    pub session: SessionId,
    /// The number of this message.
    pub ns: u16,
    /// The number of the message expected next.
    pub nr: u16,
}

impl V2DataHeader {
    /// Octets on the wire, padding included.
    pub fn octets(&self) -> usize {
        let offset = self.offset.map_or(0, |pad| 2 + usize::from(pad));
        let length = if self.has_length { 2 } else { 0 };
        let sequence = if self.ns.is_some() { 4 } else { 0 };
        6 + length + sequence + offset
    }

    /// Writes the header of a message with `payload` more octets at the start of `out`; gives its
    /// length.
    pub fn write(&self, out: &mut [u8], payload: usize) -> Result<usize, WriteError> {
        let mut filler = Filler::new(out);
        filler.half(self.flags())?;
        if self.has_length {
            filler.half(length_field(self.octets(), payload)?)?;
        }
        write_ids(&mut filler, self.tunnel, self.session)?;
        if let Some(ns) = self.ns {
            filler.half(ns)?;
            filler.half(0)?;
        }
        if let Some(pad) = self.offset {
            filler.half(pad)?;
            filler.zeros(usize::from(pad))?;
        }
        Ok(filler.filled())
    }

    fn flags(&self) -> u16 {
        let bits = [
            (self.has_length, Flags::L),
            (self.ns.is_some(), Flags::S),
            (self.offset.is_some(), Flags::O),
            (self.priority, Flags::P),
        ];
        let set = bits.into_iter().filter(|(on, _)| *on);
        set.fold(2, |flags, (_, bit)| flags | bit)
    }

    /// Reads what follows the `flags` of a data message: the header and its payload.
    pub(super) fn read(
        flags: Flags,
        mut reader: Reader<'_>,
    ) -> Result<(V2DataHeader, &[u8]), HeaderError> {
        if flags.has(Flags::L) {
            reader.length(2)?;
        }
        let (tunnel, session) = read_ids(&mut reader)?;
        let mut ns = None;
        if flags.has(Flags::S) {
            ns = Some(reader.half(Field::Ns)?);
            reader.skip(2, Field::Nr)?;
        }
        let mut offset = None;
        if flags.has(Flags::O) {
            let pad = reader.half(Field::OffsetSize)?;
            reader.skip(usize::from(pad), Field::OffsetPad)?;
            offset = Some(pad);
        }
        let header = V2DataHeader {
            tunnel,
            session,
            has_length: flags.has(Flags::L),
            ns,
            offset,
            priority: flags.has(Flags::P),
        };
        Ok((header, reader.rest()))
    }
}

impl V2ControlHeader {
    /// Octets on the wire.
    pub const LEN: usize = 12;

    /// Writes the header of a message with `body` octets of AVPs at the start of `out`; gives its
    /// length.
    pub fn write(&self, out: &mut [u8], body: usize) -> Result<usize, WriteError> {
        let mut filler = Filler::new(out);
        filler.half(Flags::T | Flags::L | Flags::S | 2)?;
        filler.half(length_field(Self::LEN, body)?)?;
        write_ids(&mut filler, self.tunnel, self.session)?;
        filler.half(self.ns)?;
        filler.half(self.nr)?;
        Ok(filler.filled())
    }

    /// Reads what follows the `flags` of a control message: the header and its AVPs.
    ///
    /// A set P bit is let pass: it changes nothing about where the fields are.
    pub(super) fn read(
        flags: Flags,
        mut reader: Reader<'_>,
    ) -> Result<(V2ControlHeader, &[u8]), HeaderError> {
        flags.check_control()?;
        if flags.has(Flags::O) {
            return Err(HeaderError::ControlBit(Bit::O));
        }
        reader.length(2)?;
        let (tunnel, session) = read_ids(&mut reader)?;
        let header = V2ControlHeader {
            tunnel,
            session,
            ns: reader.half(Field::Ns)?,
            nr: reader.half(Field::Nr)?,
        };
        Ok((header, reader.rest()))
    }
}

fn read_ids(reader: &mut Reader<'_>) -> Result<(TunnelId, SessionId), HeaderError> {
    let tunnel = reader.half(Field::TunnelId)?;
    let session = reader.half(Field::SessionId)?;
    Ok((TunnelId(tunnel.into()), SessionId(session.into())))
}

fn write_ids(
    filler: &mut Filler<'_>,
    tunnel: TunnelId,
    session: SessionId,
) -> Result<(), WriteError> {
    let narrow = |id: u32, field| u16::try_from(id).map_err(|_| WriteError::TooWide(field));
    filler.half(narrow(tunnel.0, Field::TunnelId)?)?;
    filler.half(narrow(session.0, Field::SessionId)?)
}
