//! What a system call costs under `adit exec`, and what it costs without: the least of many rounds,
//! which on a busy machine is the call's own time.

use crate::peer::adit;
use crate::sys::{new_unit, unit};
use adit_lab::{Namespace, NsCommand};
use anyhow::{Context, ensure};
use clap::Args;
use rustix::net::netlink::{GENERIC, SocketAddrNetlink};
use rustix::net::sockopt::socket_type;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{bind, recv, send, socket_with};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::UdpSocket;
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
/// Rounds of a process, and the calls of a round.
const ROUNDS: usize = 40;
const CALLS: u32 = 100;

/// What is measured.
#[derive(Args, Debug)]
pub(crate) struct Costs {
    /// How often bare and supervised processes take turns
    #[arg(long, value_name = "N", default_value_t = 3)]
    turns: usize,
    /// Measures in this process and prints nothing but the figures; `ip` with an L2TP/IP socket open
    #[arg(long, hide = true)]
    figures: Option<String>,
}

/// A call: its name in the table, and what becomes of it under `adit exec`.
struct Call {
    name: &'static str,
    fate: &'static str,
}

const CALLS_MEASURED: [Call; 12] = [
    call("getppid", "not in the filter"),
    call("`send` and `recv` of a UDP datagram", "not in the filter"),
    call("`open` to read, and `close`", "passed by the filter"),
    call("`sendto` with an address, and `recv`", "stopped, goes on"),
    call(WITH_IP, "stopped, goes on"),
    call("`open` to read and write, and `close`", "stopped, goes on"),
    call("`getsockname` of any socket", "stopped, goes on"),
    call("generic netlink: socket, and `close`", "answered"),
    call("generic netlink: asking the kernel's controller", "relayed"),
    call("generic netlink: NOOP of `l2tp`", "answered by the daemon"),
    call("PPPoL2TP socket: an option of it", "answered"),
    call("`/dev/ppp`: PPPIOCGUNIT", "answered by the daemon"),
];

/// The row that is measured while the program has an L2TP/IP socket.
const WITH_IP: &str = "the same, while a program has an L2TP/IP socket";

const fn call(name: &'static str, fate: &'static str) -> Call {
    Call { name, fate }
}

/// Nanoseconds a call, by name.
type Figures = BTreeMap<String, f64>;

/// Measures, and prints a table.
pub(crate) fn run(plan: &Costs) -> anyhow::Result<()> {
    if let Some(how) = &plan.figures {
        return print_figures(how);
    }
    adit_lab::become_root()?;
    let program = adit::built()?;
    let namespace = Namespace::new("costs")?;
    let mut daemon = start(&namespace, &program)?;
    let measured = take_turns(&namespace, &program, plan.turns);
    daemon.kill()?;
    daemon.wait()?;
    let [bare, supervised] = measured?;
    println!("| call | under `adit exec` it is | bare, ns | under `adit exec`, ns |");
    println!("|---|---|---:|---:|");
    for Call { name, fate } in &CALLS_MEASURED {
        let figure = |of: &Figures| {
            of.get(*name)
                .map_or("–".to_owned(), |ns| format!("{ns:.0}"))
        };
        println!(
            "| {name} | {fate} | {} | {} |",
            figure(&bare),
            figure(&supervised)
        );
    }
    Ok(())
}

fn start(namespace: &Namespace, program: &Path) -> anyhow::Result<Child> {
    let daemon = namespace.command(program).args(["run", "--state", "none"]);
    let daemon = daemon
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .spawn()?;
    let began = Instant::now();
    loop {
        let asked = namespace
            .command(program)
            .args(["show", "tunnel"])
            .output()?;
        if asked.status.success() {
            return Ok(daemon);
        }
        ensure!(began.elapsed() < PATIENCE, "the daemon does not answer");
        thread::sleep(PAUSE);
    }
}

/// The least figures of processes that are bare, and of such as are supervised, in turns.
fn take_turns(namespace: &Namespace, program: &Path, turns: usize) -> anyhow::Result<[Figures; 2]> {
    let own = std::env::current_exe()?;
    let mut least = [Figures::new(), Figures::new()];
    for _ in 0..turns {
        let bare = namespace.command(&own);
        let exec = || namespace.command(program).args(["exec", "--"]).arg(&own);
        take(bare, "plain", &mut least[0])?;
        take(exec(), "plain", &mut least[1])?;
        take(exec(), "ip", &mut least[1])?;
    }
    Ok(least)
}

/// Has a process measure, and keeps what is less than before.
fn take(command: NsCommand, how: &str, least: &mut Figures) -> anyhow::Result<()> {
    let output = command.args(["costs", "--figures", how]).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "measuring failed: {errors}");
    for line in String::from_utf8(output.stdout)?.lines() {
        let (name, ns) = line.split_once('\t').context("a line without a figure")?;
        let ns: f64 = ns.parse()?;
        let kept = least.entry(name.to_owned()).or_insert(ns);
        *kept = kept.min(ns);
    }
    Ok(())
}

