//! How many seeds would settle a question.

use statrs::distribution::{ContinuousCDF, Normal};

use super::SIGNIFICANCE;

/// The probability with which a real difference is to be found.
pub const POWER: f64 = 0.8;
/// How many pairs Wilcoxon's test needs where a t-test needs one, for differences that are normal:
/// π/3 (Pitman's efficiency).
const WILCOXON: f64 = std::f64::consts::FRAC_PI_3;
/// More than this nobody makes.
const MOST: f64 = 1e6;

/// The number of pairs with which Wilcoxon's signed-rank test would find a difference as large as
/// the mean of these, relative to their spread, with a probability of 80 %, as one of `tests` that
/// are corrected together: (z₁ + z₂)² σ²/μ² · π/3 with z₁ of the strictest of Holm's levels,
/// two-sided, and z₂ of the power. A rough figure, for normal differences, from a mean that is
/// itself uncertain. None where the mean is 0, or more than a million would be needed, and for
/// fewer than two differences.
pub fn pairs_needed(differences: &[f64], tests: usize) -> Option<u64> {
    let n = differences.len() as f64;
    if n < 2.0 {
        return None;
    }
    let mean = differences.iter().sum::<f64>() / n;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let normal = Normal::standard();
    let level = SIGNIFICANCE / tests.max(1) as f64;
    let quantiles = normal.inverse_cdf(1.0 - level / 2.0) + normal.inverse_cdf(POWER);
    let needed = quantiles.powi(2) * variance / mean.powi(2) * WILCOXON;
    (needed <= MOST).then(|| (needed.ceil() as u64).max(least_pairs(tests)))
}

/// The number of pairs without which no difference is significant, whatever its size, in the
/// strictest of `tests` tests that are corrected together. The smallest p-value of `n` pairs is
/// 2¹⁻ⁿ.
pub fn least_pairs(tests: usize) -> u64 {
    let smallest = |pairs: u64| 2f64.powi(1 - pairs as i32) * tests.max(1) as f64;
    (1..)
        .find(|&pairs| smallest(pairs) < SIGNIFICANCE)
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use nas_space::seed::Seed;
    use rand::RngExt;

    use super::*;
    use crate::compare::signed_rank;

    /// A sum of twelve uniform numbers has a variance of 1.
    fn normal(rng: &mut impl RngExt) -> f64 {
        (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
    }

    #[test]
    fn with_so_many_pairs_the_test_finds_it_about_as_often_as_promised() {
        let mut rng = Seed::new(1).rng();
        // A mean of exactly 0.4 standard deviations.
        let differences = [0.4 - 1.0, 0.4 + 1.0];
        let spread = 2f64.sqrt();
        let needed = pairs_needed(&differences, 1).unwrap();
        let found = (0..500)
            .filter(|_| {
                let sample: Vec<f64> = (0..needed).map(|_| 0.4 + spread * normal(&mut rng)).collect();
                signed_rank(&sample) < SIGNIFICANCE
            })
            .count();
        assert!((375..=425).contains(&found), "{found} of 500 with {needed} pairs");
        assert!(pairs_needed(&differences, 10).unwrap() > needed);
    }

    #[test]
    fn what_cannot_be_settled_has_no_number() {
        assert_eq!(pairs_needed(&[1.0, -1.0], 1), None, "no difference");
        assert_eq!(pairs_needed(&[1.0], 1), None);
        assert_eq!(pairs_needed(&[], 1), None);
        assert_eq!(pairs_needed(&[1e-9, -1.0, 1.0], 1), None, "never");
        assert_eq!(pairs_needed(&[0.5; 4], 1), Some(6), "no spread");
        assert_eq!(pairs_needed(&[0.5; 4], 15), Some(10));
    }

    #[test]
    fn with_fewer_pairs_nothing_is_significant() {
        for tests in [1, 3, 15] {
            let least = least_pairs(tests);
            let clearest = |pairs: u64| {
                let differences: Vec<f64> = (1..=pairs).map(|d| d as f64).collect();
                signed_rank(&differences) * tests as f64
            };
            assert!(
                clearest(least) < SIGNIFICANCE && clearest(least - 1) >= SIGNIFICANCE,
                "{tests}"
            );
        }
    }
}
