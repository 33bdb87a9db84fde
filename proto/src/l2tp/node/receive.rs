//! From a datagram to the tunnel that it is for.

use super::super::auth::Auth;
use super::super::channel::Received;
use super::super::config::Follow;
use super::super::tunnel::TunnelState;
use super::super::{Encapsulation, Event, Output, Path};
use super::counters::MessageDrop;
use super::shared::Shared;
use super::tunnel::{Incoming, LONGEST_EARLY, Tunnel};
use super::{Node, opening};
use adit_wire::l2tp::control::{MessageKind, message_kind, v2, v3};
use adit_wire::l2tp::{IpMessage, SessionId, TunnelId, UdpMessage, Version};

/// Messages that may wait for the peer before its further ones are not answered any more.
const MOST_UNACKNOWLEDGED: usize = 4_096;

/// A control message with its header taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Control<'a> {
    /// The version in its header.
    pub(super) version: Version,
    /// The receiver's tunnel id.
    pub(super) tunnel: TunnelId,
    /// The receiver's session id (v2).
    pub(super) session: SessionId,
    pub(super) ns: u16,
    pub(super) nr: u16,
    pub(super) avps: &'a [u8],
    /// All of it, from the T bit on.
    pub(super) octets: &'a [u8],
}

impl<'a> Control<'a> {
    fn read(encapsulation: Encapsulation, payload: &'a [u8]) -> Result<Control<'a>, MessageDrop> {
        match encapsulation {
            Encapsulation::Udp => Control::read_udp(payload),
            Encapsulation::Ip => Control::read_ip(payload),
        }
    }

    fn read_udp(payload: &'a [u8]) -> Result<Control<'a>, MessageDrop> {
        match UdpMessage::decode(payload).map_err(|_| MessageDrop::Header)? {
            UdpMessage::V2Control { header, avps } => Ok(Control {
                version: Version::V2,
                tunnel: header.tunnel,
                session: header.session,
                ns: header.ns,
                nr: header.nr,
                avps,
                octets: payload,
            }),
            UdpMessage::V3Control { header, avps } => Ok(Control {
                version: Version::V3,
                tunnel: header.connection,
                session: SessionId(0),
                ns: header.ns,
                nr: header.nr,
                avps,
                octets: payload,
            }),
            UdpMessage::V2Data { .. } | UdpMessage::V3Data { .. } => Err(MessageDrop::Data),
        }
    }

    fn read_ip(payload: &'a [u8]) -> Result<Control<'a>, MessageDrop> {
        match IpMessage::decode(payload).map_err(|_| MessageDrop::Header)? {
            IpMessage::Control { header, avps } => Ok(Control {
                version: Version::V3,
                tunnel: header.connection,
                session: SessionId(0),
                ns: header.ns,
                nr: header.nr,
                avps,
                octets: payload.get(4..).unwrap_or_default(),
            }),
            IpMessage::Data { .. } => Err(MessageDrop::Data),
        }
    }

    /// Its kind, as far as it has one that is known.
    pub(super) fn kind(&self) -> Option<MessageKind> {
        message_kind(self.avps).ok().flatten()
    }

    /// Whether it only acknowledges.
    pub(super) fn is_acknowledgement(&self) -> bool {
        self.avps.is_empty()
            || (self.version == Version::V3 && self.kind() == Some(MessageKind::Ack))
    }
}

impl Node {
    /// Takes in a datagram.
    pub(super) fn receive(&mut self, path: Path, payload: &[u8]) {
        self.shared.counters.received += 1;
        let taken = Control::read(path.encapsulation, payload).and_then(|message| {
            if message.tunnel != TunnelId(0) {
                return self.receive_for(message.tunnel, path, message);
            }
            match message.kind() {
                Some(MessageKind::Sccrq) => self.request(path, message),
                Some(MessageKind::StopCcn) => self.stop_of_requester(path, message),
                _ => Err(MessageDrop::NotARequest),
            }
        });
        if let Err(reason) = taken {
            self.shared.drop(reason);
        }
    }

    /// A StopCCN whose sender does not know this end's id yet: it takes back its SCCRQ.
    fn stop_of_requester(&mut self, path: Path, message: Control<'_>) -> Result<(), MessageDrop> {
        let assigned = opening::assigned(message.avps, message.version);
        let key = (path, assigned.ok_or(MessageDrop::NotARequest)?);
        let id = self.requesters.get(&key).copied();
        let id = id.ok_or(MessageDrop::NotARequest)?;
        if self.withdraw(id, key) {
            return Ok(());
        }
        self.receive_for(id, path, message)
    }

    /// A message for the tunnel `id`.
    pub(super) fn receive_for(
        &mut self,
        id: TunnelId,
        path: Path,
        message: Control<'_>,
    ) -> Result<(), MessageDrop> {
        let tunnel = self.tunnels.get_mut(&id);
        let tunnel = tunnel.ok_or(MessageDrop::UnknownTunnel)?;
        tunnel.let_rival_win(&path, &message)?;
        if !tunnel.speaks(message.version) {
            return Err(MessageDrop::UnknownTunnel);
        }
        let taken = tunnel.receive(&mut self.shared, path, message);
        self.settle(id);
        taken
    }
}

impl Tunnel {
    /// Whether messages of this version may be for it.
    fn speaks(&self, version: Version) -> bool {
        self.version == version || (version == Version::V3 && self.offers_both())
    }

    fn receive(
        &mut self,
        shared: &mut Shared,
        path: Path,
        message: Control<'_>,
    ) -> Result<(), MessageDrop> {
        // The reply to an SCCRQ that offered both versions decides which it is; only if it is
        // taken, though.
        let mut chosen: Option<Auth> = None;
        let auth = match self.version == message.version {
            true => &mut self.auth,
            false => {
                let auth = chosen.insert(self.auth.clone());
                auth.set_version(message.version);
                auth
            }
        };
        let mut scratch = Vec::new();
        let admitted = auth.admit(message.kind(), message.octets, message.avps, &mut scratch);
        let avps = admitted.map_err(|_| MessageDrop::Unauthentic)?;
        let authentic = auth.authenticates();
        let moved = path != self.path;
        if moved && !self.follows(&path, &message, authentic) {
            return Err(MessageDrop::WrongPeer);
        }
        let verdict = self.take(shared, message, avps)?;
        self.heard = shared.now;
        if moved && verdict == Received::InOrder {
            self.move_to(shared, path);
        }
        if self.state == TunnelState::WaitCtlConn {
            self.prove(shared);
        }
        if let (Some(auth), Received::InOrder) = (chosen, verdict) {
            self.auth = auth;
            self.version = message.version;
        }
        while let Some(incoming) = self.channel.deliver() {
            match self.closed {
                true => shared.drop(MessageDrop::Closed),
                false => self.dispatch(shared, &incoming),
            }
        }
        match verdict {
            Received::Duplicate => Err(MessageDrop::Duplicate),
            Received::BeyondWindow => Err(MessageDrop::BeyondWindow),
            Received::Ack | Received::InOrder | Received::Early | Received::InvalidNr => Ok(()),
        }
    }

    /// Gives the message to the channel.
    fn take(
        &mut self,
        shared: &Shared,
        message: Control<'_>,
        avps: &[u8],
    ) -> Result<Received, MessageDrop> {
        let Control { ns, nr, .. } = message;
        let mut refused = None;
        if self.channel.backlog() > MOST_UNACKNOWLEDGED {
            refused = Some(MessageDrop::Backlog);
        }
        if message.avps.len() > LONGEST_EARLY && !self.channel.is_next(ns) {
            refused = Some(MessageDrop::BeyondWindow);
        }
        let content = (!message.is_acknowledgement() && refused.is_none()).then(|| Incoming {
            session: message.session,
            avps: avps.into(),
        });
        match (self.channel.receive(shared.now, ns, nr, content), refused) {
            (Received::InvalidNr, _) => Err(MessageDrop::InvalidNr),
            (_, Some(reason)) => Err(reason),
            (verdict, None) => Ok(verdict),
        }
    }

    /// Whether a message from another port, with which the tunnel may go on, comes from its peer.
    fn follows(&self, path: &Path, message: &Control<'_>, authentic: bool) -> bool {
        if self.closed || !self.path.differs_in_port_only(path) {
            return false;
        }
        let next = self.channel.is_next(message.ns) && !message.is_acknowledgement();
        // RFC 2661 §8.1: the responder picks its port with the reply.
        let reply =
            self.state == TunnelState::WaitCtlReply && message.kind() == Some(MessageKind::Sccrp);
        next && (reply
            || match self.config.follow {
                Follow::Never => false,
                Follow::Authenticated => authentic,
                Follow::Always => true,
            })
    }

    fn move_to(&mut self, shared: &mut Shared, path: Path) {
        self.path = path;
        if self.state != TunnelState::Established {
            return;
        }
        shared.notify(Event::PeerMoved {
            tunnel: self.key,
            path,
        });
        for (id, session) in &self.sessions {
            if session.path_up {
                let key = self.session_key(*id, session);
                let data_path = session.data_path(key, self, path);
                shared
                    .outputs
                    .push_back(Output::PathUp(Box::new(data_path)));
            }
        }
    }

    /// Reads a message whose turn has come, and acts on it.
    fn dispatch(&mut self, shared: &mut Shared, incoming: &Incoming) {
        let avps = &*incoming.avps;
        let quirks = self.config.quirks;
        let read = match self.version {
            Version::V2 => v2::Message::decode(avps, quirks).map(|decoded| {
                shared.counters.ignored_avps += u64::from(decoded.ignored.count);
                self.on_v2(shared, incoming.session, decoded.message);
            }),
            Version::V3 => v3::Message::decode(avps, quirks).map(|decoded| {
                shared.counters.ignored_avps += u64::from(decoded.ignored.count);
                self.on_v3(shared, decoded.message);
            }),
        };
        if let Err(error) = read {
            self.on_unreadable(shared, incoming.session, avps, &error);
        }
    }
}
