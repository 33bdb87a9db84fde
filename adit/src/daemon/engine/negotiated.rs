//! Tunnels and sessions that a control protocol sets up: they are part of the state as all others,
//! and of nothing that outlives the process.

use super::{Edit, Engine, Object, Origin};
use adit_datapath::spec::{Change, SessionKey};
use adit_datapath::{Datapath, Error};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::Errno;

impl Engine {
    /// Makes a change that a control protocol asks for.
    pub fn negotiate(&mut self, change: &Change) -> Result<(), Error> {
        match change {
            Change::AddTunnel(spec) if self.desired.tunnels.contains_key(&spec.id) => {
                let text = format!("{} is in use; the peer has to try again", spec.id);
                return Err(Error::new(Errno::EEXIST, "tunnel_id", text));
            }
            Change::AddTunnel(_)
            | Change::AddSession(_)
            | Change::TuneTunnel(..)
            | Change::TuneSession(..)
            | Change::RemoveTunnel(_)
            | Change::RemoveSession(_) => {}
        }
        self.apply(change)?;
        self.settle(change, Origin::Protocol)
    }

    /// Notes that the peer of a tunnel is elsewhere now.
    pub fn follow(&mut self, id: TunnelId, remote: std::net::SocketAddr) -> Result<(), Error> {
        use adit_datapath::spec::Encap;
        self.datapath.move_peer(id, remote)?;
        if let Some(spec) = self.desired.tunnels.get_mut(&id) {
            match &mut spec.encap {
                Encap::Udp { remote: to, .. } => *to = remote,
                Encap::Ip { remote: to, .. } => *to = remote.ip(),
            }
        }
        Ok(())
    }

    /// Whether a control protocol has set the object up.
    pub fn is_negotiated(&self, object: Object) -> bool {
        self.negotiated.contains(&object)
    }

    /// The data path, for what is no tunnel and no session: listeners and their messages.
    pub fn datapath(&mut self) -> &mut dyn Datapath {
        &mut *self.datapath
    }

    /// Writes an edit down, unless it is about what ends with the process.
    pub(super) fn write_down(&mut self, edit: &Edit) -> Result<(), Error> {
        let of_tunnel = |key: &SessionKey| self.is_negotiated(Object::Tunnel(key.tunnel));
        let passing = match edit {
            Edit::Tunnel(_, origin) | Edit::Session(_, origin, _) => *origin == Origin::Protocol,
            Edit::RemoveTunnel(id) => self.is_negotiated(Object::Tunnel(*id)),
            Edit::RemoveSession(key) => of_tunnel(key),
            Edit::Numbers(numbers) => numbers.iter().all(|(key, _)| of_tunnel(key)),
        };
        match passing {
            true => Ok(()),
            false => self.store.write(edit),
        }
    }
}
