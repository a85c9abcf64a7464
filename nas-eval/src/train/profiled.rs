//! A profile of training passes, before a training.

use nas_space::seed::Seed;

use super::steps::losses;
use super::{TrainConfig, TrainingData};
use crate::error::EvalError;
use crate::model::{Model, Pass};
use crate::profile::Profile;

/// What each layer takes in `passes` training passes of the first batch that a [`Trainer`] with
/// this seed would train on. One pass more comes before them, so that memory is there and caches
/// are warm. Weights stay as they are; running statistics follow the batch.
///
/// [`Trainer`]: super::Trainer
///
/// # Errors
/// As [`Trainer::epoch`](super::Trainer::epoch); [`EvalError::Tensor`] where the model is not on
/// the CPU.
pub fn profile_training(
    model: &Model,
    data: &TrainingData,
    config: &TrainConfig,
    seed: Seed,
    passes: u32,
) -> Result<Profile, EvalError> {
    config.validate()?;
    let parameters = model.parameters();
    let weights = data.class_weights(config.class_weights, parameters.compute())?;
    let batcher = data.training_batches(config, seed.derive("batches", 0), parameters.device())?;
    let mut profile = Profile::default();
    for batch in batcher.epoch(0, 0)?.take(1) {
        let batch = batch?;
        let images = batch.images.to_dtype(parameters.dtype())?;
        for number in 0..=passes {
            let pass = Pass::Train {
                seed: seed.derive("pass", 0).derive("step", number.into()),
                drop_path: config.drop_path,
            };
            let mut warm_up = Profile::default();
            let counted = if number == 0 { &mut warm_up } else { &mut profile };
            model.profile(counted, &images, &pass, |logits| {
                Ok(losses(logits, &batch.labels, config, weights.as_ref())?.1)
            })?;
        }
    }
    Ok(profile)
}
