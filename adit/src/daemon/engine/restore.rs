//! The state after a start.

use super::{Edit, Engine, Object};
use adit_datapath::Error;
use std::time::Instant;

impl Engine {
    /// Brings everything back that the store tells of: tunnels, and sessions on the devices that
    /// an earlier process left. What cannot be had at the moment waits.
    pub fn restore(&mut self, now: Instant) -> Result<(), Error> {
        for edit in self.store.load()? {
            if let Edit::Session(spec, ..) = &edit
                && !self.desired.tunnels.contains_key(&spec.key.tunnel)
            {
                let object = Object::Session(spec.key);
                tracing::warn!("the record of {object} is left out: it has no tunnel");
                continue;
            }
            self.record(edit);
        }
        self.leap();
        let tunnels: Vec<_> = self.desired.tunnels.keys().copied().collect();
        for id in tunnels {
            self.raise_tunnel(id, now);
        }
        let sessions = self.desired.sessions.len();
        if !self.desired.tunnels.is_empty() {
            let tunnels = self.desired.tunnels.len();
            tracing::info!(
                "taken over from an earlier process: tunnels {tunnels}, sessions {sessions}"
            );
        }
        Ok(())
    }
}
