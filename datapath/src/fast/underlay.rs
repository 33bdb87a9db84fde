//! The devices that outer packets come by, and the programs there.

use super::assembler::Program;
use super::plan::{Reason, Scope, refused};
use super::program::{Entry, Family, Stay, behind, early, ingress};
use crate::link::Links;
use crate::sys::bpf::{Hook, Map, MapKind, attach, load};
use crate::sys::device;
use rustc_hash::FxHashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sessions of one family that have a fast path at a time. Memory is taken as they come.
const MAX_SESSIONS: u32 = 1 << 20;

/// The sessions that packets are for, by their outer headers.
#[derive(Debug)]
pub(super) struct Tables {
    v4: Arc<Map>,
    v6: Arc<Map>,
    stay: Stay,
}

impl Tables {
    pub(super) fn create(scope: Scope) -> Result<Tables, Reason> {
        let table = |family: Family| {
            Map::create(MapKind::Hash, family.key(), Entry::LEN, MAX_SESSIONS)
                .map_err(|e| refused("the kernel makes no BPF map", &e))
        };
        Ok(Tables {
            v4: Arc::new(table(Family::V4)?),
            v6: Arc::new(table(Family::V6)?),
            stay: match scope {
                Scope::Wires => Stay::AWhile,
                Scope::All => Stay::No,
            },
        })
    }

    pub(super) fn of(&self, family: Family) -> &Arc<Map> {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

/// Where packets are unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the kernel merges packets: it knows no L2TP, but does what is inside. A driver may have
    /// no place for that, or another program there; then it is as if nothing were merged.
    BeforeMerging,
    /// After it, where it merges none, and where super-frames cross the wire whole.
    AtOnce,
}

/// So long after it has refused a device is not asked again.
pub(super) const AGAIN: Duration = Duration::from_secs(10);

/// Programs at devices, by interface index.
#[derive(Debug, Default)]
pub(super) struct Underlays {
    devices: FxHashMap<u32, Underlay>,
    refusals: FxHashMap<u32, (Instant, Reason)>,
}

#[derive(Debug)]
struct Underlay {
    place: Place,
    attached: Attached,
    sessions: usize,
}

/// What is at a device.
#[derive(Debug)]
struct Attached {
    /// What holds its programs, in the order in which they are to go.
    _held: Vec<OwnedFd>,
    /// Why packets are not unwrapped before merging, where that is their place.
    unmerged: Option<Arc<str>>,
}

impl Underlays {
    /// Has a device's packets unwrapped, for one more session.
    pub(super) fn join(
        &mut self,
        index: u32,
        tables: &Tables,
        links: &mut Links,
    ) -> Result<(), Reason> {
        if let Some(underlay) = self.devices.get_mut(&index) {
            underlay.sessions += 1;
            return Ok(());
        }
        let now = Instant::now();
        self.refusals.retain(|_, (until, _)| now < *until);
        if let Some((_, reason)) = self.refusals.get(&index) {
            return Err(reason.clone());
        }
        let (name, place) = look(index, links)?;
        let attached = attach_at(index, &name, place, tables).inspect_err(|reason| {
            self.refusals.insert(index, (now + AGAIN, reason.clone()));
        })?;
        let underlay = Underlay {
            place,
            attached,
            sessions: 1,
        };
        self.devices.insert(index, underlay);
        Ok(())
    }

    /// A session does no longer want a device's packets unwrapped.
    pub(super) fn leave(&mut self, index: u32) {
        if let Some(underlay) = self.devices.get_mut(&index) {
            underlay.sessions -= 1;
            if underlay.sessions == 0 {
                self.devices.remove(&index);
            }
        }
    }

    /// Why a device's packets are unwrapped after the kernel has merged what it can, though it merges.
    pub(super) fn unmerged(&self, index: u32) -> Option<Arc<str>> {
        self.devices.get(&index)?.attached.unmerged.clone()
    }

    /// Brings programs in line with what their devices do now: the new ones are there before the
    /// old ones go. Gives the devices where they have changed, and those where there can be none any
    /// more.
    pub(super) fn renew(
        &mut self,
        tables: &Tables,
        links: &mut Links,
    ) -> Vec<(u32, Result<(), Reason>)> {
        let mut news = Vec::new();
        for (&index, underlay) in &mut self.devices {
            match underlay.renew(index, tables, links) {
                Ok(false) => {}
                Ok(true) => news.push((index, Ok(()))),
                Err(reason) => news.push((index, Err(reason))),
            }
        }
        news
    }
}

impl Underlay {
    /// Whether there are other programs now.
    fn renew(&mut self, index: u32, tables: &Tables, links: &mut Links) -> Result<bool, Reason> {
        let (name, place) = look(index, links)?;
        let differs = place != self.place;
        if differs {
            self.attached = attach_at(index, &name, place, tables)?;
            self.place = place;
        }
        Ok(differs)
    }
}

/// A device's name, and where its packets are to be unwrapped.
fn look(index: u32, links: &mut Links) -> Result<(String, Place), Reason> {
    let link = links.by_index(index);
    let name = link
        .map_err(|e| refused("the device to the peer", &e))?
        .name;
    let place = place(&name).map_err(|e| refused(&name, &e))?;
    Ok((name, place))
}

fn place(device: &str) -> io::Result<Place> {
    Ok(match device::merges(device)? {
        true => Place::BeforeMerging,
        false => Place::AtOnce,
    })
}

fn attach_at(index: u32, name: &str, place: Place, tables: &Tables) -> Result<Attached, Reason> {
    let (v4, v6) = (tables.v4.number(), tables.v6.number());
    let tcx = |program: &Program| {
        attach_one(Hook::Ingress, index, program).map_err(|e| {
            refused(
                &format!("{name} takes no tcx program, for which it takes Linux 6.6"),
                &e,
            )
        })
    };
    let late = ingress(v4, v6, tables.stay);
    if place == Place::AtOnce {
        return Ok(Attached {
            _held: vec![tcx(&late)?],
            unmerged: None,
        });
    }
    // Nothing may be unwrapped that nobody takes over.
    let behind = tcx(&behind())?;
    // Super-frames that come whole do not lie in one piece before they are merged.
    let late = tcx(&late)?;
    Ok(
        match attach_one(Hook::Driver, index, &early(v4, v6, tables.stay)) {
            Ok(early) => Attached {
                _held: vec![early, behind, late],
                unmerged: None,
            },
            // About as much TCP passes as by user space, but sooner and without the daemon.
            Err(error) => Attached {
                _held: vec![late],
                unmerged: Some(format!("{name} takes no XDP program: {error}").into()),
            },
        },
    )
}

fn attach_one(hook: Hook, index: u32, program: &Program) -> io::Result<OwnedFd> {
    let program = load(hook, &program.code)?;
    attach(program.as_fd(), hook, index)
}
