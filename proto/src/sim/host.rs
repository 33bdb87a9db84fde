use crate::l2tp::{
    DataPath, Encapsulation, Event, Input, Node, Output, Path, ResultCode, Saved, SessionKey,
    TunnelKey,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// A node with an address, and what its driver keeps.
#[derive(Debug)]
pub struct Host {
    /// The node.
    pub node: Node,
    /// Its address, with the port that it is bound to.
    pub address: SocketAddr,
    /// The address that others see, with another port behind a translator.
    pub outside: SocketAddr,
    /// The sessions whose packets move.
    pub paths: BTreeMap<SessionKey, DataPath>,
    /// Why sessions cannot be installed, if they cannot.
    pub broken: Option<ResultCode>,
    pub(super) events: Vec<Event>,
    saved_tunnels: BTreeSet<TunnelKey>,
    saved_sessions: BTreeSet<SessionKey>,
}

impl Host {
    pub(super) fn new(node: Node, address: SocketAddr) -> Host {
        Host {
            node,
            address,
            outside: address,
            paths: BTreeMap::new(),
            broken: None,
            events: Vec::new(),
            saved_tunnels: BTreeSet::new(),
            saved_sessions: BTreeSet::new(),
        }
    }

    /// Whether nothing is left of any tunnel: in the node, in the data path, in the store.
    pub fn is_clean(&self) -> bool {
        self.node.tunnels().next().is_none()
            && self.node.session_count() == 0
            && self.node.half_open() == 0
            && self.node.deadline().is_none()
            && self.paths.is_empty()
            && self.saved_tunnels.is_empty()
            && self.saved_sessions.is_empty()
    }

    /// Whether a datagram on this way, as its receiver sees it, is for this host.
    pub(super) fn receives(&self, path: &Path) -> bool {
        match path.encapsulation {
            Encapsulation::Udp => path.local == self.outside,
            Encapsulation::Ip => path.local.ip() == self.outside.ip(),
        }
    }

    /// Does what an output asks for, and gives the answer to it.
    pub(super) fn take(&mut self, output: Output) -> Option<Input<'static>> {
        match output {
            Output::Save(saved) => self.save(saved),
            Output::PathUp(path) => {
                let session = path.session;
                assert!(
                    self.saved_sessions.contains(&session),
                    "{session} is not saved"
                );
                let outcome = match &self.broken {
                    None => Ok(()),
                    Some(code) => Err(code.clone()),
                };
                self.paths.insert(session, *path);
                return Some(Input::Installed { session, outcome });
            }
            Output::PathDown(session) => {
                assert!(
                    self.paths.remove(&session).is_some(),
                    "{session} was not up"
                );
            }
            Output::Notify(event) => self.events.push(event),
            Output::Transmit { .. } => {}
        }
        None
    }

    fn save(&mut self, saved: Saved) {
        let new = match saved {
            Saved::Tunnel { tunnel, .. } => self.saved_tunnels.insert(tunnel),
            Saved::TunnelGone(tunnel) => self.saved_tunnels.remove(&tunnel),
            Saved::Session(session) => self.saved_sessions.insert(session),
            Saved::SessionGone(session) => self.saved_sessions.remove(&session),
        };
        assert!(new, "{saved:?} says nothing new");
    }
}
