//! The walk-through of the kernel's L2TP document, with Adit on one side and the kernel on the
//! other, and what has to be true of it.

use crate::counters::{self, Missing};
use crate::rig::{DEVICE, Rig, insist};
use crate::side::{End, Side};
use crate::traffic;
use crate::variant::Variant;
use adit_e2e::Test;
use adit_lab::Ping;
use serde_json::Value;
use std::time::Duration;

/// Makes the pseudowire on both sides, moves packets, compares what both sides say of it, and
/// takes it away.
pub(crate) fn walk(rig: &mut Rig, variant: &Variant) -> Test {
    rig.make_afresh(variant)?;
    both_choose_the_same_mtu(rig, variant)?;
    ping(rig, variant.first)?;
    traffic::transfer(rig, Side::Kernel.inner())?;
    counters::agree(rig, variant.numbered, Missing::default())?;
    both_show_the_same(rig, variant)?;
    let End {
        tunnel, session, ..
    } = Side::Adit.end();
    rig.host.adit(&format!(
        "del session tunnel_id {tunnel} session_id {session}"
    ));
    insist(|| match rig.has_device(Side::Adit) {
        true => Err(format!("{DEVICE} is still there").into()),
        false => Ok(()),
    })?;
    rig.clear()
}

/// Makes a pseudowire that must not work, sends from both sides, and looks where it ended.
pub(crate) fn nothing_passes(rig: &mut Rig, variant: &Variant) -> Test {
    rig.make_afresh(variant)?;
    let echo = Ping::to(Side::Kernel.inner()).timeout(Duration::from_millis(500));
    assert_eq!(echo.run(&rig.host)?.received, 0);
    let command = format!("ping -q -c 1 -W 1 {}", Side::Adit.inner());
    assert!(rig.guest(&command).is_err(), "an answer from Adit's side");
    counters::all_dropped(rig)?;
    rig.clear()
}

/// Makes the kernel's side anew while Adit's stays: traffic has to come back by itself.
pub(crate) fn kernel_starts_again(rig: &mut Rig, variant: &Variant) -> Test {
    rig.make_afresh(variant)?;
    ping(rig, variant.first)?;
    rig.remove(Side::Kernel)?;
    rig.make(variant, Side::Kernel)?;
    // Adit takes a new beginning for one only after some packets of it.
    insist(|| rig.guest(&format!("ping -q -c 1 -W 1 {}", Side::Adit.inner())))?;
    ping(rig, variant.first)?;
    rig.clear()
}

/// Kills Adit and starts it anew: the kernel, which knows nothing of it, has to go on taking its
/// packets.
pub(crate) fn adit_is_killed(rig: &mut Rig, variant: &Variant) -> Test {
    rig.make_afresh(variant)?;
    ping(rig, variant.first)?;
    for kills in 1..=2 {
        rig.host.kill();
        rig.host.start(&[]);
        insist(|| rig.guest(&format!("ping -q -c 1 -W 1 {}", Side::Adit.inner())))?;
        ping(rig, variant.first)?;
        counters::resumed(rig, kills)?;
    }
    rig.clear()
}

/// Carries whole Ethernet frames although the way is no wider than one: the outer packets travel
/// as fragments.
pub(crate) fn whole_frames(rig: &mut Rig, variant: &Variant) -> Test {
    rig.make_afresh(variant)?;
    rig.host.set_mtu(DEVICE, 1500)?;
    rig.guest(&format!("ip link set {DEVICE} mtu 1500"))?;
    ping(rig, variant.first)?;
    traffic::transfer(rig, Side::Kernel.inner())?;
    counters::agree(rig, variant.numbered, Missing::default())?;
    rig.clear()
}

/// The two MTUs differ by no more than what the two sides send as cookies.
fn both_choose_the_same_mtu(rig: &mut Rig, variant: &Variant) -> Test {
    let kernel: u32 = rig
        .guest(&format!("cat /sys/class/net/{DEVICE}/mtu"))?
        .trim()
        .parse()?;
    let adit = rig.host.link(DEVICE)?.mtu;
    let [adit_cookie, kernel_cookie] = variant.cookie_octets();
    assert_eq!(
        adit + adit_cookie,
        kernel + kernel_cookie,
        "MTUs with cookies"
    );
    Ok(())
}

/// From each side, with a small packet and with one larger than any MTU on the way.
fn ping(rig: &mut Rig, first: Side) -> Test {
    for size in [56, 3000] {
        for from in [first, first.other()] {
            traffic::ping(rig, from, from.other().inner(), size)?;
        }
    }
    Ok(())
}

/// Adit shows what `ip l2tp` shows, to the last blank, and the same JSON.
fn both_show_the_same(rig: &mut Rig, variant: &Variant) -> Test {
    for object in ["tunnel", "session"] {
        let adit = rig.host.adit(&format!("show {object}"));
        let kernel = rig.guest(&format!("ip l2tp show {object}"))?;
        assert_eq!(adit, variant.mirrored(&kernel), "show {object}");
        let adit: Value = serde_json::from_str(&rig.host.adit(&format!("-j show {object}")))?;
        let kernel = rig.guest(&format!("ip -j l2tp show {object}"))?;
        let kernel = serde_json::from_str(&kernel)?;
        assert_eq!(adit, variant.mirrored_json(&kernel), "-j show {object}");
    }
    Ok(())
}
