//! Tunnels and sessions that are set up by protocol.
//!
//! [`Plane`] drives a [`Node`], which decides, and carries out what it decides: it has messages
//! sent, installs sessions in the data path through the [`Engine`], and answers calls by the
//! [`Policy`]. `terms` makes the node's configuration of the policy, `carry` makes objects of
//! the data path of what was agreed on, `dial` opens the tunnels that the policy asks for, and
//! `traffic` tells the node where data arrives.

mod calls;
mod carry;
mod circuit;
mod command;
mod connections;
mod counts;
mod dial;
mod events;
mod listeners;
mod ppp;
mod reload;
mod show;
mod terms;
mod traffic;

pub use command::Target;
pub use connections::ConnectionDetails;
pub use counts::{Counts, ListenerCounts};
pub use dial::{Lookup, Resolved};
pub use show::Details;

use super::engine::Engine;
use super::ppp::News;
use crate::policy::{Policy, SessionTerms};
use adit_datapath::spec::{ListenerId, SessionKey as DataKey};
use adit_datapath::{ControlMessage, ControlSink};
use adit_proto::l2tp::{
    Encapsulation, Input, Node, Output, Path, ResultCode, SessionKey, TunnelKey,
};
use adit_wire::l2tp::TunnelId;
use adit_wire::l2tp::avp::StopCode;
use dial::{Agenda, Dial};
use listeners::Listeners;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;
use traffic::Traffic;

/// A control message on its way from the data path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The listener that it came to.
    pub listener: ListenerId,
    /// Who sent it.
    pub peer: SocketAddr,
    /// The address that it was sent to, where the socket tells.
    pub local: Option<std::net::IpAddr>,
    /// The mark that the host has put on its packet, or 0.
    pub mark: u32,
    /// The message.
    pub octets: Box<[u8]>,
}

/// See the [module](self).
pub struct Plane {
    node: Node,
    epoch: Instant,
    random: adit_proto::Random,
    policy: Policy,
    host_name: String,
    listeners: Listeners,
    tunnels: BTreeMap<TunnelKey, Tunnel>,
    sessions: BTreeMap<SessionKey, Session>,
    /// Both by the ids that the data path knows them by.
    by_id: BTreeMap<TunnelId, TunnelKey>,
    by_ids: BTreeMap<DataKey, SessionKey>,
    dials: BTreeMap<String, Dial>,
    agenda: Agenda,
    /// Tunnels of connections that are not established yet.
    opening: BTreeSet<TunnelKey>,
    traffic: Traffic,
    lookups: Vec<Lookup>,
    ppp: Vec<News>,
    drops: counts::Drops,
    drained: bool,
    draining: bool,
    /// Nothing new is taken, and the process ends after the last tunnel.
    retiring: bool,
}

/// A tunnel as the plane knows it, beside what its node knows.
#[derive(Debug)]
struct Tunnel {
    origin: Origin,
    /// Where its peer is.
    path: Path,
    /// When it was established.
    up: Option<Instant>,
    /// Whether its data path is there.
    installed: bool,
    /// Data packets received when this was last looked at.
    received: u64,
    /// Takes no further calls, and goes with the last one.
    draining: bool,
}

/// Why there is a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// A connection of this name was opened.
    Connection(String),
    /// A peer of this name called.
    Peer(String),
}

/// A session as the plane knows it.
#[derive(Debug)]
struct Session {
    terms: SessionTerms,
    /// The call's name in its connection, if it is one of those.
    call: Option<String>,
    /// What the peer that offered it says of the circuit, and of who calls whom.
    remote_end_id: Option<Vec<u8>>,
    calling_number: Option<Vec<u8>>,
    called_number: Option<Vec<u8>>,
    up: Option<Instant>,
    installed: bool,
    /// Whether the peer's circuit takes frames.
    carrier: bool,
}

impl Plane {
    /// A plane without listeners, whose control messages will come to `sink`. `seed` is secret.
    pub fn new(seed: [u8; 32], host_name: String, sink: ControlSink) -> Plane {
        let mut random = adit_proto::Random::new(seed);
        Plane {
            node: Node::new(random.octets(), adit_proto::l2tp::Policy::default()),
            epoch: Instant::now(),
            random,
            policy: Policy::default(),
            host_name,
            listeners: Listeners::new(sink),
            tunnels: BTreeMap::new(),
            sessions: BTreeMap::new(),
            by_id: BTreeMap::new(),
            by_ids: BTreeMap::new(),
            dials: BTreeMap::new(),
            agenda: Agenda::default(),
            opening: BTreeSet::new(),
            traffic: Traffic::default(),
            lookups: Vec::new(),
            ppp: Vec::new(),
            drops: counts::Drops::default(),
            drained: false,
            draining: false,
            retiring: false,
        }
    }

