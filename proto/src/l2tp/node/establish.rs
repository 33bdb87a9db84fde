//! Establishing and ending a tunnel, from the tunnel's side.

use super::super::auth::CoverError;
use super::super::tunnel::{TunnelAction, TunnelEvent, TunnelState, next};
use super::super::{Event, ResultCode, TunnelEnd};
use super::calls::Addressed;
use super::compose;
use super::counters::MessageDrop;
use super::opening::Opening;
use super::shared::Shared;
use super::tunnel::Tunnel;
use adit_wire::l2tp::avp::{EncodeError, ErrorCode, StopCode};
use adit_wire::l2tp::control::{Consequence, MessageError, MessageKind, v2, v3};
use adit_wire::l2tp::{SessionId, TunnelId, Version};
use std::sync::Arc;

impl Tunnel {
    /// Sends the SCCRQ.
    pub(super) fn open(&mut self, shared: &mut Shared) -> Result<(), Unsent> {
        if self.config.tie_breaker {
            self.tie_breaker = Some(shared.random.octets());
        }
        self.ask_for_proof(shared);
        let (_, state) = next(self.state, TunnelEvent::Open);
        compose::sccrq(self, shared)?;
        self.send(shared, MessageKind::Sccrq, SessionId(0))?;
        self.state = state;
        Ok(())
    }

    /// Sends the SCCRP to an SCCRQ that was found acceptable.
    pub(super) fn reply(&mut self, shared: &mut Shared, opening: &Opening<'_>) {
        self.meet(opening);
        self.ask_for_proof(shared);
        let response = self.response(MessageKind::Sccrp, opening);
        let sent = compose::sccrp(self, shared, response).map_err(Unsent::from);
        let sent = sent.and_then(|()| Ok(self.send(shared, MessageKind::Sccrp, SessionId(0))?));
        if let Err(error) = sent {
            self.stop(shared, error.code());
        }
    }

    /// A challenge for the peer, if it must prove itself (v2).
    fn ask_for_proof(&mut self, shared: &mut Shared) {
        let wanted = self.version == Version::V2 && self.auth.challenges();
        self.challenge = wanted.then(|| shared.mint());
    }

    /// The response to the peer's challenge, for a message of this kind (v2).
    fn response(&self, carrier: MessageKind, opening: &Opening<'_>) -> Option<[u8; 16]> {
        self.auth.respond(carrier, opening.challenge?)
    }

    /// Whether the peer answered the challenge, if there was one (v2).
    fn is_answered(&mut self, carrier: MessageKind, response: Option<[u8; 16]>) -> bool {
        match (&self.challenge, response) {
            (None, _) => true,
            (Some(challenge), Some(response)) => {
                let challenge = &challenge[..];
                self.auth.response_is_right(carrier, challenge, &response)
            }
            (Some(_), None) => false,
        }
    }

    /// Takes over what the peer says of itself.
    fn meet(&mut self, opening: &Opening<'_>) {
        let mut peer = opening.peer.clone();
        peer.ecn = opening.ecn && self.config.ecn;
        self.peer_id = opening.assigned;
        self.channel.set_peer_window(peer.receive_window);
        self.peer = Arc::new(peer);
    }

    pub(super) fn on_v2(
        &mut self,
        shared: &mut Shared,
        session: SessionId,
        message: v2::Message<'_>,
    ) {
        match message {
            v2::Message::Zlb | v2::Message::Hello(_) => {}
            v2::Message::Sccrq(_) => self.on_sccrq(shared),
            v2::Message::Sccrp(reply) => self.on_sccrp(shared, reply.into()),
            v2::Message::Scccn(connected) => self.on_scccn(shared, connected.challenge_response),
            v2::Message::StopCcn(stop) => {
                self.on_stop(shared, Some(stop.assigned_tunnel), stop.reason.into());
            }
            v2::Message::Ocrq(_)
            | v2::Message::Ocrp(_)
            | v2::Message::Occn(_)
            | v2::Message::Icrq(_)
            | v2::Message::Icrp(_)
            | v2::Message::Iccn(_)
            | v2::Message::Cdn(_)
            | v2::Message::Wen(_)
            | v2::Message::Sli(_) => {
                if let Some(call) = Addressed::from_v2(session, message) {
                    self.on_call(shared, call);
                }
            }
        }
    }

