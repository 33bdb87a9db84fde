//! Both ends ask for a tunnel at once.

use super::super::auth::Auth;
use super::super::channel::Channel;
use super::super::tunnel::TunnelEvent;
use super::super::{Path, ResultCode, TunnelEnd};
use super::Node;
use super::counters::MessageDrop;
use super::opening::Opening;
use super::receive::Control;
use super::request::{Unfit, choose};
use super::tunnel::Tunnel;
use adit_wire::l2tp::avp::StopCode;
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
        let key = (path.remote.ip(), path.mark);
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

    /// Does what a tie comes to.
    pub(super) fn settle_tie(
        &mut self,
        rival: TunnelId,
        tie: Tie,
        path: Path,
        message: &Control<'_>,
    ) -> Result<(), MessageDrop> {
        match tie {
            Tie::None => {}
            Tie::Won => self.keep(rival),
            Tie::Drawn => self.draw(rival),
            Tie::Lost => return self.lose(rival, path, message),
        }
        Ok(())
    }

    /// The peer's SCCRQ won. The tunnel goes on with it, if it satisfies what this tunnel demands,
    /// which may be more than the profile of whoever asks does.
    fn lose(&mut self, id: TunnelId, path: Path, message: &Control<'_>) -> Result<(), MessageDrop> {
        let Some(config) = self.tunnels.get(&id).map(|tunnel| tunnel.config.clone()) else {
            return Ok(());
        };
        let mut scratch = Vec::new();
        match self.read_request(message, &config, &mut scratch) {
            Ok((opening, auth)) => {
                self.yield_to(id, path, message, &opening, auth);
                Ok(())
            }
            Err(Unfit::Refuse(code)) => {
                self.refuse(path, message, code);
                Err(MessageDrop::BadRequest)
            }
            Err(Unfit::Drop(reason)) => Err(reason),
        }
    }

    /// This end's SCCRQ won: the peer finds out when it comes.
    fn keep(&mut self, id: TunnelId) {
        if let Some(tunnel) = self.tunnels.get_mut(&id) {
            let lost = ResultCode::stop(StopCode::ALREADY_EXISTS);
            tunnel.step(&mut self.shared, TunnelEvent::LosingSccrq, lost);
        }
        self.settle(id);
    }

    /// Gives up this end's SCCRQ and answers the peer's with the same tunnel.
    fn yield_to(
        &mut self,
        id: TunnelId,
        path: Path,
        message: &Control<'_>,
        opening: &Opening<'_>,
        auth: Auth,
    ) {
        self.not_calling(id);
        if let Some(tunnel) = self.tunnels.get_mut(&id) {
            let config = tunnel.config.clone();
            tunnel.channel =
                Channel::new(Tunnel::cautious(config.retransmit), config.receive_window);
            tunnel.auth = auth;
            tunnel.challenge = None;
            tunnel.path = path;
            tunnel.version = opening.version;
            tunnel.tie_breaker = None;
            tunnel.until = self.shared.now + config.setup_timeout;
        }
        self.answer_request(id, message, opening);
    }

    /// Both ends drew the same lot: neither tunnel goes on.
    fn draw(&mut self, id: TunnelId) {
        if let Some(tunnel) = self.tunnels.get_mut(&id) {
            tunnel.abandon(&mut self.shared, TunnelEnd::Tie);
        }
        self.settle(id);
    }
}
