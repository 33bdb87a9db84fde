//! The devices that outer packets come by, and the programs there.

use super::plan::{Reason, Scope, refused};
use super::program::{Entry, Family, Stay, behind, early, ingress};
use crate::link::Links;
use crate::sys::bpf::{Hook, Map, MapKind, attach, load};
use crate::sys::device;
use rustc_hash::FxHashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

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
    /// Before the kernel merges packets: it knows no L2TP, but does what is inside.
    BeforeMerging,
    /// After it, where it merges none, and where super-frames cross the wire whole.
    AtOnce,
}

/// Programs at devices, by interface index.
#[derive(Debug, Default)]
pub(super) struct Underlays {
    devices: FxHashMap<u32, Underlay>,
}

#[derive(Debug)]
struct Underlay {
    place: Place,
    /// What holds its programs, in the order in which they are to go.
    held: Vec<OwnedFd>,
    sessions: usize,
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
        let (name, place) = look(index, links)?;
        let underlay = Underlay {
            place,
            held: attach_at(index, &name, place, tables)?,
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

    /// Brings programs in line with what their devices do now: the new ones are there before the
    /// old ones go. Gives the devices where there can be none any more.
    pub(super) fn renew(&mut self, tables: &Tables, links: &mut Links) -> Vec<(u32, Reason)> {
        let mut lost = Vec::new();
        for (&index, underlay) in &mut self.devices {
            if let Err(reason) = underlay.renew(index, tables, links) {
                lost.push((index, reason));
            }
        }
        lost
    }
}

impl Underlay {
    fn renew(&mut self, index: u32, tables: &Tables, links: &mut Links) -> Result<(), Reason> {
        let (name, place) = look(index, links)?;
        if place != self.place {
            self.held = attach_at(index, &name, place, tables)?;
            self.place = place;
        }
        Ok(())
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

fn attach_at(
    index: u32,
    name: &str,
    place: Place,
    tables: &Tables,
) -> Result<Vec<OwnedFd>, Reason> {
    let (attached, kind) = match place {
        Place::BeforeMerging => (attach_early(index, tables), "XDP program"),
        Place::AtOnce => (attach_late(index, tables), "tcx program (Linux 6.6)"),
    };
    attached.map_err(|e| refused(&format!("{name} takes no {kind}"), &e))
}

fn place(device: &str) -> io::Result<Place> {
    Ok(match device::merges(device)? {
        true => Place::BeforeMerging,
        false => Place::AtOnce,
    })
}

fn attach_early(index: u32, tables: &Tables) -> io::Result<Vec<OwnedFd>> {
    let (v4, v6) = (tables.v4.number(), tables.v6.number());
    // Nothing may be unwrapped that nobody takes over.
    let behind = load(Hook::Ingress, &behind().code)?;
    let behind = attach(behind.as_fd(), Hook::Ingress, index)?;
    // Super-frames that come whole do not lie in one piece before they are merged.
    let mut links = attach_late(index, tables)?;
    let early = load(Hook::Driver, &early(v4, v6, tables.stay).code)?;
    let early = attach(early.as_fd(), Hook::Driver, index)?;
    links.splice(..0, [early, behind]);
    Ok(links)
}

fn attach_late(index: u32, tables: &Tables) -> io::Result<Vec<OwnedFd>> {
    let program = ingress(tables.v4.number(), tables.v6.number(), tables.stay);
    let program = load(Hook::Ingress, &program.code)?;
    Ok(vec![attach(program.as_fd(), Hook::Ingress, index)?])
}
