//! Decisions to moving packets.
//!
//! [`spec`] says what there should be, [`Datapath`] makes it so, [`reconcile::diff`] tells the
//! changes between what should be and what is, [`counters`] counts every packet, dropped ones by
//! [`DropReason`](counters::DropReason). [`user`] is the data path in user space, and
//! [`l2tpip`] has sockets of protocol 115 for programs.
#![deny(unsafe_code)]

pub mod counters;
pub mod l2tpip;
pub mod limits;
pub mod ppp;
pub mod reconcile;
pub mod spec;
pub mod user;

mod departure;
mod error;
mod fast;
mod ipsec;
mod link;
mod sys;

pub use departure::Departure;
pub use error::Error;
pub use fast::{FastPath, Scope as FastScope};

use adit_wire::l2tp::{Sequence, TunnelId};
use adit_wire::netlink::Errno;
use counters::Counters;
use limits::Limit;
use spec::{
    Change, Device, Inventory, ListenerAddress, ListenerId, ListenerSpec, Sequencing, SessionKey,
    SessionSpec, TunnelSpec,
};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A control message as it came, or as it shall go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlMessage<'a> {
    /// The peer's address, with port 0 over IP.
    pub peer: SocketAddr,
    /// This end's address. One to send needs it where the listener is bound to every address.
    pub local: Option<IpAddr>,
    /// The mark of its packet, or 0; told by listeners that were asked to.
    pub mark: u32,
    /// The message: the payload of UDP, or of IP with the zero session id in front.
    pub octets: &'a [u8],
}

/// What takes a listener's control messages, on a thread that moves packets: it must not block.
/// Gives false for one that it has no room for.
pub type ControlSink = Arc<dyn Fn(ListenerId, ControlMessage<'_>) -> bool + Send + Sync>;

/// A way to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The address that packets leave from.
    pub local: IpAddr,
    /// The MTU, outer IP header included.
    pub mtu: u32,
}

/// Something that moves packets as told: in user space today.
///
/// Every call returns when its effect is there, but for the devices of sessions that are removed: these
/// carry nothing any more, and go soon after. Packets never wait for a call.
pub trait Datapath: Send {
    /// Makes `change` true. Applied twice it is applied once: what is already so stays untouched,
    /// and a session whose device has gone gets it back.
    fn apply(&mut self, change: &Change) -> Result<(), Error>;

    /// Adds a session that an earlier process had, numbering its packets from `from` on: on
    /// `device`, which that process left behind (ENODEV when it is not there), or on a new one. A
    /// session that is there already goes on numbering by itself.
    fn resume(
        &mut self,
        session: &SessionSpec,
        device: Option<&Device>,
        from: Sequencing,
    ) -> Result<(), Error>;

    /// Lets a session's device outlive the process, now that it is written down which it is: until
    /// then it ends with the process, as nobody could find it again. So does, always, that of a
    /// tunnel on a listener's socket.
    fn keep(&mut self, _session: SessionKey) {}

    /// Adds a tunnel on a UDP socket of a program's, bound and connected as `tunnel` says. The
    /// program goes on with its control messages, while data is diverted; once it has closed the
    /// socket, that is told, and the tunnel is to be removed. EBUSY when the socket carries a
    /// tunnel, EPROTONOSUPPORT when it is of another kind.
    ///
    /// Over protocol 115 no socket is given: the program has its control messages by one of
    /// [`l2tpip`], and who gave it that knows when it is closed.
    fn adopt(&mut self, tunnel: &TunnelSpec, _socket: Option<OwnedFd>) -> Result<(), Error> {
        let text = format!("tunnel {} cannot have a program's socket here", tunnel.id);
        Err(Error::new(Errno::EOPNOTSUPP, "fd", text))
    }

    /// Removes `device`, which an earlier process left behind and no session wants. One that has
    /// gone, or that is no longer what it was, is nothing to remove.
    fn discard(&mut self, device: &Device) -> Result<(), Error>;

    /// Removes sessions together, which may take no longer than removing one.
    fn remove_sessions(&mut self, sessions: &[SessionKey]) -> Result<(), Error> {
        sessions
            .iter()
            .try_for_each(|key| self.apply(&Change::RemoveSession(*key)))
    }

