use super::raw::{AvpName, header};
use super::{Attribute, Avp, EncodeError, Fault, HEADER};
use crate::l2tp::Version;
use alloc::vec::Vec;

/// Writes AVPs one behind the other, all in clear: hiding replaces some of them afterwards.
#[derive(Debug)]
pub struct AvpWriter<'b> {
    out: &'b mut Vec<u8>,
    version: Version,
}

impl<'b> AvpWriter<'b> {
    /// A writer that appends to `out`.
    pub fn new(out: &'b mut Vec<u8>, version: Version) -> AvpWriter<'b> {
        AvpWriter { out, version }
    }

    /// Appends one; leaves the buffer as it was when that fails.
    pub fn put(&mut self, avp: Avp<'_>) -> Result<(), EncodeError> {
        let attribute = avp.attribute();
        let start = self.out.len();
        self.out.extend_from_slice(&[0; HEADER]);
        let written = avp
            .write_value(self.out)
            .and_then(|()| self.finish(attribute, start));
        written.map_err(|fault| {
            self.out.truncate(start);
            EncodeError { attribute, fault }
        })
    }

    /// Writes the header of the AVP at `start`, whose value is there.
    fn finish(&mut self, attribute: Attribute, start: usize) -> Result<(), Fault> {
        let value = self.out.len() - start - HEADER;
        let mandatory = attribute.mandatory(self.version);
        let header = header(mandatory, false, attribute.into(), value).ok_or(Fault::Length)?;
        if let Some(place) = self.out.get_mut(start..start + HEADER) {
            place.copy_from_slice(&header);
        }
        Ok(())
    }
}

/// Appends an AVP with these bits and octets; `false`, and nothing appended, when the value exceeds
/// [`MAX_VALUE`](super::MAX_VALUE).
#[must_use]
pub fn write_raw(
    out: &mut Vec<u8>,
    mandatory: bool,
    hidden: bool,
    name: AvpName,
    value: &[u8],
) -> bool {
    let Some(header) = header(mandatory, hidden, name, value.len()) else {
        return false;
    };
    out.extend_from_slice(&header);
    out.extend_from_slice(value);
    true
}
