//! The search for the highest rate without loss.

/// Loss that still counts as none: one in a thousand.
const TOLERATED: f64 = 0.001;

/// Loss from which on a trial is not repeated, for no hiccup of the machine explains it.
const HOPELESS: f64 = 0.05;

/// The search ends when the known good and the known bad rate are this close.
const CLOSE: f64 = 1.04;

/// How far below the rate that gets through an overload the search begins.
const HEADROOM: f64 = 8.0;

/// What one attempt at a rate brought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial {
    /// Datagrams that left.
    pub(super) sent: u64,
    /// Datagrams that arrived.
    pub(super) received: u64,
    /// How long the sending took.
    pub(super) seconds: f64,
}

impl Trial {
    fn loss(&self) -> f64 {
        1.0 - self.received as f64 / self.sent.max(1) as f64
    }

    /// Packets per second that left.
    fn offered(&self) -> f64 {
        self.sent as f64 / self.seconds
    }

    /// Packets per second that arrived.
    fn delivered(&self) -> f64 {
        self.received as f64 / self.seconds
    }
}

/// The highest rate, in packets per second, at which fewer than one in a thousand are lost.
///
/// `attempt` is given a rate, 0 for as fast as can be, and runs one trial at it. The overload
/// comes first and bounds the search, which then halves the interval on a logarithmic scale.
/// Returns 0 when even the lowest rate loses packets.
pub(super) fn highest_lossless(
    mut attempt: impl FnMut(f64) -> anyhow::Result<Trial>,
) -> anyhow::Result<f64> {
    let overload = attempt(0.0)?;
    if overload.loss() < TOLERATED {
        return Ok(overload.delivered());
    }
    let mut best = 0.0;
    let mut good = (overload.delivered() / HEADROOM).max(1000.0);
    let mut bad = overload.offered();
    while bad / good > CLOSE {
        let rate = (good * bad).sqrt();
        let mut trial = attempt(rate)?;
        if trial.loss() >= TOLERATED && trial.loss() < HOPELESS {
            trial = attempt(rate)?;
        }
        if trial.loss() < TOLERATED {
            best = trial.delivered().max(best);
            good = rate;
        } else {
            bad = rate;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests;
