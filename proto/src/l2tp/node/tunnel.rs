use super::super::auth::Auth;
use super::super::auth::CoverError;
use super::super::channel::{Channel, Expired};
use super::super::config::{Liveness, Retransmit, TunnelConfig};
use super::super::path::Host;
use super::super::tunnel::TunnelState;
use super::super::{Encapsulation, Event, Path, Peer, ResultCode, Saved, SessionEnd, TunnelEnd};
use super::super::{TunnelKey, Versions};
use super::bucket::Bucket;
use super::compose;
use super::session::Session;
use super::shared::Shared;
use super::timers::early;
use crate::{Instant, Random};
use adit_wire::l2tp::avp::{ErrorCode, StopCode};
use adit_wire::l2tp::control::{MessageKind, v3};
use adit_wire::l2tp::{SessionId, TunnelId, Version, WriteError};
use adit_wire::l2tp::{V2ControlHeader, V3_IP_CONTROL, V3ControlHeader};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Requests of own sessions wait for the tunnel as long as so many messages do.
const REQUESTS_AHEAD: usize = 64;

/// Early messages are kept up to this many octets each.
pub(super) const LONGEST_EARLY: usize = 2_048;

/// A tunnel of a node.
#[derive(Debug)]
pub(super) struct Tunnel {
    pub(super) key: TunnelKey,
    /// As long as an SCCRQ that offers both waits for its reply: 2.
    pub(super) version: Version,
    pub(super) path: Path,
    pub(super) config: Arc<TunnelConfig>,
    pub(super) auth: Auth,
    /// The challenge that was sent (v2).
    pub(super) challenge: Option<[u8; 16]>,
    /// The name of the profile that accepted it; `None` for a tunnel that this end asked for.
    pub(super) profile: Option<Arc<str>>,
    pub(super) state: TunnelState,
    pub(super) channel: Channel<Outgoing, Incoming>,
    /// The peer's id; 0 as long as it is not known.
    pub(super) peer_id: TunnelId,
    pub(super) peer: Arc<Peer>,
    pub(super) tie_breaker: Option<[u8; 8]>,
    /// What this end makes of a request of the peer's that won the tie against the own one. It has
    /// the same key, and the tunnel goes on with it once its sender has shown that it receives at its
    /// address; until then the own request stands.
    pub(super) rival: Option<Box<Tunnel>>,
    /// How many rivals there have been.
    pub(super) rivals: u8,
    /// The peer showed that it receives what is sent to its address.
    pub(super) proven: bool,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    /// Own ids by those of the peer.
    pub(super) by_peer: BTreeMap<SessionId, SessionId>,
    /// Own v3 requests under way, by the Remote End ID that they ask for.
    pub(super) asked: BTreeMap<Vec<u8>, SessionId>,
    /// Sessions whose request is not sent yet, in order.
    pub(super) waiting: VecDeque<SessionId>,
    /// When sessions must be established, in order; with their serial numbers.
    pub(super) set_ups: VecDeque<(Instant, SessionId, u32)>,
    /// The calls of the peer.
    pub(super) calls: Bucket,
    /// When it was opened, or established.
    pub(super) since: Instant,
    /// When the tunnel must be established, or may be forgotten once closed.
    pub(super) until: Instant,
    /// When control, and when data, was last heard of the peer.
    pub(super) heard: Instant,
    pub(super) data: Instant,
    /// It is closed, and is here only for its last messages.
    pub(super) closed: bool,
    /// It was closed by a StopCCN of this end, whose acknowledgement ends everything.
    pub(super) stopped_here: bool,
    /// It is to be forgotten.
    pub(super) gone: bool,
    /// The node's notes: whom the SCCRQ that waits was sent to; by what key the peer's SCCRQ is
    /// known; the timer that is set, and whether it stands in the queue.
    pub(super) calling: Option<Host>,
    pub(super) requested_by: Option<(Path, TunnelId)>,
    pub(super) timer: Option<Instant>,
    pub(super) queued: bool,
}

/// A message of the peer, in clear.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The Session ID of a v2 header.
    pub(super) session: SessionId,
    pub(super) avps: Box<[u8]>,
}

/// A message on its way to the peer.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The Session ID of a v2 header.
    session: SessionId,
    kind: MessageKind,
    /// The AVPs, hidden where wanted, with room for digests.
    body: Box<[u8]>,
}

