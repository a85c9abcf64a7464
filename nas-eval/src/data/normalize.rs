//! Scaling pixels to mean 0 and standard deviation 1.

use serde::{Deserialize, Serialize};

use super::error::DataError;
use super::images::Images;

/// Mean and standard deviation of each channel, in pixel units (0 to 255, 0 to 16 for the digits).
///
/// A network must be tested with the constants it was trained with, so they are saved beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Constants", into = "Constants")]
pub struct Normalization {
    mean: Vec<f64>,
    std: Vec<f64>,
}

/// The serialized form.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Constants {
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Normalization {
    /// These constants, one mean and one standard deviation per channel.
    ///
    /// # Errors
    /// If there are none, not the same number of both, a mean is not finite, or a standard
    /// deviation is not finite and positive.
    pub fn new(mean: Vec<f64>, std: Vec<f64>) -> Result<Self, DataError> {
        let refuse = |expected: &str, got: String| {
            Err(DataError::Normalization {
                expected: expected.to_owned(),
                got,
            })
        };
        if mean.is_empty() || mean.len() != std.len() {
            return refuse(
                "as many means as standard deviations, at least 1",
                format!("{} and {}", mean.len(), std.len()),
            );
        }
        if let Some(mean) = mean.iter().find(|mean| !mean.is_finite()) {
            return refuse("a finite mean", mean.to_string());
        }
        if let Some(std) = std.iter().find(|&&std| !(std.is_finite() && std > 0.0)) {
            return refuse("a finite and positive standard deviation", std.to_string());
        }
        Ok(Self { mean, std })
    }

    /// Division by 255 for this number of channels, at least 1, and nothing else.
    pub fn unit(channels: usize) -> Self {
        Self {
            mean: vec![0.0; channels],
            std: vec![255.0; channels],
        }
    }

    /// The mean and the standard deviation (of the population, divided by n) of the images with
    /// these indices, which should be those trained on and no others. A channel that is constant
    /// gets standard deviation 1.
    ///
    /// Pixels are counted by value before anything is rounded, so the order of the indices does not
    /// matter.
    ///
    /// # Errors
    /// If there are no indices or one is out of range.
    pub fn measure(images: &Images, indices: &[u32]) -> Result<Self, DataError> {
        images.check_indices(indices)?;
        let shape = images.shape();
        let plane = shape.height * shape.width;
        let mut histograms = vec![[0_u64; 256]; shape.channels];
        for &index in indices {
            let image = images.image(index as usize).unwrap_or_default();
            for (histogram, pixels) in histograms.iter_mut().zip(image.chunks_exact(plane)) {
                for &pixel in pixels {
                    histogram[usize::from(pixel)] += 1;
                }
            }
        }
        let n = indices.len() as f64 * plane as f64;
        let (mut means, mut stds) = (Vec::new(), Vec::new());
        for histogram in &histograms {
            let counted = || {
                histogram
                    .iter()
                    .enumerate()
                    .map(|(value, &count)| (value as f64, count as f64))
            };
            let mean = counted().map(|(value, count)| value * count).sum::<f64>() / n;
            let variance = counted()
                .map(|(value, count)| count * (value - mean).powi(2))
                .sum::<f64>()
                / n;
            means.push(mean);
            stds.push(if histogram.iter().filter(|&&count| count > 0).count() < 2 {
                1.0
            } else {
                variance.sqrt()
            });
        }
        Self::new(means, stds)
    }

    /// Mean of each channel, in pixel units.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Standard deviation of each channel, in pixel units; positive.
    pub fn std(&self) -> &[f64] {
        &self.std
    }

    /// For each channel, what each pixel value becomes: (value − mean) / std.
    pub(super) fn tables(&self) -> Vec<[f32; 256]> {
        let table =
            |(mean, std): (&f64, &f64)| std::array::from_fn(|value| ((value as f64 - mean) / std) as f32);
        self.mean.iter().zip(&self.std).map(table).collect()
    }

    /// Refuses images with another number of channels.
    pub(super) fn check_channels(&self, channels: usize) -> Result<(), DataError> {
        if self.mean.len() == channels {
            return Ok(());
        }
        Err(DataError::Normalization {
            expected: format!("constants for {channels} channels"),
            got: self.mean.len().to_string(),
        })
    }
}

impl TryFrom<Constants> for Normalization {
    type Error = DataError;

    fn try_from(Constants { mean, std }: Constants) -> Result<Self, DataError> {
        Self::new(mean, std)
    }
}

impl From<Normalization> for Constants {
    fn from(Normalization { mean, std }: Normalization) -> Self {
        Self { mean, std }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nas_space::shape::Shape;

    fn images() -> Images {
        // Two channels of two pixels; the second channel of images 0 and 1 is constant.
        Images::new(
            Shape::new(2, 1, 2),
            1,
            vec![1, 3, 7, 7, 5, 7, 7, 7, 200, 100, 0, 255],
            vec![0; 3],
        )
        .unwrap()
    }

    /// 1, 3, 5, 7: mean 4, variance (9 + 1 + 1 + 9) / 4 = 5.
    #[test]
    fn constants_are_those_of_the_given_images_only() {
        let normalization = Normalization::measure(&images(), &[0, 1]).unwrap();
        assert_eq!(normalization.mean(), [4.0, 7.0]);
        assert_eq!(normalization.std(), [5_f64.sqrt(), 1.0]);
        assert_eq!(normalization, Normalization::measure(&images(), &[1, 0]).unwrap());
        assert_ne!(
            normalization,
            Normalization::measure(&images(), &[0, 1, 2]).unwrap()
        );
    }

    #[test]
    fn tables_map_pixels_to_mean_0_and_deviation_1_and_a_constant_channel_to_0() {
        let tables = Normalization::measure(&images(), &[0, 1]).unwrap().tables();
        assert_eq!(tables[0][4], 0.0);
        assert_eq!(tables[0][5], (1.0 / 5_f64.sqrt()) as f32);
        assert_eq!(tables[1][7], 0.0);
    }

    #[test]
    fn constants_round_trip_and_bad_ones_are_refused() {
        let normalization = Normalization::new(vec![0.5, 1.5], vec![0.25, 2.0]).unwrap();
        let text = serde_json::to_string(&normalization).unwrap();
        assert_eq!(
            serde_json::from_str::<Normalization>(&text).unwrap(),
            normalization
        );
        for (mean, std) in [
            (vec![], vec![]),
            (vec![0.0], vec![]),
            (vec![f64::NAN], vec![1.0]),
            (vec![0.0], vec![0.0]),
            (vec![0.0], vec![-1.0]),
            (vec![0.0], vec![f64::INFINITY]),
        ] {
            assert!(matches!(
                Normalization::new(mean, std),
                Err(DataError::Normalization { .. })
            ));
        }
        assert!(serde_json::from_str::<Normalization>("{\"mean\":[0.0],\"std\":[0.0]}").is_err());
        assert!(Normalization::measure(&images(), &[]).is_err());
        assert!(Normalization::measure(&images(), &[3]).is_err());
        assert!(normalization.check_channels(3).is_err());
    }
}
