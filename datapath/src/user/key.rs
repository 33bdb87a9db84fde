use adit_wire::l2tp::{SessionId, TunnelId};

/// What in a data packet's header tells whose it is: over UDP and protocol 115, packets of many
/// tunnels and of both versions may come to one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    const V2: u64 = 1 << 32;

    /// Both ids of version 2, of which 16 bits count.
    pub(crate) fn v2(tunnel: TunnelId, session: SessionId) -> Key {
        Key(Key::V2 | u64::from(tunnel.0 & 0xffff) << 16 | u64::from(session.0 & 0xffff))
    }

    /// The session id, which alone version 3 has.
    pub(crate) fn v3(session: SessionId) -> Key {
        Key(session.0.into())
    }

    /// The version of its packets.
    pub(crate) fn version(self) -> u8 {
        if self.0 & Key::V2 == 0 { 3 } else { 2 }
    }
}
