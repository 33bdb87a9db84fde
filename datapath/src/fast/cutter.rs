//! Where packets of protocol 115 are cut: a veth pair that no super-frames cross.
//!
//! One end takes what sessions' programs have wrapped, the kernel cuts it there, and the program at
//! the other end sends it on.

use super::plan::{Reason, refused};
use super::program::cut;
use super::underlay::AGAIN;
use crate::link::{Kind, Link, Links};
use crate::sys::bpf::{Hook, attach, load};
use crate::sys::device;
use netlink_packet_route::link::{AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

/// The names of the ends, where packets go in and where they come out.
const IN: &str = "adit-cut0";
const OUT: &str = "adit-cut1";

/// By this a pair is known that a killed daemon has left.
const ALIAS: &str = "Adit cuts packets of protocol 115 here";

/// The largest that a veth device takes.
const MTU: u32 = 65_535;

/// The pair, as long as somebody needs it.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    pair: Option<Pair>,
    /// Why there is none, for as long as that is taken for granted.
    refusal: Option<(Instant, Reason)>,
}

#[derive(Debug)]
struct Pair {
    enter: u32,
    exit: u32,
    /// Holds the program.
    _program: OwnedFd,
}

impl Cutter {
    /// The interface index of the device that cuts, which is made if there is none.
    pub(super) fn index(&mut self, links: &mut Links) -> Result<u32, Reason> {
        if let Some(pair) = &self.pair {
            return Ok(pair.enter);
        }
        remove_old(links)?;
        let now = Instant::now();
        if let Some((until, reason)) = &self.refusal
            && now < *until
        {
            return Err(reason.clone());
        }
        let made = Pair::create(links);
        let refusal = made.as_ref().err().cloned();
        self.refusal = refusal.map(|reason| (now + AGAIN, reason));
        let pair = self.pair.insert(made?);
        Ok(pair.enter)
    }

    /// The interface index of the device that cuts, if it is there.
    pub(super) fn present(&self) -> Option<u32> {
        self.pair.as_ref().map(|pair| pair.enter)
    }

    /// Forgets a pair that somebody has deleted, or taken down.
    pub(super) fn check(&mut self, links: &mut Links) {
        let ends = self.pair.as_ref().map(|pair| [pair.enter, pair.exit]);
        let mut serves = |index| {
            let link = links.by_index(index);
            link.is_ok_and(|link| link.up && link.kind == Some(Kind::Veth))
        };
        if let Some(ends) = ends
            && !ends.into_iter().all(&mut serves)
        {
            self.close(links);
        }
    }

    /// Deletes the pair.
    pub(super) fn close(&mut self, links: &mut Links) {
        if let Some(pair) = self.pair.take() {
            // It fails where the pair is gone already.
            let _ = links.delete(pair.enter);
        }
    }
}

impl Pair {
    fn create(links: &mut Links) -> Result<Pair, Reason> {
        let made = links.add_veth(IN, OUT);
        made.map_err(|e| {
            refused(
                "the kernel makes no veth pair, in which packets are cut",
                &e,
            )
        })?;
        let set_up = |links: &mut Links| -> io::Result<Pair> {
            let [enter, exit] = [set_up(links, IN)?, set_up(links, OUT)?];
            device::refuse_super_frames(IN)?;
            let program = load(Hook::Ingress, &cut().code)?;
            Ok(Pair {
                enter,
                exit,
                _program: attach(program.as_fd(), Hook::Ingress, exit)?,
            })
        };
        set_up(links).map_err(|error| {
            if let Ok(link) = links.by_name(IN) {
                // What is left is taken away by the next attempt.
                let _ = links.delete(link.index);
            }
            refused(&format!("the veth pair {IN} serves not"), &error)
        })
    }
}

/// Takes away what a daemon that was killed has left.
fn remove_old(links: &mut Links) -> Result<(), Reason> {
    for name in [IN, OUT] {
        let Ok(Link { index, alias, .. }) = links.by_name(name) else {
            continue;
        };
        if alias.as_deref() != Some(ALIAS) {
            let text = format!("a device {name} exists already; rename it");
            return Err(Reason::Refused(text));
        }
        let gone = links.delete(index);
        gone.map_err(|e| refused(&format!("the device {name} does not go"), &e))?;
    }
    Ok(())
}

/// Readies one end and gives its index.
fn set_up(links: &mut Links, name: &str) -> io::Result<u32> {
    let index = links.by_name(name)?.index;
    // Without an address of its own the device says nothing by itself.
    let quiet = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    let quiet = AfSpecUnspec::Inet6(vec![quiet]);
    let attributes = vec![
        LinkAttribute::IfAlias(ALIAS.to_owned()),
        LinkAttribute::Mtu(MTU),
        LinkAttribute::AfSpecUnspec(vec![quiet]),
    ];
    // A kernel without IPv6 knows no such mode.
    if links.set(index, attributes.clone()).is_err() {
        links.set(index, attributes[..2].to_vec())?;
    }
    links.set_up(index)?;
    Ok(index)
}
