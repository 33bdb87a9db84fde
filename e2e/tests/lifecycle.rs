//! Daemons, peers and devices that come and go.

use adit_e2e::{Encap, Family, Host, Pair, Setup, Side, Test, address_device, eventually, test};
use adit_lab::{Link, Namespace, Ping};
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
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

fn a_deleted_device_comes_back() -> Test {
    let pair = Pair::connected(&setup());
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
