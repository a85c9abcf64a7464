//! Intervals for a share that was measured on some images.

use serde::{Deserialize, Serialize};

/// The standard normal quantile that 97.5 % lie below.
const Z: f64 = 1.959_963_984_540_054;

/// The lower and the upper bound of a 95 % confidence interval, in \[0, 1\].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval(pub f64, pub f64);

impl Interval {
    /// The 95 % score interval of a share in \[0, 1\] of this number of images, above 0 (Wilson,
    /// "Probable inference, the law of succession, and statistical inference", JASA 22, 1927).
    ///
    /// The number need not be whole: where a share varies as an accuracy on n images would, n is its
    /// effective sample size.
    pub fn wilson(share: f64, images: f64) -> Self {
        let square = Z * Z / images;
        let middle = (share + square / 2.0) / (1.0 + square);
        let half = (share * (1.0 - share) * square + square * square / 4.0).sqrt() / (1.0 + square);
        // Rounding leaves 0 and 1 out.
        Self(
            (middle - half).max(0.0).min(share),
            (middle + half).min(1.0).max(share),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// ```python
    /// from statsmodels.stats.proportion import proportion_confint
    /// for hits, n in [(0, 7), (1, 10), (7, 7), (912, 1000), (24.7, 30.5)]:
    ///     print(proportion_confint(hits, n, method="wilson"))
    /// ```
    #[test]
    fn an_interval_is_that_of_statsmodels() {
        for (hits, images, low, high) in [
            (0.0, 7.0, 0.0, 0.3543304350666875),
            (1.0, 10.0, 0.017876213095072924, 0.40415002679523854),
            (7.0, 7.0, 0.6456695649333125, 1.0),
            (912.0, 1000.0, 0.8928277489502235, 0.9280190020576792),
            (24.7, 30.5, 0.6394280659949307, 0.9109271212637677),
        ] {
            let Interval(found_low, found_high) = Interval::wilson(hits / images, images);
            assert!((found_low - low).abs() < 1e-12, "{hits} of {images}: {found_low}");
            assert!(
                (found_high - high).abs() < 1e-12,
                "{hits} of {images}: {found_high}"
            );
        }
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_share_and_narrows_with_images(hits in 0_u32..1000, more in 0_u32..1000) {
            let images = f64::from(hits + more + 1);
            let share = f64::from(hits) / images;
            let Interval(low, high) = Interval::wilson(share, images);
            prop_assert!(0.0 <= low && low <= share && share <= high && high <= 1.0);
            let Interval(narrow_low, narrow_high) = Interval::wilson(share, 2.0 * images);
            prop_assert!(narrow_high - narrow_low < high - low);
        }
    }
}
