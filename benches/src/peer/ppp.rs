//! PPP between two pppd from Debian, in Adit's sessions: one that the daemons have, and one that
//! xl2tpd makes by Linux's interfaces under `adit exec`.

use super::{DEVICE, Path, Peer, adit};
use crate::world::{Side, World};
use adit_lab::NsCommand;
use anyhow::{Context, ensure};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long daemons and pppd may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn probe(peer: Peer, world: &World) -> anyhow::Result<String> {
    let version = adit::probe(world)?;
    let pppd = world
        .execute(Side::Near, "pppd", "--version")
        .context("missing (Debian package ppp)")?;
    let version = format!("{version}, {}", pppd.trim());
    if peer != Peer::AditXl2tpd {
        return Ok(version);
    }
    // It tells its version and calls that a failure.
    let command = world.command(Side::Near, "xl2tpd").arg("-v");
    command
        .output()
        .context("missing (Debian package xl2tpd)")?;
    Ok(version)
}

/// Starts daemons and programs at both ends, and waits for the devices.
pub(super) fn join(path: &mut Path<'_>) -> anyhow::Result<()> {
    let (world, peer) = (path.world, path.peer);
    for side in Side::BOTH {
        path.daemons.push(adit::start(peer, world, side, 1)?);
    }
    for side in Side::BOTH {
        until("the daemon answers", || answers(world, side))?;
        let program = if peer == Peer::AditXl2tpd {
            xl2tpd(peer, world, side)?
        } else {
            pppd(peer, world, side)?
        };
        path.programs.push(program);
    }
    for side in Side::BOTH {
        path.await_device(side)?;
        until("there is a route", || has_route(world, side))?;
    }
    Ok(())
}

/// Waits for what takes a moment: a daemon's start, or pppd's agreeing with its peer.
fn until(what: &str, condition: impl Fn() -> bool) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        ensure!(Instant::now() < end, "never happened: {what}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Whether pppd has given the device its address and brought it up.
fn has_route(world: &World, side: Side) -> bool {
    let far = side.other().inner();
    let shown = world.execute(side, "ip", &format!("-4 route get {far}"));
    shown.is_ok_and(|shown| shown.contains(DEVICE))
}

/// Whether the daemon of a side serves its programs already.
fn answers(world: &World, side: Side) -> bool {
    let program = adit::program().map(|program| program.to_string_lossy().into_owned());
    program.is_ok_and(|program| world.execute(side, &program, "show tunnel").is_ok())
}

/// A program under `adit exec`, which writes to nobody's terminal.
fn supervised(world: &World, side: Side) -> anyhow::Result<NsCommand> {
    let command = world.command(side, &adit::program()?.to_string_lossy());
    let command = command.stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command.stderr(Stdio::null()).arg("exec"))
}

fn pppd(peer: Peer, world: &World, side: Side) -> anyhow::Result<Child> {
    let command = supervised(world, side)?.args(["--session", "1/1", "--", "pppd"]);
    let command = command.args(options(peer).split_whitespace());
    let addresses = format!("{}:{}", side.inner(), side.other().inner());
    let command = command.args(["nodetach", "plugin", "pppol2tp.so", "pppol2tp", "0"]);
    Ok(command.arg(addresses).spawn()?)
}

/// What both ends' pppd are told, wherever they get it from.
fn options(peer: Peer) -> String {
    let mtu = peer.mtu();
    // Both may draw the same magic number, and believe that the line is looped.
    format!("noauth nomagic noccp novj nodefaultroute ifname {DEVICE} mtu {mtu} mru {mtu}")
}

/// xl2tpd as LNS at the far end, and as LAC at the near one.
fn xl2tpd(peer: Peer, world: &World, side: Side) -> anyhow::Result<Child> {
    let directory = directory(side)?;
    let file = |name: &str| directory.join(name).display().to_string();
    let [configuration, call, pid, control] = ["xl2tpd.conf", "call", "pid", "control"].map(file);
    fs::write(&call, options(peer).replace(' ', "\n"))?;
    fs::write(&configuration, text(side, &call))?;
    let command = supervised(world, side)?.args(["--", "xl2tpd", "-D", "-s", "/dev/null"]);
    let command = command.args(["-c", &configuration, "-p", &pid, "-C", &control]);
    Ok(command.spawn()?)
}

fn text(side: Side, options: &str) -> String {
    let (near, far) = (Side::Near.inner(), Side::Far.inner());
    let role = match side {
        Side::Far => format!("[lns default]\nip range = {near}-{near}\nlocal ip = {far}\n"),
        Side::Near => format!(
            "[lac call]\nlns = {}\nautodial = yes\nredial = yes\nredial timeout = 1\n",
            side.other().outer()
        ),
    };
    format!(
        "[global]\nlisten-addr = {}\n{role}length bit = yes\npppoptfile = {options}\n",
        side.outer()
    )
}

/// Where a side's files are. What is left there is in the directory for temporary files.
fn directory(side: Side) -> anyhow::Result<PathBuf> {
    let name = format!("adit-bench-{}-{side:?}", std::process::id());
    let directory = env::temp_dir().join(name);
    fs::create_dir_all(&directory)?;
    Ok(directory)
}
