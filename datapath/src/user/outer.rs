use crate::spec::{Pmtudisc, TunnelTuning};
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
}

impl Outer {
    pub(crate) fn new(path: Arc<Path>) -> Outer {
        Outer {
            path,
            pmtudisc: AtomicU8::new(Pmtudisc::Dont as u8),
        }
    }

    /// Does as `tuning` has it from now on.
    pub(crate) fn tune(&self, tuning: &TunnelTuning) {
        self.pmtudisc.store(tuning.pmtudisc as u8, Relaxed);
    }

    /// The longest outer IP packet that may be sent, where that is known beforehand.
    pub(crate) fn longest_packet(&self) -> Option<usize> {
        let follows = self.pmtudisc.load(Relaxed) == Pmtudisc::Do as u8;
        follows.then(|| self.path.mtu() as usize)
    }
}
