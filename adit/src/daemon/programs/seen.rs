//! What shows of programs' sockets.

use super::Programs;
use adit_datapath::spec::{Retuning, SessionKey, SessionSpec};
use adit_wire::l2tp::{SessionId, TunnelId};
use std::ops::Bound::{Excluded, Unbounded};

impl Programs {
    /// Whether a management socket of this tunnel is connected.
    pub(in crate::daemon) fn manages(&self, tunnel: TunnelId) -> bool {
        self.managers.contains_key(&tunnel)
    }

    /// What Linux makes of a tunnel's management socket: a PPP session of the ids 0, which carries
    /// nothing.
    pub(in crate::daemon) fn management_session(&self, tunnel: TunnelId) -> Option<SessionSpec> {
        let manager = self.managers.get(&tunnel)?;
        let session = SessionId(0);
        let key = SessionKey { tunnel, session };
        Some(SessionSpec {
            tuning: manager.tuning,
            ..SessionSpec::ppp(key, SessionId(0))
        })
    }

    /// Tunes what carries nothing, for whoever looks at it.
    pub(in crate::daemon) fn tune_management(&mut self, tunnel: TunnelId, change: &Retuning) {
        if let Some(manager) = self.managers.get_mut(&tunnel) {
            manager.tuning = change.of(&manager.tuning);
        }
    }

    /// Whether the socket of this cookie carries a tunnel.
    pub(in crate::daemon) fn carries(&self, cookie: u64) -> bool {
        self.adopted.contains_key(&cookie)
    }

    /// The sessions that Linux makes of management sockets: the first behind `after`.
    pub(in crate::daemon) fn management_behind(
        &self,
        after: Option<SessionKey>,
    ) -> Option<SessionKey> {
        // Its id of 0 is the lowest that a tunnel's session can have.
        let behind = after.map_or(Unbounded, |after| Excluded(after.tunnel));
        let (tunnel, _) = self.managers.range((behind, Unbounded)).next()?;
        Some(SessionKey {
            tunnel: *tunnel,
            session: SessionId(0),
        })
    }

    /// Whether the PPP channel of the socket of a session is bound; `None` without a socket.
    pub(in crate::daemon) fn socket_of(&self, session: SessionKey) -> Option<bool> {
        let mut sockets = self.sockets.values();
        let found = sockets.any(|it| it.session == Some(session) && it.remains.is_none());
        let is_bound = |ppp: &adit_datapath::ppp::Ppp| ppp.is_bound(session);
        found.then(|| self.ppp.as_ref().is_some_and(is_bound))
    }

    /// The name of the device of the PPP unit that a session belongs to.
    pub(in crate::daemon) fn unit_name(&self, session: SessionKey) -> Option<String> {
        self.ppp.as_ref()?.unit_name(session)
    }
}
