//! How fast two nodes set up tunnels and sessions with each other, and what each session costs in
//! memory: the control plane alone, both ends in this process and no socket between them.

use adit_proto::l2tp::config::{Answer, CallConfig, Limits, Rate, Versions};
use adit_proto::l2tp::{
    CallDetails, CallRequest, Connected, Direction, Encapsulation, Event, Input, Node, Output,
    Path, Policy, Profile, PwType, SessionConfig, TunnelConfig, TunnelKey,
};
use anyhow::{Context, bail, ensure};
use clap::Args;
use std::collections::VecDeque;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is set up.
#[derive(Args, Debug)]
pub(crate) struct SetUp {
    /// Numbers of sessions, each measured in new nodes
    #[arg(
        long,
        value_name = "N,..",
        value_delimiter = ',',
        default_value = "1000,10000,100000"
    )]
    sessions: Vec<u32>,
    /// Tunnels over which they are spread
    #[arg(long, value_name = "N", default_value_t = 100)]
    tunnels: u32,
    /// Measures this version alone and prints nothing but the row
    #[arg(long, hide = true)]
    row: Option<u8>,
}

/// What one measurement yields.
struct Figures {
    tunnels_per_second: f64,
    sessions_per_second: f64,
    /// Octets of memory per session and node.
    memory: f64,
}

/// Two nodes and the datagrams between them.
struct Wire {
    start: Instant,
    nodes: [Node; 2],
    air: VecDeque<(usize, Path, Vec<u8>)>,
    tunnels: [u32; 2],
    sessions: [u32; 2],
}

/// Measures, and prints a table.
pub(crate) fn run(plan: &SetUp) -> anyhow::Result<()> {
    ensure!(plan.tunnels > 0, "--tunnels must be at least 1");
    if let Some(version) = plan.row {
        return row(version, plan);
    }
    println!("| version | tunnels | sessions | tunnels/s | sessions/s | memory per session |");
    println!("|---|---:|---:|---:|---:|---:|");
    for version in ["2", "3"] {
        for sessions in &plan.sessions {
            // A process of its own: what another measurement gave back would not be counted.
            let done = Command::new(std::env::current_exe()?)
                .args(["set-up", "--row", version])
                .args(["--sessions", &sessions.to_string()])
                .args(["--tunnels", &plan.tunnels.to_string()])
                .status()?;
            ensure!(done.success(), "a measurement failed");
        }
    }
    Ok(())
}

fn row(version: u8, plan: &SetUp) -> anyhow::Result<()> {
    let versions = match version {
        2 => Versions::V2,
        _ => Versions::V3,
    };
    for sessions in &plan.sessions {
        let figures = measure(versions, plan.tunnels, *sessions)?;
        println!(
            "| {version} | {} | {sessions} | {:.0} | {:.0} | {:.0} B |",
            plan.tunnels, figures.tunnels_per_second, figures.sessions_per_second, figures.memory,
        );
    }
    Ok(())
}

fn measure(versions: Versions, tunnels: u32, sessions: u32) -> anyhow::Result<Figures> {
    let mut wire = Wire::new(versions, sessions);
    let config = Arc::new(config(versions));
    let begin = Instant::now();
    let keys = wire.open_tunnels(&config, tunnels)?;
    let tunnels_took = begin.elapsed();
    let before = resident()?;
    let begin = Instant::now();
    wire.open_sessions(&keys, versions, sessions)?;
    let sessions_took = begin.elapsed();
    let after = resident()?;
    let grown = after.saturating_sub(before) as f64;
    Ok(Figures {
        tunnels_per_second: f64::from(tunnels) / tunnels_took.as_secs_f64(),
        sessions_per_second: f64::from(sessions) / sessions_took.as_secs_f64(),
        memory: grown / f64::from(sessions) / 2.0,
    })
}

fn config(versions: Versions) -> TunnelConfig {
    TunnelConfig {
        versions,
        calls: CallConfig {
            answer: Answer::Accept,
            ..CallConfig::default()
        },
        ..TunnelConfig::new("adit-bench")
    }
}

impl Wire {
    fn new(versions: Versions, sessions: u32) -> Wire {
        let unlimited = Rate {
            per_second: 1_000_000,
            burst: 1_000_000,
        };
        let limits = Limits {
            half_open: u32::MAX,
            half_open_per_source: u32::MAX,
            sccrq_rate: unlimited,
            transmit: unlimited,
            sessions,
            ..Limits::default()
        };
        let policy = Policy {
            profiles: vec![Profile {
                name: "bench".into(),
                local: None,
                remote: None,
                encapsulation: None,
                host_name: None,
                refuse: false,
                config: Arc::new(config(versions)),
                max_tunnels: u32::MAX,
            }],
            refuse_strangers: false,
            limits,
        };
        Wire {
            start: Instant::now(),
            nodes: [1, 2].map(|seed| Node::new([seed; 32], policy.clone())),
            air: VecDeque::new(),
            tunnels: [0; 2],
            sessions: [0; 2],
        }
    }

