//! What a network is trained and validated on.

use std::sync::Arc;

use candle_core::Device;
use nas_space::seed::Seed;

use super::TrainConfig;
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
