use super::plan::Reason;
use super::program::{Count, Entry, SENT};
use crate::counters::Counters;
use crate::sys::bpf::Map;
use adit_wire::netlink::{Stat, Statistics};
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a session uses the fast path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FastPath {
    /// Why it does not, now.
    pub obstacle: Option<String>,
    /// Why the kernel merges nothing of what it receives by it, though it would otherwise.
    pub unmerged: Option<String>,
    /// Packets that it has sent by it.
    pub sent: u64,
    /// Packets that it has received by it.
    pub received: u64,
}

impl fmt::Display for FastPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.obstacle, &self.unmerged) {
            (Some(obstacle), _) => write!(f, "no, {obstacle}"),
            (None, Some(why)) => write!(f, "active, unmerged since {why}"),
            (None, None) => f.write_str("active"),
        }?;
        let FastPath { sent, received, .. } = self;
        write!(f, "; {sent} packets sent, {received} received by it")
    }
}

/// What a session knows of its fast path. Its keeper changes it, others read it.
#[derive(Debug, Default)]
pub(crate) struct State {
    inner: Mutex<Inner>,
    active: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    /// Nothing where the fast path is not wanted at all.
    standing: Option<Result<Live, Reason>>,
    /// What programs that are gone have counted.
    past: Counts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    sent: Count,
    received: Count,
}

/// Where the programs of a session count.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) sent: Arc<Map>,
    pub(crate) sessions: Arc<Map>,
    pub(crate) key: Vec<u8>,
    /// As in [`FastPath`].
    pub(crate) unmerged: Option<Arc<str>>,
}

impl State {
    /// Programs are at work from now on.
    pub(crate) fn begin(&self, live: Live) {
        self.inner().standing = Some(Ok(live));
        self.active.store(true, Relaxed);
    }

    /// There are none, or no longer; those that were must not count any more.
    pub(crate) fn end(&self, reason: Reason) {
        self.active.store(false, Relaxed);
        let mut inner = self.inner();
        inner.past = inner.counts();
        inner.standing = Some(Err(reason));
    }

    /// Programs that are at work receive in another way from now on: see [`FastPath::unmerged`].
    pub(crate) fn remark(&self, unmerged: Option<Arc<str>>) {
        if let Some(Ok(live)) = &mut self.inner().standing {
            live.unmerged = unmerged;
        }
    }

    /// Whether programs are at work.
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Relaxed)
    }

    /// How the session uses the fast path; nothing where it was not asked for.
    pub(crate) fn show(&self) -> Option<FastPath> {
        let inner = self.inner();
        let standing = inner.standing.as_ref()?;
        let counts = inner.counts();
        Some(FastPath {
            obstacle: standing.as_ref().err().map(Reason::to_string),
            unmerged: standing
                .as_ref()
                .ok()
                .and_then(|live| live.unmerged.as_deref().map(str::to_owned)),
            sent: counts.sent.packets,
            received: counts.received.packets,
        })
    }

    /// All that was counted.
    pub(crate) fn counters(&self) -> Counters {
        let Counts { sent, received } = self.inner().counts();
        let statistics = [
            (Stat::TxPackets, sent.packets),
            (Stat::TxBytes, sent.octets),
            (Stat::RxPackets, received.packets),
            (Stat::RxBytes, received.octets),
        ];
        Counters {
            statistics: Statistics::from_values(statistics),
            ..Counters::default()
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn counts(&self) -> Counts {
        let now = match &self.standing {
            Some(Ok(live)) => live.counts(),
            Some(Err(_)) | None => Counts::default(),
        };
        Counts {
            sent: sum(self.past.sent, now.sent),
            received: sum(self.past.received, now.received),
        }
    }
}

impl Live {
    fn counts(&self) -> Counts {
        let mut sent = [0; SENT];
        let mut entry = [0; Entry::LEN];
        let mut counts = Counts::default();
        if self.sent.get(&[0; 4], &mut sent).is_ok()
            && let Some(count) = sent.first_chunk()
        {
            counts.sent = Count::read(count);
        }
        if self.sessions.get(&self.key, &mut entry).is_ok()
            && let Some(count) = entry.first_chunk()
        {
            counts.received = Count::read(count);
        }
        counts
    }
}

fn sum(a: Count, b: Count) -> Count {
    Count {
        packets: a.packets + b.packets,
        octets: a.octets + b.octets,
    }
}
