use crate::counters::{Counters, Tally};
use crate::fast;
use crate::spec::{
    DebugMask, Mss, Retuning, Sequencing, SessionKey, SessionSpec, SessionTuning, TunnelSpec,
};
use crate::user::carrier::Carrier;
use crate::user::key::Key;
use crate::user::log::{AnswerBudget, LogBudget};
use crate::user::marks::Marks;
use crate::user::order::Width;
use adit_wire::l2tp::{Cookie, Sequence, SessionId, Sublayer, TunnelId, V2DataHeader, write_v3};
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::Duration;

/// The longest L2TP data header that is sent: UDP's version word, session id, cookie, sublayer.
pub(crate) const MAX_HEADER: usize = 20;

/// How often any session has begun or ceased to number its packets as its peer did.
pub(crate) static FOLLOWED: AtomicU64 = AtomicU64::new(0);

/// A session as both directions see it. What is not atomic never changes.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) key: SessionKey,
    format: Format,
    /// The peer's id of the tunnel, which headers of version 2 have.
    peer_tunnel: AtomicU32,
    pub(crate) tuning: Tuning,
    /// The number of the next packet to send.
    next_ns: AtomicU32,
    /// As the receiving thread last told.
    expected: AtomicU32,
    /// Moved by receiving threads.
    pub(crate) rx: Tally,
    /// Moved by sending threads.
    pub(crate) tx: Tally,
    /// Packets that never come by here.
    pub(crate) fast: fast::State,
    pub(crate) log: LogBudget,
    pub(crate) answers: AnswerBudget,
    /// Whether its device shall have no carrier.
    silent: AtomicBool,
    /// Whether its device was up when that was told last.
    up: AtomicBool,
}

/// What stands in front of a session's payloads. The ids are the peer's.
#[derive(Debug, Clone, Copy)]
enum Format {
    V2 {
        session: SessionId,
    },
    V3 {
        udp: bool,
        session: SessionId,
        cookie: Cookie,
        peer_cookie: Cookie,
        sublayer: Sublayer,
        peer_sublayer: Sublayer,
    },
}

/// [`SessionTuning`] for threads.
#[derive(Debug)]
pub(crate) struct Tuning {
    pub(crate) recv_seq: AtomicBool,
    pub(crate) send_seq: AtomicBool,
    pub(crate) lns_mode: AtomicBool,
    reorder_timeout_ns: AtomicU64,
    debug: AtomicU32,
    /// 0 where there is no bound, [`AUTOMATIC`] for an automatic one.
    mss: AtomicU32,
    pub(crate) marks: Marks,
}

/// The value of [`Tuning::mss`] beyond those of a size.
const AUTOMATIC: u32 = u32::MAX;

impl Session {
    /// A session of `tunnel` that numbers its packets from `from` on.
    pub(crate) fn new(tunnel: &TunnelSpec, spec: &SessionSpec, from: Sequencing) -> Session {
        let tuning = SessionTuning {
            send_seq: from.send_seq,
            ..spec.tuning
        };
        Session {
            key: spec.key,
            format: Format::of(tunnel, spec),
            // The high half means nothing there.
            peer_tunnel: AtomicU32::new(tunnel.peer_id.0),
            tuning: Tuning::new(&tuning),
            next_ns: AtomicU32::new(from.next_ns.0),
            expected: AtomicU32::new(0),
            rx: Tally::default(),
            tx: Tally::default(),
            fast: fast::State::default(),
            log: LogBudget::default(),
            answers: AnswerBudget::default(),
            silent: AtomicBool::new(false),
            up: AtomicBool::new(false),
        }
    }

