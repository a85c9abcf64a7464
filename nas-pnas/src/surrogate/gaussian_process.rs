//! A Gaussian process on features.
//!
//! Accuracies, shifted and scaled to mean 0 and variance 1, are taken to be jointly normal, with
//! covariance exp(−d²/(2·ℓ²)) between architectures whose features are d apart, and noise of
//! variance σ² on each. ℓ² is the mean squared distance of the samples times one of [`SCALES`], σ²
//! one of [`NOISES`]: the pair under which the samples are most likely. The prediction is the mean
//! of the posterior, the spread its standard deviation without the noise. What is held out is
//! predicted by leaving out one sample at a time, with ℓ and σ² as they are.
//!
//! # Complexity
//! Cubic in the samples to fit, quadratic for the spread of each prediction.
//!
//! # References
//! - C. E. Rasmussen, C. K. I. Williams. Gaussian Processes for Machine Learning. MIT Press 2006,
//!   algorithm 2.1 and section 5.4.2.

use nas_space::arch::Architecture;
use rayon::prelude::*;

use super::features::Encoder;
use super::linear_algebra::{Cholesky, dot};
use super::{GaussianProcessConfig, Prediction, Sample, Surrogate};
use crate::error::PnasError;

const NAME: &str = "gaussian_process";

/// Squared length scales that are tried, in mean squared distances of the samples.
pub(super) const SCALES: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// Variances of the noise that are tried, where the accuracies have variance 1.
pub(super) const NOISES: [f64; 3] = [1e-3, 1e-2, 1e-1];

/// The surrogate.
#[derive(Debug)]
pub(super) struct GaussianProcess {
    encoder: Encoder,
    fitted: Option<Fitted>,
}

#[derive(Debug)]
struct Fitted {
    features: Vec<Vec<f32>>,
    /// Of the accuracies.
    mean: f64,
    deviation: f64,
    /// −1/(2·ℓ²).
    decay: f64,
    root: Cholesky,
    /// K⁻¹·y.
    weights: Vec<f64>,
}

impl GaussianProcess {
    pub(super) fn new(encoder: Encoder, _config: GaussianProcessConfig) -> Self {
        Self {
            encoder,
            fitted: None,
        }
    }
}

impl Surrogate for GaussianProcess {
    fn name(&self) -> &'static str {
        NAME
    }

    fn fit(&mut self, samples: &[Sample]) -> Result<Vec<Option<f64>>, PnasError> {
        if samples.is_empty() {
            return Err(PnasError::Unfitted { surrogate: NAME });
        }
        let features = self
            .encoder
            .all(samples.par_iter().map(|sample| &sample.architecture))?;
        let n = samples.len() as f64;
        let mean = samples.iter().map(|sample| sample.accuracy).sum::<f64>() / n;
        let variance = samples
            .iter()
            .map(|sample| (sample.accuracy - mean).powi(2))
            .sum::<f64>()
            / n;
        // Of accuracies that are all equal, any scale makes zeros.
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        let y: Vec<f64> = samples
            .iter()
            .map(|sample| (sample.accuracy - mean) / deviation)
            .collect();
        let squares: Vec<Vec<f64>> = (0..features.len())
            .into_par_iter()
            .map(|i| {
                features[..=i]
                    .iter()
                    .map(|other| square_distance(&features[i], other))
                    .collect()
            })
            .collect();
        let pairs = n * (n - 1.0) / 2.0;
        let sum: f64 = squares.iter().flatten().sum();
        let typical = if sum > 0.0 { sum / pairs } else { 1.0 };
        let choices: Vec<(f64, f64)> = SCALES
            .into_iter()
            .flat_map(|scale| NOISES.map(|noise| (-0.5 / (scale * typical), noise)))
            .collect();
        let tried: Vec<Option<(f64, f64, Cholesky)>> = choices
            .into_par_iter()
            .map(|(decay, noise)| {
                let root = Cholesky::of(covariance(&squares, decay, noise))?;
                let half = root.forward(&y);
                Some((-0.5 * (dot(&half, &half) + root.log_determinant()), decay, root))
            })
            .collect();
        let best = tried
            .into_iter()
            .flatten()
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        let Some((_, decay, root)) = best else {
            return Err(PnasError::NonFinite {
                surrogate: NAME,
                got: f64::NAN,
                architecture: samples[0].architecture.to_string(),
            });
        };
        let weights = root.solve(&y);
        let held_out = if samples.len() == 1 {
            vec![None]
        } else {
            let inverse = root.inverse_diagonal();
            let left_out = |i: usize| mean + deviation * (y[i] - weights[i] / inverse[i]);
            (0..samples.len()).map(|i| Some(left_out(i))).collect()
        };
        self.fitted = Some(Fitted {
            features,
            mean,
            deviation,
            decay,
            root,
            weights,
        });
        Ok(held_out)
    }

    fn predict(&self, architectures: &[Architecture]) -> Result<Vec<Prediction>, PnasError> {
        let Some(fitted) = &self.fitted else {
            return Err(PnasError::Unfitted { surrogate: NAME });
        };
        let features = self.encoder.all(architectures.par_iter())?;
        Ok(features
            .par_iter()
            .map(|features| fitted.predict(features))
            .collect())
    }
}

