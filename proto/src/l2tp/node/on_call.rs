//! What the peer says about sessions.

use super::super::session::{SessionAction, SessionEvent, SessionState, next};
use super::super::{Event, LinkInfo, ResultCode, SessionEnd};
use super::calls::{self, Addressed, CallMessage};
use super::counters::MessageDrop;
use super::shared::Shared;
use super::tunnel::Tunnel;
use adit_wire::l2tp::avp::{DisconnectCode, ErrorCode};
use adit_wire::l2tp::control::MessageKind;
use adit_wire::l2tp::{SessionId, Version};

impl Tunnel {
    /// A message about a session.
    pub(super) fn on_call(&mut self, shared: &mut Shared, call: Addressed) {
        if self.state != super::super::TunnelState::Established {
            return shared.drop(MessageDrop::OutOfPlace);
        }
        let id = self.addressee(&call);
        match (call.message, id) {
            (CallMessage::Request(request), None) => match call.peer {
                Some(peer) => self.on_request(shared, peer, *request),
                None => shared.drop(MessageDrop::Malformed),
            },
            (CallMessage::Request(_), Some(id)) => {
                self.step_out(
                    shared,
                    id,
                    SessionEvent::BadRequest,
                    state_error(self.version),
                    None,
                );
            }
            (CallMessage::Reply(direction, terms), Some(id)) => {
                self.on_reply(shared, id, call.peer, direction, terms);
            }
            (CallMessage::Connected(direction, terms, connected), Some(id)) => {
                self.on_connected(shared, id, direction, terms, connected);
            }
            (CallMessage::Disconnect(code), Some(id)) => self.on_disconnect(shared, id, code),
            (CallMessage::WanErrors(errors), Some(id)) => {
                if let Some(session) = self.up(shared, id) {
                    shared.notify(Event::WanErrors { session, errors });
                }
            }
            (CallMessage::LinkInfo(info), Some(id)) => {
                if let Some(session) = self.up(shared, id) {
                    if let (LinkInfo::Circuit(status), Some(one)) =
                        (info, self.sessions.get_mut(&id))
                    {
                        one.peer.circuit = Some(status);
                    }
                    shared.notify(Event::LinkInfo { session, info });
                }
            }
            (CallMessage::Reply(..), None) => {
                shared.drop(MessageDrop::UnknownSession);
                // RFC 2661 §7.4.2: the peer believes in a session that is not there.
                if let Some(peer) = call.peer {
                    self.refuse_call(shared, call.own, peer, &no_such_session());
                }
            }
            (
                CallMessage::Connected(..)
                | CallMessage::Disconnect(_)
                | CallMessage::WanErrors(_)
                | CallMessage::LinkInfo(_),
                None,
            ) => shared.drop(MessageDrop::UnknownSession),
        }
    }

    /// The session that a message is for: by this end's id, or by the peer's when that is all the
    /// peer knows.
    fn addressee(&self, call: &Addressed) -> Option<SessionId> {
        if call.own.0 != 0 {
            return self.sessions.contains_key(&call.own).then_some(call.own);
        }
        match call.message {
            CallMessage::Request(_) => None,
            CallMessage::Reply(..)
            | CallMessage::Connected(..)
            | CallMessage::Disconnect(_)
            | CallMessage::WanErrors(_)
            | CallMessage::LinkInfo(_) => self.by_peer.get(&call.peer?).copied(),
        }
    }

    /// The key of a session that is established.
    fn up(&self, shared: &mut Shared, id: SessionId) -> Option<super::super::SessionKey> {
        let session = self.sessions.get(&id);
        let up = session.filter(|one| one.state == SessionState::Established);
        if up.is_none() {
            shared.drop(MessageDrop::OutOfPlace);
        }
        up.map(|session| self.session_key(id, session))
    }

    /// An event that ends the session, or the `loser` that the peer asked for beside it.
    pub(super) fn step_out(
        &mut self,
        shared: &mut Shared,
        id: SessionId,
        event: SessionEvent,
        code: ResultCode,
        loser: Option<SessionId>,
    ) {
        shared.drop(MessageDrop::OutOfPlace);
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let (action, _) = next(session.machine, session.state, event);
        match action {
            SessionAction::Disconnect => {
                self.send_disconnect(shared, id, session.peer_id, &code);
                self.remove_session(shared, id, SessionEnd::Local(code));
            }
            SessionAction::CleanUp => self.remove_session(shared, id, SessionEnd::Local(code)),
            SessionAction::RefuseLoser => {
                if let Some(loser) = loser {
                    self.refuse_call(shared, SessionId(0), loser, &code);
                }
            }
            SessionAction::None
            | SessionAction::SendRequest
            | SessionAction::SendReply
            | SessionAction::YieldAndSendReply
            | SessionAction::SendConnected
            | SessionAction::Establish => {}
        }
    }

    /// CDN.
    fn on_disconnect(&mut self, shared: &mut Shared, id: SessionId, code: ResultCode) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        if session.yielded && code.code == DisconnectCode::LOST_TIE.0 {
            // It is about the request that was given up already.
            return;
        }
        match next(session.machine, session.state, SessionEvent::Cdn).0 {
            SessionAction::CleanUp => self.remove_session(shared, id, SessionEnd::Peer(code)),
            SessionAction::None
            | SessionAction::SendRequest
            | SessionAction::SendReply
            | SessionAction::YieldAndSendReply
            | SessionAction::SendConnected
            | SessionAction::Establish
            | SessionAction::RefuseLoser
            | SessionAction::Disconnect => shared.drop(MessageDrop::OutOfPlace),
        }
    }

    /// A message about a session that cannot be read: the session ends for it.
    pub(super) fn on_unreadable_call(
        &mut self,
        shared: &mut Shared,
        session: SessionId,
        avps: &[u8],
        kind: Option<MessageKind>,
        code: ResultCode,
    ) {
        let (own, peer) = match self.version {
            Version::V2 => (session, calls::peer_id_v2(avps)),
            Version::V3 => calls::ids_v3(avps),
        };
        let known = self.sessions.contains_key(&own).then_some(own);
        let id = known.or_else(|| self.by_peer.get(&peer?).copied());
        match (id, kind) {
            (Some(id), Some(MessageKind::Cdn)) => {
                self.remove_session(shared, id, SessionEnd::Peer(code));
            }
            (Some(id), _) => self.end_session(shared, id, code),
            (None, Some(MessageKind::Icrq | MessageKind::Ocrq)) => {
                if let Some(peer) = peer {
                    self.refuse_call(shared, SessionId(0), peer, &code);
                }
            }
            (None, _) => {}
        }
    }
}

/// What a message in the wrong state is answered with (RFC 3931 §5.4.2 has a result for it).
pub(super) fn state_error(version: Version) -> ResultCode {
    let why = "the message has no place in this state of the session";
    match version {
        Version::V2 => ResultCode::error(ErrorCode::VENDOR, why),
        Version::V3 => {
            ResultCode::disconnect(DisconnectCode::STATE_MACHINE).with(ErrorCode::NONE, why)
        }
    }
}

fn no_such_session() -> ResultCode {
    ResultCode::error(ErrorCode::SESSION_ID, "there is no such session")
}
