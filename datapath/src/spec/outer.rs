//! How a tunnel's outer packets travel, beside their addresses: what may change while it lives.

use super::{DebugMask, change};
use std::num::NonZeroU8;

/// Whether outer packets may be fragmented, and whether they tell of the path's MTU: the
/// IP_MTU_DISCOVER modes of a Linux socket, by the names that `ping -M` has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
#[repr(u8)]
pub enum Pmtudisc {
    /// May be fragmented by this host and by routers (no DF), as Linux's L2TP driver sends them.
    #[default]
    Dont = 0,
    /// Carries DF when it fits the path as known; what does not fit is fragmented by this host.
    Want = 1,
    /// Carries DF and is never fragmented; what does not fit the path is not sent.
    Do = 2,
    /// As [`Pmtudisc::Do`], but what the path is said to admit is not believed: only this host's
    /// own link bounds a packet.
    Probe = 3,
}

impl Pmtudisc {
    /// All modes, by ascending number, with the names that people give them.
    pub const ALL: [(Pmtudisc, &'static str); 4] = [
        (Pmtudisc::Dont, "dont"),
        (Pmtudisc::Want, "want"),
        (Pmtudisc::Do, "do"),
        (Pmtudisc::Probe, "probe"),
    ];

    /// The mode of this number.
    pub fn from_number(number: u8) -> Option<Pmtudisc> {
        let mut all = Pmtudisc::ALL.into_iter();
        all.find(|(mode, _)| *mode as u8 == number)
            .map(|(mode, _)| mode)
    }

    /// The mode's name.
    pub fn name(self) -> &'static str {
        Pmtudisc::ALL[self as usize].1
    }
}

/// The codepoint of outer packets (RFC 2983).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tos {
    /// This TOS or traffic class octet, whose low two bits are 0 (RFC 3168 §5). The frame's own
    /// stays as it is.
    Fixed(u8),
    /// The codepoint of the IP packet in the frame, 0 for other frames. The frame's own stays as
    /// it is at the other end.
    Inherit,
    /// As [`Tos::Inherit`], and at this end a received frame takes over the codepoint of its outer
    /// packet: the uniform model.
    Uniform,
}

impl Default for Tos {
    fn default() -> Tos {
        Tos::Fixed(0)
    }
}

/// The part of a tunnel that may change while it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TunnelTuning {
    /// Log lines wanted.
    pub debug: DebugMask,
    /// Whether outer packets may be fragmented. Tunnels that share a socket have the strictest
    /// that one of them asks for.
    pub pmtudisc: Pmtudisc,
    /// The outer packets' TTL or hop limit; `None` is what the system takes.
    pub ttl: Option<NonZeroU8>,
    /// The codepoint of outer packets.
    pub tos: Tos,
    /// Congestion is told through the tunnel: outer packets carry the ECN field of the frame, and
    /// a received frame takes over a mark of its outer packet (RFC 6040, normal mode). Both ends
    /// must agree (RFC 9601).
    pub ecn: bool,
    /// Seconds between probes of the path's MTU (RFC 8899), which the peer has to answer as any
    /// host answers a ping; 0 sends none. Tunnels of one path have the shortest time that one of
    /// them asks for.
    pub pmtu_probe: u16,
}

/// What changes of a tunnel's [`TunnelTuning`]; `None` leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TunnelRetuning {
    /// Log lines wanted.
    pub debug: Option<DebugMask>,
    /// Whether outer packets may be fragmented.
    pub pmtudisc: Option<Pmtudisc>,
    /// The outer packets' TTL or hop limit; `Some(None)` is what the system takes again.
    pub ttl: Option<Option<NonZeroU8>>,
    /// The codepoint of outer packets.
    pub tos: Option<Tos>,
    /// Whether congestion is told through the tunnel.
    pub ecn: Option<bool>,
    /// Seconds between probes of the path's MTU; 0 sends none.
    pub pmtu_probe: Option<u16>,
}

impl TunnelRetuning {
    /// What makes `new` of `old`.
    pub fn between(old: &TunnelTuning, new: &TunnelTuning) -> TunnelRetuning {
        TunnelRetuning {
            debug: change(old.debug, new.debug),
            pmtudisc: change(old.pmtudisc, new.pmtudisc),
            ttl: change(old.ttl, new.ttl),
            tos: change(old.tos, new.tos),
            ecn: change(old.ecn, new.ecn),
            pmtu_probe: change(old.pmtu_probe, new.pmtu_probe),
        }
    }

    /// `old` with what changes.
    pub fn of(&self, old: &TunnelTuning) -> TunnelTuning {
        TunnelTuning {
            debug: self.debug.unwrap_or(old.debug),
            pmtudisc: self.pmtudisc.unwrap_or(old.pmtudisc),
            ttl: self.ttl.unwrap_or(old.ttl),
            tos: self.tos.unwrap_or(old.tos),
            ecn: self.ecn.unwrap_or(old.ecn),
            pmtu_probe: self.pmtu_probe.unwrap_or(old.pmtu_probe),
        }
    }
}
