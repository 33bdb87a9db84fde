use std::time::Duration;

/// The round-trip time, estimated as TCP does (RFC 6298): mean and deviation, both smoothed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoundTrip {
    measured: Option<(Duration, Duration)>,
}

/// What the interval is above the mean at the least.
const GRANULARITY: Duration = Duration::from_millis(10);

impl RoundTrip {
    /// Takes in a measurement. Those of messages that were sent twice are not for here: nobody
    /// knows which one was answered.
    pub fn measure(&mut self, sample: Duration) {
        self.measured = Some(match self.measured {
            None => (sample, sample / 2),
            Some((mean, deviation)) => (
                (mean * 7 + sample) / 8,
                (deviation * 3 + mean.abs_diff(sample)) / 4,
            ),
        });
    }

    /// The smoothed round-trip time.
    pub fn mean(&self) -> Option<Duration> {
        self.measured.map(|(mean, _)| mean)
    }

    /// After which time an answer is late; `None` before the first measurement.
    pub fn timeout(&self) -> Option<Duration> {
        self.measured
            .map(|(mean, deviation)| mean + (deviation * 4).max(GRANULARITY))
    }
}
