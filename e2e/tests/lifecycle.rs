//! Daemons, peers and devices that come and go.

use adit_e2e::{Encap, Family, Host, Pair, Setup, Side, Test, address_device, eventually, test};
use adit_lab::{Link, Namespace, Ping};
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("lifecycle::a_peer_may_restart", a_peer_may_restart),
        test(
            "lifecycle::a_killed_daemon_resumes",
            a_killed_daemon_resumes,
        ),
        test(
            "lifecycle::numbers_go_on_where_they_were",
            numbers_go_on_where_they_were,
        ),
        test(
            "lifecycle::what_the_peer_taught_is_remembered",
            what_the_peer_taught_is_remembered,
        ),
        test(
            "lifecycle::a_deleted_device_comes_back",
            a_deleted_device_comes_back,
        ),
        test(
            "lifecycle::sigterm_removes_every_device",
            sigterm_removes_every_device,
        ),
        test(
            "lifecycle::namespaces_do_not_see_each_other",
            namespaces_do_not_see_each_other,
        ),
        test("lifecycle::a_socket_can_be_a_file", a_socket_can_be_a_file),
        test(
            "lifecycle::a_service_manager_is_told",
            a_service_manager_is_told,
        ),
        test(
            "lifecycle::deleting_a_tunnel_removes_its_sessions",
            deleting_a_tunnel_removes_its_sessions,
        ),
    ]
}

/// Packets that a receiver drops before it believes in another place of the sequence.
const RESYNC: u64 = 5;

fn setup() -> Setup {
    Setup::new(Encap::Udp, Family::V4).cookie(8)
}

fn l2tp_devices(namespace: &Namespace) -> Vec<Link> {
    let links = namespace.links().expect("links");
    links
        .into_iter()
        .filter(|link| link.name.starts_with("l2tp"))
        .collect()
}

/// A daemon that ended in order starts without a memory.
fn a_peer_may_restart() -> Test {
    let mut pair = Pair::connected(&setup());
    pair.await_ping();
    assert!(pair.b.stop().success());
    let ping = Ping::to(Side::B.inner(Family::V4)).timeout(Duration::from_millis(300));
    assert!(!ping.run(&pair.a)?.complete());
    pair.b.start(&[]);
    assert!(pair.b.list("session").is_empty());
    setup().install(&pair.b, Side::B);
    pair.await_ping();
    Ok(())
}

/// Devices keep index, hardware address and addresses, so that routes, bridges and neighbours
/// never notice.
fn a_killed_daemon_resumes() -> Test {
    let mut pair = Pair::connected(&setup().session("seq both mtu 1300"));
    pair.await_ping();
    let (state, devices) = (pair.a.state(), l2tp_devices(&pair.a));
    pair.a.kill();
    pair.a.start(&[]);
    assert_eq!(pair.a.state(), state);
    assert_eq!(l2tp_devices(&pair.a), devices);
    pair.await_ping();
    Ok(())
}

/// A peer that does not reorder takes a jump ahead for one after a few packets, and a number
/// behind never.
fn numbers_go_on_where_they_were() -> Test {
    let mut pair = Pair::connected(&setup().session("seq both"));
    pair.await_ping();
    for round in 1..=2 {
        pair.a.kill();
        pair.a.start(&[]);
        pair.await_ping();
        assert_eq!(dropped_for_numbers(&pair.b), [0, round * RESYNC, 0]);
        assert_eq!(dropped_for_numbers(&pair.a), [0, 0, 0]);
    }
    Ok(())
}

/// The demanding peer sees no packet without a number from a killed daemon's successor.
fn what_the_peer_taught_is_remembered() -> Test {
    let mut pair = Pair::new();
    setup().add(&pair.a, Side::A);
    let state = pair.a.path("state");
    let written = || fs::metadata(&state).and_then(|file| file.modified());
    let before = written()?;
    setup().session("seq both").install(&pair.b, Side::B);
    address_device(&pair.a, Side::A);
    eventually("A learns to number its packets", || {
        pair.a.adit("show session").contains("send")
    });
    eventually("it is written down", || {
        written().is_ok_and(|now| now > before)
    });
    pair.await_ping();
    let [_, _, unnumbered] = dropped_for_numbers(&pair.b);
    pair.a.kill();
    pair.a.start(&[]);
    assert!(pair.a.adit("show session").contains("send"));
    pair.await_ping();
    assert_eq!(dropped_for_numbers(&pair.b), [0, RESYNC, unnumbered]);
    Ok(())
}

/// What a host's session has dropped of what came: outside the window, out of order, without a
/// number.
#[track_caller]
fn dropped_for_numbers(host: &Host) -> [u64; 3] {
    let sessions = host.list("session");
    let id = sessions[0]["session_id"].as_u64().expect("an id");
    let id = u32::try_from(id).expect("an id");
    ["rx_seq_window", "rx_seq_order", "rx_seq_missing"].map(|name| host.counter(id, name))
}

