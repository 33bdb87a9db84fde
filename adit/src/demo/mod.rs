//! `adit demo`: two hosts in namespaces of their own, joined at layer 2 by the commands that an
//! administrator would type.
//!
//! Nothing needs cleaning up after an interruption: the daemons die with this process, and the
//! namespaces with the daemons.

mod host;

use crate::complaint::complain;
use adit_lab::{Amount, Ping, Skip, become_root, require_tun, tcp_transfer, veth};
use host::Host;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// What `adit demo` was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long data moves, in seconds.
    pub seconds: u64,
}

/// Why the demonstration ended early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("this system cannot host the demonstration: {0}")]
    Skip(#[from] Skip),
    #[error("{0}")]
    Program(String),
    #[error("{doing}: {error}")]
    System {
        doing: &'static str,
        error: io::Error,
    },
}

/// Names what was being done when the system refused.
trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, Failure>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::System { doing, error })
    }
}

/// A side of the walk-through: what the host is called and what it types.
struct Side {
    name: &'static str,
    underlay: &'static str,
    overlay: &'static str,
    tunnel: &'static str,
    session: &'static str,
}

const SIDES: [Side; 2] = [
    Side {
        name: "host1",
        underlay: "192.168.1.1/24",
        overlay: "10.42.1.1/30",
        tunnel: "add tunnel tunnel_id 3000 peer_tunnel_id 4000 encap udp \
                 local 192.168.1.1 remote 192.168.1.2 udp_sport 5000 udp_dport 6000",
        session: "add session tunnel_id 3000 session_id 1000 peer_session_id 5000",
    },
    Side {
        name: "host2",
        underlay: "192.168.1.2/24",
        overlay: "10.42.1.2/30",
        tunnel: "add tunnel tunnel_id 4000 peer_tunnel_id 3000 encap udp \
                 local 192.168.1.2 remote 192.168.1.1 udp_sport 6000 udp_dport 5000",
        session: "add session tunnel_id 4000 session_id 5000 peer_session_id 1000",
    },
];

/// Where the second host is reached through the pseudowire.
const FAR: [u8; 4] = [10, 42, 1, 2];

/// Runs the demonstration. Must be called before the process starts a thread.
pub fn run(options: Options) -> ExitCode {
    match demonstrate(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(format!("demo: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn demonstrate(options: &Options) -> Result<(), Failure> {
    become_root()?;
    require_tun()?;
    let (host1, host2) = (Host::new(SIDES[0].name)?, Host::new(SIDES[1].name)?);
    veth(host1.namespace(), "eth0", host2.namespace(), "eth0").doing("joining the hosts")?;
    let sides = [(&host1, &SIDES[0]), (&host2, &SIDES[1])];
    for (host, side) in sides {
        host.set_up("eth0", side.underlay)?;
    }
    for (host, side) in sides {
        host.adit(side.tunnel)?;
        host.adit(side.session)?;
    }
    for (host, side) in sides {
        host.set_up("l2tpeth0", side.overlay)?;
    }
    host1.adit("show tunnel")?;
    ping(&host1)?;
    transfer(&host1, &host2, options.seconds)?;
    for host in [&host1, &host2] {
        host.adit("-s show session")?;
    }
    host1.stop()?;
    host2.stop()?;
    say("both daemons have ended and taken their devices with them")
}

fn ping(from: &Host) -> Result<(), Failure> {
    let ping = Ping::to(FAR).count(5).interval(Duration::from_millis(200));
    let report = ping.run(from.namespace()).doing("pinging host2")?;
    let micros = report.mean().unwrap_or_default().as_micros();
    let (sent, received) = (report.sent, report.received);
    let text = format!(
        "{}: ping through the pseudowire: {received} of {sent} answered, {micros} µs on average",
        from.name()
    );
    if !report.complete() {
        return Err(Failure::Program(text));
    }
    say(&text)
}

fn transfer(from: &Host, to: &Host, seconds: u64) -> Result<(), Failure> {
    let amount = Amount::For(Duration::from_secs(seconds));
    let (near, far) = (from.namespace(), to.namespace());
    let moved = tcp_transfer(near, far, (FAR, 0).into(), amount).doing("moving data to host2")?;
    say(&format!(
        "{}: one TCP stream through the pseudowire: {:.2} Gbit/s, {} MB in {:.1} s, each octet \
         verified",
        from.name(),
        moved.bits_per_second() / 1e9,
        moved.octets / 1_000_000,
        moved.elapsed.as_secs_f64(),
    ))
}

/// Prints a line of the transcript.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .doing("writing to the standard output")
}
