//! VLANs on a session with the path inside the kernel.

use super::{
    Wire, await_active, await_begun, ethtool, hosts, ip, lost, passed, setup, shown,
    transfer_both_ways,
};
use adit_e2e::{Encap, Family, Host, Pair, Setup, Side, Test, address_device, eventually, test};
use adit_lab::{Amount, Tagging, tcp_transfer};
use libtest_mimic::Trial;
use std::error::Error;
use std::net::SocketAddr;

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = Vec::new();
    for family in [Family::V4, Family::V6] {
        for wire in [Wire::Whole, Wire::Merged] {
            let name = |what| format!("fast_path::vlan::{what}::{family:?}_{wire:?}");
            let udp = move || setup(family).cookie(8);
            tests.push(test(name("both_ends"), move || both_ends(udp(), wire)));
            tests.push(test(name("one_end"), move || one_end(udp(), wire)));
            let over_ip = move || Setup::new(Encap::Ip, family).cookie(4);
            tests.push(test(name("protocol_115"), move || {
                both_ends(over_ip(), wire)
            }));
        }
    }
    tests.push(test(
        "fast_path::vlan::frames_without_room_for_a_tag_pass",
        frames_without_room_for_a_tag_pass,
    ));
    tests
}

/// Priority 5, VLAN 7.
const CONTENT: u16 = 5 << 13 | 7;

/// What leaves full-sized frames room for a tag, and no more behind the longest headers: IPv6 and UDP, a
/// cookie of 8 octets and the sublayer.
const ROOM: &str = "mtu 1414";

/// One of a session's devices on a VLAN, with addresses.
struct Vlan {
    /// Nothing where the kernel has devices of VLANs.
    _tagging: Option<Tagging>,
    device: &'static str,
}

impl Vlan {
    fn add(host: &Host, side: Side) -> Result<Vlan, Box<dyn Error>> {
        let line = "link add link l2tpeth0 name vlan7 type vlan id 7 egress-qos-map 0:5";
        let made = host.command("ip").args(line.split(' ')).output()?;
        if !made.status.success() {
            let text = String::from_utf8_lossy(&made.stderr).into_owned();
            assert!(text.contains("Unknown device type"), "{text}");
            let tagging = host.tag("l2tpeth0", CONTENT)?;
            address_device(host, side);
            return Ok(Vlan {
                _tagging: Some(tagging),
                device: "l2tpeth0",
            });
        }
        host.set_up("l2tpeth0")?;
        for family in [Family::V4, Family::V6] {
            let address = format!("{}/{}", side.inner(family), family.prefix_len());
            host.add_address("vlan7", &address)?;
        }
        host.set_up("vlan7")?;
        Ok(Vlan {
            _tagging: None,
            device: "vlan7",
        })
    }
}

/// Hosts of which those named have the fast path, on one VLAN.
fn on_a_vlan(
    fast: &[Side],
    setup: &Setup,
    wire: Wire,
) -> Result<(Pair, [Vlan; 2]), Box<dyn Error>> {
    let pair = hosts(fast);
    wire.apply(&pair)?;
    pair.add(setup);
    let vlans = [Vlan::add(&pair.a, Side::A)?, Vlan::add(&pair.b, Side::B)?];
    for (host, side) in [(&pair.a, Side::A), (&pair.b, Side::B)] {
        if fast.contains(&side) {
            await_active(host);
            await_begun(&pair, host);
        }
    }
    pair.await_ping();
    Ok((pair, vlans))
}

/// Streams and pings with tags pass both ways, inside the kernel, and every packet is counted at both
/// ends.
fn both_ends(setup: Setup, wire: Wire) -> Test {
    let setup = setup.session(ROOM);
    let (pair, _vlans) = on_a_vlan(&[Side::A, Side::B], &setup, wire)?;
    let before = lost(&pair);
    let packets = [passed(&pair.a), passed(&pair.b)];
    transfer_both_ways(&pair)?;
    moved_by_it(&pair, packets);
    assert_eq!(lost(&pair), before);
    Ok(())
}

/// Four streams of 16 MiB went by the fast path, each way two of them.
fn moved_by_it(pair: &Pair, before: [[u64; 2]; 2]) {
    let least = (32 << 20) / 1500;
    for (host, before) in [(&pair.a, before[0]), (&pair.b, before[1])] {
        let now = passed(host);
        let moved = [now[0] - before[0], now[1] - before[1]];
        assert!(
            moved.iter().all(|packets| *packets > least),
            "{}",
            shown(host)
        );
    }
}

/// A peer that knows nothing of it takes tagged frames, on a wire that makes packets of what a sender
/// leaves to it.
fn one_end(setup: Setup, wire: Wire) -> Test {
    let setup = setup.session(ROOM);
    let (pair, _vlans) = on_a_vlan(&[Side::A], &setup, wire)?;
    ethtool(&pair.a, "tx off")?;
    pair.await_ping();
    let before = passed(&pair.a);
    transfer_both_ways(&pair)?;
    let sent = passed(&pair.a)[0] - before[0];
    assert!(sent > (32 << 20) / 1500, "{}", shown(&pair.a));
    Ok(())
}

/// With the MTU of the session's device, full-sized frames with a tag are too long for the path. They
/// pass all the same, and inside the kernel once the device's MTU leaves room for the tag.
fn frames_without_room_for_a_tag_pass() -> Test {
    let both = [Side::A, Side::B];
    let (pair, vlans) = on_a_vlan(&both, &setup(Family::V4), Wire::Merged)?;
    let to = SocketAddr::new(Side::B.inner(Family::V4), 0);
    let before = passed(&pair.a);
    let transfer = || tcp_transfer(&pair.a, &pair.b, to, Amount::Octets(1 << 20));
    transfer()?;
    // What comes before the first long frame, and not a stream of 700 packets.
    let sent = passed(&pair.a)[0] - before[0];
    assert!(sent < 100, "{sent} packets");
    for (host, vlan) in [(&pair.a, &vlans[0]), (&pair.b, &vlans[1])] {
        ip(host, &format!("link set {} mtu 1442", vlan.device))?;
    }
    eventually("a stream passes inside the kernel", || {
        let before = passed(&pair.a);
        transfer().expect("a transfer");
        passed(&pair.a)[0] - before[0] > (1 << 20) / 1500
    });
    Ok(())
}
