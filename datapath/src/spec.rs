//! What there should be: tunnels, sessions, and changes to them, as plain values.

mod carrier;
mod outer;

pub use carrier::{
    Encap, ListenerAddress, ListenerId, ListenerSpec, PeerSource, TxChecksum, UdpChecksum, Via,
};
pub use outer::{Pmtudisc, Tos, TunnelRetuning, TunnelTuning};

use adit_wire::l2tp::{Cookie, Sequence, SessionId, Sublayer, TunnelId};
use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Which log lines an object wants: the message classes of Linux's `l2tp.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DebugMask(pub u32);

impl DebugMask {
    /// L2TP_MSG_DEBUG: life and death of the object.
    pub const DEBUG: u32 = 1;
    /// L2TP_MSG_CONTROL: control packets.
    pub const CONTROL: u32 = 2;
    /// L2TP_MSG_SEQ: sequence numbers.
    pub const SEQ: u32 = 4;
    /// L2TP_MSG_DATA: data packets.
    pub const DATA: u32 = 8;

    /// Whether `class`, one of the constants, is wanted.
    pub fn has(self, class: u32) -> bool {
        self.0 & class != 0
    }
}

/// A tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelSpec {
    /// Local id, unique in the namespace.
    pub id: TunnelId,
    /// The peer's id for it.
    pub peer_id: TunnelId,
    /// L2TP version: 2, whose ids have 16 bits and whose sessions carry PPP, or 3.
    pub version: u8,
    /// Addresses and encapsulation. On a listener's socket the local address is the one that the
    /// tunnel's packets leave from, never the unspecified one.
    pub encap: Encap,
    /// The listener whose socket carries the tunnel; `None` gives it a socket of its own. What
    /// such a tunnel has ends with the process: its devices are not kept for a successor.
    pub via: Option<Via>,
    /// What may change.
    pub tuning: TunnelTuning,
}

/// Names a session: v3 ids of UDP tunnels may repeat from tunnel to tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey {
    /// The session's tunnel.
    pub tunnel: TunnelId,
    /// Its local id.
    pub session: SessionId,
}

impl SessionKey {
    /// The range of all keys of a tunnel's sessions.
    pub fn all_of(tunnel: TunnelId) -> RangeInclusive<SessionKey> {
        let key = |session| SessionKey {
            tunnel,
            session: SessionId(session),
        };
        key(0)..=key(u32::MAX)
    }
}

/// What a session carries (RFC 3931 §1.2, pseudowire type).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pseudowire {
    /// Ethernet frames, to and from a device of its own (RFC 4719).
    #[default]
    Ethernet,
    /// PPP frames (RFC 2661): no device of its own, but a channel of [`ppp`](crate::ppp).
    Ppp,
}

impl Pseudowire {
    /// Whether a session of this kind has a device of its own.
    pub fn has_device(self) -> bool {
        match self {
            Pseudowire::Ethernet => true,
            Pseudowire::Ppp => false,
        }
    }
}

/// The largest TCP segment size that hosts may agree on (RFC 9293 §3.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mss {
    /// What fits a packet of the device's MTU, and of the path's.
    Auto,
    /// This one, in octets.
    Octets(u16),
}

/// The part of a session that may change while it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionTuning {
    /// Packets must carry sequence numbers.
    pub recv_seq: bool,
    /// Packets are sent with sequence numbers.
    pub send_seq: bool,
    /// This end decides about sequence numbers; otherwise `send_seq` follows the peer.
    pub lns_mode: bool,
    /// How long a packet waits for those before it; zero does not reorder.
    pub reorder_timeout: Duration,
    /// The device's MTU when set by hand.
    pub mtu: Option<u16>,
    /// How large TCP segments may be that hosts agree on through the session, both ways; `None`
    /// leaves it to them.
    pub mss: Option<Mss>,
    /// The codepoint of outer packets; `None` is the tunnel's.
    pub tos: Option<Tos>,
    /// Whether congestion is told through the session; `None` is as the tunnel has it.
    pub ecn: Option<bool>,
    /// The outer packets' TTL or hop limit; `None` is the tunnel's.
    pub ttl: Option<NonZeroU8>,
    /// Log lines wanted.
    pub debug: DebugMask,
}

/// What changes of a session's [`SessionTuning`]; `None` leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retuning {
    /// Packets must carry sequence numbers.
    pub recv_seq: Option<bool>,
    /// Packets are sent with sequence numbers. Left out, a session that follows its peer goes on
    /// as it does now.
    pub send_seq: Option<bool>,
    /// This end decides about sequence numbers.
    pub lns_mode: Option<bool>,
    /// How long a packet waits for those before it.
    pub reorder_timeout: Option<Duration>,
    /// The device's MTU; `Some(None)` is the default one again.
    pub mtu: Option<Option<u16>>,
    /// How large TCP segments may be; `Some(None)` leaves it to the hosts again.
    pub mss: Option<Option<Mss>>,
    /// The codepoint of outer packets; `Some(None)` is the tunnel's again.
    pub tos: Option<Option<Tos>>,
    /// Whether congestion is told through the session; `Some(None)` is as the tunnel has it.
    pub ecn: Option<Option<bool>>,
    /// The outer packets' TTL or hop limit; `Some(None)` is the tunnel's again.
    pub ttl: Option<Option<NonZeroU8>>,
    /// Log lines wanted.
    pub debug: Option<DebugMask>,
}

