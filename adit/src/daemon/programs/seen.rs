//! What shows of programs' sockets.

use super::Programs;
use adit_datapath::spec::SessionKey;
use adit_wire::l2tp::TunnelId;

impl Programs {
    /// Whether a management socket of this tunnel is connected.
    pub(in crate::daemon) fn manages(&self, tunnel: TunnelId) -> bool {
        let mut sockets = self.sockets.values();
        sockets.any(|it| it.tunnel == tunnel && it.session.is_none() && !it.detached)
    }

    /// Whether the PPP channel of the socket of a session is bound; `None` without a socket.
    pub(in crate::daemon) fn socket_of(&self, session: SessionKey) -> Option<bool> {
        let mut sockets = self.sockets.values();
        let found = sockets.any(|it| it.session == Some(session) && !it.detached);
        let is_bound = |ppp: &adit_datapath::ppp::Ppp| ppp.is_bound(session);
        found.then(|| self.ppp.as_ref().is_some_and(is_bound))
    }

    /// The name of the device of the PPP unit that a session belongs to.
    pub(in crate::daemon) fn unit_name(&self, session: SessionKey) -> Option<String> {
        self.ppp.as_ref()?.unit_name(session)
    }
}