    /// Takes control messages.
    pub fn receive(&mut self, letters: impl IntoIterator<Item = Letter>, engine: &mut Engine) {
        for letter in letters {
            let Some(path) = self.listeners.path(&letter) else {
                self.drops.note_closed();
                continue;
            };
            let payload = &letter.octets;
            let now = self.now();
            self.node.handle(now, Input::Datagram { path, payload });
            if let Some(reason) = self.node.take_dropped() {
                self.drops.note(reason, letter.peer);
            }
        }
        // Answers leave together.
        self.settle(engine);
    }

    /// Does what is due.
    pub fn tick(&mut self, engine: &mut Engine) {
        let now = Instant::now();
        self.listeners.retry(now, engine);
        self.dial_due(now, engine);
        // Before the node sends a Hello that data makes needless.
        self.look_for_traffic(engine);
        let at = self.now();
        if self.node.deadline().is_some_and(|(due, _)| due <= at) {
            self.node.handle(at, Input::Time);
        }
        self.settle(engine);
    }

    /// When [`Plane::tick`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let node = self.node.deadline().map(|(due, _)| due);
        let node = node.into_iter().chain(self.traffic.due()).min();
        let node = node.map(|due| self.epoch + due.since_epoch());
        let dials = self.agenda.due(self.may_open());
        let listeners = self.listeners.due();
        node.into_iter().chain(dials).chain(listeners).min()
    }

    /// Keeps off the ids of tunnels that were not set up by protocol.
    pub fn reserve(&mut self, engine: &Engine) {
        if self.policy.is_empty() {
            return;
        }
        let tunnels = engine.desired().tunnels.keys();
        let others = tunnels.filter(|id| !self.by_id.contains_key(id));
        self.node
            .reserve(others.copied().collect(), BTreeSet::new());
    }

    /// Names to look up; the answer goes to [`Plane::resolved`].
    pub fn take_lookups(&mut self) -> Vec<Lookup> {
        std::mem::take(&mut self.lookups)
    }

    /// Says goodbye to every peer. [`Plane::is_drained`] tells when all have heard it.
    pub fn shut_down(&mut self, engine: &mut Engine) {
        self.draining = true;
        self.dials.clear();
        let now = self.now();
        self.node
            .drain(now, &ResultCode::stop(StopCode::SHUTTING_DOWN));
        self.settle(engine);
    }

    /// Whether nothing is left after [`Plane::shut_down`].
    pub fn is_drained(&self) -> bool {
        self.drained
    }

    fn add_tunnel(&mut self, key: TunnelKey, tunnel: Tunnel) {
        self.by_id.insert(key.id(), key);
        self.tunnels.insert(key, tunnel);
    }

    fn add_session(&mut self, key: SessionKey, session: Session) {
        self.by_ids.insert(carry::data_key(key), key);
        self.sessions.insert(key, session);
    }

    /// The node's time.
    fn now(&self) -> adit_proto::Instant {
        adit_proto::Instant::new(self.epoch.elapsed())
    }

    /// Carries out all that the node has decided.
    fn settle(&mut self, engine: &mut Engine) {
        let mut outbox = Outbox::default();
        loop {
            let mut outcomes = Vec::new();
            while let Some(output) = self.node.poll() {
                match output {
                    // Nothing of what was agreed on survives this process; its peers notice.
                    Output::Save(_) => {}
                    Output::Transmit { path, payload } => outbox.push(path, payload),
                    Output::PathUp(path) => {
                        let outcome = self.path_up(&path, engine);
                        outcomes.push((path.session, outcome));
                    }
                    Output::PathDown(session) => self.path_down(session, engine),
                    Output::Notify(event) => self.event(event, engine),
                }
            }
            if outcomes.is_empty() {
                break;
            }
            for (session, outcome) in outcomes {
                let now = self.now();
                self.node.handle(now, Input::Installed { session, outcome });
            }
        }
        outbox.send(engine);
    }
}

/// Messages on their way to the data path, those of one listener together.
#[derive(Debug, Default)]
struct Outbox {
    messages: Vec<(Path, Vec<u8>)>,
}

impl Outbox {
    fn push(&mut self, path: Path, payload: Vec<u8>) {
        self.messages.push((path, payload));
    }

    fn send(mut self, engine: &mut Engine) {
        // Stable: what goes to one peer stays in order.
        self.messages.sort_by_key(|(path, _)| path.socket);
        for of_one in self
            .messages
            .chunk_by(|(a, _), (b, _)| a.socket == b.socket)
        {
            let listener = of_one.first().map_or(0, |(path, _)| path.socket);
            let messages: Vec<_> = of_one
                .iter()
                .map(|(path, payload)| ControlMessage {
                    peer: path.remote,
                    local: Some(path.local.ip()),
                    mark: path.mark,
                    octets: payload,
                })
                .collect();
            let datapath = engine.datapath();
            datapath.send_control(ListenerId(listener), &messages);
        }
    }
}

/// What carries a control connection, for the node.
fn encapsulation(udp: bool) -> Encapsulation {
    match udp {
        true => Encapsulation::Udp,
        false => Encapsulation::Ip,
    }
}

#[cfg(test)]
mod tests;
