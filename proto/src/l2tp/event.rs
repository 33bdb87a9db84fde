//! What goes into a node and what comes out.

use super::{
    CallDetails, Connected, DataPath, Direction, Path, ResultCode, SessionEnd, SessionKey,
    TunnelEnd, TunnelKey,
};
use adit_wire::l2tp::avp::{Accm, Bearers, CallErrors, CircuitStatus, Framings, PwType};
use adit_wire::l2tp::{SessionId, TunnelId, Version};
use std::sync::Arc;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<'a> {
    /// Nothing but that time went by.
    Time,
    /// A control message came. `payload` is the UDP payload, or over IP what follows the IP
    /// header, the zero word included. Data messages are counted and dropped.
    Datagram {
        /// Where from and where to.
        path: Path,
        /// Its octets.
        payload: &'a [u8],
    },
    /// Data of one of the tunnel's sessions came since this was said last. Saying it once a second
    /// is enough to spare Hellos (RFC 2661 §5.5).
    Traffic(TunnelKey),
    /// The data path did what [`Output::PathUp`] asked for, or could not, which becomes a CDN with
    /// this.
    Installed {
        /// Which session.
        session: SessionKey,
        /// Whether it is there.
        outcome: Result<(), ResultCode>,
    },
}

/// What is to be done, in this order.
///
/// What a message promises its peer stands before the message: a [`Output::Save`] before the
/// [`Output::Transmit`] that tells an id, and [`Output::PathUp`] before the one that lets the
/// peer send data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Remember this over a restart.
    Save(Saved),
    /// Send this datagram: a UDP payload, or an IP payload of protocol 115.
    Transmit {
        /// Where from and where to.
        path: Path,
        /// Its octets.
        payload: Vec<u8>,
    },
    /// Make the session's packets move; when it is there already, make it like this. Answered by
    /// [`Input::Installed`].
    ///
    /// It comes as soon as the peer may send data, which for the receiver of a request is before
    /// [`Event::SessionUp`]: a frame may overtake the ICCN or OCCN.
    PathUp(Box<DataPath>),
    /// Undo it. Needs no answer.
    PathDown(SessionKey),
    /// Something that people or policies want to know.
    Notify(Event),
}

/// What a node would have to know of its former life: which ids its peers may still use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// The tunnel's ids are about to be told to its peer.
    Tunnel {
        /// Which tunnel.
        tunnel: TunnelKey,
        /// The way to its peer.
        path: Path,
        /// Its version.
        version: Version,
    },
    /// The tunnel's id is free again.
    TunnelGone(TunnelKey),
    /// The session's ids are about to be told to its peer.
    Session(SessionKey),
    /// The session's id is free again.
    SessionGone(SessionKey),
}

/// What people or policies want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A peer asked for a tunnel and is being answered.
    TunnelAccepted {
        /// Its key from now on.
        tunnel: TunnelKey,
        /// The profile that decided.
        profile: Arc<str>,
        /// The way to its peer.
        path: Path,
        /// Its version.
        version: Version,
    },
    /// The tunnel is established.
    TunnelUp {
        /// Which one.
        tunnel: TunnelKey,
        /// Its version.
        version: Version,
        /// The way to its peer.
        path: Path,
        /// The peer's id for it.
        peer_tunnel: TunnelId,
        /// What the peer said of itself.
        peer: Arc<Peer>,
    },
    /// The tunnel ended; so have its sessions, each by its own event before this one. Its key is
    /// gone.
    TunnelDown {
        /// Which one.
        tunnel: TunnelKey,
        /// Why.
        end: TunnelEnd,
    },
    /// The peer is followed to another UDP port. Sessions' paths change by further
    /// [`Output::PathUp`]s.
    PeerMoved {
        /// Which tunnel.
        tunnel: TunnelKey,
        /// Where to.
        path: Path,
    },
    /// The peer asks for a session, and the driver is to [`answer`](super::Node::answer).
    CallOffered {
        /// Its key from now on.
        session: SessionKey,
        /// Who asked, and so what this end is.
        direction: Direction,
        /// What it carries.
        pseudowire: PwType,
        /// What the request says.
        details: Box<CallDetails>,
    },
    /// The session is established.
    SessionUp {
        /// Which one.
        session: SessionKey,
        /// The peer's id for it.
        peer_session: SessionId,
        /// What the ICCN or OCCN said, when it was the peer's.
        connected: Option<Box<Connected>>,
    },
    /// The session ended. Its key is gone.
    SessionDown {
        /// Which one.
        session: SessionKey,
        /// Why.
        end: SessionEnd,
    },
    /// The peer sent Set-Link-Info. v2: the send and receive ACCMs. v3: whether its circuit is up.
    LinkInfo {
        /// Which session.
        session: SessionKey,
        /// What it says.
        info: LinkInfo,
    },
    /// The peer sent WAN-Error-Notify: what its line counted since the call began.
    WanErrors {
        /// Which session.
        session: SessionKey,
        /// The counts.
        errors: CallErrors,
    },
    /// The node was told to drain, and nothing is left.
    Drained,
}

/// What a peer said of itself in SCCRQ or SCCRP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peer {
    /// Host Name.
    pub host_name: String,
    /// Vendor Name; empty when absent.
    pub vendor_name: String,
    /// Firmware Revision (v2).
    pub firmware: Option<u16>,
    /// Router ID (v3).
    pub router_id: Option<u32>,
    /// Receive Window Size.
    pub receive_window: u16,
    /// Framing Capabilities (v2).
    pub framing: Framings,
    /// Bearer Capabilities (v2).
    pub bearer: Bearers,
    /// Pseudowire Capabilities List (v3).
    pub pseudowires: Vec<PwType>,
    /// Whether both ends sent ECN Capability.
    pub ecn: bool,
    /// Whether the peer proved that it knows the secret.
    pub authenticated: bool,
}

/// What a Set-Link-Info says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkInfo {
    /// v2: control characters to be escaped.
    Accm(Accm),
    /// v3: the state of the circuit at the other end.
    Circuit(CircuitStatus),
}
