//! The program at a session's device.

use super::program::{Egress, SENT, WAY, egress, opened};
use crate::sys::bpf::{Hook, Map, MapKind, attach, load, replace};
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// The key of an array's one value.
const ONLY: [u8; 4] = [0; 4];

/// A program that stays where it was once attached, for as long as this is held: to attach one, and
/// to detach it, the kernel waits for all of its processors, some 20 ms. To open and to close its way
/// is a matter of microseconds, and so is to exchange it.
#[derive(Debug)]
pub(crate) struct Held {
    sent: Arc<Map>,
    way: Map,
    link: OwnedFd,
}

impl Held {
    /// Attaches the program for `spec` to a device. It takes nothing before it is opened.
    pub(super) fn attach(device: u32, spec: &Egress) -> io::Result<Held> {
        let sent = Map::create(MapKind::Array, ONLY.len(), SENT, 1)?;
        sent.set(&ONLY, &opened(now()))?;
        let way = Map::create(MapKind::Array, ONLY.len(), WAY, 1)?;
        let program = program(spec, &sent, &way)?;
        let link = attach(program.as_fd(), Hook::Egress, device)?;
        Ok(Held {
            sent: Arc::new(sent),
            way,
            link,
        })
    }

    /// Puts the program for `spec` into the place of the present one, which must be closed. It
    /// counts anew.
    pub(super) fn change(&self, spec: &Egress) -> io::Result<()> {
        let program = program(spec, &self.sent, &self.way)?;
        replace(self.link.as_fd(), program.as_fd())?;
        self.sent.set(&ONLY, &opened(now()))
    }

    /// Has packets leave by the device `underlay`.
    pub(super) fn open(&self, underlay: u32) -> io::Result<()> {
        self.way.set(&ONLY, &underlay.to_ne_bytes())
    }

    /// Has the program leave everything to user space.
    pub(super) fn close(&self) -> io::Result<()> {
        self.open(0)
    }

    /// Where it counts.
    pub(super) fn sent(&self) -> &Arc<Map> {
        &self.sent
    }
}

/// Nanoseconds of the machine's life, as programs count them.
pub(super) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn program(spec: &Egress, sent: &Map, way: &Map) -> io::Result<OwnedFd> {
    load(
        Hook::Egress,
        &egress(spec, sent.number(), way.number()).code,
    )
}