impl Retuning {
    /// What makes `new` of `old`.
    pub fn between(old: &SessionTuning, new: &SessionTuning) -> Retuning {
        Retuning {
            recv_seq: change(old.recv_seq, new.recv_seq),
            send_seq: change(old.send_seq, new.send_seq),
            lns_mode: change(old.lns_mode, new.lns_mode),
            reorder_timeout: change(old.reorder_timeout, new.reorder_timeout),
            mtu: change(old.mtu, new.mtu),
            mss: change(old.mss, new.mss),
            tos: change(old.tos, new.tos),
            ecn: change(old.ecn, new.ecn),
            ttl: change(old.ttl, new.ttl),
            debug: change(old.debug, new.debug),
        }
    }

    /// `old` with what changes.
    pub fn of(&self, old: &SessionTuning) -> SessionTuning {
        SessionTuning {
            recv_seq: self.recv_seq.unwrap_or(old.recv_seq),
            send_seq: self.send_seq.unwrap_or(old.send_seq),
            lns_mode: self.lns_mode.unwrap_or(old.lns_mode),
            reorder_timeout: self.reorder_timeout.unwrap_or(old.reorder_timeout),
            mtu: self.mtu.unwrap_or(old.mtu),
            mss: self.mss.unwrap_or(old.mss),
            tos: self.tos.unwrap_or(old.tos),
            ecn: self.ecn.unwrap_or(old.ecn),
            ttl: self.ttl.unwrap_or(old.ttl),
            debug: self.debug.unwrap_or(old.debug),
        }
    }
}

/// `new` if it differs from `old`.
fn change<T: Copy + PartialEq>(old: T, new: T) -> Option<T> {
    (old != new).then_some(new)
}

/// How a session numbers the packets that it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequencing {
    /// Whether it does: as it was told to, or as it has followed its peer since.
    pub send_seq: bool,
    /// The number of the next packet that gets one.
    pub next_ns: Sequence,
}

/// A static session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSpec {
    /// Tunnel and local id.
    pub key: SessionKey,
    /// The peer's id for it, which outgoing packets carry.
    pub peer_id: SessionId,
    /// What it carries; in a tunnel of version 2 always PPP.
    pub pseudowire: Pseudowire,
    /// The device's name; `None` takes the first free `l2tpethN`.
    pub ifname: Option<String>,
    /// The cookie sent; none in version 2, which has no cookies and no sublayer.
    pub cookie: Cookie,
    /// The cookie demanded.
    pub peer_cookie: Cookie,
    /// The L2-specific sublayer of sent packets.
    pub sublayer: Sublayer,
    /// That of received ones: what each end wants to receive is its own to say (RFC 3931 §5.4.4).
    pub peer_sublayer: Sublayer,
    /// What may change.
    pub tuning: SessionTuning,
}

impl SessionSpec {
    /// A session that carries PPP as in version 2 (RFC 2661): without device, cookies and sublayer,
    /// tuned as if nothing was said.
    pub fn ppp(key: SessionKey, peer_id: SessionId) -> SessionSpec {
        SessionSpec {
            key,
            peer_id,
            pseudowire: Pseudowire::Ppp,
            ifname: None,
            cookie: Cookie::EMPTY,
            peer_cookie: Cookie::EMPTY,
            sublayer: Sublayer::None,
            peer_sublayer: Sublayer::None,
            tuning: SessionTuning::default(),
        }
    }

    /// How the session numbers its packets before the first one.
    pub fn sequencing(&self) -> Sequencing {
        Sequencing {
            send_seq: self.tuning.send_seq,
            next_ns: Sequence(0),
        }
    }
}

/// A step from one state to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Opens the tunnel's socket.
    AddTunnel(TunnelSpec),
    /// Changes what is named of what may change of a tunnel, and nothing else.
    TuneTunnel(TunnelId, TunnelRetuning),
    /// Closes the socket and removes all sessions.
    RemoveTunnel(TunnelId),
    /// Makes the device and starts moving frames.
    AddSession(SessionSpec),
    /// Changes what is named of what may change, and nothing else.
    TuneSession(SessionKey, Retuning),
    /// Removes the device.
    RemoveSession(SessionKey),
}

/// A session's network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Interface name, as it is now.
    pub name: String,
    /// Interface index.
    pub index: u32,
    /// MTU, as it is now.
    pub mtu: u32,
}

/// Tunnels and sessions, desired or found. A session's tunnel is always in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// By local id.
    pub tunnels: BTreeMap<TunnelId, TunnelSpec>,
    /// By tunnel and local id.
    pub sessions: BTreeMap<SessionKey, SessionSpec>,
}