/// What this process measures of itself. Calls of L2TP it leaves out where there is none.
fn print_figures(how: &str) -> anyhow::Result<()> {
    if how == "ip" {
        let ip = open(AddressFamily::INET, SocketType::DGRAM, 115)?;
        measure(WITH_IP, send_to()?)?;
        drop(ip);
        return Ok(());
    }
    measure("getppid", || {
        let _ = rustix::process::getppid();
        Ok(())
    })?;
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    udp.connect(udp.local_addr()?)?;
    let mut octets = [0; 64];
    measure("`send` and `recv` of a UDP datagram", || {
        udp.send(&[0; 32])?;
        udp.recv(&mut octets).map(drop)
    })?;
    measure("`sendto` with an address, and `recv`", send_to()?)?;
    measure("`open` to read, and `close`", || {
        File::open("/dev/null").map(drop)
    })?;
    let mut both = File::options();
    both.read(true).write(true);
    measure("`open` to read and write, and `close`", || {
        both.open("/dev/null").map(drop)
    })?;
    measure("`getsockname` of any socket", || udp.local_addr().map(drop))?;
    netlink_figures()?;
    let Ok(pppox) = open(AddressFamily::from_raw(24), SocketType::DGRAM, 1) else {
        return Ok(());
    };
    measure("PPPoL2TP socket: an option of it", || {
        Ok(socket_type(&pppox).map(drop)?)
    })?;
    let file = both.open("/dev/ppp")?;
    new_unit(&file)?;
    measure("`/dev/ppp`: PPPIOCGUNIT", || unit(&file).map(drop))
}

fn netlink_figures() -> anyhow::Result<()> {
    let generic = || {
        open(
            AddressFamily::NETLINK,
            SocketType::RAW,
            GENERIC.as_raw().get(),
        )
    };
    measure("generic netlink: socket, and `close`", || {
        generic().map(drop)
    })?;
    let netlink = generic()?;
    bind(&netlink, &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 4096];
    let mut ask = |message: &[u8]| -> io::Result<usize> {
        send(&netlink, message, SendFlags::empty())?;
        Ok(recv(&netlink, &mut answer, RecvFlags::empty())?.1)
    };
    let controller = find_family(b"nlctrl\0\0");
    measure("generic netlink: asking the kernel's controller", || {
        ask(&controller).map(drop)
    })?;
    // An error is short; so is the acknowledgement of NOOP.
    if ask(&find_family(b"l2tp\0\0\0\0"))? < 64 {
        return Ok(());
    }
    let noop = message(0x3fe, 0, &[]);
    measure("generic netlink: NOOP of `l2tp`", || ask(&noop).map(drop))
}

/// CTRL_CMD_GETFAMILY by name, which is padded.
fn find_family(name: &[u8; 8]) -> Vec<u8> {
    let end = name.iter().position(|octet| *octet == 0).unwrap_or(7);
    let mut attribute = (end as u16 + 5).to_ne_bytes().to_vec();
    attribute.extend(2u16.to_ne_bytes());
    attribute.extend(name);
    message(16, 3, &attribute)
}

/// A request of generic netlink.
fn message(family: u16, command: u8, attributes: &[u8]) -> Vec<u8> {
    let len = 20 + attributes.len();
    let mut out = (len as u32).to_ne_bytes().to_vec();
    out.extend(family.to_ne_bytes());
    out.extend(1u16.to_ne_bytes());
    out.extend([0; 8]);
    out.extend([command, 1, 0, 0]);
    out.extend(attributes);
    out
}

/// Sends to an address and receives.
fn send_to() -> io::Result<impl FnMut() -> io::Result<()>> {
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    let address = udp.local_addr()?;
    let mut octets = [0; 64];
    Ok(move || {
        udp.send_to(&[0; 32], address)?;
        udp.recv(&mut octets).map(drop)
    })
}

fn open(family: AddressFamily, kind: SocketType, protocol: u32) -> io::Result<OwnedFd> {
    let protocol = NonZeroU32::new(protocol).map(Protocol::from_raw);
    Ok(socket_with(family, kind, SocketFlags::CLOEXEC, protocol)?)
}

/// Prints the nanoseconds of one of the fastest round's calls.
fn measure(name: &str, mut call: impl FnMut() -> io::Result<()>) -> anyhow::Result<()> {
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..CALLS {
            call().with_context(|| name.to_owned())?;
        }
        least = least.min(began.elapsed());
    }
    println!("{name}\t{}", least.as_nanos() as f64 / f64::from(CALLS));
    Ok(())
}
