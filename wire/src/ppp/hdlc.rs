//! PPP in asynchronous HDLC-like framing (RFC 1662 §4), as it goes over a terminal line: flags
//! between frames, escaped octets, a frame check sequence of 16 bits.

use alloc::vec::Vec;
use core::fmt;

/// Begins and ends a frame (§3.1); one flag may do both.
const FLAG: u8 = 0x7e;
/// The octet behind it is changed by [`CHANGE`] (§4.2).
const ESCAPE: u8 = 0x7d;
const CHANGE: u8 = 0x20;

/// The check over a whole frame and its check sequence (§C.2).
const GOOD: u16 = 0xf0b8;
/// Octets of a check sequence.
const CHECK: usize = 2;
/// A frame has address, control, a protocol number or what is left of them, and its check
/// sequence; shorter ones are what is between flags that follow each other (§4.3).
const LEAST: usize = 4;

/// An Async-Control-Character-Map: bit n is about octet n, from 0 to 31 (§7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ControlMap(pub u32);

impl ControlMap {
    /// No control character: for a line that changes and inserts none.
    pub const NONE: ControlMap = ControlMap(0);
    /// All of them, as until something else is agreed on.
    pub const ALL: ControlMap = ControlMap(u32::MAX);

    fn has(self, octet: u8) -> bool {
        octet < 0x20 && self.0 & 1 << octet != 0
    }
}

/// Why a frame is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The check sequence is wrong.
    Check,
    /// It is longer than the receiver takes.
    Long,
    /// Its sender gave it up (§4.3).
    Aborted,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Damage::Check => "the frame check sequence is wrong",
            Damage::Long => "the frame is too long",
            Damage::Aborted => "the frame was aborted",
        })
    }
}

/// The check sequence after one more octet (§C.2), from 0xffff at a frame's begin.
fn check(sequence: u16, octet: u8) -> u16 {
    let [low, high] = sequence.to_le_bytes();
    u16::from(high) ^ TABLE[usize::from(low ^ octet)]
}

/// What each octet does to a check sequence, of the polynomial x^16 + x^12 + x^5 + 1, lowest bit
/// first.
static TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut value = at as u16;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ 0x8408
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
};

/// Writes a frame, which is `pieces` one behind the other from Address on, behind what is in `out`,
/// with a flag at either end. Control characters of `escaped` are, as flags and escapes are always.
pub fn encode(pieces: &[&[u8]], escaped: ControlMap, out: &mut Vec<u8>) {
    out.push(FLAG);
    let mut put = |octet: u8| match octet == FLAG || octet == ESCAPE || escaped.has(octet) {
        true => out.extend([ESCAPE, octet ^ CHANGE]),
        false => out.push(octet),
    };
    let mut sequence = 0xffff;
    for octet in pieces.iter().copied().flatten() {
        sequence = check(sequence, *octet);
        put(*octet);
    }
    (!sequence).to_le_bytes().into_iter().for_each(put);
    out.push(FLAG);
}

/// Finds frames in what a line gives.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// The frame so far.
    frame: Vec<u8>,
    sequence: u16,
    escaped: bool,
    /// Whether the frame is to be skipped: for what it is known to be, or because its begin was
    /// missed.
    skipped: Option<Skipped>,
    inserted: ControlMap,
    longest: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skipped {
    /// No flag has been seen yet.
    NoBegin,
    Long,
}

impl Decoder {
    /// For frames of at most `longest` octets, on a line that may insert the control characters of
    /// `inserted`: these are dropped (§4.2).
    pub fn new(inserted: ControlMap, longest: usize) -> Decoder {
        Decoder {
            frame: Vec::new(),
            sequence: 0xffff,
            escaped: false,
            skipped: Some(Skipped::NoBegin),
            inserted,
            longest,
        }
    }

    /// Reads on; gives `each` the frames that end in `octets`, from Address on and without their
    /// check sequence, and what was damaged. What comes before the first flag is no frame.
    pub fn read(&mut self, octets: &[u8], mut each: impl FnMut(Result<&[u8], Damage>)) {
        for octet in octets {
            match *octet {
                FLAG => self.end(&mut each),
                octet if self.inserted.has(octet) => {}
                ESCAPE => self.escaped = true,
                octet => self.take(octet),
            }
        }
    }

    fn take(&mut self, octet: u8) {
        let octet = match core::mem::take(&mut self.escaped) {
            true => octet ^ CHANGE,
            false => octet,
        };
        if self.skipped.is_some() {
            return;
        }
        if self.frame.len() == self.longest + CHECK {
            self.skipped = Some(Skipped::Long);
            return;
        }
        self.sequence = check(self.sequence, octet);
        self.frame.push(octet);
    }

    fn end(&mut self, each: &mut impl FnMut(Result<&[u8], Damage>)) {
        let skipped = self.skipped.take();
        let aborted = core::mem::take(&mut self.escaped);
        let sequence = core::mem::replace(&mut self.sequence, 0xffff);
        match skipped {
            Some(Skipped::NoBegin) => {}
            Some(Skipped::Long) => each(Err(Damage::Long)),
            None if aborted => each(Err(Damage::Aborted)),
            None if self.frame.len() < LEAST => {}
            None if sequence != GOOD => each(Err(Damage::Check)),
            None => each(Ok(&self.frame[..self.frame.len() - CHECK])),
        }
        self.frame.clear();
    }
}

#[cfg(test)]
mod tests;
