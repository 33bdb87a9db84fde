//! What the peer says about sessions.

use super::super::config::Answer;
use super::super::session::{Machine, SessionAction, SessionEvent, SessionState, next};
use super::super::{Connected, Direction, Event, ResultCode, SessionConfig, SessionEnd};
use super::calls::{self, Addressed, CallMessage, Request};
use super::compose_call::Call;
use super::counters::MessageDrop;
use super::establish::Unsent;
use super::request::{Tie, break_tie};
use super::session::Terms;
use super::shared::Shared;
use super::tunnel::Tunnel;
use adit_wire::l2tp::avp::{DisconnectCode, ErrorCode, PwType};
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
                self.step_out(shared, id, SessionEvent::BadRequest, state_error(), None);
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
    fn step_out(
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

    /// ICRQ or OCRQ.
    fn on_request(&mut self, shared: &mut Shared, peer: SessionId, request: Request) {
        if let Some(rival) = self.rival(&request) {
            return self.on_rival(shared, rival, peer, request);
        }
        if let Err(code) = self.judge_request(shared, peer, &request) {
            shared.counters.refused_calls += 1;
            return self.refuse_call(shared, SessionId(0), peer, &code);
        }
        let machine = Machine {
            direction: request.direction,
            caller: false,
        };
        let config = self.config.calls.session;
        let added = self.add_session(shared, machine, request.pseudowire, config);
        let Ok(id) = added else {
            shared.counters.refused_calls += 1;
            return self.refuse_call(shared, SessionId(0), peer, &busy());
        };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.peer_id = peer;
            session.peer = request.terms;
        }
        self.by_peer.insert(peer, id);
        self.start_timer(shared, id);
        let automatic = self.config.calls.answer == Answer::Accept;
        if automatic && request.direction == Direction::Incoming {
            return self.accept_call(shared, id, config);
        }
        let session = &self.sessions[&id];
        shared.notify(Event::CallOffered {
            session: self.session_key(id, session),
            direction: request.direction,
            pseudowire: request.pseudowire,
            details: Box::new(request.details),
        });
    }

    /// Whether a request can be accepted at all.
    fn judge_request(
        &mut self,
        shared: &Shared,
        peer: SessionId,
        request: &Request,
    ) -> Result<(), ResultCode> {
        let calls = &self.config.calls;
        if shared.closed_to_new || calls.answer == Answer::Refuse {
            return Err(ResultCode::disconnect(DisconnectCode::ADMINISTRATIVE));
        }
        if self.by_peer.contains_key(&peer) {
            return Err(ResultCode::error(ErrorCode::SESSION_ID, "the id is in use"));
        }
        let known = match self.version {
            Version::V2 => request.pseudowire == PwType::PPP,
            Version::V3 => self.config.pseudowires.contains(&request.pseudowire),
        };
        if !known {
            return Err(ResultCode::disconnect(DisconnectCode::PW_TYPE));
        }
        if !request.terms.can_be_met() {
            return Err(ResultCode::disconnect(DisconnectCode::NO_SUBLAYER));
        }
        let full = self.sessions.len() >= calls.max_sessions as usize;
        let rate = calls.rate;
        if full || rate.is_some_and(|rate| !self.calls.take(shared.now, rate)) {
            return Err(busy());
        }
        Ok(())
    }

    /// This end's own request for what the peer requests at the same time (v3).
    fn rival(&self, request: &Request) -> Option<SessionId> {
        let id = *self.asked.get(request.details.remote_end_id.as_ref()?)?;
        let session = self.sessions.get(&id)?;
        let tie = session.state == SessionState::WaitReply
            && session.machine.direction == request.direction;
        tie.then_some(id)
    }

    /// Both ends ask for the same thing at once (RFC 3931 §5.4.4).
    fn on_rival(&mut self, shared: &mut Shared, id: SessionId, peer: SessionId, request: Request) {
        let pending = self.sessions.get(&id).and_then(|one| one.pending.as_ref());
        let ours = pending.and_then(|pending| pending.tie_breaker);
        let lost = ResultCode::disconnect(DisconnectCode::LOST_TIE);
        match break_tie(ours, request.tie_breaker) {
            Tie::Lost => self.yield_session(shared, id, peer, request),
            Tie::Won => self.step_out(shared, id, SessionEvent::LosingRequest, lost, Some(peer)),
            // Without tie breakers, and with equal ones, neither goes on.
            Tie::None | Tie::Drawn => {
                self.refuse_call(shared, SessionId(0), peer, &lost);
                self.end_session(shared, id, lost);
            }
        }
    }

    /// Gives up the own request for the peer's: the session goes on as the one that is called.
    fn yield_session(
        &mut self,
        shared: &mut Shared,
        id: SessionId,
        peer: SessionId,
        request: Request,
    ) {
        if self.by_peer.contains_key(&peer) || !request.terms.can_be_met() {
            let code = ResultCode::disconnect(DisconnectCode::NO_SUBLAYER);
            return self.refuse_call(shared, SessionId(0), peer, &code);
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let config = session.config;
        session.peer_id = peer;
        session.peer = request.terms;
        session.yielded = true;
        if let Some(pending) = &session.pending
            && let Some(end) = &pending.details.remote_end_id
        {
            self.asked.remove(end);
        }
        self.by_peer.insert(peer, id);
        self.accept_as(shared, id, config, SessionEvent::Request);
    }

    /// Sends a CDN for a call of which nothing is kept.
    fn refuse_call(
        &mut self,
        shared: &mut Shared,
        own: SessionId,
        peer: SessionId,
        code: &ResultCode,
    ) {
        // The AVP must hold an id. One that was never assigned means nothing to the peer.
        let own = match own {
            SessionId(0) => SessionId(1 + shared.random.below(u16::MAX.into())),
            own => own,
        };
        self.send_disconnect(shared, own, peer, code);
    }

    /// Accepts a call that was offered.
    pub(super) fn accept_call(
        &mut self,
        shared: &mut Shared,
        id: SessionId,
        config: SessionConfig,
    ) {
        self.accept_as(shared, id, config, SessionEvent::Request);
    }

    fn accept_as(
        &mut self,
        shared: &mut Shared,
        id: SessionId,
        config: SessionConfig,
        event: SessionEvent,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let (action, state) = next(session.machine, session.state, event);
        let replies = [SessionAction::SendReply, SessionAction::YieldAndSendReply];
        if !replies.contains(&action) {
            return;
        }
        session.state = state;
        session.machine.caller = false;
        if config.cookie_len != session.config.cookie_len {
            let octets: [u8; 8] = shared.random.octets();
            let cookie = octets.get(..config.cookie_len.into());
            let cookie = cookie.map(adit_wire::l2tp::Cookie::new);
            session.cookie = cookie.and_then(Result::ok).unwrap_or_default();
        }
        session.config = config;
        let (direction, peer) = (session.machine.direction, session.peer_id);
        if direction == Direction::Incoming {
            self.path_up(shared, id);
        }
        let Some(call) = self.call(id) else {
            return;
        };
        let kind = match direction {
            Direction::Incoming => MessageKind::Icrp,
            Direction::Outgoing => MessageKind::Ocrp,
        };
        let sent = call.reply(&mut shared.plain).map_err(Unsent::from);
        let sent = sent.and_then(|()| Ok(self.send(shared, kind, peer)?));
        if let Err(error) = sent {
            self.end_session(shared, id, error.code());
        }
    }

    fn call(&self, id: SessionId) -> Option<Call<'_>> {
        Some(Call {
            version: self.version,
            id,
            session: self.sessions.get(&id)?,
        })
    }

    /// ICRP or OCRP.
    fn on_reply(
        &mut self,
        shared: &mut Shared,
        id: SessionId,
        peer: Option<SessionId>,
        direction: Direction,
        terms: Terms,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.machine.direction != direction {
            return self.step_out(shared, id, SessionEvent::Stray, state_error(), None);
        }
        let peer = peer.filter(|peer| !self.by_peer.contains_key(peer));
        let Some(peer) = peer.filter(|_| terms.can_be_met()) else {
            let code = match peer {
                None => ResultCode::error(ErrorCode::SESSION_ID, "no id, or one in use"),
                Some(_) => ResultCode::disconnect(DisconnectCode::NO_SUBLAYER),
            };
            return self.step_out(shared, id, SessionEvent::BadReply, code, None);
        };
        let (action, state) = next(session.machine, session.state, SessionEvent::Reply);
        match action {
            SessionAction::SendConnected => {
                session.peer_id = peer;
                session.peer = terms;
                self.by_peer.insert(peer, id);
                let pending = session.pending.as_mut();
                let connected = pending.map(|pending| std::mem::take(&mut pending.connected));
                self.send_connected(shared, id, &connected.unwrap_or_default());
            }
            SessionAction::None if state == SessionState::WaitConnect => {
                session.peer_id = peer;
                session.peer = terms;
                session.state = state;
                self.by_peer.insert(peer, id);
                self.path_up(shared, id);
            }
            SessionAction::None
            | SessionAction::SendRequest
            | SessionAction::SendReply
            | SessionAction::YieldAndSendReply
            | SessionAction::Establish
            | SessionAction::RefuseLoser
            | SessionAction::Disconnect
            | SessionAction::CleanUp => {
                self.step_out(shared, id, SessionEvent::Reply, state_error(), None);
            }
        }
    }

    /// Sends ICCN or OCCN; the session is established with that.
    pub(super) fn send_connected(
        &mut self,
        shared: &mut Shared,
        id: SessionId,
        connected: &Connected,
    ) {
        let Some(call) = self.call(id) else {
            return;
        };
        let peer = call.session.peer_id;
        let kind = match call.session.machine.direction {
            Direction::Incoming => MessageKind::Iccn,
            Direction::Outgoing => MessageKind::Occn,
        };
        let composed = call.connected(connected, &mut shared.plain);
        let sent = composed.map_err(Unsent::from);
        let sent = sent.and_then(|()| Ok(self.send(shared, kind, peer)?));
        if let Err(error) = sent {
            return self.end_session(shared, id, error.code());
        }
        self.path_up(shared, id);
        self.session_up(shared, id, None);
    }

    /// ICCN or OCCN.
    fn on_connected(
        &mut self,
        shared: &mut Shared,
        id: SessionId,
        direction: Direction,
        terms: Terms,
        connected: Box<Connected>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.machine.direction != direction {
            return self.step_out(shared, id, SessionEvent::Stray, state_error(), None);
        }
        let mut amended = session.peer;
        amended.amend(&terms);
        let event = match amended.can_be_met() {
            true => SessionEvent::Connected,
            false => SessionEvent::BadConnected,
        };
        let (action, _) = next(session.machine, session.state, event);
        if action != SessionAction::Establish {
            return self.step_out(shared, id, event, state_error(), None);
        }
        let changed = amended != session.peer;
        session.peer = amended;
        if changed {
            self.path_up(shared, id);
        }
        self.session_up(shared, id, Some(connected));
    }

    fn session_up(
        &mut self,
        shared: &mut Shared,
        id: SessionId,
        connected: Option<Box<Connected>>,
    ) {
        let Some(mut session) = self.sessions.remove(&id) else {
            return;
        };
        self.not_asking(id, &session);
        session.state = SessionState::Established;
        session.since = u32::try_from(shared.now.since_epoch().as_secs()).unwrap_or(u32::MAX);
        session.pending = None;
        shared.counters.sessions += 1;
        shared.notify(Event::SessionUp {
            session: self.session_key(id, &session),
            peer_session: session.peer_id,
            connected,
        });
        self.sessions.insert(id, session);
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

fn state_error() -> ResultCode {
    ResultCode::disconnect(DisconnectCode::GENERAL_ERROR).with(
        ErrorCode::VENDOR,
        "the message has no place in this state of the session",
    )
}

fn no_such_session() -> ResultCode {
    ResultCode::error(ErrorCode::SESSION_ID, "there is no such session")
}

fn busy() -> ResultCode {
    ResultCode::disconnect(DisconnectCode::NO_FACILITIES_NOW)
        .with(ErrorCode::NO_RESOURCES, "no more calls are accepted now")
}
