//! Sessions, from their tunnel's side: what the driver asks for, and their life and end.

use super::super::session::{Machine, SessionAction, SessionEvent, SessionState, next};
use super::super::tunnel::TunnelState;
use super::super::{CallAnswer, CallDetails, CallRequest, Connected, Direction, Event, LinkInfo};
use super::super::{Output, Refused, ResultCode, Saved, SessionConfig, SessionEnd, SessionKey};
use super::compose_call;
use super::establish::Unsent;
use super::session::{Pending, Session, Terms};
use super::shared::Shared;
use super::tunnel::Tunnel;
use adit_wire::l2tp::avp::{Bearers, CallErrors, DisconnectCode, EncodeError, ErrorCode, PwType};
use adit_wire::l2tp::control::MessageKind;
use adit_wire::l2tp::{Cookie, SessionId, Version};

/// Sessions that wait for the tunnel or for their request's turn, at most.
const MOST_WAITING: usize = 100_000;

impl Tunnel {
    pub(super) fn session_key(&self, id: SessionId, session: &Session) -> SessionKey {
        SessionKey {
            tunnel: self.key,
            id,
            serial: session.serial,
        }
    }

    /// The session with this key.
    fn session(&self, key: SessionKey) -> Result<&Session, Refused> {
        let session = self.sessions.get(&key.id);
        let session = session.filter(|session| session.serial == key.serial);
        session.ok_or(Refused::NoSession)
    }

    /// Makes a session with an id of its own.
    pub(super) fn add_session(
        &mut self,
        shared: &mut Shared,
        machine: Machine,
        pseudowire: PwType,
        config: SessionConfig,
    ) -> Result<SessionId, Refused> {
        if shared.sessions >= shared.policy.limits.sessions {
            return Err(Refused::Limit);
        }
        let id = self.free_session_id(shared).ok_or(Refused::Limit)?;
        let cookie_len = usize::from(config.cookie_len);
        let octets: [u8; 8] = shared.random.octets();
        let cookie = octets.get(..cookie_len).map(Cookie::new);
        let session = Session {
            serial: shared.next_serial(),
            machine,
            state: match machine.caller {
                true => SessionState::WaitTunnel,
                false => SessionState::Idle,
            },
            peer_id: SessionId(0),
            pseudowire,
            config,
            cookie: cookie.and_then(Result::ok).unwrap_or(Cookie::EMPTY),
            peer: Terms::NONE,
            told: None,
            path_up: false,
            yielded: false,
            since: 0,
            pending: None,
        };
        let key = self.session_key(id, &session);
        self.sessions.insert(id, session);
        shared.sessions += 1;
        if self.may_be_v3() {
            shared.v3_sessions.insert(id, self.key.id);
        }
        shared.save(Saved::Session(key));
        Ok(id)
    }

    fn free_session_id(&self, shared: &mut Shared) -> Option<SessionId> {
        let max = match self.version {
            Version::V2 => u16::MAX.into(),
            Version::V3 => u32::MAX,
        };
        let of_node = self.may_be_v3();
        // Taken out for as long as the generator is borrowed with the rest.
        let ids = std::mem::take(&mut shared.v3_sessions);
        let reserved = std::mem::take(&mut shared.reserved_sessions);
        let id = shared.free_id(max, |id| {
            let id = SessionId(id);
            let elsewhere = of_node && (ids.contains_key(&id) || reserved.contains(&id));
            elsewhere || self.sessions.contains_key(&id)
        });
        shared.v3_sessions = ids;
        shared.reserved_sessions = reserved;
        id.map(SessionId)
    }

    /// Whether its sessions are, or may become, those of version 3.
    fn may_be_v3(&self) -> bool {
        self.version == Version::V3 || self.offers_both()
    }

    /// Opens a session, now or once the tunnel is established.
    pub(super) fn open_session(
        &mut self,
        shared: &mut Shared,
        request: CallRequest,
    ) -> Result<SessionKey, Refused> {
        if self.closed {
            return Err(Refused::NoTunnel);
        }
        if shared.closed_to_new {
            return Err(Refused::Draining);
        }
        if self.waiting.len() >= MOST_WAITING {
            return Err(Refused::Backlog);
        }
        if self.state == TunnelState::Established {
            self.can_carry(request.pseudowire, request.direction)?;
        }
        let machine = Machine {
            direction: request.direction,
            caller: true,
        };
        let id = self.add_session(shared, machine, request.pseudowire, request.session)?;
        let tie_breaker = request.tie_breaker.then(|| shared.random.octets());
        let session = self.sessions.get_mut(&id).ok_or(Refused::NoSession)?;
        session.pending = Some(Box::new(Pending {
            details: CallDetails {
                serial: session.serial,
                ..request.details
            },
            connected: request.connected,
            tie_breaker,
        }));
        let key = SessionKey {
            tunnel: self.key,
            id,
            serial: session.serial,
        };
        self.waiting.push_back(id);
        self.pump(shared);
        Ok(key)
    }

