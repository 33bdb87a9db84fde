//! The first 16 bits, which v2 and v3 share (RFC 2661 §3.1, RFC 3931 §3.2.1, §4.1.2.1).

use super::{Bit, HeaderError};

#[derive(Clone, Copy)]
pub(super) struct Flags(pub(super) u16);

impl Flags {
    pub(super) const T: u16 = 0x8000;
    pub(super) const L: u16 = 0x4000;
    pub(super) const S: u16 = 0x0800;
    pub(super) const O: u16 = 0x0200;
    pub(super) const P: u16 = 0x0100;

    pub(super) fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    pub(super) fn version(self) -> u8 {
        (self.0 & 0x000f) as u8
    }

    /// Holds a control message to the bits that both RFCs demand of it.
    pub(super) fn check_control(self) -> Result<(), HeaderError> {
        let demanded = [(Bit::T, Flags::T), (Bit::L, Flags::L), (Bit::S, Flags::S)];
        match demanded.into_iter().find(|(_, bit)| !self.has(*bit)) {
            Some((bit, _)) => Err(HeaderError::ControlBit(bit)),
            None => Ok(()),
        }
    }
}
