//! Devices of sessions in network namespaces that are not their daemon's, such as containers'.

use adit_e2e::{Encap, Family, Pair, Setup, Side, Test, address_device, eventually, test};
use adit_lab::{Namespace, Ping};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("moved::its_packets_pass", its_packets_pass),
        test(
            "moved::it_ends_with_a_killed_daemon",
            it_ends_with_a_killed_daemon,
        ),
        test("moved::back_it_is_kept_again", back_it_is_kept_again),
    ]
}

const DEVICE: &str = "l2tpeth0";

/// Two hosts, of which A's device is in a namespace of its own.
fn moved() -> Result<(Pair, Namespace), Box<dyn std::error::Error>> {
    let pair = Pair::connected(&Setup::new(Encap::Udp, Family::V4));
    pair.await_ping();
    let away = Namespace::new("away")?;
    pair.a.move_link(DEVICE, &away)?;
    let own = format!("{}/24", Side::A.inner(Family::V4));
    away.add_address(DEVICE, &own)?;
    away.set_up(DEVICE)?;
    // Packets pass before the daemon knows.
    let line = format!("set session name {DEVICE} mtu 1800");
    eventually("the daemon sees it", || {
        let text = pair.a.refused(&line).text;
        text.contains("set it there, with ip link")
    });
    Ok((pair, away))
}

#[track_caller]
fn await_ping(from: &Namespace, size: usize) {
    let ping = Ping::to(Side::B.inner(Family::V4))
        .size(size)
        .unfragmented();
    eventually("a ping is answered", || {
        ping.run(from).is_ok_and(|report| report.complete())
    });
}

/// Whatever MTU it is given there, which the daemon does not see.
fn its_packets_pass() -> Test {
    let (pair, away) = moved()?;
    await_ping(&away, 1000);
    let refusal = pair
        .a
        .refused(&format!("set session name {DEVICE} mtu 1800"));
    assert!(
        refusal.text.contains("set it there, with ip link"),
        "{}",
        refusal.text
    );
    away.set_mtu(DEVICE, 1800)?;
    pair.b.set_mtu(DEVICE, 1800)?;
    await_ping(&away, 1700);
    assert_eq!(pair.a.counter(1000, "rx_frame_mtu"), 0);
    Ok(())
}

/// The next daemon could not find it. It makes another one, here.
fn it_ends_with_a_killed_daemon() -> Test {
    let (mut pair, away) = moved()?;
    await_ping(&away, 56);
    pair.a.kill();
    eventually("the device has gone", || away.link(DEVICE).is_err());
    pair.a.start(&[]);
    address_device(&pair.a, Side::A);
    await_ping(&pair.a, 56);
    Ok(())
}

fn back_it_is_kept_again() -> Test {
    let (mut pair, away) = moved()?;
    away.move_link(DEVICE, &pair.a)?;
    address_device(&pair.a, Side::A);
    pair.await_ping();
    pair.a.set_mtu(DEVICE, 1400)?;
    eventually("the daemon sees it", || pair.a.session(1000)["mtu"] == 1400);
    let before = pair.a.link(DEVICE)?;
    pair.a.kill();
    pair.a.start(&[]);
    pair.await_ping();
    assert_eq!(pair.a.link(DEVICE)?.index, before.index);
    Ok(())
}
