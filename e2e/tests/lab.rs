//! The lab itself: if these fail, no other end-to-end result means anything.

use adit_e2e::{Test, test};
use adit_lab::{Amount, CapabilitySet, Namespace, Ping, tcp_transfer, veth};
use libtest_mimic::Trial;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "lab::namespaces_share_no_devices",
            namespaces_share_no_devices,
        ),
        test(
            "lab::a_cable_carries_both_families",
            a_cable_carries_both_families,
        ),
        test(
            "lab::a_missing_host_answers_no_ping",
            a_missing_host_answers_no_ping,
        ),
        test(
            "lab::a_tap_on_a_bridge_sees_whole_frames",
            a_tap_on_a_bridge_sees_whole_frames,
        ),
        test(
            "lab::processes_are_born_in_their_namespace",
            processes_are_born_in_their_namespace,
        ),
        test(
            "lab::processes_die_with_their_namespace",
            processes_die_with_their_namespace,
        ),
        test(
            "lab::dropped_capabilities_are_gone",
            dropped_capabilities_are_gone,
        ),
    ]
}

/// Two namespaces joined by a cable, with addresses of both families.
fn joined() -> io::Result<(Namespace, Namespace)> {
    let (a, b) = (Namespace::new("a")?, Namespace::new("b")?);
    veth(&a, "va", &b, "vb")?;
    for (namespace, link, host) in [(&a, "va", 1), (&b, "vb", 2)] {
        namespace.add_address(link, &format!("192.0.2.{host}/24"))?;
        namespace.add_address(link, &format!("2001:db8::{host}/64"))?;
        namespace.set_up(link)?;
    }
    Ok((a, b))
}

fn namespaces_share_no_devices() -> Test {
    let (a, b) = (Namespace::new("a")?, Namespace::new("b")?);
    a.add_bridge("only")?;
    assert_eq!(a.links()?.len(), 2);
    assert_eq!(b.links()?.len(), 1);
    assert_eq!(
        b.link("only").map_err(|error| error.kind()),
        Err(io::ErrorKind::NotFound)
    );
    assert!(b.link("lo")?.up);
    a.set_mtu("only", 1234)?;
    assert_eq!(a.link("only")?.mtu, 1234);
    a.delete_link("only")?;
    assert_eq!(a.links()?.len(), 1);
    Ok(())
}

fn a_cable_carries_both_families() -> Test {
    let (a, b) = joined()?;
    for target in ["192.0.2.2", "2001:db8::2"] {
        let target: IpAddr = target.parse()?;
        let report = Ping::to(target).count(3).run(&a)?;
        assert!(report.complete(), "{target}: {report:?}");
        let large = Ping::to(target).size(3000).run(&a)?;
        assert!(large.complete(), "{target}: {large:?}");
        let amount = Amount::Octets(3_000_000);
        let moved = tcp_transfer(&a, &b, (target, 0).into(), amount)?;
        assert_eq!(moved.octets, 3_000_000);
    }
    Ok(())
}

fn a_missing_host_answers_no_ping() -> Test {
    let (a, _b) = joined()?;
    let ping = Ping::to([192, 0, 2, 3]).timeout(Duration::from_millis(300));
    assert_eq!(ping.run(&a)?.received, 0);
    Ok(())
}

fn a_tap_on_a_bridge_sees_whole_frames() -> Test {
    let (a, b) = (Namespace::new("a")?, Namespace::new("b")?);
    veth(&a, "va", &b, "vb")?;
    let mut ends = Vec::new();
    for (namespace, port) in [(&a, "va"), (&b, "vb")] {
        namespace.add_bridge("br")?;
        let tap = namespace.tap("tap")?;
        for link in [port, "tap", "br"] {
            namespace.set_up(link)?;
        }
        namespace.set_master(port, "br")?;
        namespace.set_master("tap", "br")?;
        ends.push(tap);
    }
    let [mut left, mut right] = <[_; 2]>::try_from(ends).map_err(|_| "two ends")?;
    // Tagged 802.1Q, VLAN 7, to everybody.
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 0x81, 0, 0, 7, 0x88, 0xb5]);
    frame.extend([0x5a; 60]);
    let deadline = Instant::now() + Duration::from_secs(10);
    // A port forwards only once the bridge has taken it in.
    while Instant::now() < deadline {
        left.send(&frame)?;
        if right
            .receive(Duration::from_millis(200), |found| found == frame)?
            .is_some()
        {
            return Ok(());
        }
    }
    Err("the frame never arrived".into())
}

fn processes_are_born_in_their_namespace() -> Test {
    let (a, _b) = joined()?;
    let output = a.command("cat").arg("/proc/net/dev").output()?;
    let devices = String::from_utf8(output.stdout)?;
    assert!(devices.contains("va:"), "{devices}");
    Ok(())
}

fn processes_die_with_their_namespace() -> Test {
    use std::os::unix::process::ExitStatusExt;
    let namespace = Namespace::new("short")?;
    let mut child = namespace.command("sleep").arg("600").spawn()?;
    drop(namespace);
    assert_eq!(child.wait()?.signal(), Some(9));
    Ok(())
}

fn dropped_capabilities_are_gone() -> Test {
    let namespace = Namespace::new("weak")?;
    let status = namespace
        .command("cat")
        .arg("/proc/self/status")
        .without(CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN)
        .stdin(Stdio::null())
        .output()?;
    let status = String::from_utf8(status.stdout)?;
    let line = |text: &str| {
        let mut lines = text.lines();
        let found = lines.find_map(|line| line.strip_prefix("CapEff:"));
        found.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
    };
    let lost = (CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN).bits();
    let before = line(&fs::read_to_string("/proc/self/status")?).ok_or("no CapEff")?;
    assert_eq!(line(&status).ok_or("no CapEff")?, before & !lost);
    Ok(())
}
