//! An SCCRQ: whether it is answered, and by which tunnel.

use super::super::auth::{self, Auth};
use super::super::config::{Profile, TunnelConfig};
use super::super::pattern::fits;
use super::super::tunnel::{TunnelEvent, next};
use super::super::{Encapsulation, Path, ResultCode, TunnelEnd, TunnelKey, Versions};
use super::admission::Source;
use super::counters::MessageDrop;
use super::opening::{self, Opening};
use super::receive::Control;
use super::rival::Tie;
use super::shared::Shared;
use super::tunnel::{Incoming, Tunnel, write_message};
use super::{Node, compose};
use adit_wire::l2tp::avp::{ErrorCode, StopCode};
use adit_wire::l2tp::control::{MessageError, v2, v3};
use adit_wire::l2tp::{SessionId, TunnelId, V2ControlHeader, Version};
use std::net::IpAddr;

impl Profile {
    fn matches(&self, path: &Path, host_name: &str) -> bool {
        let remote = path.remote.ip();
        self.local.is_none_or(|local| local == path.local.ip())
            && self.remote.is_none_or(|net| contains(net, remote))
            && self
                .encapsulation
                .is_none_or(|one| one == path.encapsulation)
            && self
                .host_name
                .as_deref()
                .is_none_or(|pattern| fits(pattern, host_name))
    }
}

fn contains((network, bits): (IpAddr, u8), address: IpAddr) -> bool {
    let differ = match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()) << 96,
        (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    differ.leading_zeros() >= u32::from(bits)
}

/// Which version a tunnel gets that an SCCRQ in `asked` asks for and that may speak `allowed`.
pub(super) fn choose(asked: Version, offers_v3: bool, allowed: Versions) -> Option<Version> {
    match (allowed, asked) {
        (Versions::V2, Version::V2) => Some(Version::V2),
        (Versions::V2, Version::V3) => None,
        (Versions::V3, Version::V2) => offers_v3.then_some(Version::V3),
        (Versions::V3 | Versions::Both, Version::V3) => Some(Version::V3),
        (Versions::Both, Version::V2) if offers_v3 => Some(Version::V3),
        (Versions::Both, Version::V2) => Some(Version::V2),
    }
}

impl Node {
    pub(super) fn request(&mut self, path: Path, message: Control<'_>) -> Result<(), MessageDrop> {
        let limits = self.shared.policy.limits;
        let source = Source::of(path.remote.ip());
        let random = &mut self.shared.random;
        if !self
            .admission
            .may_ask(self.shared.now, source, limits.sccrq_rate, random)
        {
            return Err(MessageDrop::TooManyRequests);
        }
        if message.ns != 0 {
            return Err(MessageDrop::BadRequest);
        }
        let name = opening::host_name(message.avps).ok_or(MessageDrop::BadRequest)?;
        let profiles = self.shared.policy.profiles.iter();
        let Some(profile) = profiles
            .clone()
            .find(|one| one.matches(&path, &name))
            .cloned()
        else {
            if self.shared.policy.refuse_strangers {
                self.refuse(path, &message, ResultCode::stop(StopCode::NOT_AUTHORIZED));
            }
            return Err(MessageDrop::Stranger);
        };
        if profile.refuse {
            self.refuse(path, &message, ResultCode::stop(StopCode::NOT_AUTHORIZED));
            return Err(MessageDrop::Stranger);
        }
        let mut scratch = Vec::new();
        match self.read_request(&message, &profile.config, &mut scratch) {
            Ok((opening, auth)) => self.admit(path, &message, &profile, opening, auth),
            Err(Unfit::Refuse(code)) => {
                self.refuse(path, &message, code);
                Err(MessageDrop::BadRequest)
            }
            Err(Unfit::Drop(reason)) => Err(reason),
        }
    }

