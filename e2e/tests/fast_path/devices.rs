//! What the fast path makes of the device that outer packets leave and come by.

use super::{Wire, transfer_both_ways};
use super::{await_active, await_shown, connected, ip, link_packets, setup, shown};
use adit_e2e::{Family, Pair, Side, Test, eventually, test};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "fast_path::devices::near_ones_are_named",
            near_ones_are_named,
        ),
        test(
            "fast_path::devices::a_driver_without_xdp",
            a_driver_without_xdp,
        ),
    ]
}

/// What is on the same machine may get super-frames and unfinished checksums, which only a peer with a
/// fast path can read: it is asked for.
fn near_ones_are_named() -> Test {
    let mut pair = Pair::idle();
    pair.a.start(&["--fast-path"]);
    setup(Family::V4).install(&pair.a, Side::A);
    pair.a.set_up("l2tpeth0")?;
    await_shown(&pair.a, "no, the peer is behind a veth pair, which takes");
    for (device, make, what) in [
        ("br0", "link add name br0 type bridge", "a bridge"),
        ("tap0", "tuntap add dev tap0 mode tap", "a TAP device"),
        (
            "mac0",
            "link add link eth0 name mac0 type macvlan",
            "a macvlan device",
        ),
    ] {
        ip(&pair.a, make)?;
        pair.a.set_up(device)?;
        ip(&pair.a, &format!("route replace 192.0.2.2/32 dev {device}"))?;
        await_shown(&pair.a, &format!("no, the peer is behind {what}, which"));
    }
    Ok(())
}

/// A veth device with fewer receive queues than its peer has for sending takes no XDP program. Packets
/// are unwrapped all the same, where the kernel has merged what it could.
fn a_driver_without_xdp() -> Test {
    let pair = connected(&setup(Family::V4));
    let queues = "numtxqueues 2 numrxqueues 1";
    let make = format!("link add name eth1 {queues} type veth peer name eth2 {queues}");
    ip(&pair.a, &make)?;
    pair.a.move_link("eth2", &pair.b)?;
    for (host, device, own, other, gateway) in [
        (
            &pair.a,
            "eth1",
            "198.51.100.1/24",
            "192.0.2.2",
            "198.51.100.2",
        ),
        (
            &pair.b,
            "eth2",
            "198.51.100.2/24",
            "192.0.2.1",
            "198.51.100.1",
        ),
    ] {
        Wire::Merged.apply_to(host, device)?;
        host.add_address(device, own)?;
        host.set_up(device)?;
        ip(
            host,
            &format!("route add {other}/32 via {gateway} dev {device}"),
        )?;
    }
    let refused = |device| format!("active, unmerged since {device} takes no XDP program: ");
    await_shown(&pair.a, &refused("eth1"));
    await_shown(&pair.b, &refused("eth2"));
    let before = link_packets(&pair.a, "eth1");
    transfer_both_ways(&pair)?;
    assert!(link_packets(&pair.a, "eth1") > before + 1000);

    // Where nothing is merged anyway, there is nothing to remark.
    Wire::Whole.apply_to(&pair.a, "eth1")?;
    eventually("nothing is remarked", || {
        shown(&pair.a).starts_with("active;")
    });
    await_active(&pair.b);
    transfer_both_ways(&pair)?;
    Wire::Merged.apply_to(&pair.a, "eth1")?;
    await_shown(&pair.a, &refused("eth1"));
    transfer_both_ways(&pair)
}
