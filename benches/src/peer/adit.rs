//! Adit itself, driven as its users drive it.

use super::{DEVICE, How, Over, PATIENCE, Peer, feed};
use crate::world::{Side, World};
use anyhow::ensure;
use std::env;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// All that lets packets travel together, and that a kernel may lack.
const PLAIN: &str = "udp-segment,udp-gro,tso,uso,outlet";

pub(super) fn probe(world: &World) -> anyhow::Result<String> {
    let program = built()?;
    let version = world.execute(Side::Near, &program.to_string_lossy(), "--version")?;
    Ok(version.trim().to_owned())
}

/// The program beside this one. Under cargo it is built first, so that never an old one is measured.
pub(crate) fn built() -> anyhow::Result<PathBuf> {
    if let Some(cargo) = env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "adit"]);
        build.args((!cfg!(debug_assertions)).then_some("--release"));
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        ensure!(build.status()?.success(), "the program adit does not build");
    }
    let program = program()?;
    let shown = program.display();
    ensure!(
        program.exists(),
        "{shown} is missing (cargo build --release --package adit)"
    );
    Ok(program)
}

pub(super) fn start(peer: Peer, world: &World, side: Side, sessions: u32) -> anyhow::Result<Child> {
    // A line per session would bury the benchmark's own.
    let command = world
        .command(side, &program()?.to_string_lossy())
        .env("RUST_LOG", "warn")
        .args(["run", "--state", "none", "--config", "/dev/stdin"])
        .args(match peer {
            Peer::Adit(_, How::Fast) => &["--fast-path=all"][..],
            Peer::Adit(_, How::Plain) => &["--without", PLAIN],
            Peer::Bare
            | Peer::Vxlan
            | Peer::Gretap
            | Peer::Fastd
            | Peer::Adit(_, How::Together)
            | Peer::AditPpp
            | Peer::AditXl2tpd => &[],
        });
    feed(command, &configuration(peer, side, sessions)?)
}

/// Waits until the kernel moves the packets of a side. While one side's does and the other's does
/// not yet, a veth pair hands over what user space cannot read.
pub(super) fn await_fast_path(world: &World, side: Side) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    let program = program()?;
    loop {
        let shown = world.execute(side, &program.to_string_lossy(), "-s show session")?;
        if shown.contains("fast path: active") {
            return Ok(());
        }
        ensure!(Instant::now() < end, "no fast path:\n{shown}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// One tunnel with `sessions` sessions; the last one's device is the one that is used. A session of
/// PPP has none, and xl2tpd makes a tunnel of its own.
fn configuration(peer: Peer, side: Side, sessions: u32) -> anyhow::Result<String> {
    let encapsulation = match peer {
        Peer::Adit(Over::Ip, _) => "encap = \"ip\"",
        Peer::Adit(Over::Udp, _)
        | Peer::AditPpp
        | Peer::AditXl2tpd
        | Peer::Bare
        | Peer::Vxlan
        | Peer::Gretap
        | Peer::Fastd => "encap = \"udp\"\nudp_sport = 1701\nudp_dport = 1701",
    };
    if peer == Peer::AditXl2tpd {
        return Ok(String::new());
    }
    let mut text = format!(
        "[[tunnel]]\ntunnel_id = 1\npeer_tunnel_id = 1\nlocal = \"{}\"\nremote = \"{}\"\n{}\n",
        side.outer(),
        side.other().outer(),
        encapsulation
    );
    if peer == Peer::AditPpp {
        text += "[[tunnel.session]]\nsession_id = 1\npeer_session_id = 1\npseudowire = \"ppp\"\n";
        return Ok(text);
    }
    for session in 1..=sessions {
        let name = if session == sessions {
            DEVICE.to_owned()
        } else {
            format!("idle{session}")
        };
        writeln!(
            text,
            "[[tunnel.session]]\nsession_id = {session}\npeer_session_id = {session}\n\
             name = \"{name}\""
        )?;
    }
    Ok(text)
}

/// The program beside this one.
pub(super) fn program() -> anyhow::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name("adit"))
}
