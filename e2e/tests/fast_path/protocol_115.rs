//! Protocol 115 inside the kernel, where a veth pair cuts its super-frames.

use super::{Wire, await_active, await_shown, both_ends, connected, hosts, one_end, shown};
use super::{transfer_both_ways, veth};
use adit_e2e::{Encap, Family, Host, Setup, Side, Test, eventually, test};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = Vec::new();
    for family in [Family::V4, Family::V6] {
        for wire in [Wire::Whole, Wire::Merged] {
            for cookie in [0, 8] {
                let name = format!("fast_path::protocol_115::{family:?}_{wire:?}_cookie_{cookie}");
                let setup = move || setup(family).cookie(cookie);
                tests.push(test(name, move || both_ends(&setup(), wire)));
            }
            let name = format!("fast_path::protocol_115::one_end::{family:?}_{wire:?}");
            let setup = move || setup(family).cookie(4);
            tests.push(test(name, move || one_end(&setup(), wire)));
        }
    }
    tests.extend([
        test(
            "fast_path::protocol_115::the_cutter_goes_with_its_sessions",
            the_cutter_goes_with_its_sessions,
        ),
        test(
            "fast_path::protocol_115::the_cutter_is_made_again",
            the_cutter_is_made_again,
        ),
        test(
            "fast_path::protocol_115::the_cutter_of_a_killed_daemon_is_replaced",
            the_cutter_of_a_killed_daemon_is_replaced,
        ),
        test(
            "fast_path::protocol_115::a_strangers_device_is_left_alone",
            a_strangers_device_is_left_alone,
        ),
    ]);
    tests
}

/// Where packets enter the pair that cuts them.
const CUTTER: &str = "adit-cut0";

fn setup(family: Family) -> Setup {
    Setup::new(Encap::Ip, family)
}

fn has_cutter(host: &Host) -> bool {
    host.link(CUTTER).is_ok()
}

fn the_cutter_goes_with_its_sessions() -> Test {
    let mut pair = connected(&setup(Family::V4));
    assert!(has_cutter(&pair.a) && has_cutter(&pair.b));
    pair.a.adit("del session tunnel_id 3000 session_id 1000");
    eventually("the cutter has gone", || !has_cutter(&pair.a));
    assert!(pair.b.stop().success());
    assert!(!has_cutter(&pair.b));
    Ok(())
}

fn the_cutter_is_made_again() -> Test {
    let pair = connected(&setup(Family::V6));
    let before = pair.a.link(CUTTER)?.index;
    pair.a.delete_link(CUTTER)?;
    eventually("there is another one", || {
        pair.a.link(CUTTER).is_ok_and(|link| link.index != before)
    });
    await_active(&pair.a);
    pair.await_ping();
    pair.a.set_down("adit-cut1")?;
    pair.await_ping();
    transfer_both_ways(&pair)
}

fn the_cutter_of_a_killed_daemon_is_replaced() -> Test {
    let mut pair = connected(&setup(Family::V4));
    let before = pair.a.link(CUTTER)?.index;
    pair.a.kill();
    assert!(has_cutter(&pair.a));
    pair.a.start(&["--fast-path=all"]);
    await_active(&pair.a);
    assert!(pair.a.link(CUTTER)?.index != before);
    pair.await_ping();
    transfer_both_ways(&pair)
}

fn a_strangers_device_is_left_alone() -> Test {
    let pair = hosts(&[Side::A]);
    veth(&pair.a, CUTTER, &pair.a, "other")?;
    let before = pair.a.link(CUTTER)?.index;
    pair.connect(&setup(Family::V4));
    await_shown(&pair.a, "no, a device adit-cut0 exists already; rename it");
    pair.await_ping();
    assert_eq!(pair.a.link(CUTTER)?.index, before);
    pair.a.delete_link(CUTTER)?;
    await_active(&pair.a);
    assert_eq!(shown(&pair.b), "");
    Ok(())
}
