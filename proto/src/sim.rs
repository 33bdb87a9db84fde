//! Worlds of nodes on a virtual clock: hours of protocol in milliseconds, the same each time.
//!
//! A [`World`] has hosts, each a [`Node`] with an address, and a [`Network`] between them that
//! loses, doubles and delays datagrams, so that they overtake each other. It plays the nodes'
//! driver, and holds what they put out against the contract of [`Output`].

mod host;

use crate::l2tp::{Encapsulation, Event, Input, Node, Output, Path, Policy, ResultCode};
use crate::{Instant, Random};
pub use host::Host;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What happens to datagrams on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Datagrams of a hundred that are lost.
    pub loss: u32,
    /// Datagrams of a hundred that arrive twice.
    pub duplication: u32,
    /// The shortest delay.
    pub delay: Duration,
    /// How much longer it may be, each time anew.
    pub jitter: Duration,
}

/// Nodes, a network and a clock.
#[derive(Debug)]
pub struct World {
    /// The time.
    pub now: Instant,
    /// What happens to datagrams from now on.
    pub network: Network,
    /// Datagrams sent since the world began.
    pub sent: u64,
    random: Random,
    hosts: Vec<Host>,
    air: BTreeMap<(Instant, u64), Flight>,
    overheard: Option<Vec<(Path, Vec<u8>)>>,
}

#[derive(Debug)]
struct Flight {
    /// As the receiver sees it.
    path: Path,
    payload: Vec<u8>,
}

impl Network {
    /// Nothing is lost, and everything takes a millisecond.
    pub const PERFECT: Network = Network {
        loss: 0,
        duplication: 0,
        delay: Duration::from_millis(1),
        jitter: Duration::ZERO,
    };
}

impl World {
    /// An empty world, in which everything random follows from `seed`.
    pub fn new(seed: u64, network: Network) -> World {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        World {
            now: Instant::new(Duration::from_secs(1)),
            network,
            sent: 0,
            random: Random::new(key),
            hosts: Vec::new(),
            air: BTreeMap::new(),
            overheard: None,
        }
    }

    /// Adds a node; gives its index. Its address is 10.0.x.y, its port 1701.
    pub fn add(&mut self, policy: Policy) -> usize {
        let index = self.hosts.len();
        let address = Ipv4Addr::from_bits(0x0a00_0001 + index as u32);
        let node = Node::new(self.random.octets(), policy);
        self.hosts.push(Host::new(node, (address, 1701).into()));
        index
    }

    /// The world's random numbers.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// A host, to be looked at.
    pub fn host(&self, index: usize) -> &Host {
        &self.hosts[index]
    }

    /// The way from one host to another.
    pub fn path(&self, from: usize, to: usize, encapsulation: Encapsulation) -> Path {
        let address = |index: usize| {
            let mut address: SocketAddr = self.hosts[index].address;
            if encapsulation == Encapsulation::Ip {
                address.set_port(0);
            }
            address
        };
        Path {
            local: address(from),
            remote: address(to),
            encapsulation,
            socket: 0,
            mark: 0,
        }
    }

    /// Has a host's driver do something, and takes out what follows.
    pub fn drive<T>(&mut self, index: usize, act: impl FnOnce(&mut Node, Instant) -> T) -> T {
        let result = act(&mut self.hosts[index].node, self.now);
        self.drain(index);
        result
    }

    /// The events of a host since this was asked last.
    pub fn events(&mut self, index: usize) -> Vec<Event> {
        std::mem::take(&mut self.hosts[index].events)
    }

    /// From now on a host's datagrams come from another port, as from a translator that forgot the
    /// old one; those to the old port are lost.
    pub fn renumber(&mut self, index: usize, port: u16) {
        self.hosts[index].outside.set_port(port);
    }

    /// From now on a host's data path cannot install sessions, for this reason.
    pub fn break_path(&mut self, index: usize, code: ResultCode) {
        self.hosts[index].broken = Some(code);
    }

