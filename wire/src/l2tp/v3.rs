use super::cursor::{Filler, Reader, length_field};
use super::flags::Flags;
use super::{Field, HeaderError, TunnelId, WriteError};

/// The session id 0, which marks a control message over IP (RFC 3931 §4.1.1.2).
pub const V3_IP_CONTROL: [u8; 4] = [0; 4];

/// The header of a v3 control message (RFC 3931 §3.2.1): L and S are set.
///
/// It is the same over UDP and over IP; over IP [`V3_IP_CONTROL`] stands in front of it and does
/// not count into its Length field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V3ControlHeader {
    /// The receiver's control connection id; 0 in an SCCRQ.
    pub connection: TunnelId,
    /// The number of this message.
    pub ns: u16,
    /// The number of the message expected next.
    pub nr: u16,
}

impl V3ControlHeader {
    /// Octets on the wire, without the zero word of IP.
    pub const LEN: usize = 12;

    /// Writes the header of a message with `body` octets of AVPs at the start of `out`; gives its
    /// length.
    pub fn write(&self, out: &mut [u8], body: usize) -> Result<usize, WriteError> {
        let mut filler = Filler::new(out);
        filler.half(Flags::T | Flags::L | Flags::S | 3)?;
        filler.half(length_field(Self::LEN, body)?)?;
        filler.word(self.connection.0)?;
        filler.half(self.ns)?;
        filler.half(self.nr)?;
        Ok(filler.filled())
    }

    /// Reads what follows the `flags` of a control message: the header and its AVPs.
    pub(super) fn read(
        flags: Flags,
        mut reader: Reader<'_>,
    ) -> Result<(V3ControlHeader, &[u8]), HeaderError> {
        flags.check_control()?;
        reader.length(2)?;
        let header = V3ControlHeader {
            connection: TunnelId(reader.word(Field::ControlConnectionId)?),
            ns: reader.half(Field::Ns)?,
            nr: reader.half(Field::Nr)?,
        };
        Ok((header, reader.rest()))
    }
}
