//! How far an exported network is from the one it was made of.

use crate::error::ExportError;
use crate::largest::largest;
use crate::source::Source;

/// Images that are compared at a time.
const BATCH: usize = 64;

/// How far an exported network is from its source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Number of images that were compared.
    pub images: usize,
    /// The largest |difference of a class score| / max(1, |class score|).
    pub largest: f64,
    /// Number of images that are given the same class.
    pub same_class: usize,
}

impl Difference {
    /// Compares the class scores that `exported` gives batches of these images, C×H×W bytes each,
    /// with those of the source.
    ///
    /// # Errors
    /// Those of `exported`, and a Candle error from the source.
    pub fn of(
        source: &Source<'_>,
        images: &[Vec<u8>],
        exported: impl Fn(&[Vec<u8>]) -> Result<Vec<Vec<f32>>, ExportError>,
    ) -> Result<Self, ExportError> {
        let mut difference = Self {
            images: images.len(),
            largest: 0.0,
            same_class: 0,
        };
        for batch in images.chunks(BATCH) {
            let expected = source.scores(batch)?;
            for (expected, got) in expected.iter().zip(exported(batch)?) {
                for (expected, &got) in expected.iter().zip(&got) {
                    let apart = (expected - f64::from(got)).abs() / expected.abs().max(1.0);
                    // A score that is not a number counts as infinitely different.
                    difference.largest =
                        difference
                            .largest
                            .max(if apart.is_nan() { f64::INFINITY } else { apart });
                }
                difference.same_class += usize::from(largest(expected) == largest(&got));
            }
        }
        Ok(difference)
    }
}