    pub(super) fn on_v3(&mut self, shared: &mut Shared, message: v3::Message<'_>) {
        match message {
            v3::Message::Zlb | v3::Message::Hello(_) | v3::Message::Ack(_) => {}
            v3::Message::Sccrq(_) => self.on_sccrq(shared),
            v3::Message::Sccrp(reply) => self.on_sccrp(shared, reply.into()),
            v3::Message::Scccn(_) => self.on_scccn(shared, None),
            v3::Message::StopCcn(stop) => {
                self.on_stop(shared, stop.assigned_connection, stop.reason.into());
            }
            v3::Message::Ocrq(_)
            | v3::Message::Ocrp(_)
            | v3::Message::Occn(_)
            | v3::Message::Icrq(_)
            | v3::Message::Icrp(_)
            | v3::Message::Iccn(_)
            | v3::Message::Cdn(_)
            | v3::Message::Wen(_)
            | v3::Message::Sli(_) => {
                if let Some(call) = Addressed::from_v3(message) {
                    self.on_call(shared, call);
                }
            }
        }
    }

    /// An SCCRQ among the messages of a tunnel that exists.
    fn on_sccrq(&mut self, shared: &mut Shared) {
        shared.drop(MessageDrop::OutOfPlace);
        self.step(shared, TunnelEvent::BadSccrq, out_of_place());
    }

    fn on_sccrp(&mut self, shared: &mut Shared, opening: Opening<'_>) {
        if self.state != TunnelState::WaitCtlReply {
            shared.drop(MessageDrop::OutOfPlace);
            return self.step(shared, TunnelEvent::Sccrp, out_of_place());
        }
        if shared.is_own_proof(&opening) {
            shared.drop(MessageDrop::Reflected);
            let code = ResultCode::stop(StopCode::NOT_AUTHORIZED);
            return self.step(shared, TunnelEvent::BadSccrp, code);
        }
        self.meet(&opening);
        if let Err(code) = self.judge_reply(&opening) {
            return self.step(shared, TunnelEvent::BadSccrp, code);
        }
        let response = self.response(MessageKind::Scccn, &opening);
        let sent = compose::scccn(self, shared, response).map_err(Unsent::from);
        let sent = sent.and_then(|()| Ok(self.send(shared, MessageKind::Scccn, SessionId(0))?));
        match sent {
            Ok(()) => self.step(shared, TunnelEvent::Sccrp, out_of_place()),
            Err(error) => self.stop(shared, error.code()),
        }
    }

    /// Whether an SCCRP is acceptable.
    fn judge_reply(&mut self, opening: &Opening<'_>) -> Result<(), ResultCode> {
        let proved = match self.version {
            Version::V2 => self.is_answered(MessageKind::Sccrp, opening.response),
            // Its digest was right where it must, or it would not have come here.
            Version::V3 => true,
        };
        let asks = opening.challenge.is_some() || opening.nonce.is_some();
        match proved && !(asks && self.config.secrets.is_empty()) {
            true => Ok(()),
            false => Err(ResultCode::stop(StopCode::NOT_AUTHORIZED)),
        }
    }

    fn on_scccn(&mut self, shared: &mut Shared, response: Option<[u8; 16]>) {
        let answered = self.is_answered(MessageKind::Scccn, response);
        match (self.state, answered) {
            (TunnelState::WaitCtlConn, false) => {
                let code = ResultCode::stop(StopCode::NOT_AUTHORIZED);
                self.step(shared, TunnelEvent::BadScccn, code);
            }
            (_, true | false) => self.step(shared, TunnelEvent::Scccn, out_of_place()),
        }
    }

