use adit_wire::l2tp::{SessionId, TunnelId};
use std::fmt;

/// A tunnel (v2) or control connection (v3) of a node. No two of a node's life have the same key,
/// though ids come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelKey {
    pub(super) id: TunnelId,
    pub(super) serial: u32,
}

/// A session of a node. No two of a node's life have the same key, though ids come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    pub(super) tunnel: TunnelKey,
    pub(super) id: SessionId,
    pub(super) serial: u32,
}

impl TunnelKey {
    /// The id that this end assigned: 16 bits in v2.
    pub fn id(self) -> TunnelId {
        self.id
    }
}

impl SessionKey {
    /// The tunnel that the session belongs to.
    pub fn tunnel(self) -> TunnelKey {
        self.tunnel
    }

    /// The id that this end assigned. v2: 16 bits, unique in the tunnel. v3: unique in the node.
    pub fn id(self) -> SessionId {
        self.id
    }
}

impl fmt::Display for TunnelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tunnel {}", self.id)
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}/{}", self.tunnel.id, self.id)
    }
}
