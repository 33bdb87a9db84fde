use super::super::config::Rate;
use crate::Instant;
use std::time::Duration;

/// A token bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// When it will be full, if nothing more is taken. Its content follows from that.
    full_at: Instant,
}

impl Bucket {
    pub(super) fn full(now: Instant) -> Bucket {
        Bucket { full_at: now }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Instant, rate: Rate) -> bool {
        if self.available_at(rate) > now {
            return false;
        }
        self.full_at = self.full_at.max(now) + interval(rate);
        true
    }

    /// When there will be one.
    pub(super) fn available_at(&self, rate: Rate) -> Instant {
        self.full_at - interval(rate) * rate.burst.saturating_sub(1)
    }

    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

/// The time in which one is regained.
fn interval(rate: Rate) -> Duration {
    Duration::from_secs(1) / rate.per_second.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let rate = Rate {
            per_second: 10,
            burst: 3,
        };
        let at = |millis| Instant::new(Duration::from_millis(millis));
        let mut bucket = Bucket::full(at(0));
        let taken = |bucket: &mut Bucket, now| (0..10).filter(|_| bucket.take(now, rate)).count();
        assert_eq!(taken(&mut bucket, at(1000)), 3);
        assert_eq!(bucket.available_at(rate), at(1100));
        assert_eq!(taken(&mut bucket, at(1099)), 0);
        assert_eq!(taken(&mut bucket, at(1200)), 2);
        assert!(!bucket.is_full(at(1400)) && bucket.is_full(at(1500)));
        assert_eq!(taken(&mut bucket, at(9000)), 3);
    }
}
