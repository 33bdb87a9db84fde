//! What is told of tunnels and sessions beyond what the data path knows.

use super::{Plane, Session, Tunnel};
use adit_datapath::spec::SessionKey as DataKey;
use adit_proto::l2tp::TunnelKey;
use adit_wire::l2tp::TunnelId;
use adit_wire::l2tp::avp::CircuitStatus;
use std::time::Duration;

/// The control protocol's side of a tunnel or a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// The state that its state machine is in.
    pub state: String,
    /// Why there is one, or the call that it is.
    pub origin: String,
    /// What the peer calls itself.
    pub peer: String,
    /// How long it has been established.
    pub uptime: Option<Duration>,
    /// What its control channel does; a session has none.
    pub channel: Option<Channel>,
    /// The states of a session's circuits, in version 3.
    pub circuits: Option<Circuits>,
}

/// The states of the circuits at the ends of a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Circuits {
    /// What the peer is told of this end's.
    pub own: String,
    /// What the peer tells of its.
    pub peer: String,
}

/// A tunnel's control channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Channel {
    /// Messages that may be sent unacknowledged now.
    pub window: u32,
    /// Messages that are.
    pub in_flight: u32,
    /// Messages sent again so far.
    pub retransmissions: u64,
    /// Sessions in any state.
    pub sessions: u32,
    /// The round-trip time, once one was measured.
    pub rtt: Option<Duration>,
}

impl Plane {
    /// What there is to tell of a tunnel that was set up by protocol.
    pub fn tunnel_details(&self, id: TunnelId) -> Option<Details> {
        let key = *self.by_id.get(&id)?;
        self.details(key, self.tunnels.get(&key)?)
    }

    fn details(&self, key: TunnelKey, tunnel: &Tunnel) -> Option<Details> {
        let info = self.node.tunnel(key)?;
        Some(Details {
            state: info.state.to_string(),
            origin: tunnel.origin.to_string(),
            peer: info.peer.host_name.clone(),
            uptime: tunnel.up.map(|up| up.elapsed()),
            channel: Some(Channel {
                window: info.window.into(),
                in_flight: info.in_flight.try_into().unwrap_or(u32::MAX),
                retransmissions: info.retransmissions.into(),
                sessions: info.sessions.try_into().unwrap_or(u32::MAX),
                rtt: info.round_trip,
            }),
            circuits: None,
        })
    }

    /// What there is to tell of a session that was set up by protocol.
    pub fn session_details(&self, key: DataKey) -> Option<Details> {
        let key = self.session_of(key).ok()?;
        let session = self.sessions.get(&key)?;
        let info = self.node.session(key)?;
        let (own, peer) = info.circuits;
        Some(Details {
            state: info.state.to_string(),
            origin: session.origin(),
            peer: String::new(),
            uptime: session.up.map(|up| up.elapsed()),
            channel: None,
            circuits: peer.map(|peer| Circuits {
                own: circuit(own),
                peer: circuit(peer),
            }),
        })
    }
}

impl Session {
    /// The call that it is, by its name, or by what the peer says of it.
    fn origin(&self) -> String {
        if let Some(call) = &self.call {
            return format!("call {call}");
        }
        let of = |(word, octets): (&str, &Option<Vec<u8>>)| {
            let text = String::from_utf8_lossy(octets.as_ref().filter(|text| !text.is_empty())?);
            Some(format!(" {word}{}", text.escape_debug()))
        };
        let parts = [
            ("", &self.remote_end_id),
            ("from ", &self.calling_number),
            ("to ", &self.called_number),
        ];
        let parts: String = parts.into_iter().filter_map(of).collect();
        match parts.is_empty() {
            true => parts,
            false => format!("call{parts}"),
        }
    }
}

/// Up or down, with the bits of RFC 5641 where these say more.
pub(super) fn circuit(status: CircuitStatus) -> String {
    let word = if status.is_active() { "up" } else { "down" };
    match status == CircuitStatus::UP || status == CircuitStatus::DOWN {
        true => word.to_owned(),
        false => format!("{word} ({status})"),
    }
}
