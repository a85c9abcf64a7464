//! Predictions of a trained network for images that belong to no data set.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device};
use nas_data::decode::DecodeError;
use nas_space::op::Operations;

use crate::data::{BatchPlan, Batcher, Images};
use crate::error::EvalError;
use crate::inference::Inference;
use crate::trained::TrainedNetwork;

/// The default number of images that are computed at a time.
const BATCH: usize = 64;

/// A trained network with everything that it needs to classify image files.
///
/// ```no_run
/// use nas_eval::Predictor;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let predictor = Predictor::load("runs/evolution-nb201-0/network.safetensors".as_ref())?;
/// let image = predictor.prepare(&std::fs::read("photo.jpg")?)?;
/// for probabilities in predictor.predict(&[image])? {
///     let (class, probability) = probabilities.top(1)[0];
///     println!("{} {probability:.3}", predictor.network().classes[class]);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Predictor {
    network: TrainedNetwork,
    inference: Inference,
    batch: usize,
}

/// The probabilities of all classes for one image, by label. Their sum is 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Probabilities(pub Vec<f64>);

impl Probabilities {
    /// The most probable classes with their probabilities, at most `count`, the most probable one
    /// first; of equal ones, that with the lower label.
    pub fn top(&self, count: usize) -> Vec<(usize, f64)> {
        let mut all: Vec<(usize, f64)> = self.0.iter().copied().enumerate().collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(count);
        all
    }

    /// Those of these class scores.
    pub(crate) fn of(logits: &[f64]) -> Self {
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exponentials: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f64 = exponentials.iter().sum();
        Self(exponentials.into_iter().map(|value| value / sum).collect())
    }
}

impl Predictor {
    /// The network in a file that [`TrainedNetwork::save`] wrote, of the usual operations, on the
    /// CPU.
    ///
    /// # Errors
    /// As [`TrainedNetwork::load`] and [`Predictor::new`].
    pub fn load(path: &Path) -> Result<Self, EvalError> {
        Self::new(TrainedNetwork::load(path, &Operations::standard(), &Device::Cpu)?)
    }

    /// This network.
    ///
    /// # Errors
    /// [`EvalError::Config`] where it takes images of other than 1 or 3 channels, which no image file
    /// has; as [`Inference::new`].
    pub fn new(network: TrainedNetwork) -> Result<Self, EvalError> {
        match network.network.image.channels {
            1 | 3 => Ok(Self {
                inference: Inference::new(&network.model)?,
                network,
                batch: BATCH,
            }),
            other => Err(EvalError::config("image channels", other, "1 or 3")),
        }
    }

    /// The same, with this number of images, at least 1, computed at a time. It decides speed and
    /// memory, and the last bits of the results at most.
    #[must_use]
    pub fn with_batch(self, batch: usize) -> Self {
        Self {
            batch: batch.max(1),
            ..self
        }
    }

    /// The network.
    pub fn network(&self) -> &TrainedNetwork {
        &self.network
    }

    /// The pixels of an image file as the network sees them; see [`nas_data::prepare`].
    ///
    /// # Errors
    /// [`DecodeError`] if the file is not an image, has an unsupported format, or is damaged.
    pub fn prepare(&self, file: &[u8]) -> Result<Vec<u8>, DecodeError> {
        nas_data::prepare(file, self.network.network.image, self.network.resize)
    }

    /// The probabilities of the classes for each of these images, which are as
    /// [`Predictor::prepare`] gives them.
    ///
    /// # Errors
    /// [`EvalError::Data`] where an image has not as many values as the network takes;
    /// [`EvalError::NonFiniteScores`] where a score is no number; [`EvalError::Tensor`] from the
    /// device.
    pub fn predict(&self, images: &[Vec<u8>]) -> Result<Vec<Probabilities>, EvalError> {
        if images.is_empty() {
            return Ok(Vec::new());
        }
        let TrainedNetwork {
            network,
            normalization,
            model,
            ..
        } = &self.network;
        let labels = vec![0; images.len()];
        let images = Arc::new(Images::new(
            network.image,
            network.classes,
            images.concat(),
            labels,
        )?);
        let compute = model.parameters().compute();
        let batcher = Batcher::new(
            Arc::clone(&images),
            Arc::clone(normalization),
            images.indices(),
            BatchPlan::evaluation(self.batch),
            &compute.device,
        )?;
        let mut all = Vec::with_capacity(images.len());
        for batch in batcher.epoch(0, 0)? {
            let images = batch?.images.to_dtype(compute.dtype)?;
            let logits = self.inference.scores(&images)?.to_dtype(DType::F64)?;
            for logits in logits.to_vec2::<f64>()? {
                if logits.iter().any(|logit| !logit.is_finite()) {
                    return Err(EvalError::NonFiniteScores { loss: f64::NAN });
                }
                all.push(Probabilities::of(&logits));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_scores_however_large() {
        let of = |logits: &[f64]| Probabilities::of(logits).0;
        assert_eq!(of(&[0.0, 0.0]), [0.5, 0.5]);
        let odds = of(&[1000.0, 1000.0 + 3_f64.ln()]);
        assert!((odds[1] - 0.75).abs() < 1e-12, "{odds:?}");
        assert_eq!(of(&[-1e9, 0.0]), [0.0, 1.0]);
    }

    #[test]
    fn the_most_probable_classes_come_first_and_of_equal_ones_the_first() {
        let probabilities = Probabilities(vec![0.2, 0.3, 0.2, 0.3]);
        assert_eq!(probabilities.top(3), [(1, 0.3), (3, 0.3), (0, 0.2)]);
        assert_eq!(probabilities.top(9).len(), 4);
        assert!(probabilities.top(0).is_empty());
    }
}
