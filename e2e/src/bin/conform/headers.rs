//! Compression of TCP's headers on a PPP unit that another program has made. pppd asks for none on
//! PPPoL2TP, whatever its options, so this does what it does where it asks.

use crate::ppp::{ATTACH, open, request};
use std::io;

const SMAXCID: u32 = 0x4004_7451;
const GFLAGS: u32 = 0x8004_745a;
const SFLAGS: u32 = 0x4004_7459;

/// Compress headers of what is sent (SC_COMP_TCP).
const COMPRESS: i32 = 4;

/// The largest connection id: as many slots as pppd asks for.
const MAX_ID: i32 = 15;

/// Takes compressed headers on the unit from now on, and sends them.
pub(crate) fn compress(unit: i32) -> io::Result<()> {
    let file = open()?;
    request(&file, ATTACH, unit)?;
    request(&file, SMAXCID, MAX_ID)?;
    let flags = request(&file, GFLAGS, 0)?;
    request(&file, SFLAGS, flags | COMPRESS).map(drop)
}
