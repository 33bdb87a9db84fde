use crate::spec::{Pmtudisc, Tos, TunnelTuning};
use crate::sys::tap::Layer;
use crate::user::inner::class::{self, DSCP, ECN};
use crate::user::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16};

/// The values of [`Outer::tos`] beyond an octet's.
const INHERIT: u16 = 0x100;
const UNIFORM: u16 = 0x101;

/// How a tunnel's outer packets travel, as all its sessions see it.
#[derive(Debug)]
pub(crate) struct Outer {
    /// The way that they take.
    pub(crate) path: Arc<Path>,
    pmtudisc: AtomicU8,
    tos: AtomicU16,
    ecn: AtomicBool,
}

impl Outer {
    pub(crate) fn new(path: Arc<Path>) -> Outer {
        Outer {
            path,
            pmtudisc: AtomicU8::new(Pmtudisc::Dont as u8),
            tos: AtomicU16::new(0),
            ecn: AtomicBool::new(false),
        }
    }

    /// Does as `tuning` has it from now on.
    pub(crate) fn tune(&self, tuning: &TunnelTuning) {
        self.pmtudisc.store(tuning.pmtudisc as u8, Relaxed);
        self.ecn.store(tuning.ecn, Relaxed);
        let tos = match tuning.tos {
            Tos::Fixed(octet) => octet.into(),
            Tos::Inherit => INHERIT,
            Tos::Uniform => UNIFORM,
        };
        self.tos.store(tos, Relaxed);
    }

    /// The longest outer IP packet that may be sent, where that is known beforehand.
    pub(crate) fn longest_packet(&self) -> Option<usize> {
        match Pmtudisc::from_number(self.pmtudisc.load(Relaxed))? {
            Pmtudisc::Dont | Pmtudisc::Want => None,
            Pmtudisc::Do => Some(self.path.mtu() as usize),
            Pmtudisc::Probe => self.path.probed_mtu().map(|mtu| mtu as usize),
        }
    }

    /// The TOS octet or traffic class of the packet that carries `frame`.
    pub(crate) fn class(&self, layer: Layer, frame: &[u8]) -> u8 {
        let (tos, ecn) = (self.tos.load(Relaxed), self.ecn.load(Relaxed));
        if tos < INHERIT && !ecn {
            return tos as u8;
        }
        let inner = class::of(layer, frame);
        let codepoint = if tos < INHERIT { tos as u8 } else { inner };
        codepoint & DSCP | if ecn { inner & ECN } else { 0 }
    }

    /// What becomes of a frame by the class of the packet that it came in.
    pub(crate) fn arrived(&self, layer: Layer, frame: &[u8], outer: u8) -> Arrival {
        let uniform = self.tos.load(Relaxed) == UNIFORM;
        let ecn = self.ecn.load(Relaxed);
        if !uniform && !ecn {
            return Arrival::AsItIs;
        }
        match class::arrived(layer, frame, outer, uniform, ecn) {
            Some(None) => Arrival::AsItIs,
            Some(Some(class)) => Arrival::Marked(class),
            None => Arrival::Dropped,
        }
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
