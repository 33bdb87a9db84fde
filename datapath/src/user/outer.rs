use crate::spec::{Pmtudisc, Tos, TunnelTuning};
use crate::user::marks::Marks;
use crate::user::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

/// How a tunnel's outer packets travel, as all its sessions see it.
#[derive(Debug)]
pub(crate) struct Outer {
    /// The way that they take.
    pub(crate) path: Arc<Path>,
    pmtudisc: AtomicU8,
    /// What they bear where a session has nothing of its own.
    pub(crate) marks: Marks,
}

impl Outer {
    pub(crate) fn new(path: Arc<Path>) -> Outer {
        Outer {
            path,
            pmtudisc: AtomicU8::new(Pmtudisc::Dont as u8),
            marks: Marks::new(Some(Tos::default()), Some(false), None),
        }
    }

    /// Does as `tuning` has it from now on.
    pub(crate) fn tune(&self, tuning: &TunnelTuning) {
        self.pmtudisc.store(tuning.pmtudisc as u8, Relaxed);
        self.marks.set(tuning.tos, tuning.ecn);
    }

    /// Whether nobody on the way may cut them.
    pub(crate) fn dont_fragment(&self) -> bool {
        self.pmtudisc.load(Relaxed) != Pmtudisc::Dont as u8
    }

    /// The longest outer IP packet that may be sent, where that is known beforehand.
    pub(crate) fn longest_packet(&self) -> Option<usize> {
        match Pmtudisc::from_number(self.pmtudisc.load(Relaxed))? {
            Pmtudisc::Dont | Pmtudisc::Want => None,
            Pmtudisc::Do => Some(self.path.mtu() as usize),
            Pmtudisc::Probe => self.path.probed_mtu().map(|mtu| mtu as usize),
        }
    }
}
