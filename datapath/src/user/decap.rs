//! From a received packet to a session's frame: what the header says, and which rules it passes.

use crate::counters::DropReason;
use crate::spec::{DebugMask, SessionKey};
use crate::user::carrier::Framing;
use crate::user::order::{Fate, Order};
use crate::user::port::Port;
use crate::user::session::Session;
use adit_wire::ip::ipv4_payload;
use adit_wire::l2tp::{DataError, HeaderError, IpMessage, UdpMessage, V3Data, split_v3};
use adit_wire::netlink::Stat;
use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Finds the session id of a v3 data packet; what follows it is the session's to read.
pub(crate) fn session_id(framing: Framing, packet: &[u8]) -> Result<(u32, &[u8]), DropReason> {
    match framing {
        Framing::Udp => match UdpMessage::decode(packet).map_err(reason_of)? {
            UdpMessage::V3Data { session, rest } => Ok((session.0, rest)),
            UdpMessage::V2Data { .. } => Err(DropReason::Version),
            UdpMessage::V2Control { .. } | UdpMessage::V3Control { .. } => Err(DropReason::Control),
        },
        Framing::Ipv4 => {
            let (_, payload) = ipv4_payload(packet).ok_or(DropReason::Truncated)?;
            session_id(Framing::Ipv6, payload)
        }
        Framing::Ipv6 => match IpMessage::decode(packet).map_err(reason_of)? {
            IpMessage::Data { session, rest } => Ok((session.0, rest)),
            IpMessage::Control { .. } => Err(DropReason::Control),
        },
    }
}

fn reason_of(error: HeaderError) -> DropReason {
    match error {
        HeaderError::Truncated(_) => DropReason::Truncated,
        HeaderError::UnknownVersion(_) => DropReason::Version,
        HeaderError::Length { .. } | HeaderError::ControlBit(_) => DropReason::Control,
    }
}

/// The receiving side of a session: its rules and its state, owned by one thread.
#[derive(Debug)]
pub(crate) struct Receiver {
    order: Order,
}

impl Receiver {
    pub(crate) fn new() -> Receiver {
        Receiver {
            order: Order::new(),
        }
    }

    /// When to call [`Receiver::expire`], if a packet waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.order.deadline()
    }

    /// Takes what follows the session id; `octets` is the length of the whole L2TP packet.
    /// Frames whose turn has come go to `deliver`.
    pub(crate) fn take<'a>(
        &mut self,
        port: &Port,
        now: Instant,
        rest: &'a [u8],
        deliver: &mut impl FnMut(Cow<'a, [u8]>),
    ) {
        let session = &*port.session;
        match split_v3(rest, &session.peer_cookie, session.sublayer) {
            Ok(data) => self.take_data(port, now, data, deliver),
            Err(DataError::Truncated) => port.drop_received(DropReason::Truncated, 1, None),
            Err(DataError::CookieMismatch) => port.drop_received(DropReason::Cookie, 1, None),
        }
    }

    fn take_data<'a>(
        &mut self,
        port: &Port,
        now: Instant,
        data: V3Data<'a>,
        deliver: &mut impl FnMut(Cow<'a, [u8]>),
    ) {
        let session = &*port.session;
        let followed = session.tuning.send_seq.load(Relaxed);
        let welcome = follow_peer(session, data.sequence.is_some());
        let follows = session.tuning.send_seq.load(Relaxed);
        if followed != follows && session.logs(DebugMask::SEQ, &port.carrier) {
            let SessionKey { tunnel, session } = session.key;
            tracing::debug!(%tunnel, %session, send_seq = follows, "follows its peer");
        }
        if !welcome {
            return port.drop_received(DropReason::SequenceMissing, 1, data.sequence);
        }
        let timeout = session.tuning.reorder_timeout();
        let fate = match data.sequence {
            Some(number) => self
                .order
                .numbered(now, number, timeout, data.payload, deliver),
            None => self.order.unnumbered(now, timeout, data.payload, deliver),
        };
        match fate {
            Fate::Delivered | Fate::Held { late: false } => {}
            Fate::FilledGap | Fate::Held { late: true } => session.rx.add(Stat::RxOosPackets, 1),
            Fate::OutsideWindow => port.drop_received(DropReason::SequenceWindow, 1, data.sequence),
            Fate::OutOfOrder => port.drop_received(DropReason::SequenceOrder, 1, data.sequence),
            Fate::Duplicate => port.drop_received(DropReason::SequenceDuplicate, 1, data.sequence),
        }
    }

    /// Delivers what has waited long enough by `now`.
    pub(crate) fn expire<'a>(
        &mut self,
        port: &Port,
        now: Instant,
        deliver: &mut impl FnMut(Cow<'a, [u8]>),
    ) {
        let before = self.order.expected();
        self.order.expire(now, deliver);
        if before != self.order.expected() && port.session.logs(DebugMask::SEQ, &port.carrier) {
            let session = &port.session.key.session;
            tracing::debug!(%session, from = before, to = self.order.expected(), "gap given up");
        }
    }
}

/// Whether a packet with or without sequence number is welcome. In LAC mode this end then sends
/// numbers as the peer does (RFC 2661 §4.4.6, Sequencing Required AVP).
fn follow_peer(session: &Session, numbered: bool) -> bool {
    let tuning = &session.tuning;
    let send_seq = tuning.send_seq.load(Relaxed);
    let lns_mode = tuning.lns_mode.load(Relaxed);
    match (numbered, lns_mode) {
        (true, true) => true,
        (true, false) => {
            if !send_seq {
                tuning.send_seq.store(true, Relaxed);
            }
            true
        }
        (false, _) if tuning.recv_seq.load(Relaxed) => false,
        (false, true) => !send_seq,
        (false, false) => {
            if send_seq {
                tuning.send_seq.store(false, Relaxed);
            }
            true
        }
    }
}

#[cfg(test)]
mod tests;