fn a_deleted_device_comes_back() -> Test {
    let pair = Pair::connected(&setup().session("seq both"));
    pair.await_ping();
    let before = pair.a.link("l2tpeth0")?;
    pair.a.delete_link("l2tpeth0")?;
    eventually("the device is back", || {
        let device = pair.a.link("l2tpeth0");
        device.is_ok_and(|device| device.index != before.index)
    });
    assert_eq!(pair.a.link("l2tpeth0")?.mtu, before.mtu);
    address_device(&pair.a, Side::A);
    pair.await_ping();
    for host in [&pair.a, &pair.b] {
        assert_eq!(dropped_for_numbers(host), [0, 0, 0], "numbers went on");
    }
    Ok(())
}

fn sigterm_removes_every_device() -> Test {
    let mut host = Host::new("a");
    host.add_address("lo", "192.0.2.1/32")?;
    for tunnel in 1..=3 {
        host.adit(&format!(
            "add tunnel tunnel_id {tunnel} peer_tunnel_id {tunnel} local 192.0.2.1 \
             remote 192.0.2.1 udp_sport 500{tunnel} udp_dport 600{tunnel}"
        ));
        for session in 1..=3 {
            host.adit(&format!(
                "add session tunnel_id {tunnel} session_id {tunnel}{session} peer_session_id 1"
            ));
        }
    }
    assert_eq!(l2tp_devices(&host).len(), 9);
    assert!(host.stop().success());
    assert!(l2tp_devices(&host).is_empty());
    Ok(())
}

fn namespaces_do_not_see_each_other() -> Test {
    let pair = Pair::new();
    setup().install(&pair.a, Side::A);
    assert_eq!(pair.a.list("tunnel").len(), 1);
    assert!(pair.b.list("tunnel").is_empty());
    // The same ids again are another tunnel there.
    setup().install(&pair.b, Side::B);
    let outside = Host::idle("outside");
    let refusal = outside.refused("show tunnel");
    assert_eq!(refusal.status, 1);
    assert!(refusal.text.contains("adit run"), "{}", refusal.text);
    Ok(())
}

fn a_socket_can_be_a_file() -> Test {
    let mut host = Host::idle("a");
    let socket = host.path("control");
    let daemon = host.daemon_command().arg("--socket").arg(&socket);
    let mut daemon = daemon.spawn()?;
    let show = format!("--socket {} show tunnel", socket.display());
    eventually("the daemon answers", || host.output(&show).status.success());
    assert_eq!(host.refused("show tunnel").status, 1);
    daemon.kill()?;
    daemon.wait()?;
    // What a killed daemon leaves behind does not keep the next one from starting.
    let path = socket.display().to_string();
    let mut daemon = host.daemon_command().arg("--socket").arg(&path).spawn()?;
    eventually("the next daemon answers", || {
        host.output(&show).status.success()
    });
    daemon.kill()?;
    daemon.wait()?;
    host.start(&[]);
    Ok(())
}

/// The service manager's protocol: READY=1 once commands are answered, STOPPING=1 at the end.
fn a_service_manager_is_told() -> Test {
    let host = Host::idle("a");
    let path = host.path("notify");
    let manager = UnixDatagram::bind(&path)?;
    manager.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut daemon = host.daemon_command().env("NOTIFY_SOCKET", &path).spawn()?;
    let told = || -> std::io::Result<String> {
        let mut buffer = [0; 1024];
        let length = manager.recv(&mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
    };
    let ready = told()?;
    assert!(ready.contains("READY=1"), "{ready}");
    assert!(host.output("show tunnel").status.success());
    kill_process(Pid::from_child(&daemon), Signal::TERM)?;
    let stopping = told()?;
    assert!(stopping.contains("STOPPING=1"), "{stopping}");
    assert!(daemon.wait()?.success());
    Ok(())
}

fn deleting_a_tunnel_removes_its_sessions() -> Test {
    let pair = Pair::connected(&setup());
    pair.a.adit("del session tunnel_id 3000 session_id 1000");
    eventually("the device goes", || l2tp_devices(&pair.a).is_empty());
    assert!(pair.a.list("session").is_empty());
    pair.a.adit(&setup().add_session(Side::A));
    pair.a.adit("del tunnel tunnel_id 3000");
    eventually("the device goes", || l2tp_devices(&pair.a).is_empty());
    assert!(pair.a.list("tunnel").is_empty());
    assert!(pair.a.list("session").is_empty());
    setup().install(&pair.a, Side::A);
    pair.await_ping();
    Ok(())
}
