//! systemd-networkd, unmodified, under `adit exec`: it makes pseudowires of files like
//! `NAME.netdev`, without root's identity.

use adit_e2e::{Family, Host, Pair, Side, Test, eventually, needing_unpacked, program, unpacked};
use libtest_mimic::Trial;
use std::fs::{self, File};
use std::io;
use std::process::{Child, Stdio};

pub(crate) fn tests() -> Vec<Trial> {
    vec![needing_unpacked(
        &unpacked("systemd", "lib/systemd/systemd-networkd"),
        "networkd::joins_two_hosts",
        joins_two_hosts,
    )]
}

/// The files of one host, which gives its cable's device an address and makes a pseudowire.
fn files(side: Side) -> [(&'static str, String); 3] {
    let network = |device: &str, address: String| {
        format!(
            "[Match]\nName={device}\n[Network]\nAddress={address}\nLinkLocalAddressing=no\n\
             IPv6AcceptRA=no\n"
        )
    };
    let (own, peer) = (side, side.other());
    let pseudowire = format!(
        "[NetDev]\nName=tunnel\nKind=l2tp\n\
         [L2TP]\nTunnelId={}\nPeerTunnelId={}\nLocal={}\nRemote={}\nEncapsulationType=udp\n\
         UDPSourcePort={}\nUDPDestinationPort={}\n\
         [L2TPSession]\nName=l2tpeth0\nSessionId={}\nPeerSessionId={}\n",
        own.tunnel(),
        peer.tunnel(),
        own.outer(Family::V4),
        peer.outer(Family::V4),
        own.port(),
        peer.port(),
        own.session(),
        peer.session(),
    );
    let (outer, inner) = (own.outer(Family::V4), own.inner(Family::V4));
    [
        ("cable.network", network("eth0", format!("{outer}/24"))),
        ("tunnel.netdev", pseudowire),
        ("inner.network", network("l2tpeth0", format!("{inner}/24"))),
    ]
}

/// A /sys that cannot be written says that there is no udev to wait for. The program's user may be
/// one that the system has not. An address that is there already, without a broadcast address, keeps
/// the program busy for long.
const SCRIPT: &str = r#"
    mount -t sysfs -o ro sysfs /sys
    mount -t tmpfs tmpfs /run
    mount --bind "$FILES/passwd" /etc/passwd
    mount --bind "$FILES/group" /etc/group
    mkdir -p /run/systemd/network /run/systemd/netif
    cp "$FILES"/*.network "$FILES"/*.netdev /run/systemd/network
    chown -R systemd-network /run/systemd
    ip address flush dev eth0
    LD_LIBRARY_PATH=$(dirname "$(find "$SYSTEMD" -name 'libsystemd-shared-*.so')")
    export LD_LIBRARY_PATH
    exec "$ADIT" exec --log "$FILES/exec.log" -- "$SYSTEMD/lib/systemd/systemd-networkd"
"#;

fn start(host: &Host, side: Side) -> io::Result<Child> {
    let directory = host.path("networkd");
    fs::create_dir(&directory)?;
    let accounts = [
        (
            "passwd",
            "root:x:0:0::/:/bin/sh\nsystemd-network:x:998:998::/:/bin/false\n",
        ),
        ("group", "root:x:0:\nsystemd-network:x:998:\n"),
    ];
    for (name, text) in accounts {
        fs::write(directory.join(name), text)?;
    }
    for (name, text) in files(side) {
        fs::write(directory.join(name), text)?;
    }
    let log = File::create(host.path("networkd.log"))?;
    host.command("unshare")
        .args(["--mount", "sh", "-ec", SCRIPT])
        .env("FILES", &directory)
        .env("ADIT", program())
        .env("SYSTEMD", unpacked("systemd", ""))
        .env("SYSTEMD_LOG_TARGET", "console")
        .env_remove("ADIT_SOCKET")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

fn joins_two_hosts() -> Test {
    let pair = Pair::new();
    let hosts = [(&pair.a, Side::A), (&pair.b, Side::B)];
    let mut programs = Vec::new();
    for (host, side) in hosts {
        programs.push(start(host, side)?);
    }
    for (host, _) in hosts {
        eventually("the pseudowire is there", || {
            host.list("session").len() == 1
        });
    }
    pair.await_ping();
    let session = pair.a.list("session").remove(0);
    assert_eq!(session["interface"], "l2tpeth0", "{session}");
    for program in &mut programs {
        program.kill()?;
        program.wait()?;
    }
    Ok(())
}
