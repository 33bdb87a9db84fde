//! From a received packet to a session's payload: what the header says, and which rules it passes.

use crate::counters::DropReason;
use crate::spec::{DebugMask, SessionKey};
use crate::user::carrier::Framing;
use crate::user::key::Key;
use crate::user::line::Line;
use crate::user::order::{Fate, Order, Payload};
use crate::user::session::Session;
use adit_wire::ip::ipv4_payload;
use adit_wire::l2tp::{
    DataError, HeaderError, IpMessage, Sequence, SessionId, UdpMessage, V2DataHeader, split_v3,
};
use adit_wire::netlink::Stat;
use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// A data packet as far as its header is read without knowing the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Data<'a> {
    pub(crate) key: Key,
    /// The TOS octet or traffic class of the outer packet.
    pub(crate) class: u8,
    /// Octets of the L2TP packet before `rest`.
    before: usize,
    body: Body<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body<'a> {
    V2 {
        sequence: Option<Sequence>,
        payload: &'a [u8],
    },
    /// Cookie, sublayer and payload.
    V3(&'a [u8]),
}

/// Reads what all data packets have in common; the rest is the session's to read. Of a twin's
/// packets it reads what is behind the UDP header.
pub(crate) fn data(framing: Framing, packet: &[u8]) -> Result<Data<'_>, DropReason> {
    match framing {
        Framing::Udp | Framing::Twin => match UdpMessage::decode(packet).map_err(reason_of)? {
            UdpMessage::V3Data { session, rest } => Ok(v3(session, 8, rest)),
            UdpMessage::V2Data { header, payload } => Ok(v2(&header, payload)),
            UdpMessage::V2Control { .. } | UdpMessage::V3Control { .. } => Err(DropReason::Control),
        },
        Framing::Ipv4 => {
            let (_, payload) = ipv4_payload(packet).ok_or(DropReason::Truncated)?;
            data(Framing::Ipv6, payload)
        }
        Framing::Ipv6 => match IpMessage::decode(packet).map_err(reason_of)? {
            IpMessage::Data { session, rest } => Ok(v3(session, 4, rest)),
            IpMessage::Control { .. } => Err(DropReason::Control),
        },
    }
}

fn v3(session: SessionId, before: usize, rest: &[u8]) -> Data<'_> {
    let key = Key::v3(session);
    let body = Body::V3(rest);
    Data {
        key,
        class: 0,
        before,
        body,
    }
}

fn v2<'a>(header: &V2DataHeader, payload: &'a [u8]) -> Data<'a> {
    let sequence = header.ns.map(|ns| Sequence(ns.into()));
    Data {
        key: Key::v2(header.tunnel, header.session),
        class: 0,
        before: header.octets(),
        body: Body::V2 { sequence, payload },
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
    pub(crate) fn new(session: &Session) -> Receiver {
        Receiver {
            order: Order::new(session.width()),
        }
    }

    /// When to call [`Receiver::expire`], if a packet waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.order.deadline()
    }

    /// Takes a packet of the session. Payloads whose turn has come go to `deliver`.
    pub(crate) fn take<'a>(
        &mut self,
        line: &Line,
        now: Instant,
        data: &Data<'a>,
        deliver: &mut impl FnMut(Payload<'a>),
    ) {
        match open(&line.session, data) {
            Ok((sequence, payload)) => self.take_payload(line, now, sequence, payload, deliver),
            Err(DataError::Truncated) => line.drop_received(DropReason::Truncated, 1, None),
            Err(DataError::CookieMismatch) => line.drop_received(DropReason::Cookie, 1, None),
        }
    }

    fn take_payload<'a>(
        &mut self,
        line: &Line,
        now: Instant,
        sequence: Option<Sequence>,
        payload: Payload<'a>,
        deliver: &mut impl FnMut(Payload<'a>),
    ) {
        let session = &*line.session;
        let followed = session.tuning.send_seq.load(Relaxed);
        let welcome = follow_peer(session, sequence.is_some());
        let follows = session.tuning.send_seq.load(Relaxed);
        if followed != follows && line.logs(DebugMask::SEQ) {
            let SessionKey { tunnel, session } = session.key;
            tracing::debug!(%tunnel, %session, send_seq = follows, "follows its peer");
        }
        if !welcome {
            return line.drop_received(DropReason::SequenceMissing, 1, sequence);
        }
        let timeout = session.tuning.reorder_timeout();
        let before = self.order.expected();
        let fate = match sequence {
            Some(number) => self.order.numbered(now, number, timeout, payload, deliver),
            None => self.order.unnumbered(now, timeout, payload, deliver),
        };
        if before != self.order.expected() {
            session.expect(self.order.expected());
        }
        match fate {
            Fate::Delivered | Fate::Held { late: false } => {}
            Fate::FilledGap | Fate::Held { late: true } => session.rx.add(Stat::RxOosPackets, 1),
            Fate::OutsideWindow => line.drop_received(DropReason::SequenceWindow, 1, sequence),
            Fate::OutOfOrder => line.drop_received(DropReason::SequenceOrder, 1, sequence),
            Fate::Duplicate => line.drop_received(DropReason::SequenceDuplicate, 1, sequence),
        }
    }

    /// Delivers what has waited long enough by `now`.
    pub(crate) fn expire<'a>(
        &mut self,
        line: &Line,
        now: Instant,
        deliver: &mut impl FnMut(Payload<'a>),
    ) {
        let before = self.order.expected();
        self.order.expire(now, deliver);
        line.session.expect(self.order.expected());
        if before != self.order.expected() && line.logs(DebugMask::SEQ) {
            let session = &line.session.key.session;
            tracing::debug!(%session, from = before, to = self.order.expected(), "gap given up");
        }
    }
}

/// Sequence number and payload of a packet, by what the session expects in front of it.
fn open<'a>(
    session: &Session,
    data: &Data<'a>,
) -> Result<(Option<Sequence>, Payload<'a>), DataError> {
    let (sequence, octets, behind) = match data.body {
        Body::V2 { sequence, payload } => (sequence, payload, 0),
        Body::V3(rest) => {
            let (cookie, sublayer) = session.expects();
            let found = split_v3(rest, &cookie, sublayer)?;
            let behind = rest.len() - found.payload.len();
            (found.sequence, found.payload, behind)
        }
    };
    let payload = Payload {
        octets: Cow::Borrowed(octets),
        header: data.before + behind,
        class: data.class,
    };
    Ok((sequence, payload))
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
                tuning.follow(true);
            }
            true
        }
        (false, _) if tuning.recv_seq.load(Relaxed) => false,
        (false, true) => !send_seq,
        (false, false) => {
            if send_seq {
                tuning.follow(false);
            }
            true
        }
    }
}

#[cfg(test)]
mod tests;
