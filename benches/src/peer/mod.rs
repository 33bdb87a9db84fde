//! What is measured: each way to join the two namespaces at layer 2.

pub(crate) mod adit;
mod fastd;
mod kernel;
mod ppp;

use crate::host::kernel_release;
use crate::world::{CABLE_MTU, Side, World};
use adit_lab::NsCommand;
use anyhow::ensure;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Serialize, Serializer};
use std::io::Write;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The device a tunnel ends in, in each namespace.
const DEVICE: &str = "bench0";

/// How long daemons may take to make their devices, thousands of sessions included.
const PATIENCE: Duration = Duration::from_secs(300);

/// A way to join two namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// The cable itself.
    Bare,
    /// The kernel's VXLAN.
    Vxlan,
    /// The kernel's Ethernet over GRE.
    Gretap,
    /// fastd with the method that neither encrypts nor authenticates.
    Fastd,
    /// An Ethernet session of Adit's.
    Adit(Over, How),
    /// PPP of two pppd, in a session of Adit's over UDP.
    AditPpp,
    /// PPP of two pppd that xl2tpd has started under `adit exec`, on its own socket.
    AditXl2tpd,
}

/// What carries Adit's tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Over {
    Udp,
    /// Protocol 115.
    Ip,
}

/// How Adit moves packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum How {
    /// By user space, as many together as the kernel lets.
    Together,
    /// Inside the kernel.
    Fast,
    /// By user space, each for itself.
    Plain,
}

impl Serialize for Peer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Peer {
    /// All of them, in the order of the report.
    pub(crate) const ALL: [Peer; 12] = [
        Peer::Bare,
        Peer::Vxlan,
        Peer::Gretap,
        Peer::Fastd,
        Peer::Adit(Over::Udp, How::Together),
        Peer::Adit(Over::Udp, How::Fast),
        Peer::Adit(Over::Udp, How::Plain),
        Peer::Adit(Over::Ip, How::Together),
        Peer::Adit(Over::Ip, How::Fast),
        Peer::Adit(Over::Ip, How::Plain),
        Peer::AditPpp,
        Peer::AditXl2tpd,
    ];

    /// Whether it is measured unless others are asked for.
    pub(crate) fn is_usual(self) -> bool {
        match self {
            Peer::Adit(_, How::Plain) | Peer::AditPpp | Peer::AditXl2tpd => false,
            Peer::Bare
            | Peer::Vxlan
            | Peer::Gretap
            | Peer::Fastd
            | Peer::Adit(_, How::Together | How::Fast) => true,
        }
    }

    /// The word that selects it on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Bare => "bare",
            Peer::Vxlan => "vxlan",
            Peer::Gretap => "gretap",
            Peer::Fastd => "fastd",
            Peer::Adit(Over::Udp, How::Together) => "adit-udp",
            Peer::Adit(Over::Udp, How::Fast) => "adit-fast",
            Peer::Adit(Over::Udp, How::Plain) => "adit-plain",
            Peer::Adit(Over::Ip, How::Together) => "adit-ip",
            Peer::Adit(Over::Ip, How::Fast) => "adit-ip-fast",
            Peer::Adit(Over::Ip, How::Plain) => "adit-ip-plain",
            Peer::AditPpp => "adit-ppp",
            Peer::AditXl2tpd => "adit-xl2tpd",
        }
    }

    /// Its name in a table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Peer::Bare => "bare veth",
            Peer::Vxlan => "kernel VXLAN",
            Peer::Gretap => "kernel GRETAP",
            Peer::Fastd => "fastd, method null",
            Peer::Adit(Over::Udp, How::Together) => "Adit over UDP",
            Peer::Adit(Over::Udp, How::Fast) => "Adit over UDP, in the kernel",
            Peer::Adit(Over::Udp, How::Plain) => "Adit over UDP, packet by packet",
            Peer::Adit(Over::Ip, How::Together) => "Adit over IP",
            Peer::Adit(Over::Ip, How::Fast) => "Adit over IP, in the kernel",
            Peer::Adit(Over::Ip, How::Plain) => "Adit over IP, packet by packet",
            Peer::AditPpp => "PPP in Adit",
            Peer::AditXl2tpd => "PPP of xl2tpd",
        }
    }

    /// The largest inner packet, in octets, whose outer packet fits the cable over IPv4.
    pub(crate) fn mtu(self) -> u32 {
        const ETHERNET: u32 = 14;
        const IPV4: u32 = 20;
        const UDP: u32 = 8;
        let overhead = match self {
            Peer::Bare => 0,
            Peer::Vxlan => IPV4 + UDP + 8 + ETHERNET,
            Peer::Gretap => IPV4 + 4 + ETHERNET,
            Peer::Fastd => IPV4 + UDP + 1 + ETHERNET,
            // Flags and version, session id, default sublayer (RFC 3931 4.1.2.1 and 4.6).
            Peer::Adit(Over::Udp, _) => IPV4 + UDP + 4 + 4 + 4 + ETHERNET,
            // Session id, default sublayer (RFC 3931 4.1.1.1 and 4.6).
            Peer::Adit(Over::Ip, _) => IPV4 + 4 + 4 + ETHERNET,
            // As over UDP; PPP's address, control and protocol (RFC 1662 3.1).
            Peer::AditPpp => IPV4 + UDP + 4 + 4 + 4 + 4,
            // Flags and version, length, tunnel and session id (RFC 2661 3.1); as above.
            Peer::AditXl2tpd => IPV4 + UDP + 8 + 4,
        };
        CABLE_MTU - overhead
    }

    /// Whether its tunnels hold sessions.
    pub(crate) fn has_sessions(self) -> bool {
        match self {
            Peer::Adit(..) => true,
            Peer::Bare
            | Peer::Vxlan
            | Peer::Gretap
            | Peer::Fastd
            | Peer::AditPpp
            | Peer::AditXl2tpd => false,
        }
    }

    /// The version of what would be measured.
    ///
    /// # Errors
    /// Why it cannot be measured on this machine.
    pub(crate) fn probe(self, world: &World) -> anyhow::Result<String> {
        match self {
            Peer::Bare => Ok(kernel_release()),
            Peer::Vxlan | Peer::Gretap => kernel::probe(self, world),
            Peer::Fastd => fastd::probe(world),
            Peer::Adit(..) => adit::probe(world),
            Peer::AditPpp | Peer::AditXl2tpd => ppp::probe(self, world),
        }
    }

    /// Joins the namespaces; `sessions` is how many the tunnel has, of which one is used.
    ///
    /// A side starts when the other has its device: whoever calls, finds someone to answer.
    pub(crate) fn join(self, world: &World, sessions: u32) -> anyhow::Result<Path<'_>> {
        let mut path = Path {
            world,
            peer: self,
            daemons: Vec::new(),
            programs: Vec::new(),
        };
        if let Peer::AditPpp | Peer::AditXl2tpd = self {
            ppp::join(&mut path)?;
            return Ok(path);
        }
        for side in Side::BOTH {
            match self {
                Peer::Bare | Peer::AditPpp | Peer::AditXl2tpd => continue,
                Peer::Vxlan | Peer::Gretap => kernel::add(self, world, side)?,
                Peer::Fastd => path.daemons.push(fastd::start(world, side)?),
                Peer::Adit(..) => {
                    path.daemons.push(adit::start(self, world, side, sessions)?);
                }
            }
            path.await_device(side)?;
            world.configure(side, DEVICE, side.inner(), self.mtu())?;
        }
        if let Peer::Adit(_, How::Fast) = self {
            for side in Side::BOTH {
                adit::await_fast_path(world, side)?;
            }
        }
        Ok(path)
    }
}

