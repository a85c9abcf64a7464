//! What a network is trained and validated on.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use nas_space::seed::Seed;

use super::{ClassWeights, TrainConfig};
use crate::compute::Compute;
use crate::data::{BatchPlan, Batcher, DataError, Dataset, HeldOut, Images, Normalization, stratified_split};

/// Training images, divided into those that are trained on and those that are validated on, with
/// the normalisation constants of the former.
#[derive(Debug, Clone)]
pub struct TrainingData {
    images: Arc<Images>,
    normalization: Arc<Normalization>,
    train: Vec<u32>,
    valid: Vec<u32>,
}

impl TrainingData {
    /// A share of the training images of each class, drawn by this seed, is kept for validation.
    /// Where the data set gives validation images ([`HeldOut::Given`]), these are.
    ///
    /// # Errors
    /// [`DataError`] for a fraction that is not strictly between 0 and 1, or too few images.
    pub fn hold_out(dataset: &Dataset, valid_fraction: f64, seed: Seed) -> Result<Self, DataError> {
        let labels = dataset.train.labels();
        let (train, valid) = match &dataset.held_out {
            HeldOut::Drawn => {
                let split = stratified_split(labels, valid_fraction, seed)?;
                (split.train, split.valid)
            }
            HeldOut::DrawnInGroups(groups) => nas_data::split(labels, groups, valid_fraction, seed)?,
            HeldOut::Given(valid) => {
                let mut train = dataset.train.indices();
                train.retain(|index| valid.binary_search(index).is_err());
                (train, valid.to_vec())
            }
        };
        Self::new(Arc::clone(&dataset.train), train, valid)
    }

    /// All training images are trained on; there is no validation.
    ///
    /// # Errors
    /// [`DataError`] where there are no images.
    pub fn all(dataset: &Dataset) -> Result<Self, DataError> {
        Self::new(Arc::clone(&dataset.train), dataset.train.indices(), Vec::new())
    }

    /// These images; `valid` may be empty.
    ///
    /// # Errors
    /// [`DataError`] for an index that is out of range, or none to train on.
    pub fn new(images: Arc<Images>, train: Vec<u32>, valid: Vec<u32>) -> Result<Self, DataError> {
        let normalization = Arc::new(Normalization::measure(&images, &train)?);
        if let Some(&index) = valid.iter().find(|&&index| index as usize >= images.len()) {
            return Err(DataError::IndexOutOfRange {
                index,
                images: images.len(),
            });
        }
        Ok(Self {
            images,
            normalization,
            train,
            valid,
        })
    }

    /// Indices of the images that are trained on.
    pub fn train(&self) -> &[u32] {
        &self.train
    }

    /// Indices of the images that are validated on; none where all are trained on.
    pub fn valid(&self) -> &[u32] {
        &self.valid
    }

    /// The weights of the classes in the loss, by the images that are trained on: one for each
    /// class. Nothing where none are asked for.
    ///
    /// Balanced weights are n / (k · n_c), where n images in k classes are trained on and n_c of
    /// them are of class c; a class without any has weight 0 and is not among the k. Their mean
    /// over the images is 1.
    pub fn weights_of_classes(&self, weights: ClassWeights) -> Option<Vec<f64>> {
        match weights {
            ClassWeights::None => return None,
            ClassWeights::Balanced => {}
        }
        let mut counts = vec![0_u32; self.images.classes()];
        for &index in &self.train {
            counts[self.images.labels()[index as usize] as usize] += 1;
        }
        let present = counts.iter().filter(|&&count| count > 0).count();
        let share = self.train.len() as f64 / present as f64;
        let weight = |count| match count {
            0 => 0.0,
            count => share / f64::from(count),
        };
        Some(counts.into_iter().map(weight).collect())
    }

    /// The same, \[classes\], where and in the type that is computed in.
    pub(crate) fn class_weights(
        &self,
        weights: ClassWeights,
        compute: &Compute,
    ) -> candle_core::Result<Option<Tensor>> {
        self.weights_of_classes(weights)
            .map(|weights| {
                let n = weights.len();
                Tensor::from_vec(weights, n, &Device::Cpu)?
                    .to_dtype(compute.dtype)?
                    .to_device(&compute.device)
            })
            .transpose()
    }

    /// All images.
    pub fn images(&self) -> &Arc<Images> {
        &self.images
    }

    /// Mean and standard deviation of those that are trained on.
    pub fn normalization(&self) -> &Arc<Normalization> {
        &self.normalization
    }

    /// The training batches: shuffled and augmented in each epoch by its own stream below `seed`.
    pub(super) fn training_batches(
        &self,
        config: &TrainConfig,
        seed: Seed,
        device: &Device,
    ) -> Result<Batcher, DataError> {
        let plan = BatchPlan::training(config.batch_size, config.augmentation, seed);
        let (images, normalization) = (Arc::clone(&self.images), Arc::clone(&self.normalization));
        Batcher::new(images, normalization, self.train.clone(), plan, device)
    }
}

#[cfg(test)]
mod tests {
    use nas_space::shape::Shape;

    use super::*;

    #[test]
    fn balanced_weights_are_of_the_images_that_are_trained_on() {
        // Six images of class 0, two of class 1, one of class 2, none of class 3.
        let labels = vec![0, 0, 0, 0, 0, 0, 1, 1, 2];
        let images = Images::new(Shape::new(1, 1, 1), 4, (0..9).collect(), labels).unwrap();
        let data = TrainingData::new(Arc::new(images), vec![0, 1, 2, 3, 6, 7, 8], vec![4, 5]).unwrap();
        assert_eq!(data.weights_of_classes(ClassWeights::None), None);
        // sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1, 2], y=…)
        let expected = [7.0 / 12.0, 7.0 / 6.0, 7.0 / 3.0, 0.0];
        let weights = data.weights_of_classes(ClassWeights::Balanced).unwrap();
        for (weight, expected) in weights.iter().zip(expected) {
            assert!((weight - expected).abs() < 1e-15, "{weights:?}");
        }
        let tensor = data
            .class_weights(ClassWeights::Balanced, &Compute::cpu())
            .unwrap();
        assert_eq!(tensor.unwrap().dims(), [4]);
    }
}
