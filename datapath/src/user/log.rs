use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Debug lines a second that one object may write.
const LINES_PER_SECOND: u64 = 20;

/// One object's allowance of debug lines, so that a busy session cannot drown the log.
#[derive(Debug, Default)]
pub(crate) struct LogBudget {
    /// The second it is about, times 2^32, plus the lines taken in it.
    taken: AtomicU64,
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl LogBudget {
    /// Takes one line if there is one left this second.
    pub(crate) fn take(&self) -> bool {
        self.take_at(START.elapsed().as_secs())
    }

    fn take_at(&self, second: u64) -> bool {
        let taken = self.taken.load(Relaxed);
        let lines = if taken >> 32 == second {
            taken & 0xffff_ffff
        } else {
            0
        };
        if lines >= LINES_PER_SECOND {
            return false;
        }
        self.taken.store(second << 32 | (lines + 1), Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_lines_and_no_more() {
        let budget = LogBudget::default();
        let granted = |second| (0..100).filter(|_| budget.take_at(second)).count() as u64;
        assert_eq!(
            (granted(0), granted(1), granted(1)),
            (LINES_PER_SECOND, LINES_PER_SECOND, 0)
        );
    }
}
