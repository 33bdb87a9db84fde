//! Data that arrives tells as well as a message that a peer is there.

use super::Plane;
use crate::daemon::engine::Engine;
use adit_proto::Instant;
use adit_proto::l2tp::{Input, TunnelConfig, TunnelKey};
use std::collections::BTreeSet;
use std::time::Duration;

/// The shortest time between two looks, whatever the number of tunnels.
const PAUSE: Duration = Duration::from_secs(1);

/// The time until a tunnel that sends no Hello is asked again whether it does.
const IDLE: Duration = Duration::from_secs(60);

/// Which tunnels' counters are to be looked at, and when.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    looks: BTreeSet<(Instant, TunnelKey)>,
    /// No look before this.
    rest: Instant,
}

impl Traffic {
    /// Has a tunnel looked at.
    pub(super) fn watch(&mut self, key: TunnelKey, at: Instant) {
        self.looks.insert((at, key));
    }

    /// When there is something to look at.
    pub(super) fn due(&self) -> Option<Instant> {
        self.looks.first().map(|(at, _)| self.rest.max(*at))
    }

    /// Takes out the tunnels to look at, those together that are due by now.
    fn take(&mut self, now: Instant) -> Vec<TunnelKey> {
        if self.due().is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.rest = now + PAUSE;
        let mut due = Vec::new();
        while self.looks.first().is_some_and(|(at, _)| *at <= now) {
            due.extend(self.looks.pop_first().map(|(_, key)| key));
        }
        due
    }
}

/// The time between two looks at a tunnel: a part of the silence after which something is done,
/// which is then found that much later at most. `None` when silence makes no difference.
fn interval(config: &TunnelConfig) -> Option<Duration> {
    let silence = config.hello?.min(config.retransmit.cycle());
    Some((silence / 4).max(PAUSE))
}

impl Plane {
    /// Tells the node of the tunnels that data has come through.
    pub(super) fn look_for_traffic(&mut self, engine: &mut Engine) {
        let now = self.now();
        for key in self.traffic.take(now) {
            let (Some(tunnel), Some(info)) = (self.tunnels.get_mut(&key), self.node.tunnel(key))
            else {
                continue;
            };
            let interval = interval(&info.config);
            self.traffic.watch(key, now + interval.unwrap_or(IDLE));
            if interval.is_none() {
                continue;
            }
            // A tunnel that has lost its data path receives nothing.
            let Ok(counters) = engine.datapath().tunnel_counters(key.id()) else {
                continue;
            };
            let received = counters.statistics.rx_packets;
            if std::mem::replace(&mut tunnel.received, received) != received {
                self.node.handle(now, Input::Traffic(key));
            }
        }
    }
}

#[cfg(test)]
mod tests;