    fn on_stop(&mut self, shared: &mut Shared, peer: Option<TunnelId>, code: ResultCode) {
        if self.peer_id == TunnelId(0) {
            // It answers the SCCRQ, and is to be acknowledged like anything else.
            self.peer_id = peer.unwrap_or_default();
        }
        self.channel.hang_up();
        if self.has_lost(&code) {
            return;
        }
        let (_, state) = next(self.state, TunnelEvent::StopCcn);
        self.state = state;
        self.close(shared, TunnelEnd::Peer(code));
    }

    /// Does what the table says of an event; `otherwise` is why, if that is to stop.
    pub(super) fn step(&mut self, shared: &mut Shared, event: TunnelEvent, otherwise: ResultCode) {
        let (action, state) = next(self.state, event);
        match action {
            TunnelAction::Open | TunnelAction::SendScccnAndOpen => {
                self.state = state;
                self.established(shared);
            }
            TunnelAction::Stop => self.stop(shared, otherwise),
            TunnelAction::CleanUp => self.abandon(shared, TunnelEnd::Local(otherwise)),
            TunnelAction::RefuseLoser => shared.drop(MessageDrop::LostTie),
            TunnelAction::None
            | TunnelAction::SendSccrq
            | TunnelAction::SendSccrp
            | TunnelAction::YieldAndSendSccrp => {}
        }
    }

    fn established(&mut self, shared: &mut Shared) {
        let proved = self.challenge.take().is_some() || self.auth.authenticates();
        Arc::make_mut(&mut self.peer).authenticated = proved;
        self.since = shared.now;
        shared.counters.tunnels += 1;
        shared.notify(Event::TunnelUp {
            tunnel: self.key,
            version: self.version,
            path: self.path,
            peer_tunnel: self.peer_id,
            peer: self.peer.clone(),
        });
        self.pump(shared);
    }

    /// A message that cannot be read, though it came in order (RFC 2661 §7.1, RFC 3931 §7.1).
    pub(super) fn on_unreadable(
        &mut self,
        shared: &mut Shared,
        session: SessionId,
        avps: &[u8],
        error: &MessageError,
    ) {
        let code = ResultCode::error(error.error_code(), error.to_string());
        if error.kind() == Some(MessageKind::StopCcn) {
            shared.drop(MessageDrop::Malformed);
            return self.on_stop(shared, None, code);
        }
        match error.consequence() {
            Consequence::Ignore => shared.drop(MessageDrop::UnknownType),
            Consequence::EndTunnel => {
                shared.drop(MessageDrop::Malformed);
                self.stop(shared, code);
            }
            Consequence::EndSession => {
                shared.drop(MessageDrop::Malformed);
                self.on_unreadable_call(shared, session, avps, error.kind(), code);
            }
        }
    }
}

fn out_of_place() -> ResultCode {
    ResultCode::stop(StopCode::STATE_MACHINE)
        .with(ErrorCode::NONE, "the message has no place in this state")
}

/// Why a message did not leave.
#[derive(Debug)]
pub(super) enum Unsent {
    /// A value is out of range.
    Encode(EncodeError),
    /// A value cannot be hidden.
    Cover(CoverError),
}

impl Unsent {
    /// What ends for it is told this.
    pub(super) fn code(&self) -> ResultCode {
        let why = match self {
            Unsent::Encode(error) => error.to_string(),
            Unsent::Cover(error) => error.to_string(),
        };
        ResultCode::error(ErrorCode::VENDOR, why)
    }
}

impl From<EncodeError> for Unsent {
    fn from(error: EncodeError) -> Unsent {
        Unsent::Encode(error)
    }
}

impl From<CoverError> for Unsent {
    fn from(error: CoverError) -> Unsent {
        Unsent::Cover(error)
    }
}
