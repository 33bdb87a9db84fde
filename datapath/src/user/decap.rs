//! From a received packet to a session's frame: what the header says, and which rules it passes.

use crate::counters::DropReason;
use crate::spec::DebugMask;
use crate::user::carrier::Carrier;
use crate::user::order::{Fate, Order};
use crate::user::session::{Port, Session};
use adit_wire::l2tp::{DataError, Sequence, V3Data, split_v3};
use adit_wire::netlink::Stat;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Finds the session id of a v3 data packet; what follows it is the session's to read.
pub(crate) fn session_id<'a>(
    carrier: &Carrier,
    packet: &'a [u8],
) -> Result<(u32, &'a [u8]), DropReason> {
    let packet = if carrier.gives_ip_header() {
        behind_ipv4(packet)?
    } else {
        packet
    };
    let rest = if carrier.is_udp() {
        behind_flags(packet)?
    } else {
        packet
    };
    let (id, rest) = rest.split_first_chunk().ok_or(DropReason::Truncated)?;
    match u32::from_be_bytes(*id) {
        0 if !carrier.is_udp() => Err(DropReason::Control),
        id => Ok((id, rest)),
    }
}

fn behind_ipv4(packet: &[u8]) -> Result<&[u8], DropReason> {
    let first = packet.first().ok_or(DropReason::Truncated)?;
    packet
        .get(usize::from(first & 0x0f) * 4..)
        .ok_or(DropReason::Truncated)
}

fn behind_flags(packet: &[u8]) -> Result<&[u8], DropReason> {
    let ([flags, version, _, _], rest) = packet.split_first_chunk().ok_or(DropReason::Truncated)?;
    match (flags & 0x80 != 0, version & 0x0f) {
        (true, _) => Err(DropReason::Control),
        (false, 3) => Ok(rest),
        (false, _) => Err(DropReason::Version),
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
    pub(crate) fn take(
        &mut self,
        port: &Port,
        now: Instant,
        rest: &[u8],
        deliver: &mut impl FnMut(&[u8]),
    ) {
        let session = &*port.session;
        match split_v3(rest, &session.peer_cookie, session.sublayer) {
            Ok(data) => self.take_data(port, now, data, deliver),
            Err(DataError::Truncated) => refuse(port, DropReason::Truncated, None),
            Err(DataError::CookieMismatch) => refuse(port, DropReason::Cookie, None),
        }
    }

    fn take_data(
        &mut self,
        port: &Port,
        now: Instant,
        data: V3Data<'_>,
        deliver: &mut impl FnMut(&[u8]),
    ) {
        let session = &*port.session;
        if !follow_peer(session, data.sequence.is_some()) {
            return refuse(port, DropReason::SequenceMissing, data.sequence);
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
            Fate::OutsideWindow => refuse(port, DropReason::SequenceWindow, data.sequence),
            Fate::OutOfOrder => refuse(port, DropReason::SequenceOrder, data.sequence),
            Fate::Duplicate => refuse(port, DropReason::SequenceDuplicate, data.sequence),
        }
    }

    /// Delivers what has waited long enough by `now`.
    pub(crate) fn expire(&mut self, port: &Port, now: Instant, deliver: &mut impl FnMut(&[u8])) {
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

fn refuse(port: &Port, reason: DropReason, number: Option<Sequence>) {
    port.session.drop_received(reason);
    let class = if number.is_some() {
        DebugMask::SEQ
    } else {
        DebugMask::DATA
    };
    if port.session.logs(class, &port.carrier) {
        let key = &port.session.key;
        tracing::debug!(
            tunnel = %key.tunnel, session = %key.session, number = number.map(|n| n.0),
            reason = reason.name(), "dropped"
        );
    }
}
