//! Reading and filling the fields of a header one after the other.

use super::{Field, HeaderError, WriteError};

/// The part of a message that is not read yet.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Reader<'a> {
        Reader { rest: message }
    }

    pub(super) fn half(&mut self, field: Field) -> Result<u16, HeaderError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(super) fn word(&mut self, field: Field) -> Result<u32, HeaderError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// Reads a Length field and forgets what lies beyond it. `before` counts the octets that the
    /// length covers and that are read already.
    pub(super) fn length(&mut self, before: usize) -> Result<(), HeaderError> {
        let available = before + self.rest.len();
        let length = self.half(Field::Length)?;
        let covered = usize::from(length).checked_sub(before + 2);
        self.rest = covered
            .and_then(|covered| self.rest.get(..covered))
            .ok_or(HeaderError::Length { length, available })?;
        Ok(())
    }

    pub(super) fn skip(&mut self, octets: usize, field: Field) -> Result<(), HeaderError> {
        let rest = self.rest.get(octets..);
        self.rest = rest.ok_or(HeaderError::Truncated(field))?;
        Ok(())
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    fn array<const N: usize>(&mut self, field: Field) -> Result<[u8; N], HeaderError> {
        let split = self.rest.split_first_chunk();
        let (head, rest) = split.ok_or(HeaderError::Truncated(field))?;
        self.rest = rest;
        Ok(*head)
    }
}

/// The part of a buffer that is not filled yet.
pub(super) struct Filler<'b> {
    out: &'b mut [u8],
    filled: usize,
}

impl<'b> Filler<'b> {
    pub(super) fn new(out: &'b mut [u8]) -> Filler<'b> {
        Filler { out, filled: 0 }
    }

    pub(super) fn put(&mut self, octets: &[u8]) -> Result<(), WriteError> {
        self.take(octets.len())?.copy_from_slice(octets);
        Ok(())
    }

    pub(super) fn half(&mut self, value: u16) -> Result<(), WriteError> {
        self.put(&value.to_be_bytes())
    }

    pub(super) fn word(&mut self, value: u32) -> Result<(), WriteError> {
        self.put(&value.to_be_bytes())
    }

    pub(super) fn zeros(&mut self, octets: usize) -> Result<(), WriteError> {
        self.take(octets)?.fill(0);
        Ok(())
    }

    /// Octets filled so far.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    fn take(&mut self, octets: usize) -> Result<&mut [u8], WriteError> {
        let rest = self.out.get_mut(self.filled..).unwrap_or_default();
        let taken = rest.get_mut(..octets).ok_or(WriteError::NoRoom)?;
        self.filled += octets;
        Ok(taken)
    }
}

/// The value of a Length field that covers a header and what follows it.
pub(super) fn length_field(header: usize, payload: usize) -> Result<u16, WriteError> {
    u16::try_from(header.saturating_add(payload)).map_err(|_| WriteError::TooLong)
}
