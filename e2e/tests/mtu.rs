//! The MTU of a session's device, and frames that do not fit.

use adit_e2e::{Encap, Family, Pair, Setup, Side, Test, eventually, test};
use adit_lab::Ping;
use libtest_mimic::Trial;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "mtu::the_default_follows_the_headers",
            the_default_follows_the_headers,
        ),
        test("mtu::it_can_be_set", it_can_be_set),
        test(
            "mtu::frames_above_it_are_counted",
            frames_above_it_are_counted,
        ),
    ]
}

/// The values that Linux takes over a link of 1500 octets.
fn the_default_follows_the_headers() -> Test {
    let cases = [
        (Encap::Udp, Family::V4, 1446),
        (Encap::Ip, Family::V4, 1458),
        (Encap::Udp, Family::V6, 1426),
        (Encap::Ip, Family::V6, 1438),
    ];
    let pair = Pair::new();
    for (encap, family, plain) in cases {
        for cookie in [0, 4, 8] {
            for (sublayer, gain) in [("default", 0), ("none", 4)] {
                let words = format!("l2spec_type {sublayer}");
                let setup = Setup::new(encap, family).cookie(cookie).session(&words);
                setup.install(&pair.a, Side::A);
                let expected = plain - u32::try_from(cookie)? + gain;
                assert_eq!(pair.a.link("l2tpeth0")?.mtu, expected, "{setup}");
                pair.a.adit("del tunnel tunnel_id 3000");
                eventually("the device goes", || pair.a.link("l2tpeth0").is_err());
            }
        }
    }
    Ok(())
}

fn it_can_be_set() -> Test {
    let pair = Pair::new();
    let setup = Setup::new(Encap::Udp, Family::V4).session("mtu 1300");
    setup.install(&pair.a, Side::A);
    assert_eq!(pair.a.link("l2tpeth0")?.mtu, 1300);
    assert_eq!(pair.a.session(1000)["mtu"], 1300);
    Ok(())
}

fn frames_above_it_are_counted() -> Test {
    let pair = Pair::connected(&Setup::new(Encap::Udp, Family::V4));
    pair.await_ping();
    pair.b.set_mtu("l2tpeth0", 1000)?;
    let long = Ping::to(Side::B.inner(Family::V4))
        .size(1300)
        .timeout(Duration::from_millis(300));
    eventually("the frame is dropped and counted", || {
        let answered = long.run(&pair.a).is_ok_and(|report| report.complete());
        !answered && pair.b.counter(2000, "rx_frame_mtu") > 0
    });
    // Shorter ones still pass.
    pair.await_ping();
    Ok(())
}
