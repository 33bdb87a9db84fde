//! Both ends ask for a tunnel at once.

use super::super::config::Profile;
use super::super::tunnel::{TunnelEvent, TunnelState};
use super::super::{Path, ResultCode, TunnelEnd};
use super::Node;
use super::counters::MessageDrop;
use super::receive::Control;
use super::request::{Unfit, choose};
use super::tunnel::Tunnel;
use adit_wire::l2tp::avp::StopCode;
use adit_wire::l2tp::control::MessageKind;
use adit_wire::l2tp::{TunnelId, Version};

/// What became of a tie between an SCCRQ sent and one received (RFC 2661 §4.4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tie {
    /// Neither end wants only one.
    None,
    Won,
    Lost,
    Drawn,
}

/// The lower value wins, and one that is there wins against one that is not.
pub(super) fn break_tie(ours: Option<[u8; 8]>, theirs: Option<[u8; 8]>) -> Tie {
    match (ours, theirs) {
        (None, None) => Tie::None,
        (Some(_), None) => Tie::Won,
        (None, Some(_)) => Tie::Lost,
        (Some(ours), Some(theirs)) => match ours.cmp(&theirs) {
            std::cmp::Ordering::Less => Tie::Won,
            std::cmp::Ordering::Equal => Tie::Drawn,
            std::cmp::Ordering::Greater => Tie::Lost,
        },
    }
}

impl Node {
    /// The tunnel that this end asked the same peer for, and that waits for its reply.
    pub(super) fn rival(&self, path: &Path, version: Version) -> Option<TunnelId> {
        let key = path.host();
        let ids = self.calling.get(&key)?;
        ids.iter().copied().find(|id| {
            self.tunnels.get(id).is_some_and(|tunnel| {
                let versions = tunnel.config.versions;
                tunnel.path.encapsulation == path.encapsulation
                    && tunnel.path.local.ip() == path.local.ip()
                    && choose(version, false, versions) == Some(version)
            })
        })
    }

    /// How this end's SCCRQ fares against one with this tie breaker.
    pub(super) fn tie_with(&self, rival: TunnelId, theirs: Option<[u8; 8]>) -> Tie {
        let ours = self.tunnels.get(&rival);
        break_tie(ours.and_then(|tunnel| tunnel.tie_breaker), theirs)
    }

    /// The peer's SCCRQ won. It is answered beside the own one, if it satisfies what this tunnel
    /// demands, which may be more than the profile of whoever asks does.
    ///
    /// The own SCCRQ stays until the sender of the other has shown that it receives at its address:
    /// whoever can forge a source address would end it otherwise, by one datagram.
    pub(super) fn lose(
        &mut self,
        id: TunnelId,
        path: Path,
        message: &Control<'_>,
        profile: &Profile,
    ) -> Result<(), MessageDrop> {
        let Some(own) = self.tunnels.get(&id) else {
            return Ok(());
        };
        if own.rival.is_some() {
            // It comes again, and the other one goes soon unless it proves itself.
            return Err(MessageDrop::TooManyRequests);
        }
        let (key, config) = (own.key, own.config.clone());
        let mut scratch = Vec::new();
        let (opening, auth) = match self.read_request(message, &config, &mut scratch) {
            Ok(read) => read,
            Err(Unfit::Refuse(code)) => {
                self.refuse(path, message, code);
                return Err(MessageDrop::BadRequest);
            }
            Err(Unfit::Drop(reason)) => return Err(reason),
        };
        let now = self.shared.now;
        let mut rival = Tunnel::new(key, opening.version, path, config, auth, now);
        let cautious = Tunnel::cautious(rival.config.retransmit);
        rival.channel.set_retransmit(cautious);
        rival.profile = Some(profile.name.clone());
        rival.until = now + rival.config.setup_timeout / 4;
        let requester = rival.answer_request(&mut self.shared, message, &opening);
        self.requesters.insert(requester, id);
        if let Some(own) = self.tunnels.get_mut(&id) {
            own.rivals = own.rivals.saturating_add(1);
            own.rival = Some(Box::new(rival));
        }
        self.settle(id);
        Ok(())
    }

