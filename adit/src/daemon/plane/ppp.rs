//! PPP sessions, for those who speak PPP on them.

use super::{Plane, Session};
use crate::daemon::engine::Engine;
use crate::daemon::ppp::{Call, News};
use crate::policy::{HandTo, Pseudowire};
use adit_datapath::spec::SessionKey as DataKey;
use adit_proto::l2tp::{ResultCode, SessionKey};

impl Plane {
    /// What has become of PPP sessions since this was asked last.
    pub fn take_ppp(&mut self) -> Vec<News> {
        std::mem::take(&mut self.ppp)
    }

    /// How many processes may speak PPP at a time.
    pub fn max_pppd(&self) -> u32 {
        self.policy.limits.max_pppd
    }

    /// PPP has ended on a session, which ends with this, if it has not yet. A call of a connection is
    /// placed again.
    pub fn ppp_ended(&mut self, key: SessionKey, code: ResultCode, engine: &mut Engine) {
        let now = self.now();
        // One that has gone meanwhile needs no closing.
        let _ = self.node.close_session(now, key, code);
        self.settle(engine);
    }

    /// The session of these ids, if the daemon sees to it that somebody speaks PPP on it.
    pub fn with_endpoint(&self, key: DataKey) -> Option<SessionKey> {
        let key = self.by_ids.get(&key)?;
        let session = self.sessions.get(key)?;
        match session.terms.hand_to {
            HandTo::Pppd => Some(*key),
            HandTo::Device | HandTo::Client => None,
        }
    }

    /// Notes that a session is up.
    pub(super) fn ppp_up(&mut self, key: SessionKey) {
        let (Some(session), Some(tunnel)) =
            (self.sessions.get(&key), self.tunnels.get(&key.tunnel()))
        else {
            return;
        };
        if session.terms.pseudowire != Pseudowire::Ppp {
            return;
        }
        let call = Call {
            data: super::carry::data_key(key),
            terms: session.terms.clone(),
            peer: tunnel.origin.name().to_owned(),
            remote: tunnel.path.remote.ip(),
            calling_number: session.calling_number.clone(),
            called_number: session.called_number.clone(),
        };
        self.ppp.push(News::Up(key, Box::new(call)));
    }

    /// Notes that a session, which was up, is gone.
    pub(super) fn ppp_down(&mut self, key: SessionKey, session: &Session) {
        if session.terms.pseudowire == Pseudowire::Ppp {
            self.ppp.push(News::Down(key));
        }
    }
}

#[cfg(test)]
mod tests;