    /// Authenticates and understands an SCCRQ.
    pub(super) fn read_request<'a>(
        &mut self,
        message: &Control<'a>,
        config: &TunnelConfig,
        scratch: &'a mut Vec<u8>,
    ) -> Result<(Opening<'a>, Auth), Unfit> {
        let unauthorized = Unfit::Refuse(ResultCode::stop(StopCode::NOT_AUTHORIZED));
        let asks = auth::nonce(message.avps).is_some() && config.versions != Versions::V2;
        if config.secrets.is_empty() && (asks || config.authenticate) {
            return Err(unauthorized);
        }
        let chosen = self.choose_version(message, config)?;
        let mut auth = Auth::new(config, chosen, self.shared.mint());
        let kind = message.kind();
        if chosen != message.version {
            // Its digests are of version 3, its hidden values of version 2.
            let mut unread = Vec::new();
            let admitted = auth.admit(kind, message.octets, message.avps, &mut unread);
            admitted.map_err(|_| Unfit::Drop(MessageDrop::Unauthentic))?;
            auth.set_version(message.version);
        }
        let admitted = auth.admit(kind, message.octets, message.avps, scratch);
        let avps = admitted.map_err(|_| Unfit::Drop(MessageDrop::Unauthentic))?;
        auth.set_version(chosen);
        let opening = self.decode_request(message.version, chosen, avps, config)?;
        if self.shared.is_own_proof(&opening) {
            return Err(Unfit::Drop(MessageDrop::Reflected));
        }
        match opening.challenge.is_some() && config.secrets.is_empty() {
            true => Err(unauthorized),
            false => Ok((opening, auth)),
        }
    }

    /// The version that the tunnel will have.
    fn choose_version(
        &self,
        message: &Control<'_>,
        config: &TunnelConfig,
    ) -> Result<Version, Unfit> {
        let highest = match config.versions {
            Versions::V2 => ErrorCode(2),
            Versions::V3 | Versions::Both => ErrorCode(3),
        };
        let offers_v3 = message.version == Version::V2 && opening::offers_v3(message.avps);
        choose(message.version, offers_v3, config.versions).ok_or(Unfit::Refuse(
            ResultCode::stop(StopCode::VERSION).with(highest, ""),
        ))
    }

    fn decode_request<'a>(
        &mut self,
        asked: Version,
        chosen: Version,
        avps: &'a [u8],
        config: &TunnelConfig,
    ) -> Result<Opening<'a>, Unfit> {
        let quirks = config.quirks;
        let bad = || Unfit::Drop(MessageDrop::BadRequest);
        let (opening, ignored) = match (chosen, asked) {
            (Version::V3, Version::V2) => {
                let read = v3::Sccrq::offered(avps, quirks).map_err(unreadable)?;
                let read = read.ok_or_else(bad)?;
                (read.message.into(), read.ignored)
            }
            (Version::V2, Version::V2 | Version::V3) => {
                let read = v2::Message::decode(avps, quirks).map_err(unreadable)?;
                let v2::Message::Sccrq(request) = read.message else {
                    return Err(bad());
                };
                (request.into(), read.ignored)
            }
            (Version::V3, Version::V3) => {
                let read = v3::Message::decode(avps, quirks).map_err(unreadable)?;
                let v3::Message::Sccrq(request) = read.message else {
                    return Err(bad());
                };
                (request.into(), read.ignored)
            }
        };
        self.shared.counters.ignored_avps += u64::from(ignored.count);
        Ok(opening)
    }

    /// Answers an SCCRQ that was understood, if there is room for its tunnel.
    fn admit(
        &mut self,
        path: Path,
        message: &Control<'_>,
        profile: &Profile,
        opening: Opening<'_>,
        auth: Auth,
    ) -> Result<(), MessageDrop> {
        if let Some(id) = self.requesters.get(&(path, opening.assigned)).copied() {
            return self.request_again(id, message);
        }
        if let Some(rival) = self.rival(&path, opening.version) {
            match self.tie_with(rival, opening.tie_breaker) {
                Tie::None => {}
                Tie::Won => return self.keep(rival, path, message, opening.version),
                Tie::Drawn => return self.draw(rival),
                Tie::Lost => return self.lose(rival, path, message, profile),
            }
        }
        let busy = ResultCode::error(ErrorCode::NO_RESOURCES, "no more tunnels are allowed");
        let held = self
            .per_profile
            .get(&profile.name)
            .copied()
            .unwrap_or_default();
        let limits = self.shared.policy.limits;
        if self.shared.closed_to_new {
            self.refuse(path, message, ResultCode::stop(StopCode::SHUTTING_DOWN));
            return Err(MessageDrop::TunnelLimit);
        }
        if held >= profile.max_tunnels || self.tunnels.len() >= limits.tunnels as usize {
            self.refuse(path, message, busy);
            return Err(MessageDrop::TunnelLimit);
        }
        let source = Source::of(path.remote.ip());
        if !self.admission.may_open(source, &limits) {
            return Err(MessageDrop::TooManyRequests);
        }
        if let Some(oldest) = self.admission.in_the_way(&limits) {
            self.evict(oldest);
        }
        let id = self.free_tunnel_id(opening.version == Version::V2);
        let Some(id) = id else {
            self.refuse(path, message, busy);
            return Err(MessageDrop::TunnelLimit);
        };
        let serial = self.shared.next_serial();
        let key = TunnelKey { id, serial };
        let config = profile.config.clone();
        let mut tunnel = Tunnel::new(key, opening.version, path, config, auth, self.shared.now);
        tunnel.profile = Some(profile.name.clone());
        tunnel
            .channel
            .set_retransmit(Tunnel::cautious(tunnel.config.retransmit));
        self.admission.opened(serial, id, source);
        *self.per_profile.entry(profile.name.clone()).or_default() += 1;
        self.tunnels.insert(id, Box::new(tunnel));
        self.answer_request(id, message, &opening);
        Ok(())
    }

    /// An SCCRQ of a tunnel that was answered already.
    fn request_again(&mut self, id: TunnelId, message: &Control<'_>) -> Result<(), MessageDrop> {
        if let Some(tunnel) = self.tunnels.get_mut(&id) {
            let again = Incoming {
                session: SessionId(0),
                avps: Box::default(),
            };
            let now = self.shared.now;
            let channel = match &mut tunnel.rival {
                Some(rival) => &mut rival.channel,
                None => &mut tunnel.channel,
            };
            channel.receive(now, message.ns, message.nr, Some(again));
        }
        self.settle(id);
        Err(MessageDrop::Duplicate)
    }

    fn evict(&mut self, id: TunnelId) {
        self.shared.counters.evicted += 1;
        if let Some(tunnel) = self.tunnels.get_mut(&id) {
            tunnel.abandon(&mut self.shared, TunnelEnd::Unreachable);
        }
        self.settle(id);
    }

    /// Has a tunnel answer the SCCRQ.
    fn answer_request(&mut self, id: TunnelId, message: &Control<'_>, opening: &Opening<'_>) {
        if let Some(tunnel) = self.tunnels.get_mut(&id) {
            let key = tunnel.answer_request(&mut self.shared, message, opening);
            self.requesters.insert(key, id);
        }
        self.settle(id);
    }

    /// Refuses an SCCRQ by a StopCCN of which nothing is remembered: if it is lost, the SCCRQ
    /// comes again.
    pub(super) fn refuse(&mut self, path: Path, message: &Control<'_>, code: ResultCode) {
        let Some(peer) = opening::assigned(message.avps, message.version) else {
            return;
        };
        let max = match message.version {
            Version::V2 => u16::MAX.into(),
            Version::V3 => u32::MAX,
        };
        let own = 1 + self.shared.random.below(max);
        let plain = &mut self.shared.plain;
        if compose::stop_for(message.version, TunnelId(own), &code, plain).is_err() {
            return;
        }
        let ip = match path.encapsulation {
            Encapsulation::Udp => 0,
            Encapsulation::Ip => 4,
        };
        let mut payload = vec![0; ip + V2ControlHeader::LEN + plain.len()];
        let (_, octets) = payload.split_at_mut(ip);
        let numbers = (0, message.ns.wrapping_add(1));
        let none = SessionId(0);
        if write_message(octets, message.version, peer, none, numbers, plain).is_ok() {
            self.transmit_later(path, payload);
        }
    }
}

impl Tunnel {
    /// Answers an SCCRQ; gives by what a repetition of it is known.
    pub(super) fn answer_request(
        &mut self,
        shared: &mut Shared,
        message: &Control<'_>,
        opening: &Opening<'_>,
    ) -> (Path, TunnelId) {
        let (_, state) = next(self.state, TunnelEvent::Sccrq);
        self.state = state;
        let first = Incoming {
            session: SessionId(0),
            avps: Box::default(),
        };
        self.channel.receive(shared.now, message.ns, 0, Some(first));
        self.channel.deliver();
        self.reply(shared, opening);
        let key = (self.path, opening.assigned);
        self.requested_by = Some(key);
        key
    }
}

/// What an SCCRQ is answered with that cannot be understood (RFC 2661 §4.1, RFC 3931 §5.2).
fn unreadable(error: MessageError) -> Unfit {
    let code = ResultCode::error(error.error_code(), error.to_string());
    Unfit::Refuse(code)
}

/// Why an SCCRQ gets no tunnel.
pub(super) enum Unfit {
    Refuse(ResultCode),
    Drop(MessageDrop),
}
