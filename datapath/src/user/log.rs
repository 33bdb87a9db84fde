use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// One object's allowance of debug lines, so that a busy session cannot drown the log.
pub(crate) type LogBudget = Budget<20>;

/// A session's allowance of ICMP errors.
pub(crate) type AnswerBudget = Budget<100>;

/// A socket's allowance of looks at its paths for what ICMP says.
pub(crate) type LookBudget = Budget<20>;

/// What may be done so many times a second.
#[derive(Debug, Default)]
pub(crate) struct Budget<const PER_SECOND: u64> {
    /// The second it is about, times 2^32, plus what was taken in it.
    taken: AtomicU64,
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl<const PER_SECOND: u64> Budget<PER_SECOND> {
    /// Takes one if there is one left this second.
    pub(crate) fn take(&self) -> bool {
        self.take_at(START.elapsed().as_secs())
    }

    fn take_at(&self, second: u64) -> bool {
        let taken = self.taken.load(Relaxed);
        let count = if taken >> 32 == second {
            taken & 0xffff_ffff
        } else {
            0
        };
        if count >= PER_SECOND {
            return false;
        }
        self.taken.store(second << 32 | (count + 1), Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_share_and_no_more() {
        let budget = LogBudget::default();
        let granted = |second| (0..100).filter(|_| budget.take_at(second)).count() as u64;
        assert_eq!((granted(0), granted(1), granted(1)), (20, 20, 0));
    }
}
