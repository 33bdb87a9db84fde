use crate::counters::Tally;
use crate::spec::{DebugMask, Retuning, Sequencing, SessionKey, SessionSpec, SessionTuning};
use crate::user::carrier::Carrier;
use crate::user::log::LogBudget;
use adit_wire::l2tp::{Cookie, Sequence, SessionId, Sublayer, write_v3};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::Duration;

/// The longest L2TP data header: UDP's version word, session id, cookie, sublayer.
pub(crate) const MAX_HEADER: usize = 20;

/// A session as both directions see it. What is not atomic never changes.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) key: SessionKey,
    peer_id: SessionId,
    cookie: Cookie,
    pub(crate) peer_cookie: Cookie,
    pub(crate) sublayer: Sublayer,
    pub(crate) tuning: Tuning,
    /// The number of the next packet to send.
    next_ns: AtomicU32,
    /// Moved by receiving threads.
    pub(crate) rx: Tally,
    /// Moved by sending threads.
    pub(crate) tx: Tally,
    pub(crate) log: LogBudget,
}

/// [`SessionTuning`] for threads.
#[derive(Debug)]
pub(crate) struct Tuning {
    pub(crate) recv_seq: AtomicBool,
    pub(crate) send_seq: AtomicBool,
    pub(crate) lns_mode: AtomicBool,
    reorder_timeout_ns: AtomicU64,
    debug: AtomicU32,
}

impl Session {
    /// A session that numbers its packets from `from` on.
    pub(crate) fn new(spec: &SessionSpec, from: Sequencing) -> Session {
        let tuning = SessionTuning {
            send_seq: from.send_seq,
            ..spec.tuning
        };
        Session {
            key: spec.key,
            peer_id: spec.peer_id,
            cookie: spec.cookie,
            peer_cookie: spec.peer_cookie,
            sublayer: spec.sublayer,
            tuning: Tuning::new(&tuning),
            next_ns: AtomicU32::new(from.next_ns.0),
            rx: Tally::default(),
            tx: Tally::default(),
            log: LogBudget::default(),
        }
    }

    /// How the session numbers its packets now.
    pub(crate) fn sequencing(&self) -> Sequencing {
        Sequencing {
            send_seq: self.tuning.send_seq.load(Relaxed),
            next_ns: Sequence(self.next_ns.load(Relaxed) & Sequence::MAX),
        }
    }

    /// Octets of the header that [`Session::write_header`] writes.
    pub(crate) fn header_len(&self, udp: bool) -> usize {
        header_len(udp, &self.cookie, self.sublayer)
    }

    /// Octets of the header that the peer's packets carry.
    pub(crate) fn received_header_len(&self, udp: bool) -> usize {
        header_len(udp, &self.peer_cookie, self.sublayer)
    }

    /// Writes the header of the next packet to send, which takes a sequence number if the session
    /// sends them. `out` has [`Session::header_len`] octets.
    pub(crate) fn write_header(&self, out: &mut [u8], udp: bool) {
        let numbered = self.sublayer == Sublayer::Default && self.tuning.send_seq.load(Relaxed);
        let number = numbered.then(|| Sequence(self.next_ns.fetch_add(1, Relaxed) & Sequence::MAX));
        write_v3(out, udp, self.peer_id, &self.cookie, self.sublayer, number);
    }

    /// Whether a line of `class` is wanted by this session or its tunnel, and affordable now.
    pub(crate) fn logs(&self, class: u32, carrier: &Carrier) -> bool {
        (DebugMask(self.tuning.debug.load(Relaxed)).has(class) || carrier.debug().has(class))
            && self.log.take()
    }
}

impl Tuning {
    fn new(tuning: &SessionTuning) -> Tuning {
        Tuning {
            recv_seq: tuning.recv_seq.into(),
            send_seq: tuning.send_seq.into(),
            lns_mode: tuning.lns_mode.into(),
            reorder_timeout_ns: nanoseconds(tuning.reorder_timeout).into(),
            debug: tuning.debug.0.into(),
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
    }

    pub(crate) fn reorder_timeout(&self) -> Duration {
        Duration::from_nanos(self.reorder_timeout_ns.load(Relaxed))
    }
}

/// Over UDP a version word stands in front of the session id (RFC 3931 §4.1.2.1).
fn header_len(udp: bool, cookie: &Cookie, sublayer: Sublayer) -> usize {
    usize::from(udp) * 4 + 4 + cookie.len() + sublayer.len()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
