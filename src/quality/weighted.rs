//! Means and quantiles of values that have weights.

/// Values with their weights.
#[derive(Default)]
pub(crate) struct Weighted(Vec<(f64, f64)>);

impl Weighted {
    /// Adds a value, if it is known.
    pub(crate) fn add(&mut self, value: impl Into<Option<f64>>, weight: f64) {
        if let Some(value) = value.into() {
            self.0.push((value, weight));
        }
    }

    /// The mean; `None` without a value.
    pub(crate) fn mean(&self) -> Option<f64> {
        let weight: f64 = self.0.iter().map(|(_, weight)| weight).sum();
        let sum: f64 = self.0.iter().map(|(value, weight)| value * weight).sum();
        (weight > 0.0).then(|| sum / weight)
    }

    /// The least value that is not exceeded by this share of the weight; `None` without a value.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let mut left = share * sorted.iter().map(|(_, weight)| weight).sum::<f64>();
        for &(value, weight) in &sorted {
            left -= weight;
            // Sums of equal weights are not exact.
            if left <= 1e-9 {
                return Some(value);
            }
        }
        sorted.last().map(|&(value, _)| value)
    }

    /// The greatest value.
    pub(crate) fn max(&self) -> Option<f64> {
        self.0.iter().map(|&(value, _)| value).max_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_count_by_their_weights() {
        let mut values = Weighted::default();
        assert_eq!((values.mean(), values.quantile(0.9), values.max()), (None, None, None));
        for (value, weight) in [(100.0, 1.0), (0.0, 8.0), (10.0, 1.0)] {
            values.add(value, weight);
        }
        values.add(None, 5.0);
        assert_eq!(values.mean(), Some(11.0));
        assert_eq!(values.quantile(0.8), Some(0.0));
        assert_eq!(values.quantile(0.9), Some(10.0));
        assert_eq!(values.quantile(0.91), Some(100.0));
        assert_eq!(values.max(), Some(100.0));
    }
}