/// The namespaces joined in one way; dropping it parts them again.
pub(crate) struct Path<'w> {
    world: &'w World,
    peer: Peer,
    daemons: Vec<Child>,
    /// Programs that work for the path and move no packet.
    programs: Vec<Child>,
}

impl Path<'_> {
    /// Where its traffic programs run.
    pub(crate) fn world(&self) -> &World {
        self.world
    }

    /// The address of a side on this path.
    pub(crate) fn address(&self, side: Side) -> &'static str {
        match self.peer {
            Peer::Bare => side.outer(),
            Peer::Vxlan
            | Peer::Gretap
            | Peer::Fastd
            | Peer::Adit(..)
            | Peer::AditPpp
            | Peer::AditXl2tpd => side.inner(),
        }
    }

    /// Waits until a daemon has made its device; looks ever less often, for looking is work too.
    fn await_device(&mut self, side: Side) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(5);
        while !self.world.has(side, DEVICE) {
            for daemon in self.daemons.iter_mut().chain(&mut self.programs) {
                ensure!(daemon.try_wait()?.is_none(), "the daemon ended by itself");
            }
            ensure!(
                Instant::now() < end,
                "no device after {} s",
                PATIENCE.as_secs()
            );
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(1));
        }
        Ok(())
    }

    /// Process ids of the daemons that move the packets.
    pub(crate) fn daemons(&self) -> Vec<u32> {
        self.daemons.iter().map(Child::id).collect()
    }
}

impl Drop for Path<'_> {
    fn drop(&mut self) {
        // Programs say good-bye to each other before the daemons do.
        end(&mut self.programs);
        end(&mut self.daemons);
        if self.peer != Peer::Bare {
            for side in Side::BOTH {
                self.world.remove(side, DEVICE);
            }
        }
    }
}

/// Asks processes to end, and sees to it that they do.
fn end(processes: &mut [Child]) {
    let running = processes
        .iter()
        .filter_map(|process| Pid::from_raw(process.id() as i32));
    for process in running {
        // One that has ended by itself cannot be asked to.
        let _ = kill_process(process, Signal::TERM);
    }
    let end = Instant::now() + PATIENCE;
    for process in processes {
        reap(process, end);
    }
}

/// Waits for a daemon to end, and kills it at `end`.
fn reap(daemon: &mut Child, end: Instant) {
    while let Ok(None) = daemon.try_wait() {
        if Instant::now() >= end {
            let _ = daemon.kill();
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Starts a daemon that reads its configuration from its standard input.
fn feed(command: NsCommand, configuration: &str) -> anyhow::Result<Child> {
    let mut daemon = command.stdin(Stdio::piped()).spawn()?;
    if let Some(mut input) = daemon.stdin.take() {
        // A daemon that does not read has ended, which is noticed by whoever waits for its device.
        let _ = input.write_all(configuration.as_bytes());
    }
    Ok(daemon)
}