impl Fitted {
    fn predict(&self, features: &[f32]) -> Prediction {
        let near = |other: &Vec<f32>| (self.decay * square_distance(features, other)).exp();
        let near: Vec<f64> = self.features.iter().map(near).collect();
        let half = self.root.forward(&near);
        Prediction {
            mean: self.mean + self.deviation * dot(&near, &self.weights),
            spread: self.deviation * (1.0 - dot(&half, &half)).max(0.0).sqrt(),
        }
    }
}

/// The lower triangle of the samples' covariance.
fn covariance(squares: &[Vec<f64>], decay: f64, noise: f64) -> Vec<Vec<f64>> {
    let mut covariance: Vec<Vec<f64>> = squares
        .iter()
        .map(|row| row.iter().map(|square| (decay * square).exp()).collect())
        .collect();
    for row in &mut covariance {
        if let Some(own) = row.last_mut() {
            *own += noise;
        }
    }
    covariance
}

fn square_distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    f64::from(squares.sum::<f32>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nas_space::spaces::{Space, nb201};

    use super::super::Encoding;
    use super::*;

    fn samples(choices: &[[usize; 3]]) -> Vec<Sample> {
        choices
            .iter()
            .map(|choices| Sample {
                architecture: Architecture::new(*choices),
                accuracy: 0.1 + 0.1 * choices.iter().sum::<usize>() as f64 / 2.0,
                level: 2,
            })
            .collect()
    }

    fn process() -> GaussianProcess {
        let space: Arc<dyn Space> = Arc::new(nb201());
        let config = GaussianProcessConfig::default();
        GaussianProcess::new(Encoder::new(&space, Encoding::OneHot).unwrap(), config)
    }

    const TRAINED: [[usize; 3]; 8] = [
        [0, 1, 2],
        [3, 1, 2],
        [4, 4, 1],
        [2, 2, 2],
        [1, 0, 0],
        [0, 3, 3],
        [1, 4, 2],
        [3, 3, 0],
    ];

    #[test]
    fn it_knows_what_it_has_seen_and_is_unsure_elsewhere() {
        let mut process = process();
        let samples = samples(&TRAINED);
        process.fit(&samples).unwrap();
        let seen: Vec<Architecture> = samples.iter().map(|sample| sample.architecture.clone()).collect();
        let far = Architecture::new([2, 0, 4]);
        let predictions = process.predict(&seen).unwrap();
        let away = process.predict(&[far]).unwrap()[0];
        for (prediction, sample) in predictions.iter().zip(&samples) {
            assert!(
                (prediction.mean - sample.accuracy).abs() < 0.03,
                "{prediction:?} of {sample:?}"
            );
            assert!(
                2.0 * prediction.spread < away.spread,
                "{prediction:?}, away {away:?}"
            );
        }
    }

    /// Leaving out a sample by the formula is fitting without it, at the same length scale, noise
    /// and standardization.
    #[test]
    fn what_is_held_out_is_predicted_from_the_others() {
        let (mut process, samples) = (process(), samples(&TRAINED));
        let held_out = process.fit(&samples).unwrap();
        let fitted = process.fitted.as_ref().unwrap();
        let all: Vec<Vec<f64>> = (0..8)
            .map(|i| {
                (0..=i)
                    .map(|j| square_distance(&fitted.features[i], &fitted.features[j]))
                    .collect()
            })
            .collect();
        // The noise is what the diagonal of L·Lᵀ has above 1.
        let noise = NOISES.into_iter().find(|&noise| {
            let root = Cholesky::of(covariance(&all, fitted.decay, noise)).unwrap();
            (root.log_determinant() - fitted.root.log_determinant()).abs() < 1e-12
        });
        let without_last = Cholesky::of(covariance(&all[..7], fitted.decay, noise.unwrap())).unwrap();
        let y = |i: usize| (samples[i].accuracy - fitted.mean) / fitted.deviation;
        let weights = without_last.solve(&(0..7).map(y).collect::<Vec<f64>>());
        let near: Vec<f64> = all[7][..7]
            .iter()
            .map(|square| (fitted.decay * square).exp())
            .collect();
        let expected = fitted.mean + fitted.deviation * dot(&near, &weights);
        assert!((held_out[7].unwrap() - expected).abs() < 1e-9);
    }

    #[test]
    fn one_sample_or_equal_ones_are_enough() {
        for trained in [&TRAINED[..1], &[[1, 1, 1], [1, 1, 1]][..]] {
            let mut process = process();
            let samples = samples(trained);
            process.fit(&samples).unwrap();
            let prediction = process.predict(&[samples[0].architecture.clone()]).unwrap()[0];
            assert!((prediction.mean - samples[0].accuracy).abs() < 1e-9);
        }
        assert!(matches!(process().predict(&[]), Err(PnasError::Unfitted { .. })));
    }
}