impl Tunnel {
    pub(super) fn new(
        key: TunnelKey,
        version: Version,
        path: Path,
        config: Arc<TunnelConfig>,
        auth: Auth,
        now: Instant,
    ) -> Tunnel {
        Tunnel {
            key,
            version,
            path,
            auth,
            challenge: None,
            profile: None,
            state: TunnelState::Idle,
            channel: Channel::new(config.retransmit, config.receive_window),
            peer_id: TunnelId(0),
            peer: Arc::default(),
            tie_breaker: None,
            rival: None,
            rivals: 0,
            proven: false,
            sessions: BTreeMap::new(),
            by_peer: BTreeMap::new(),
            asked: BTreeMap::new(),
            waiting: VecDeque::new(),
            set_ups: VecDeque::new(),
            calls: Bucket::full(now),
            since: now,
            until: now + config.setup_timeout,
            heard: now,
            data: now,
            closed: false,
            stopped_here: false,
            gone: false,
            calling: None,
            requested_by: None,
            timer: None,
            queued: false,
            config,
        }
    }

    /// Whether the SCCRQ that was sent offers version 3 too.
    pub(super) fn offers_both(&self) -> bool {
        self.config.versions == Versions::Both
            && self.path.encapsulation == Encapsulation::Udp
            && self.state <= TunnelState::WaitCtlReply
            && self.profile.is_none()
    }

    /// Retransmission towards a peer that has not proved yet that it receives: a few times only,
    /// since it may be somebody else whom an attacker has us bother.
    pub(super) fn cautious(retransmit: Retransmit) -> Retransmit {
        Retransmit {
            tries: retransmit.tries.min(2),
            ..retransmit
        }
    }

    /// Queues the message whose AVPs stand in clear in `shared.plain`. It fails when a value that
    /// is to be hidden is too long for that.
    pub(super) fn send(
        &mut self,
        shared: &mut Shared,
        kind: MessageKind,
        session: SessionId,
    ) -> Result<(), CoverError> {
        let mut body = Vec::with_capacity(shared.plain.len() + 32);
        self.auth
            .cover(&shared.plain, &mut shared.random, &mut body)?;
        self.channel.push(Outgoing {
            session,
            kind,
            body: body.into(),
        });
        Ok(())
    }

    /// Whether there is something to send.
    pub(super) fn has_to_transmit(&self) -> bool {
        let own = self.channel.has_to_transmit() && !self.rests();
        let rival = self.rival.as_ref();
        own || rival.is_some_and(|rival| rival.has_to_transmit())
    }

    /// The next datagram to send, and where to; also whether its message was sent before.
    pub(super) fn transmit(
        &mut self,
        now: Instant,
        random: &mut Random,
    ) -> Option<(Path, Vec<u8>, bool)> {
        let own = match self.rests() {
            true => None,
            false => self.transmit_own(now, random),
        };
        own.or_else(|| self.rival.as_mut()?.transmit(now, random))
    }

    fn transmit_own(&mut self, now: Instant, random: &mut Random) -> Option<(Path, Vec<u8>, bool)> {
        let mut ack = Vec::new();
        if !self.auth.allows_zlb() {
            // Neither has a value that could be refused.
            let mut plain = Vec::new();
            let _ = v3::Message::Ack(v3::Ack {}).encode(&mut plain);
            let _ = self.auth.cover(&plain, random, &mut ack);
        }
        let segment = self.channel.transmit(now)?;
        let (session, body) = match segment.message {
            Some(outgoing) => (outgoing.session, &*outgoing.body),
            None => (SessionId(0), &*ack),
        };
        let ip = match self.path.encapsulation {
            Encapsulation::Udp => 0,
            Encapsulation::Ip => V3_IP_CONTROL.len(),
        };
        let mut datagram = vec![0; ip + V3ControlHeader::LEN + body.len()];
        let numbers = (segment.ns, segment.nr);
        let again = segment.again;
        let (_, message) = datagram.split_at_mut(ip);
        // The buffer has the message's length, and what was written can be sealed.
        let _ = write_message(message, self.version, self.peer_id, session, numbers, body);
        let _ = self.auth.seal(message);
        Some((self.path, datagram, again))
    }

    /// Sends StopCCN, ends the sessions, and lingers for the acknowledgement.
    pub(super) fn stop(&mut self, shared: &mut Shared, code: ResultCode) {
        if self.closed {
            return;
        }
        // What waits behind the window would only hold the StopCCN up.
        self.channel.retain_unsent(|_| false);
        // Neither has a value that could be refused or hidden too long.
        if compose::stop(self, shared, &code).is_ok() {
            let _ = self.send(shared, MessageKind::StopCcn, SessionId(0));
        }
        self.stopped_here = true;
        self.close(shared, TunnelEnd::Local(code));
    }

