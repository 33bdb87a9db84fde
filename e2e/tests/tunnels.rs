//! Several tunnels and sessions beside each other, and changes to a session at work.

use adit_e2e::{Encap, Family, Pair, Probe, Setup, Side, Test, eventually, frame, test};
use adit_lab::{Namespace, Ping};
use libtest_mimic::Trial;
use std::io;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "tunnels::udp_tunnels_may_share_a_session_id",
            udp_tunnels_may_share_a_session_id,
        ),
        test(
            "tunnels::ip_tunnels_may_share_their_addresses",
            ip_tunnels_may_share_their_addresses,
        ),
        test("tunnels::sessions_share_a_tunnel", sessions_share_a_tunnel),
        test(
            "tunnels::a_session_is_tuned_at_work",
            a_session_is_tuned_at_work,
        ),
        test(
            "tunnels::debug_masks_choose_what_is_logged",
            debug_masks_choose_what_is_logged,
        ),
    ]
}

/// Puts both ends of a pseudowire into a subnet of its own and pings through it.
fn pings(pair: &Pair, device: &str, subnet: u8) -> Test {
    let ready = |namespace: &Namespace, host: u8| -> io::Result<()> {
        namespace.add_address(device, &format!("10.0.{subnet}.{host}/24"))?;
        namespace.set_up(device)
    };
    ready(&pair.a, 1)?;
    ready(&pair.b, 2)?;
    let report = Ping::to([10, 0, subnet, 2]).count(3).run(&pair.a)?;
    assert!(report.complete(), "{device}: {report:?}");
    Ok(())
}

fn udp_tunnels_may_share_a_session_id() -> Test {
    let pair = Pair::new();
    for (host, near, far) in [(&pair.a, 1, 2), (&pair.b, 2, 1)] {
        for tunnel in [1, 2] {
            host.adit(&format!(
                "add tunnel tunnel_id {tunnel} peer_tunnel_id {tunnel} local 192.0.2.{near} \
                 remote 192.0.2.{far} udp_sport 700{tunnel} udp_dport 700{tunnel}"
            ));
            host.adit(&format!(
                "add session name pw{tunnel} tunnel_id {tunnel} session_id 5 peer_session_id 5"
            ));
        }
    }
    pings(&pair, "pw1", 1)?;
    pings(&pair, "pw2", 2)?;
    Ok(())
}

fn ip_tunnels_may_share_their_addresses() -> Test {
    let pair = Pair::new();
    for (host, near, far) in [(&pair.a, 1, 2), (&pair.b, 2, 1)] {
        for tunnel in [1, 2] {
            host.adit(&format!(
                "add tunnel tunnel_id {tunnel} peer_tunnel_id {tunnel} encap ip \
                 local 192.0.2.{near} remote 192.0.2.{far}"
            ));
            host.adit(&format!(
                "add session name pw{tunnel} tunnel_id {tunnel} session_id {tunnel} \
                 peer_session_id {tunnel}"
            ));
        }
        // Over IP nothing but the id tells sessions apart, so it cannot repeat.
        let refusal = host.refused("add session tunnel_id 2 session_id 1 peer_session_id 9");
        assert!(refusal.text.contains("session_id"), "{}", refusal.text);
    }
    pings(&pair, "pw1", 1)?;
    pair.a.adit("del tunnel tunnel_id 1");
    pings(&pair, "pw2", 2)?;
    Ok(())
}

fn sessions_share_a_tunnel() -> Test {
    let pair = Pair::new();
    let setup = Setup::new(Encap::Udp, Family::V6);
    for (host, side) in [(&pair.a, Side::A), (&pair.b, Side::B)] {
        host.adit(&setup.add_tunnel(side));
        for session in 1..=5 {
            host.adit(&format!(
                "add session name pw{session} tunnel_id {} session_id {session} \
                 peer_session_id {session}",
                side.tunnel()
            ));
        }
    }
    for session in 1..=5 {
        pings(&pair, &format!("pw{session}"), session)?;
    }
    pair.a.adit("del session tunnel_id 3000 session_id 3");
    let report = Ping::to([10, 0, 4, 2]).run(&pair.a)?;
    assert!(report.complete(), "{report:?}");
    Ok(())
}

fn a_session_is_tuned_at_work() -> Test {
    let pair = Pair::connected(&Setup::new(Encap::Udp, Family::V4));
    pair.await_ping();
    let before = pair.a.link("l2tpeth0")?;
    pair.a
        .adit("set session tunnel_id 3000 session_id 1000 mtu 1300 seq both reorder_timeout 50");
    let after = pair.a.link("l2tpeth0")?;
    assert_eq!((after.index, after.mtu), (before.index, 1300));
    let session = pair.a.session(1000);
    assert!(session.get("send_seq").is_some(), "{session}");
    assert_eq!(session["reorder_timeout"], 50, "{session}");
    // A demands numbers now, and B, a LAC, follows.
    pair.await_ping();
    Ok(())
}

fn debug_masks_choose_what_is_logged() -> Test {
    let probe = Probe::new(&Setup::new(Encap::Udp, Family::V4).cookie(4));
    let drops_one = || {
        let dropped = probe.host.counter(1000, "rx_cookie");
        probe.send(&probe.packet(1000, &[0; 4], Some(0), &frame(1)));
        eventually("the packet is counted", || {
            probe.host.counter(1000, "rx_cookie") > dropped
        });
    };
    let logged = || probe.host.log().contains("rx_cookie");
    drops_one();
    probe
        .host
        .adit("set session tunnel_id 3000 session_id 1000 debug seq");
    drops_one();
    assert!(!logged(), "{}", probe.host.log());
    probe
        .host
        .adit("set session tunnel_id 3000 session_id 1000 debug data");
    drops_one();
    eventually("the drop is logged", logged);
    Ok(())
}