    /// Whether the tunnel's version and peer know this pseudowire type, and place such calls: a LAC
    /// that places outgoing ones advertises bearers (RFC 2661 §4.4.3).
    fn can_carry(&self, pseudowire: PwType, direction: Direction) -> Result<(), Refused> {
        let places = direction == Direction::Incoming || self.peer.bearer != Bearers::default();
        match self.version {
            Version::V2 if pseudowire != PwType::PPP => {
                Err(Refused::Unsupported("version 2 carries PPP only"))
            }
            Version::V2 if !places => Err(Refused::Unsupported("the peer places no calls")),
            Version::V3 if !self.peer.pseudowires.contains(&pseudowire) => {
                Err(Refused::Unsupported("the peer lacks the pseudowire type"))
            }
            Version::V2 | Version::V3 => Ok(()),
        }
    }

    /// Tells a waiting session that the tunnel is open: sends its request.
    pub(super) fn tunnel_open(&mut self, shared: &mut Shared, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let direction = session.machine.direction;
        if let Err(Refused::Unsupported(why)) = self.can_carry(session.pseudowire, direction) {
            let code = match session.pseudowire {
                PwType::PPP if self.version == Version::V2 => DisconnectCode::NO_FACILITIES,
                _ => DisconnectCode::PW_TYPE,
            };
            let code = ResultCode::disconnect(code).with(ErrorCode::NONE, why);
            return self.remove_session(shared, id, SessionEnd::Local(code));
        }
        let (action, state) = next(session.machine, session.state, SessionEvent::TunnelOpen);
        if action != SessionAction::SendRequest {
            return;
        }
        let Some(call) = self.call(id) else {
            return;
        };
        let kind = match session.machine.direction {
            Direction::Incoming => MessageKind::Icrq,
            Direction::Outgoing => MessageKind::Ocrq,
        };
        let Some(pending) = &session.pending else {
            return;
        };
        let end = pending.details.remote_end_id.clone();
        let sent = call
            .request(pending, &mut shared.plain)
            .map_err(Unsent::from);
        let sent = sent.and_then(|()| Ok(self.send(shared, kind, SessionId(0))?));
        if let Err(error) = sent {
            return self.remove_session(shared, id, SessionEnd::Local(error.code()));
        }
        if let (Version::V3, Some(end)) = (self.version, end) {
            self.asked.insert(end, id);
        }
        self.start_timer(shared, id);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.state = state;
            session.told = Some(session.config.circuit);
        }
    }

    /// The time within which the session must be established begins.
    pub(super) fn start_timer(&mut self, shared: &Shared, id: SessionId) {
        if let Some(session) = self.sessions.get(&id) {
            let at = shared.now + self.config.setup_timeout;
            self.set_ups.push_back((at, id, session.serial));
        }
    }

    /// Ends the sessions that were not established in time.
    pub(super) fn expire_set_ups(&mut self, shared: &mut Shared) {
        while let Some((at, id, serial)) = self.set_ups.front().copied() {
            let session = self.sessions.get(&id).filter(|one| one.serial == serial);
            let waits = session.is_some_and(|one| one.state != SessionState::Established);
            if waits && at > shared.now {
                return;
            }
            self.set_ups.pop_front();
            if waits {
                self.end_session(shared, id, ResultCode::disconnect(DisconnectCode::TIMEOUT));
            }
        }
    }

    /// The driver's answer to a call.
    pub(super) fn answer(
        &mut self,
        shared: &mut Shared,
        key: SessionKey,
        answer: CallAnswer,
    ) -> Result<(), Refused> {
        let session = self.session(key)?;
        if session.state != SessionState::Idle || session.machine.caller {
            return Err(Refused::State);
        }
        match answer {
            CallAnswer::Accept(config) => self.accept_call(shared, key.id, config),
            CallAnswer::Refuse(code) => self.end_session(shared, key.id, code),
        }
        Ok(())
    }

    /// The call that this end places is connected.
    pub(super) fn connect(
        &mut self,
        shared: &mut Shared,
        key: SessionKey,
        connected: &Connected,
    ) -> Result<(), Refused> {
        let session = self.session(key)?;
        let (action, _) = next(session.machine, session.state, SessionEvent::Answered);
        if action != SessionAction::SendConnected {
            return Err(Refused::State);
        }
        self.send_connected(shared, key.id, connected);
        Ok(())
    }

    /// Closes a session for the driver.
    pub(super) fn close_session(
        &mut self,
        shared: &mut Shared,
        key: SessionKey,
        code: ResultCode,
    ) -> Result<(), Refused> {
        self.session(key)?;
        self.end_session(shared, key.id, code);
        Ok(())
    }

    /// Sends an SLI.
    pub(super) fn set_link(
        &mut self,
        shared: &mut Shared,
        key: SessionKey,
        info: LinkInfo,
    ) -> Result<(), Refused> {
        let session = self.session(key)?;
        let (state, peer) = (session.state, session.peer_id);
        let may_be_v3 = self.may_be_v3();
        if let LinkInfo::Circuit(circuit) = info
            && may_be_v3
            && let Some(session) = self.sessions.get_mut(&key.id)
        {
            session.config.circuit = circuit;
            if state != SessionState::Established {
                // It is told when the session is established.
                return Ok(());
            }
            session.told = Some(circuit);
        }
        let call = self.call(key.id).ok_or(Refused::NoSession)?;
        let composed = call.link_info(info, &mut shared.plain);
        let composed = composed.ok_or(Refused::Unsupported("such link information"))?;
        self.inform(shared, MessageKind::Sli, state, peer, composed)
    }

    /// Sends a WEN.
    pub(super) fn report_errors(
        &mut self,
        shared: &mut Shared,
        key: SessionKey,
        errors: CallErrors,
    ) -> Result<(), Refused> {
        let session = self.session(key)?;
        let (state, peer) = (session.state, session.peer_id);
        let call = self.call(key.id).ok_or(Refused::NoSession)?;
        let composed = call.wan_errors(errors, &mut shared.plain);
        self.inform(shared, MessageKind::Wen, state, peer, composed)
    }

    fn inform(
        &mut self,
        shared: &mut Shared,
        kind: MessageKind,
        state: SessionState,
        peer: SessionId,
        composed: Result<(), EncodeError>,
    ) -> Result<(), Refused> {
        if state != SessionState::Established {
            return Err(Refused::State);
        }
        composed.map_err(|_| Refused::Unsupported("a value out of range"))?;
        let sent = self.send(shared, kind, peer);
        sent.map_err(|_| Refused::Unsupported("a value too long to be hidden"))
    }

    /// Has the data path move the session's packets.
    pub(super) fn path_up(&mut self, shared: &mut Shared, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.path_up = true;
        let session = &self.sessions[&id];
        let key = self.session_key(id, session);
        let path = session.data_path(key, self, self.path);
        shared.outputs.push_back(Output::PathUp(Box::new(path)));
    }

    /// Ends a session from this end: by a CDN, if the peer knows of it.
    pub(super) fn end_session(&mut self, shared: &mut Shared, id: SessionId, code: ResultCode) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let (action, _) = next(session.machine, session.state, SessionEvent::Close);
        if action == SessionAction::Disconnect {
            self.send_disconnect(shared, id, session.peer_id, &code);
        }
        self.remove_session(shared, id, SessionEnd::Local(code));
    }

    /// Sends a CDN.
    pub(super) fn send_disconnect(
        &mut self,
        shared: &mut Shared,
        own: SessionId,
        peer: SessionId,
        code: &ResultCode,
    ) {
        let version = self.version;
        if compose_call::disconnect(version, own, peer, code, &mut shared.plain).is_ok() {
            // Nothing in it is long enough to fail to be hidden.
            let _ = self.send(shared, MessageKind::Cdn, peer);
        }
    }

    /// Forgets a session and has everybody else forget it.
    pub(super) fn remove_session(&mut self, shared: &mut Shared, id: SessionId, end: SessionEnd) {
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        if self.by_peer.get(&session.peer_id) == Some(&id) {
            self.by_peer.remove(&session.peer_id);
        }
        self.not_asking(id, &session);
        shared.sessions -= 1;
        if shared.v3_sessions.get(&id) == Some(&self.key.id) {
            shared.v3_sessions.remove(&id);
        }
        let key = self.session_key(id, &session);
        if session.path_up {
            shared.outputs.push_back(Output::PathDown(key));
        }
        shared.notify(Event::SessionDown { session: key, end });
        shared.save(Saved::SessionGone(key));
    }

    /// The session's request is not under way any more.
    pub(super) fn not_asking(&mut self, id: SessionId, session: &Session) {
        let Some(pending) = &session.pending else {
            return;
        };
        if let Some(end) = &pending.details.remote_end_id
            && self.asked.get(end) == Some(&id)
        {
            self.asked.remove(end);
        }
    }
}
