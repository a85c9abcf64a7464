//! How far the probabilities of a network can be believed.

use serde::{Deserialize, Serialize};

/// Bins of confidence, as in Guo et al.
const BINS: usize = 15;

/// How confident a network is of the classes that it gives images, and how often it is right
/// (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599, section
/// 2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The expected calibration error (0.1606846): the mean over all images of the distance between
    /// confidence and accuracy in their bin, in \[0, 1\]; 0 without images.
    pub expected_error: f64,
    /// The reliability curve: 15 bins of equal width over the confidence, the lowest first. The
    /// upper end of a bin belongs to it.
    pub bins: Vec<ReliabilityBin>,
}

/// The images that were given their class with a confidence between two bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliabilityBin {
    /// Number of images.
    pub images: u64,
    /// Mean probability of the assigned class, in \[0, 1\]; 0 without images.
    pub confidence: f64,
    /// Share of the images whose class it is, in \[0, 1\]; 0 without images.
    pub accuracy: f64,
}

impl Calibration {
    /// That of images of which each was given its class with this probability in \[0, 1\], rightly
    /// or not.
    pub fn of(given: impl IntoIterator<Item = (f64, bool)>) -> Self {
        let mut bins = [ReliabilityBin::default(); BINS];
        let mut images = 0_u64;
        for (probability, is_right) in given {
            let below = |&place: &usize| probability > place as f64 / BINS as f64;
            let bin = &mut bins[(1..BINS).take_while(below).count()];
            bin.images += 1;
            bin.confidence += probability;
            bin.accuracy += f64::from(u8::from(is_right));
            images += 1;
        }
        let mut expected_error = 0.0;
        for bin in bins.iter_mut().filter(|bin| bin.images > 0) {
            expected_error += (bin.confidence - bin.accuracy).abs() / images as f64;
            bin.confidence /= bin.images as f64;
            bin.accuracy /= bin.images as f64;
        }
        Self {
            expected_error,
            bins: bins.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_images_are_binned_by_hand() {
        let found = Calibration::of([(1.0, true), (0.95, false), (0.6, true), (0.55, false)]);
        let bin = |images, confidence, accuracy| ReliabilityBin {
            images,
            confidence,
            accuracy,
        };
        // 0.6 is the upper end of the ninth bin, which it belongs to.
        assert_eq!(found.bins[8], bin(2, 0.575, 0.5));
        assert_eq!(found.bins[14], bin(2, 0.975, 0.5));
        assert_eq!(found.bins.iter().map(|bin| bin.images).sum::<u64>(), 4);
        assert!((found.expected_error - (0.5 * 0.075 + 0.5 * 0.475)).abs() < 1e-15);
        assert_eq!(Calibration::of([]).expected_error, 0.0);
    }

    /// ```python
    /// i = np.arange(1000)
    /// p = 0.1 + 0.9 * (i * 37 % 1000) / 1000
    /// right = i * i % 997 < 700 * p
    /// which = np.digitize(p, np.arange(1, 15) / 15, right=True)
    /// # which: np.bincount gives 0, 38 and 13 times 74 images
    /// ece = sum(abs(p[which == b].mean() - right[which == b].mean()) * (which == b).mean()
    ///           for b in np.unique(which))
    /// ```
    #[test]
    fn the_error_is_that_of_numpy() {
        let found = Calibration::of((0_u32..1000).map(|i| {
            let probability = 0.1 + 0.9 * f64::from(i * 37 % 1000) / 1000.0;
            (probability, f64::from(i * i % 997) < 700.0 * probability)
        }));
        assert!((found.expected_error - 0.1606846).abs() < 1e-12, "{found:?}");
        let counts: Vec<u64> = found.bins.iter().map(|bin| bin.images).collect();
        assert_eq!(counts, [[0, 38].as_slice(), &[74; 13]].concat());
    }
}
