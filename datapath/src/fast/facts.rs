//! What the kernel says that is true of many sessions.

use crate::ipsec;
use crate::link::{Kind, Links, Way};
use crate::user::port::Port;
use rustc_hash::FxHashMap;
use std::io;
use std::net::IpAddr;

/// What a session's way to its peer depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    local: IpAddr,
    remote: IpAddr,
    /// The one device that packets may leave by.
    interface: Option<String>,
}

impl Ends {
    pub(super) fn of(port: &Port) -> Ends {
        let (local, remote) = port.line.endpoints();
        Ends {
            local: local.ip(),
            remote: remote.ip(),
            interface: port.line.outer.path.interface(),
        }
    }
}

/// So many devices may stand on each other.
const MOST_FLOORS: usize = 8;

/// Answers of the kernel's, each asked for once until all are forgotten.
pub(super) struct Facts {
    links: Links,
    policies: Option<bool>,
    ways: FxHashMap<Ends, Option<u32>>,
    neighbours: FxHashMap<u32, Option<Kind>>,
}

impl Facts {
    /// About the namespace of the present thread.
    pub(super) fn open() -> io::Result<Facts> {
        Ok(Facts {
            links: Links::open()?,
            policies: None,
            ways: FxHashMap::default(),
            neighbours: FxHashMap::default(),
        })
    }

    /// Asks anew from now on.
    pub(super) fn forget(&mut self) {
        self.policies = None;
        self.ways.clear();
        self.neighbours.clear();
    }

    /// For what has to be asked each time.
    pub(super) fn links(&mut self) -> &mut Links {
        &mut self.links
    }

    /// Whether there are IPsec policies. What is not known counts as one: it is worse to let out what
    /// shall be hidden.
    pub(super) fn has_policies(&mut self) -> bool {
        let known = self.policies;
        let now = known.unwrap_or_else(|| ipsec::has_policies().unwrap_or(true));
        self.policies = Some(now);
        now
    }

    /// The interface index of the device by which packets get from one end to the other.
    pub(super) fn way(&mut self, ends: &Ends) -> Option<u32> {
        if let Some(known) = self.ways.get(ends) {
            return *known;
        }
        let interface = ends.interface.as_deref();
        let way = match self.links.way(ends.local, ends.remote, interface) {
            Ok(Way::Device(index)) => Some(index),
            Ok(Way::Other) | Err(_) => None,
        };
        self.ways.insert(ends.clone(), way);
        way
    }

    /// How many ways were asked for.
    pub(super) fn ways(&self) -> usize {
        self.ways.len()
    }

    /// What is behind a device that may hand packets over as they are.
    pub(super) fn neighbour(&mut self, index: u32) -> Option<Kind> {
        let links = &mut self.links;
        let entry = self.neighbours.entry(index);
        *entry.or_insert_with(|| neighbour(index, links))
    }
}

/// Looks down to the device that others, of VLANs, stand on.
fn neighbour(mut index: u32, links: &mut Links) -> Option<Kind> {
    for _ in 0..MOST_FLOORS {
        let link = links.by_index(index).ok()?;
        if link.kind.is_some() {
            return link.kind;
        }
        index = link.lower?;
    }
    None
}