    /// From now on everything that is sent is overheard.
    pub fn eavesdrop(&mut self) {
        self.overheard.get_or_insert_default();
    }

    /// What was overheard since this was asked last: the sender's path, and the datagram. Datagrams
    /// to nobody are among it.
    pub fn overheard(&mut self) -> Vec<(Path, Vec<u8>)> {
        self.overheard
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Sends a datagram as if from the host `path.local`.
    pub fn inject(&mut self, path: Path, payload: Vec<u8>) {
        self.send(path, payload);
    }

    /// Changes the datagram that would arrive next.
    pub fn tamper(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(mut entry) = self.air.first_entry() {
            change(&mut entry.get_mut().payload);
        }
    }

    /// Lets whatever comes next happen, unless that is later than `until`; gives whether something
    /// did.
    pub fn step(&mut self, until: Instant) -> bool {
        let arrival = self.air.keys().next().map(|(at, _)| *at);
        let timers = self.hosts.iter().filter_map(|host| host.node.deadline());
        let next = timers.map(|(at, _)| at).chain(arrival).min();
        let Some(next) = next.filter(|next| *next <= until) else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some(entry) = self.air.first_entry().filter(|one| one.key().0 <= self.now) {
            let Flight { path, payload } = entry.remove();
            self.arrive(path, &payload);
        }
        for index in 0..self.hosts.len() {
            let due = self.hosts[index].node.deadline();
            if due.is_some_and(|(at, _)| at <= self.now) {
                self.handle(index, Input::Time);
            }
        }
        true
    }

    /// Lets the time until `until` go by.
    pub fn run_until(&mut self, until: Instant) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Lets this much time go by.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// The clock jumps, as after a night asleep, and only then the nodes get to know.
    pub fn jump(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    fn arrive(&mut self, path: Path, payload: &[u8]) {
        let found = self.hosts.iter().position(|host| host.receives(&path));
        let Some(index) = found else {
            return;
        };
        let mut local = self.hosts[index].address;
        local.set_port(match path.encapsulation {
            Encapsulation::Udp => local.port(),
            Encapsulation::Ip => 0,
        });
        let path = Path { local, ..path };
        self.handle(index, Input::Datagram { path, payload });
    }

    /// Gives an input to a host's node and takes out what follows.
    pub fn handle(&mut self, index: usize, input: Input<'_>) {
        self.hosts[index].node.handle(self.now, input);
        self.drain(index);
    }

    fn drain(&mut self, index: usize) {
        while let Some(output) = self.hosts[index].node.poll() {
            match output {
                Output::Transmit { path, payload } => {
                    let mut path = path;
                    path.local.set_port(match path.encapsulation {
                        Encapsulation::Udp => self.hosts[index].outside.port(),
                        Encapsulation::Ip => 0,
                    });
                    self.send(path, payload);
                }
                Output::Save(_) | Output::PathUp(_) | Output::PathDown(_) | Output::Notify(_) => {
                    if let Some(answer) = self.hosts[index].take(output) {
                        self.hosts[index].node.handle(self.now, answer);
                    }
                }
            }
        }
    }

    /// Sends a datagram along `path`, that of its sender.
    fn send(&mut self, path: Path, payload: Vec<u8>) {
        self.sent += 1;
        if let Some(overheard) = &mut self.overheard {
            overheard.push((path, payload.clone()));
        }
        let copies = match self.random.below(100) {
            n if n < self.network.loss => 0,
            n if n < self.network.loss + self.network.duplication => 2,
            _ => 1,
        };
        for copy in 0..copies {
            let jitter = self.network.jitter.as_micros() as u32;
            let jitter = Duration::from_micros(self.random.below(jitter + 1).into());
            let arrival = self.now + self.network.delay + jitter;
            let path = Path {
                local: path.remote,
                remote: path.local,
                ..path
            };
            let payload = payload.clone();
            self.air
                .insert((arrival, self.sent * 2 + copy), Flight { path, payload });
        }
    }
}

#[cfg(test)]
mod tests;
