use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// While it lives, its thread stays on one processor: what the kernel does with packets on behalf of a
/// thread that moves gets out of order.
#[derive(Debug)]
pub struct Pinned(Option<CpuSet>);

impl Pinned {
    /// Keeps the present thread where it may be, on the first processor.
    pub fn here() -> Pinned {
        let before = sched_getaffinity(None).ok();
        let first =
            (0..CpuSet::MAX_CPU).find(|cpu| before.as_ref().is_some_and(|set| set.is_set(*cpu)));
        let Some(first) = first else {
            return Pinned(None);
        };
        let mut only = CpuSet::new();
        only.set(first);
        // A thread that moves all the same only fails more often.
        let _ = sched_setaffinity(None, &only);
        Pinned(before)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = sched_setaffinity(None, before);
        }
    }
}
