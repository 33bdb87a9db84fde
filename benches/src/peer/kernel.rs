//! The kernel's own tunnels, made with the `ip` command.

use super::{DEVICE, Peer};
use crate::host::kernel_release;
use crate::world::{CABLE, Side, World};
use anyhow::{anyhow, bail};

/// The device is made once and removed: that is the only question the kernel answers for sure.
pub(super) fn probe(peer: Peer, world: &World) -> anyhow::Result<String> {
    let made = add(peer, world, Side::Near);
    world.remove(Side::Near, DEVICE);
    match made {
        Ok(()) => Ok(kernel_release()),
        Err(error) if unknown_to_kernel(&format!("{error:#}")) => {
            Err(anyhow!("not in this kernel"))
        }
        Err(error) => Err(error),
    }
}

pub(super) fn add(peer: Peer, world: &World, side: Side) -> anyhow::Result<()> {
    let ends = format!("local {} remote {}", side.outer(), side.other().outer());
    let kind = match peer {
        Peer::Vxlan => format!("vxlan id 1 {ends} dstport 4789 dev {CABLE}"),
        Peer::Gretap => format!("gretap {ends}"),
        Peer::Bare | Peer::Fastd | Peer::Adit(..) | Peer::AditPpp | Peer::AditXl2tpd => {
            bail!("{} is not a tunnel of the kernel's", peer.title())
        }
    };
    let made = world.execute(side, "ip", &format!("link add {DEVICE} type {kind}"));
    made.map(drop)
}

fn unknown_to_kernel(complaint: &str) -> bool {
    ["Unknown device type", "not supported"]
        .iter()
        .any(|text| complaint.contains(text))
}
