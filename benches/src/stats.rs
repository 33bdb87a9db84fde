//! Medians and spreads of repeated measurements.

use serde::Serialize;

/// The middle of some measurements and their extremes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// Number of measurements.
    pub(crate) runs: usize,
    /// The one in the middle, or the mean of the two in the middle.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Summary {
    /// Summarises `values`; nothing comes of nothing, nor of what is not a number.
    pub(crate) fn of(values: &[f64]) -> Option<Summary> {
        if values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => sorted[middle - 1].midpoint(sorted[middle]),
            _ => sorted[middle],
        };
        Some(Summary {
            runs: sorted.len(),
            median,
            min,
            max,
        })
    }

    /// How many times `base` this is, by the medians; `None` when `base` is nothing.
    pub(crate) fn ratio(&self, base: &Summary) -> Option<f64> {
        (base.median > 0.0).then(|| self.median / base.median)
    }
}

/// The value below which `share` (0 to 1) of the ascending `sorted` lies, by nearest rank.
///
/// Returns NaN for no values.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests;
