use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time, as the time since an epoch that the driver chooses and keeps.
///
/// The driver's clock should be monotonic. A node takes a time before its latest for the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(Duration);

impl Instant {
    /// The driver's epoch.
    pub const EPOCH: Instant = Instant(Duration::ZERO);

    /// The point that lies `since_epoch` after the epoch.
    pub const fn new(since_epoch: Duration) -> Instant {
        Instant(since_epoch)
    }

    /// The time since the epoch.
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// The time since `earlier`, or zero when that lies ahead.
    pub fn since(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, later: Duration) -> Instant {
        Instant(self.0.saturating_add(later))
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, earlier: Duration) -> Instant {
        Instant(self.0.saturating_sub(earlier))
    }
}
