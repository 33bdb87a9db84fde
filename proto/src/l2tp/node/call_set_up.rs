//! Setting up sessions: requests, replies, connected messages.

use super::super::config::Answer;
use super::super::session::{Machine, SessionAction, SessionEvent, SessionState, next};
use super::super::{Connected, Direction, Event, LinkInfo, ResultCode, SessionConfig};
use super::calls::Request;
use super::compose_call::Call;
use super::establish::Unsent;
use super::on_call::state_error;
use super::rival::{Tie, break_tie};
use super::session::Terms;
use super::shared::Shared;
use super::tunnel::Tunnel;
use adit_wire::l2tp::avp::{DisconnectCode, ErrorCode, PwType};
use adit_wire::l2tp::control::MessageKind;
use adit_wire::l2tp::{SessionId, Version};

impl Tunnel {
    /// ICRQ or OCRQ.
    pub(super) fn on_request(&mut self, shared: &mut Shared, peer: SessionId, request: Request) {
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
        shared: &mut Shared,
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
        let in_time = |rate| self.calls.take(shared.now, rate);
        if full || !rate.is_none_or(in_time) || !shared.may_take_call() {
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
        self.accept_call(shared, id, config);
    }

    /// Sends a CDN for a call of which nothing is kept.
    pub(super) fn refuse_call(
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

    /// Accepts a call: that was offered, or that an own request gave way to.
    pub(super) fn accept_call(
        &mut self,
        shared: &mut Shared,
        id: SessionId,
        config: SessionConfig,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let (action, state) = next(session.machine, session.state, SessionEvent::Request);
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
            return self.end_session(shared, id, error.code());
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.told = Some(session.config.circuit);
        }
    }

    pub(super) fn call(&self, id: SessionId) -> Option<Call<'_>> {
        Some(Call {
            version: self.version,
            id,
            session: self.sessions.get(&id)?,
            peer: &self.peer,
        })
    }

    /// ICRP or OCRP.
    pub(super) fn on_reply(
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
            return self.step_out(
                shared,
                id,
                SessionEvent::Stray,
                state_error(self.version),
                None,
            );
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
                self.step_out(
                    shared,
                    id,
                    SessionEvent::Reply,
                    state_error(self.version),
                    None,
                );
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
        if let Some(session) = self.sessions.get_mut(&id) {
            session.told = Some(session.config.circuit);
        }
        self.path_up(shared, id);
        self.session_up(shared, id, None);
    }

    /// ICCN or OCCN.
    pub(super) fn on_connected(
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
            return self.step_out(
                shared,
                id,
                SessionEvent::Stray,
                state_error(self.version),
                None,
            );
        }
        let mut amended = session.peer;
        amended.amend(&terms);
        let event = match amended.can_be_met() {
            true => SessionEvent::Connected,
            false => SessionEvent::BadConnected,
        };
        let (action, _) = next(session.machine, session.state, event);
        if action != SessionAction::Establish {
            let code = match amended.can_be_met() {
                true => state_error(self.version),
                false => ResultCode::disconnect(DisconnectCode::NO_SUBLAYER),
            };
            return self.step_out(shared, id, event, code, None);
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
        if let Some(status) = session.peer.circuit.filter(|status| !status.is_active()) {
            shared.notify(Event::LinkInfo {
                session: self.session_key(id, &session),
                info: LinkInfo::Circuit(status),
            });
        }
        let late = session
            .told
            .is_some_and(|told| told != session.config.circuit);
        let (key, circuit) = (self.session_key(id, &session), session.config.circuit);
        self.sessions.insert(id, session);
        if late && self.version == Version::V3 {
            // What can be written and sent of it could be at the beginning.
            let _ = self.set_link(shared, key, LinkInfo::Circuit(circuit));
        }
    }
}

fn busy() -> ResultCode {
    ResultCode::disconnect(DisconnectCode::NO_FACILITIES_NOW)
        .with(ErrorCode::NO_RESOURCES, "no more calls are accepted now")
}