    /// Tells when the devices are gone of all sessions that were removed since this was last asked.
    fn departure(&mut self) -> Departure {
        Departure::default()
    }

    /// Opens a listener, whose control messages go to `sink`, and gives what it is bound to.
    /// Opened twice it is opened once. A data path that has no shared sockets refuses.
    fn listen(
        &mut self,
        listener: &ListenerSpec,
        _sink: ControlSink,
    ) -> Result<ListenerAddress, Error> {
        let text = format!("{:?} cannot be shared by this data path", listener.local);
        Err(Error::new(Errno::EOPNOTSUPP, "listener", text))
    }

    /// Closes a listener and removes the tunnels that use its socket.
    fn unlisten(&mut self, _listener: ListenerId) -> Result<(), Error> {
        Ok(())
    }

    /// Sends control messages by a listener's socket, in order. What the host will not take is
    /// lost, as anything may be on the way: the control protocol repeats it.
    fn send_control(&mut self, listener: ListenerId, _messages: &[ControlMessage<'_>]) {
        let _ = listener;
    }

    /// Sends a tunnel's packets to another address of its peer's, and takes them from there. For
    /// tunnels on a listener's socket.
    fn move_peer(&mut self, tunnel: TunnelId, _remote: SocketAddr) -> Result<(), Error> {
        let text = format!("the peer of tunnel {tunnel} cannot move; make the tunnel anew");
        Err(Error::new(Errno::EOPNOTSUPP, "tunnel_id", text))
    }

    /// Notes what the peer of a tunnel calls it, where nobody knew when the tunnel was made.
    fn name_peer(&mut self, tunnel: TunnelId, _peer_id: TunnelId) -> Result<(), Error> {
        let text = format!("the peer's id of tunnel {tunnel} is fixed; make the tunnel anew");
        Err(Error::new(Errno::EOPNOTSUPP, "peer_tunnel_id", text))
    }

    /// By which address packets leave for `remote` from a socket of `listener`, and the MTU of
    /// their route.
    fn route(&mut self, listener: ListenerId, _remote: IpAddr) -> Result<Route, Error> {
        let text = format!("{listener:?} is not open");
        Err(Error::new(Errno::ENODEV, "listener", text))
    }

    /// The counters of a listener: of what belonged to none of its tunnels.
    fn listener_counters(&mut self, listener: ListenerId) -> Result<Counters, Error> {
        let text = format!("{listener:?} is not open");
        Err(Error::new(Errno::ENODEV, "listener", text))
    }

    /// What is really there: a tunnel with its socket, a session with its device.
    fn inventory(&mut self) -> Inventory;

    /// The device of a session, if it is of a kind that has one.
    fn device(&mut self, session: SessionKey) -> Result<Option<Device>, Error>;

    /// Says whether the far end of a session takes frames: its device has a carrier then.
    fn set_carrier(&mut self, _session: SessionKey, _on: bool) -> Result<(), Error> {
        Ok(())
    }

    /// How a session numbers its packets now.
    fn sequencing(&mut self, session: SessionKey) -> Result<Sequencing, Error>;

    /// How often sessions have begun or ceased to number their packets of their own accord, as their
    /// peers did; `None` where that is not known.
    fn followed(&mut self) -> Option<u64> {
        None
    }

    /// The sequence number that a session expects next; `None` where that is not known.
    fn expected(&mut self, _session: SessionKey) -> Option<Sequence> {
        None
    }

    /// The counters of a tunnel: the sums over its sessions past and present, and what belonged
    /// to none of them.
    fn tunnel_counters(&mut self, tunnel: TunnelId) -> Result<Counters, Error>;

    /// What a session has to do without; nothing for one that is not there.
    fn limits(&mut self, _session: SessionKey) -> Vec<Limit> {
        Vec::new()
    }

    /// Octets of the longest IP packet that the path to a tunnel's peer takes, as far as is known.
    fn path_mtu(&mut self, _tunnel: TunnelId) -> Option<u32> {
        None
    }

    /// How a session uses the fast path; nothing where that was not asked for.
    fn fast_path(&mut self, _session: SessionKey) -> Option<FastPath> {
        None
    }

    /// The counters of a session.
    fn session_counters(&mut self, session: SessionKey) -> Result<Counters, Error>;
}