    /// What both directions have counted, by whatever path.
    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.rx.read();
        counters += self.tx.read();
        counters += self.fast.counters();
        counters
    }

    /// Whether it is of version 2.
    pub(crate) fn is_version_2(&self) -> bool {
        match self.format {
            Format::V2 { .. } => true,
            Format::V3 { .. } => false,
        }
    }

    /// What the peer's packets are recognised by.
    pub(crate) fn wire_key(&self) -> Key {
        match self.format {
            Format::V2 { .. } => Key::v2(self.key.tunnel, self.key.session),
            Format::V3 { .. } => Key::v3(self.key.session),
        }
    }

    /// Notes what the peer calls the tunnel.
    pub(crate) fn name_peer(&self, tunnel: TunnelId) {
        self.peer_tunnel.store(tunnel.0, Relaxed);
    }

    /// How many bits its sequence numbers have.
    pub(crate) fn width(&self) -> Width {
        match self.format {
            Format::V2 { .. } => Width::Bits16,
            Format::V3 { .. } => Width::Bits24,
        }
    }

    /// The cookie and the sublayer that the peer's packets carry. Version 2 has neither.
    pub(crate) fn expects(&self) -> (Cookie, Sublayer) {
        match self.format {
            Format::V2 { .. } => (Cookie::EMPTY, Sublayer::None),
            Format::V3 {
                peer_cookie,
                peer_sublayer,
                ..
            } => (peer_cookie, peer_sublayer),
        }
    }

    /// How the session numbers its packets now.
    pub(crate) fn sequencing(&self) -> Sequencing {
        Sequencing {
            send_seq: self.tuning.send_seq.load(Relaxed),
            next_ns: Sequence(self.next_ns.load(Relaxed) & self.width().mask()),
        }
    }

    /// The number that the peer's next packet should have.
    pub(crate) fn expected(&self) -> Sequence {
        Sequence(self.expected.load(Relaxed))
    }

    /// Whether the session's device has a carrier.
    pub(crate) fn has_carrier(&self) -> bool {
        !self.silent.load(Relaxed)
    }

    /// Notes whether the session's device has a carrier.
    pub(crate) fn set_carrier(&self, on: bool) {
        self.silent.store(!on, Relaxed);
    }

    /// Notes whether the session's device is up; true when that is to be told.
    pub(crate) fn switch(&self, up: bool) -> bool {
        self.up.swap(up, Relaxed) != up
    }

    /// Tells what [`Session::expected`] is to be.
    pub(crate) fn expect(&self, number: u32) {
        self.expected.store(number, Relaxed);
    }

    /// Octets of the header that [`Session::append_header`] writes, as the session is tuned now.
    pub(crate) fn header_len(&self) -> usize {
        match self.format {
            Format::V2 { .. } if self.tuning.send_seq.load(Relaxed) => 10,
            Format::V2 { .. } => 6,
            // Over UDP a version word stands in front of the session id (RFC 3931 §4.1.2.1).
            Format::V3 {
                udp,
                cookie,
                sublayer,
                ..
            } => usize::from(udp) * 4 + 4 + cookie.len() + sublayer.len(),
        }
    }

    /// Writes the header of the next packet to send, which takes a sequence number if the session
    /// sends them.
    pub(crate) fn append_header(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + MAX_HEADER, 0);
        let len = self.write_header(&mut out[start..]);
        out.truncate(start + len);
    }

    fn write_header(&self, out: &mut [u8]) -> usize {
        let number = self.number();
        let written = match self.format {
            Format::V2 { session } => {
                let header = V2DataHeader {
                    tunnel: TunnelId(self.peer_tunnel.load(Relaxed) & 0xffff),
                    session,
                    has_length: false,
                    ns: number.map(|number| number.0 as u16),
                    offset: None,
                    priority: false,
                };
                header.write(out, 0).ok()
            }
            Format::V3 {
                udp,
                session,
                cookie,
                sublayer,
                ..
            } => write_v3(out, udp, session, &cookie, sublayer, number),
        };
        written.unwrap_or(0)
    }

    /// Whether it numbers packets now.
    pub(crate) fn numbers(&self) -> bool {
        let room = match self.format {
            Format::V2 { .. } => true,
            Format::V3 { sublayer, .. } => sublayer == Sublayer::Default,
        };
        room && self.tuning.send_seq.load(Relaxed)
    }

    /// The next packet's number, when it gets one.
    fn number(&self) -> Option<Sequence> {
        let mask = self.width().mask();
        self.numbers()
            .then(|| Sequence(self.next_ns.fetch_add(1, Relaxed) & mask))
    }

    /// Whether a line of `class` is wanted by this session or its tunnel, and affordable now.
    pub(crate) fn logs(&self, class: u32, carrier: &Carrier) -> bool {
        (DebugMask(self.tuning.debug.load(Relaxed)).has(class) || carrier.debug().has(class))
            && self.log.take()
    }
}

impl Format {
    fn of(tunnel: &TunnelSpec, spec: &SessionSpec) -> Format {
        // Version 2 has 16 bits for an id; Linux's driver leaves the others off as well.
        match tunnel.version {
            2 => Format::V2 {
                session: SessionId(spec.peer_id.0 & 0xffff),
            },
            _ => Format::V3 {
                udp: tunnel.encap.is_udp(),
                session: spec.peer_id,
                cookie: spec.cookie,
                peer_cookie: spec.peer_cookie,
                sublayer: spec.sublayer,
                peer_sublayer: spec.peer_sublayer,
            },
        }
    }
}

impl Tuning {
    /// Has the session number its packets, or cease to, as its peer does.
    pub(crate) fn follow(&self, numbered: bool) {
        self.send_seq.store(numbered, Relaxed);
        FOLLOWED.fetch_add(1, Release);
    }

    fn new(tuning: &SessionTuning) -> Tuning {
        Tuning {
            recv_seq: tuning.recv_seq.into(),
            send_seq: tuning.send_seq.into(),
            lns_mode: tuning.lns_mode.into(),
            reorder_timeout_ns: nanoseconds(tuning.reorder_timeout).into(),
            debug: tuning.debug.0.into(),
            mss: mss_number(tuning.mss).into(),
            marks: Marks::new(tuning.tos, tuning.ecn, tuning.ttl),
        }
    }

    /// Changes what is named; what the session has learnt from its peer stays otherwise.
    pub(crate) fn change(&self, change: &Retuning) {
        let switches = [
            (&self.recv_seq, change.recv_seq),
            (&self.send_seq, change.send_seq),
            (&self.lns_mode, change.lns_mode),
        ];
        for (switch, on) in switches {
            if let Some(on) = on {
                switch.store(on, Relaxed);
            }
        }
        if let Some(timeout) = change.reorder_timeout {
            let timeout = nanoseconds(timeout);
            self.reorder_timeout_ns.store(timeout, Relaxed);
        }
        if let Some(debug) = change.debug {
            self.debug.store(debug.0, Relaxed);
        }
        self.marks.change(change);
        if let Some(mss) = change.mss {
            self.mss.store(mss_number(mss), Relaxed);
        }
    }

    /// The bound of TCP segment sizes.
    pub(crate) fn mss(&self) -> Option<Mss> {
        match self.mss.load(Relaxed) {
            0 => None,
            AUTOMATIC => Some(Mss::Auto),
            octets => Some(Mss::Octets(octets as u16)),
        }
    }

    pub(crate) fn reorder_timeout(&self) -> Duration {
        Duration::from_nanos(self.reorder_timeout_ns.load(Relaxed))
    }
}

fn mss_number(mss: Option<Mss>) -> u32 {
    match mss {
        None => 0,
        Some(Mss::Auto) => AUTOMATIC,
        Some(Mss::Octets(octets)) => octets.into(),
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