    /// Ends the sessions and lingers, for acknowledgements of its own or for the peer's.
    pub(super) fn close(&mut self, shared: &mut Shared, end: TunnelEnd) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.state = TunnelState::Idle;
        self.until = shared.now + self.config.retransmit.cycle();
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.remove_session(shared, id, SessionEnd::Tunnel(end.clone()));
        }
        self.waiting = VecDeque::new();
        self.set_ups = VecDeque::new();
        if self.is_known() {
            shared.notify(Event::TunnelDown {
                tunnel: self.key,
                end,
            });
        }
    }

    /// Ends without a word to the peer.
    pub(super) fn abandon(&mut self, shared: &mut Shared, end: TunnelEnd) {
        self.close(shared, end);
        self.gone = true;
    }

    /// Whether the driver knows of it: it asked for it, or the peer proved its address.
    pub(super) fn is_known(&self) -> bool {
        self.profile.is_none() || self.proven
    }

    /// The peer receives at its address: from now on it is worth remembering.
    pub(super) fn prove(&mut self, shared: &mut Shared) {
        if std::mem::replace(&mut self.proven, true) {
            return;
        }
        self.channel.set_retransmit(self.config.retransmit);
        let Some(profile) = self.profile.clone() else {
            return;
        };
        shared.save(Saved::Tunnel {
            tunnel: self.key,
            path: self.path,
            version: self.version,
        });
        shared.notify(Event::TunnelAccepted {
            tunnel: self.key,
            profile,
            path: self.path,
            version: self.version,
        });
    }

    /// Sends the requests of waiting sessions, as many as the channel takes now.
    pub(super) fn pump(&mut self, shared: &mut Shared) {
        while self.state == TunnelState::Established && self.channel.backlog() < REQUESTS_AHEAD {
            let Some(id) = self.waiting.pop_front() else {
                return;
            };
            self.tunnel_open(shared, id);
        }
    }

    /// When [`expire`](Tunnel::expire) has something to do, and what.
    pub(super) fn deadline(&self) -> Option<(Instant, &'static str)> {
        let retransmission = self.channel.deadline().map(|at| (at, "retransmission"));
        let until = match (self.closed, self.state) {
            (true, _) => Some((self.until, "linger")),
            (false, TunnelState::Established) => None,
            (false, _) => Some((self.until, "tunnel set-up")),
        };
        let set_up = self.set_ups.front().map(|(at, ..)| (*at, "session set-up"));
        let hello = self.hello_at().map(|at| (at, "hello"));
        let rival = self.rival.as_ref().and_then(|rival| rival.deadline());
        let all = [retransmission, until, set_up, hello, rival];
        all.into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// When a Hello is due: after silence, and when nothing else asks for an acknowledgement.
    fn hello_at(&self) -> Option<Instant> {
        let idle = self.state == TunnelState::Established && self.channel.backlog() == 0;
        let interval = self.config.hello.filter(|_| idle)?;
        let heard = self.heard.max(self.data);
        Some(heard + interval - early(interval, self.key.serial, heard))
    }

    /// Does what time asks for.
    pub(super) fn expire(&mut self, shared: &mut Shared) {
        let now = shared.now;
        if let Some(rival) = &mut self.rival {
            rival.expire(shared);
        }
        match self.channel.expire(now) {
            Expired::No | Expired::Retransmit => {}
            Expired::GiveUp => self.give_up(shared),
        }
        if self.closed {
            let acknowledged = self.stopped_here && self.channel.backlog() == 0;
            self.gone |= now >= self.until || acknowledged;
            return;
        }
        if self.state != TunnelState::Established && now >= self.until {
            let late = ResultCode::stop(StopCode::STATE_MACHINE)
                .with(ErrorCode::NONE, "the tunnel was not established in time");
            self.stop(shared, late);
        }
        self.expire_set_ups(shared);
        if self.hello_at().is_some_and(|at| now >= at) && compose::hello(self, shared).is_ok() {
            let _ = self.send(shared, MessageKind::Hello, SessionId(0));
        }
    }

    fn give_up(&mut self, shared: &mut Shared) {
        let hello = self
            .channel
            .oldest()
            .is_some_and(|oldest| oldest.kind == MessageKind::Hello);
        let silence = shared.now.since(self.data);
        let lively = silence <= self.config.retransmit.cycle();
        if hello && lively && self.config.liveness == Liveness::ControlOrData && !self.closed {
            self.channel.persevere();
            return;
        }
        shared.counters.unreachable += u64::from(!self.closed);
        self.abandon(shared, TunnelEnd::Unreachable);
    }
}

/// Writes a control message, header and AVPs, into `out`, which it fills.
pub(super) fn write_message(
    out: &mut [u8],
    version: Version,
    tunnel: TunnelId,
    session: SessionId,
    (ns, nr): (u16, u16),
    body: &[u8],
) -> Result<(), WriteError> {
    let header = match version {
        Version::V2 => V2ControlHeader {
            tunnel,
            session,
            ns,
            nr,
        }
        .write(out, body.len())?,
        Version::V3 => V3ControlHeader {
            connection: tunnel,
            ns,
            nr,
        }
        .write(out, body.len())?,
    };
    match out.get_mut(header..) {
        Some(rest) if rest.len() == body.len() => rest.copy_from_slice(body),
        _ => return Err(WriteError::NoRoom),
    }
    Ok(())
}