    fn now(&self) -> adit_proto::Instant {
        adit_proto::Instant::new(self.start.elapsed())
    }

    fn open_tunnels(
        &mut self,
        config: &Arc<TunnelConfig>,
        count: u32,
    ) -> anyhow::Result<Vec<TunnelKey>> {
        let address = |last: u8| SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), 1701));
        let path = Path {
            local: address(1),
            remote: address(2),
            encapsulation: Encapsulation::Udp,
            socket: 0,
            mark: 0,
        };
        let mut keys = Vec::new();
        for _ in 0..count {
            let now = self.now();
            keys.push(self.nodes[0].open_tunnel(now, path, config.clone())?);
            self.drain(0)?;
        }
        self.run(|wire| wire.tunnels == [count; 2])?;
        Ok(keys)
    }

    fn open_sessions(
        &mut self,
        keys: &[TunnelKey],
        versions: Versions,
        count: u32,
    ) -> anyhow::Result<()> {
        for (n, key) in (0..count).zip(keys.iter().cycle()) {
            let now = self.now();
            self.nodes[0].open_session(now, *key, request(versions, n))?;
            self.drain(0)?;
            // So that neither end's queue grows beyond what a socket would hold.
            while self.air.len() > 64 {
                self.deliver()?;
            }
        }
        self.run(|wire| wire.sessions == [count; 2])
    }

    /// Lets things happen until it is done.
    fn run(&mut self, done: impl Fn(&Wire) -> bool) -> anyhow::Result<()> {
        let begin = Instant::now();
        while !done(self) {
            ensure!(begin.elapsed() < Duration::from_secs(300), "it never ends");
            if self.air.is_empty() {
                for index in 0..2 {
                    let now = self.now();
                    self.nodes[index].handle(now, Input::Time);
                    self.drain(index)?;
                }
            }
            self.deliver()?;
        }
        Ok(())
    }

    fn deliver(&mut self) -> anyhow::Result<()> {
        let Some((index, path, payload)) = self.air.pop_front() else {
            return Ok(());
        };
        let now = self.now();
        let payload = &payload;
        self.nodes[index].handle(now, Input::Datagram { path, payload });
        self.drain(index)
    }

    fn drain(&mut self, index: usize) -> anyhow::Result<()> {
        while let Some(output) = self.nodes[index].poll() {
            match output {
                Output::Transmit { path, payload } => {
                    let seen = Path {
                        local: path.remote,
                        remote: path.local,
                        ..path
                    };
                    self.air.push_back((1 - index, seen, payload));
                }
                Output::Notify(Event::TunnelUp { .. }) => self.tunnels[index] += 1,
                Output::Notify(Event::SessionUp { .. }) => self.sessions[index] += 1,
                Output::Notify(Event::TunnelDown { end, .. }) => bail!("a tunnel ended: {end}"),
                Output::Notify(Event::SessionDown { end, .. }) => bail!("a session ended: {end}"),
                Output::PathUp(_)
                | Output::PathDown(_)
                | Output::Save(_)
                | Output::Notify(
                    Event::TunnelAccepted { .. }
                    | Event::PeerMoved { .. }
                    | Event::CallOffered { .. }
                    | Event::LinkInfo { .. }
                    | Event::WanErrors { .. }
                    | Event::Drained,
                ) => {}
            }
        }
        Ok(())
    }
}

fn request(versions: Versions, n: u32) -> CallRequest {
    CallRequest {
        direction: Direction::Incoming,
        pseudowire: match versions {
            Versions::V2 => PwType::PPP,
            Versions::V3 | Versions::Both => PwType::ETHERNET,
        },
        details: CallDetails {
            calling_number: Some(n.to_string().into_bytes()),
            remote_end_id: Some(n.to_string().into_bytes()),
            ..CallDetails::default()
        },
        connected: Connected {
            tx_speed: 1_000_000_000,
            ..Connected::default()
        },
        session: SessionConfig::default(),
        tie_breaker: false,
    }
}

/// Octets of this process that are in memory.
fn resident() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/statm").context("reading /proc/self/statm")?;
    let pages = status.split(' ').nth(1).context("no second field")?;
    let pages: u64 = pages.parse().context("reading the second field")?;
    Ok(pages * rustix::param::page_size() as u64)
}
