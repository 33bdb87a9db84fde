//! What outer packets bear that may be a tunnel's or a session's own: codepoint, congestion marks,
//! TTL.

use crate::spec::{Retuning, Tos};
use crate::sys::tap::Layer;
use crate::user::inner::class::{self, DSCP, ECN};
use std::num::NonZeroU8;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU16};

/// The values of [`Marks::tos`] beyond an octet's.
const INHERIT: u16 = 0x100;
const UNIFORM: u16 = 0x101;
const UNSET: u16 = 0x102;

/// The value of [`Marks::ecn`] that is neither off nor on.
const OPEN: u8 = 2;

/// For threads. Each may be left open, so that another's count.
#[derive(Debug)]
pub(crate) struct Marks {
    tos: AtomicU16,
    ecn: AtomicU8,
    /// 0 where it is left open.
    ttl: AtomicU8,
}

/// What counts for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    tos: u16,
    ecn: bool,
}

impl Marks {
    pub(crate) fn new(tos: Option<Tos>, ecn: Option<bool>, ttl: Option<NonZeroU8>) -> Marks {
        Marks {
            tos: tos_number(tos).into(),
            ecn: ecn.map_or(OPEN, u8::from).into(),
            ttl: ttl.map_or(0, NonZeroU8::get).into(),
        }
    }

    /// Changes what is named.
    pub(crate) fn change(&self, change: &Retuning) {
        if let Some(tos) = change.tos {
            self.tos.store(tos_number(tos), Relaxed);
        }
        if let Some(ecn) = change.ecn {
            self.ecn.store(ecn.map_or(OPEN, u8::from), Relaxed);
        }
        if let Some(ttl) = change.ttl {
            self.ttl.store(ttl.map_or(0, NonZeroU8::get), Relaxed);
        }
    }

    /// Does as a tunnel's tuning has it from now on.
    pub(crate) fn set(&self, tos: Tos, ecn: bool) {
        self.tos.store(tos_number(Some(tos)), Relaxed);
        self.ecn.store(ecn.into(), Relaxed);
    }

    /// What counts, by `others` where this leaves it open.
    pub(crate) fn over(&self, others: &Marks) -> Mark {
        let (tos, ecn) = (self.tos.load(Relaxed), self.ecn.load(Relaxed));
        Mark {
            tos: match tos {
                UNSET => others.tos.load(Relaxed),
                tos => tos,
            },
            ecn: match ecn {
                OPEN => others.ecn.load(Relaxed) == 1,
                ecn => ecn == 1,
            },
        }
    }

    /// The TTL or hop limit, where there is one of its own.
    pub(crate) fn ttl(&self) -> Option<u8> {
        Some(self.ttl.load(Relaxed)).filter(|ttl| *ttl != 0)
    }

    /// Whether the socket must tell of received packets' classes.
    pub(crate) fn wants_class(&self) -> bool {
        self.tos.load(Relaxed) == UNIFORM || self.ecn.load(Relaxed) == 1
    }
}

impl Mark {
    /// The TOS octet or traffic class of every packet, where none has one of its frame's.
    pub(crate) fn fixed(self) -> Option<u8> {
        u8::try_from(self.tos).ok().filter(|_| !self.ecn)
    }

    /// The TOS octet or traffic class of the packet that carries `frame`.
    pub(crate) fn class(self, layer: Layer, frame: &[u8]) -> u8 {
        if self.tos < INHERIT && !self.ecn {
            return self.tos as u8;
        }
        let inner = class::of(layer, frame);
        let codepoint = match self.tos {
            INHERIT | UNIFORM => inner,
            octet => octet as u8,
        };
        codepoint & DSCP | if self.ecn { inner & ECN } else { 0 }
    }

    /// What becomes of a frame by the class of the packet that it came in.
    pub(crate) fn arrived(self, layer: Layer, frame: &[u8], outer: u8) -> Arrival {
        let uniform = self.tos == UNIFORM;
        if !uniform && !self.ecn {
            return Arrival::AsItIs;
        }
        match class::arrived(layer, frame, outer, uniform, self.ecn) {
            Some(None) => Arrival::AsItIs,
            Some(Some(class)) => Arrival::Marked(class),
            None => Arrival::Dropped,
        }
    }
}

fn tos_number(tos: Option<Tos>) -> u16 {
    match tos {
        Some(Tos::Fixed(octet)) => octet.into(),
        Some(Tos::Inherit) => INHERIT,
        Some(Tos::Uniform) => UNIFORM,
        None => UNSET,
    }
}

/// What becomes of a received frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    AsItIs,
    /// It gets this class.
    Marked(u8),
    /// Its sender would not understand that the path was congested.
    Dropped,
}

#[cfg(test)]
mod tests;
