//! Calls: offered by peers and placed by this host.

use super::{Origin, Plane, Session, terms};
use crate::policy::{Pseudowire, SessionTerms};
use adit_proto::l2tp::{
    CallAnswer, CallDetails, CallRequest, Connected, Direction, Refused, ResultCode, SessionKey,
    TunnelKey,
};
use adit_wire::l2tp::Version;
use adit_wire::l2tp::avp::{DisconnectCode, ErrorCode, Framings, PwType};

impl Plane {
    /// Takes or refuses a call.
    pub(super) fn call_offered(
        &mut self,
        key: SessionKey,
        direction: Direction,
        pseudowire: PwType,
        details: &CallDetails,
    ) {
        let answer = match self.call_terms(key.tunnel(), details) {
            Ok(terms) if pseudowire_of(&terms) == pseudowire => {
                let answer = CallAnswer::Accept(terms::session(&terms));
                let session = Session {
                    remote_end_id: details.remote_end_id.clone(),
                    calling_number: details.calling_number.clone(),
                    called_number: details.called_number.clone(),
                    ..Session::new(terms, None)
                };
                self.add_session(key, session);
                answer
            }
            Ok(terms) => CallAnswer::Refuse(self.unwanted(key, &terms)),
            Err(code) => {
                tracing::info!("{key}: the call is refused: {code}");
                CallAnswer::Refuse(ResultCode::disconnect(code))
            }
        };
        let (now, accepted) = (self.now(), matches!(answer, CallAnswer::Accept(_)));
        // A call that has gone meanwhile wants no answer.
        let _ = self.node.answer(now, key, answer);
        if accepted && direction == Direction::Outgoing {
            // There is no line to dial: the call is connected at once.
            let _ = self.node.connect(now, key, &connected());
        }
    }

    /// What the peer is told, and the log, of a call that carries something else than `terms` have.
    fn unwanted(&self, key: SessionKey, terms: &SessionTerms) -> ResultCode {
        let (theirs, ours) = match terms.pseudowire {
            Pseudowire::Ethernet => ("PPP", "ethernet"),
            Pseudowire::Ppp => ("Ethernet", "ppp"),
        };
        let of = self.tunnels.get(&key.tunnel());
        let of = of.map_or_else(String::new, |tunnel| tunnel.origin.to_string());
        tracing::info!(
            "{key}: the call is refused: it carries {theirs}, and pseudowire is {ours} for {of}; \
             change that in the file"
        );
        let info = self.node.tunnel(key.tunnel());
        let code = match info.map(|info| info.version) {
            // RFC 2661 has no code for it.
            Some(Version::V2) => DisconnectCode::NO_FACILITIES,
            Some(Version::V3) | None => DisconnectCode::PW_TYPE,
        };
        let text = format!("only {ours} is taken here");
        ResultCode::disconnect(code).with(ErrorCode::NONE, text)
    }

    /// On which terms a peer's call is taken.
    fn call_terms(
        &self,
        key: TunnelKey,
        details: &CallDetails,
    ) -> Result<SessionTerms, DisconnectCode> {
        let gone = DisconnectCode::ADMINISTRATIVE;
        let tunnel = self.tunnels.get(&key).ok_or(gone)?;
        if tunnel.draining {
            return Err(DisconnectCode::NO_FACILITIES_NOW);
        }
        let end_id = details.remote_end_id.as_deref();
        let end_id = end_id.and_then(|id| std::str::from_utf8(id).ok());
        match &tunnel.origin {
            Origin::Peer(name) => {
                let mut peers = self.policy.peers.iter();
                let peer = peers.find(|peer| peer.name == *name).ok_or(gone)?;
                Ok(peer.call(end_id).clone())
            }
            Origin::Connection(name) => {
                let connection = self.policy.connections.get(name).ok_or(gone)?;
                let call = end_id.and_then(|id| connection.calls.get(id));
                Ok(call.map_or(&connection.session, |call| &call.terms).clone())
            }
        }
    }

    /// Places a call of a connection.
    pub(super) fn place(
        &mut self,
        tunnel: TunnelKey,
        name: &str,
        terms: &SessionTerms,
    ) -> Result<SessionKey, Refused> {
        let role = self
            .tunnel_terms(tunnel)
            .map_or_else(Default::default, |terms| terms.role);
        let end_id = terms.remote_end_id.as_deref().unwrap_or(name);
        let request = CallRequest {
            direction: terms::direction(role),
            pseudowire: pseudowire_of(terms),
            details: CallDetails {
                remote_end_id: Some(end_id.as_bytes().to_vec()),
                calling_number: octets(&terms.calling_number),
                called_number: octets(&terms.called_number),
                framing_type: Some(Framings::SYNC),
                ..CallDetails::default()
            },
            connected: connected(),
            session: terms::session(terms),
            tie_breaker: true,
        };
        let now = self.now();
        let key = self.node.open_session(now, tunnel, request)?;
        let session = Session {
            calling_number: octets(&terms.calling_number),
            called_number: octets(&terms.called_number),
            ..Session::new(terms.clone(), Some(name.to_owned()))
        };
        self.add_session(key, session);
        Ok(key)
    }
}

impl Session {
    fn new(terms: SessionTerms, call: Option<String>) -> Session {
        Session {
            terms,
            call,
            remote_end_id: None,
            calling_number: None,
            called_number: None,
            up: None,
            installed: false,
            carrier: true,
        }
    }
}

/// A text as an AVP has it.
fn octets(text: &Option<String>) -> Option<Vec<u8>> {
    Some(text.as_ref()?.as_bytes().to_vec())
}

fn pseudowire_of(terms: &SessionTerms) -> PwType {
    match terms.pseudowire {
        Pseudowire::Ethernet => PwType::ETHERNET,
        Pseudowire::Ppp => PwType::PPP,
    }
}

/// What this host says of a circuit of its own, which has no line and no speed: the speed of the
/// link that most such circuits come by.
fn connected() -> Connected {
    Connected {
        tx_speed: 1_000_000_000,
        framing_type: Framings::SYNC,
        ..Connected::default()
    }
}
