//! The circuits at both ends of a session of version 3: this end's is the session's device, and the
//! state of the peer's is the device's carrier (RFC 3931 §5.4.5, RFC 5641).

use super::{Plane, carry, show};
use crate::daemon::engine::Engine;
use crate::policy::{CircuitReport, Pseudowire, SessionTerms};
use adit_datapath::spec::SessionKey as DataKey;
use adit_proto::l2tp::{LinkInfo, SessionKey};
use adit_wire::l2tp::avp::CircuitStatus;

/// What the peer is told of this end's circuit while its device is up, or is not.
fn status(terms: &SessionTerms, up: bool) -> CircuitStatus {
    match (terms.circuit_status, terms.pseudowire) {
        (CircuitReport::Device, Pseudowire::Ethernet) if !up => CircuitStatus::CIRCUIT_DOWN,
        (CircuitReport::Device | CircuitReport::Up, Pseudowire::Ethernet | Pseudowire::Ppp) => {
            CircuitStatus::UP
        }
    }
}

/// What it is told at the beginning: nobody has brought a new device up yet.
pub(super) fn first_status(terms: &SessionTerms) -> CircuitStatus {
    status(terms, false)
}

impl Plane {
    /// A session's device was brought up or down, which its peer is told.
    pub fn device_switched(&mut self, key: DataKey, up: bool, engine: &mut Engine) {
        let Ok(key) = self.session_of(key) else {
            return;
        };
        let Some(session) = self.sessions.get(&key) else {
            return;
        };
        if session.terms.circuit_status == CircuitReport::Device {
            let (now, status) = (self.now(), status(&session.terms, up));
            // A tunnel of version 2 has no such message, and a session that has gone no circuit.
            let _ = self.node.set_link(now, key, LinkInfo::Circuit(status));
            self.settle(engine);
        }
    }

    /// The peer says something of its end of a session.
    pub(super) fn link_info(&mut self, key: SessionKey, info: LinkInfo, engine: &mut Engine) {
        match info {
            LinkInfo::Accm(accm) => tracing::debug!("{key}: {accm:?}"),
            LinkInfo::Circuit(status) => {
                tracing::info!("{key}: the peer's circuit is {}", show::circuit(status));
                if let Some(session) = self.sessions.get_mut(&key) {
                    session.carrier = status.takes_traffic();
                    self.apply_carrier(key, engine);
                }
            }
        }
    }

    /// Gives a session's device the carrier that the peer's circuit has.
    pub(super) fn apply_carrier(&self, key: SessionKey, engine: &mut Engine) {
        let session = self.sessions.get(&key).filter(|one| one.installed);
        let Some(session) = session else {
            return;
        };
        let done = engine
            .datapath()
            .set_carrier(carry::data_key(key), session.carrier);
        if let Err(error) = done {
            tracing::warn!("{key}: {error}");
        }
    }
}