    /// This end's SCCRQ won. In version 3 the peer is told (RFC 3931 §5.4.3), in version 2 it finds
    /// out when the SCCRQ comes.
    pub(super) fn keep(
        &mut self,
        id: TunnelId,
        path: Path,
        message: &Control<'_>,
        version: Version,
    ) -> Result<(), MessageDrop> {
        let lost = ResultCode::stop(StopCode::ALREADY_EXISTS);
        if version == Version::V3 {
            self.refuse(path, message, lost.clone());
        }
        if let Some(tunnel) = self.tunnels.get_mut(&id) {
            tunnel.step(&mut self.shared, TunnelEvent::LosingSccrq, lost);
        }
        self.settle(id);
        Ok(())
    }

    /// Both ends drew the same lot: neither tunnel goes on.
    pub(super) fn draw(&mut self, id: TunnelId) -> Result<(), MessageDrop> {
        if let Some(tunnel) = self.tunnels.get_mut(&id) {
            tunnel.abandon(&mut self.shared, TunnelEnd::Tie);
        }
        self.settle(id);
        Ok(())
    }

    /// A StopCCN whose sender names no id takes back an SCCRQ that won: the own one goes on.
    pub(super) fn withdraw(&mut self, id: TunnelId, requester: (Path, TunnelId)) -> bool {
        let tunnel = self.tunnels.get_mut(&id);
        let rival = tunnel.and_then(|tunnel| tunnel.rival.as_mut());
        let Some(rival) = rival.filter(|rival| rival.requested_by == Some(requester)) else {
            return false;
        };
        rival.closed = true;
        self.settle(id);
        true
    }
}

impl Tunnel {
    /// Goes on with the peer's request that won the tie, if `message` comes from its sender and
    /// bears what the SCCRP told it. The reply to the own SCCRQ, which has the number 0, and
    /// acknowledgements, which may be for either, are for the own one.
    pub(super) fn let_rival_win(
        &mut self,
        path: &Path,
        message: &Control<'_>,
    ) -> Result<(), MessageDrop> {
        if message.is_acknowledgement() {
            return Ok(());
        }
        if message.ns == 0 {
            let reply = message.kind() == Some(MessageKind::Sccrp);
            return match reply && self.rests() {
                true => Err(MessageDrop::LostTie),
                false => Ok(()),
            };
        }
        let Some(rival) = self.rival.take() else {
            return Ok(());
        };
        let admitted = if rival.path != *path || rival.version != message.version {
            Err(MessageDrop::WrongPeer)
        } else if !rival.channel.is_next(message.ns) {
            Err(MessageDrop::BeyondWindow)
        } else {
            let (mut auth, mut scratch) = (rival.auth.clone(), Vec::new());
            let admitted = auth.admit(message.kind(), message.octets, message.avps, &mut scratch);
            admitted.map(drop).map_err(|_| MessageDrop::Unauthentic)
        };
        if admitted.is_err() {
            self.rival = Some(rival);
            return admitted;
        }
        self.channel = rival.channel;
        self.auth = rival.auth;
        self.challenge = rival.challenge;
        self.path = rival.path;
        self.version = rival.version;
        self.state = rival.state;
        self.peer_id = rival.peer_id;
        self.peer = rival.peer;
        self.requested_by = rival.requested_by;
        self.tie_breaker = None;
        Ok(())
    }

    /// Whether the own request rests, because a rival may soon prove itself: it is not repeated, and
    /// a reply to it is not taken. A peer whose request has won answers the own one too if that comes
    /// late, and would have two tunnels then. Only for the first rival, or forged ones could have the
    /// own request rest for ever.
    pub(super) fn rests(&self) -> bool {
        self.rival.is_some() && self.rivals == 1
    }

    /// Whether a StopCCN with this code only says that the own SCCRQ lost a tie: the peer's, with
    /// which the tunnel goes on, is there or on its way.
    pub(super) fn has_lost(&self, code: &ResultCode) -> bool {
        let lost = StopCode::ALREADY_EXISTS.0 == code.code;
        self.state == TunnelState::WaitCtlReply
            && (self.rival.is_some() || lost && self.tie_breaker.is_some())
    }
}
