//! What a carrier does with what is no session's, and how it opens what came.

use super::{Carrier, Framing};
use crate::ControlMessage;
use crate::counters::{Counters, DropReason, Tally};
use crate::spec::{DebugMask, Encap};
use crate::sys::batch::Received;
use crate::sys::socket;
use crate::user::key::Key;
use crate::user::twin::{self, Datagram};
use adit_wire::ip::ipv4_payload;
use std::sync::atomic::Ordering::Relaxed;

impl Carrier {
    /// Opens what came to a twin.
    pub(crate) fn open_datagram<'a>(
        &self,
        packet: &'a [u8],
        received: &Received,
    ) -> Result<Datagram<'a>, DropReason> {
        let strict = match self.encap {
            Encap::Udp { checksum, .. } => checksum.rx,
            Encap::Ip { .. } => false,
        };
        twin::open(self.encap.local().is_ipv4(), strict, packet, received)
    }

    /// Hands a control message up that was `received`, if anybody wants it.
    pub(crate) fn hand_up(&self, packet: &[u8], received: &Received) {
        let (Some(upcall), Some(peer)) = (&self.upcall, received.from) else {
            return match self.others_hear_control.load(Relaxed) {
                true => (),
                false => self.drop_stray(DropReason::Control, packet.len()),
            };
        };
        let octets = match self.framing() {
            Framing::Ipv4 => ipv4_payload(packet).map_or(packet, |(_, payload)| payload),
            Framing::Udp | Framing::Ipv6 | Framing::Twin => packet,
        };
        let message = ControlMessage {
            peer,
            local: received.to,
            mark: received.mark,
            octets,
        };
        if !(upcall.sink)(upcall.listener, message) {
            self.drop_stray(DropReason::ControlOverflow, packet.len());
        }
    }

    /// Counts a data packet of which no session knows.
    pub(crate) fn drop_unknown(&self, key: Key, octets: usize) {
        let reason = match self.version {
            Some(version) if version != key.version() => DropReason::Version,
            Some(_) | None => DropReason::UnknownSession,
        };
        self.drop_stray(reason, octets);
    }

    /// Counts a packet that belongs to no session.
    pub(crate) fn drop_stray(&self, reason: DropReason, octets: usize) {
        self.strays.drop(reason, 1);
        let control = matches!(reason, DropReason::Control | DropReason::ControlOverflow);
        let class = if control {
            DebugMask::CONTROL
        } else {
            DebugMask::DATA
        };
        if self.debug().has(class) && self.log.take() {
            tracing::debug!(remote = %self.encap.remote(), octets, reason = reason.name(), "dropped");
        }
    }

    /// The counters of what belongs to no session.
    pub(crate) fn counters(&self) -> Counters {
        let overflow = Tally::default();
        overflow.drop(DropReason::SocketOverflow, socket::overflows(&self.socket));
        let mut counters = self.strays.read();
        counters += overflow.read();
        counters
    }
}
