//! How far a mean over runs can be trusted.

use nas_space::seed::Seed;
use serde::{Deserialize, Serialize};

/// How often runs are drawn anew.
pub const RESAMPLES: usize = 2000;
/// The share of the resampled means that an interval holds.
pub const CONFIDENCE: f64 = 0.95;

/// A mean with an interval around it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Draws of runs, the same for all that is estimated from them, so that estimates of one comparison
/// move together.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    runs: usize,
    /// `RESAMPLES` lists of `runs` places, one after the other.
    draws: Vec<u32>,
}

impl Bootstrap {
    /// Draws of this number of runs, with replacement; the same draws for the same number.
    pub fn new(runs: usize) -> Self {
        use rand::RngExt;
        let mut rng = Seed::new(0).derive("bootstrap", runs as u64).rng();
        let draws = match u32::try_from(runs) {
            Ok(runs) if runs > 0 => (0..RESAMPLES * runs as usize)
                .map(|_| rng.random_range(0..runs))
                .collect(),
            _ => Vec::new(),
        };
        Self { runs, draws }
    }

    /// The mean of one value from each run, in their order, and the percentile interval of its 95 %
    /// (Efron 1979): the middle of the means that other draws of runs would have had. For one run,
    /// and for another number of values than runs, the interval is the mean alone.
    pub fn mean(&self, values: &[f64]) -> Estimate {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        if values.len() != self.runs || self.runs < 2 {
            return Estimate {
                mean,
                low: mean,
                high: mean,
            };
        }
        let resampled = self.draws.chunks_exact(self.runs);
        let mut means: Vec<f64> = resampled
            .map(|draw| draw.iter().map(|&place| values[place as usize]).sum::<f64>() / self.runs as f64)
            .collect();
        means.sort_by(f64::total_cmp);
        let tail = (1.0 - CONFIDENCE) / 2.0;
        // The mean of the values may lie outside by rounding where all are equal.
        Estimate {
            mean,
            low: quantile(&means, tail).min(mean),
            high: quantile(&means, 1.0 - tail).max(mean),
        }
    }
}

/// The value below which this share of the sorted values lies, between two of them in proportion.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn the_interval_is_about_two_standard_errors_each_way() {
        let mut rng = Seed::new(3).rng();
        // The sum of twelve uniform numbers has a variance of 1.
        let values: Vec<f64> = (0..100)
            .map(|_| (0..12).map(|_| rng.random::<f64>()).sum::<f64>())
            .collect();
        let mean = values.iter().sum::<f64>() / 100.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 99.0;
        let error = (variance / 100.0).sqrt();
        let estimate = Bootstrap::new(100).mean(&values);
        assert_eq!(estimate.mean, mean);
        for end in [mean - estimate.low, estimate.high - mean] {
            assert!((end / error - 1.96).abs() < 0.15, "{end} of {error}");
        }
    }

    /// Of 400 samples of 20 numbers, the interval holds the true mean in about 93 %: a percentile
    /// interval is a little narrow.
    #[test]
    fn the_interval_covers_the_true_mean_about_as_often_as_it_says() {
        let bootstrap = Bootstrap::new(20);
        let mut rng = Seed::new(4).rng();
        let covers = |_: &usize| {
            let values: Vec<f64> = (0..20).map(|_| rng.random::<f64>()).collect();
            let estimate = bootstrap.mean(&values);
            (estimate.low..=estimate.high).contains(&0.5)
        };
        let covered = (0..400).filter(covers).count();
        assert!((350..=395).contains(&covered), "{covered}");
    }

    #[test]
    fn one_run_has_no_spread() {
        for runs in [0, 1] {
            let one = Bootstrap::new(runs).mean(&[0.25]);
            assert_eq!((one.low, one.mean, one.high), (0.25, 0.25, 0.25));
        }
        let equal = Bootstrap::new(3).mean(&[0.1; 3]);
        assert!(equal.low <= equal.mean && equal.mean <= equal.high);
        assert!(equal.high - equal.low < 1e-15);
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[1.0], 0.9), 1.0);
    }
}
