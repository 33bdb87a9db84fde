//! What is kept about tunnels outside of them: timers, turns, indexes.

use super::super::Saved;
use super::super::tunnel::TunnelState;
use super::Node;
use crate::Instant;
use adit_wire::l2tp::TunnelId;
use std::time::Duration;

impl Node {
    /// Time never goes back: of two readings of a clock that does, the later one counts.
    pub(super) fn set_time(&mut self, now: Instant) {
        self.shared.now = self.shared.now.max(now);
    }

    /// Lets the timers expire whose time has come.
    pub(super) fn expire(&mut self) {
        while let Some((at, id)) = self.timers.first().copied() {
            if at > self.shared.now {
                return;
            }
            self.timers.pop_first();
            if let Some(tunnel) = self.tunnels.get_mut(&id) {
                tunnel.timer = None;
                tunnel.expire(&mut self.shared);
            }
            self.settle(id);
        }
    }

    /// Brings what is kept about a tunnel up to date after it may have changed.
    pub(super) fn settle(&mut self, id: TunnelId) {
        let Some(tunnel) = self.tunnels.get_mut(&id) else {
            return;
        };
        tunnel.pump(&mut self.shared);
        let over = tunnel.state != TunnelState::WaitCtlReply;
        let rival = tunnel.rival.take_if(|rival| over || rival.closed);
        if let Some(key) = rival.and_then(|rival| rival.requested_by) {
            self.requesters.remove(&key);
        }
        if tunnel.proven || tunnel.closed {
            self.admission.settled(tunnel.key.serial);
        }
        if tunnel.gone {
            return self.forget(id);
        }
        if !tunnel.queued && tunnel.has_to_transmit() {
            tunnel.queued = true;
            self.ready.push_back(id);
        }
        // A timer that is early does no harm: it is set again when it expires. So one that moves
        // on with each message stays where it is.
        let due = tunnel.deadline().map(|(at, _)| at);
        let earlier = match (due, tunnel.timer) {
            (Some(due), Some(set)) => due < set,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if let Some(due) = due.filter(|_| earlier) {
            if let Some(set) = tunnel.timer.replace(due) {
                self.timers.remove(&(set, id));
            }
            self.timers.insert((due, id));
        }
        if tunnel.state != TunnelState::WaitCtlReply {
            self.not_calling(id);
        }
    }

    /// The tunnel's SCCRQ does not wait for a reply any more.
    pub(super) fn not_calling(&mut self, id: TunnelId) {
        let Some(tunnel) = self.tunnels.get_mut(&id) else {
            return;
        };
        let Some(key) = tunnel.calling.take() else {
            return;
        };
        if let Some(ids) = self.calling.get_mut(&key) {
            ids.remove(&id);
            if ids.is_empty() {
                self.calling.remove(&key);
            }
        }
    }

    fn forget(&mut self, id: TunnelId) {
        self.not_calling(id);
        let Some(tunnel) = self.tunnels.remove(&id) else {
            return;
        };
        if let Some(set) = tunnel.timer {
            self.timers.remove(&(set, id));
        }
        let rival = tunnel.rival.as_ref().and_then(|rival| rival.requested_by);
        for key in tunnel.requested_by.into_iter().chain(rival) {
            self.requesters.remove(&key);
        }
        if let Some(profile) = &tunnel.profile
            && let Some(count) = self.per_profile.get_mut(profile)
        {
            *count -= 1;
            if *count == 0 {
                self.per_profile.remove(profile);
            }
        }
        if tunnel.is_known() {
            self.shared.save(Saved::TunnelGone(tunnel.key));
        }
        self.report_drained();
    }
}

/// How much earlier than `interval` after `heard` a tunnel says Hello: up to a tenth, another time for
/// each tunnel and after each message, so that they do not come together (RFC 3931 §4.4).
pub(super) fn early(interval: Duration, serial: u32, heard: Instant) -> Duration {
    // The mixing step of SplitMix64.
    let mut mixed = u64::from(serial) << 32 ^ u64::from(heard.since_epoch().subsec_nanos());
    mixed = mixed.wrapping_add(heard.since_epoch().as_secs());
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let [share, ..] = (mixed ^ (mixed >> 31)).to_be_bytes();
    interval / 2560 * u32::from(share)
}
