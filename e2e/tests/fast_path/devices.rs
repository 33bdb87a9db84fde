//! What the fast path makes of the device that outer packets leave and come by.

use super::{await_shown, ip, setup};
use adit_e2e::{Family, Pair, Side, Test, test};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    vec![test(
        "fast_path::devices::near_ones_are_named",
        near_ones_are_named,
    )]
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
