//! The training loop.

use candle_core::Tensor;
use nas_space::seed::Seed;

use super::evaluate::{check, evaluate};
use super::metrics::Tally;
use super::{EpochMetrics, Scores, TrainConfig, TrainingData};
use crate::clock::Stopwatch;
use crate::error::EvalError;
use crate::model::{Logits, Model, Pass};
use crate::nn::{Moment, Optimizer};
use crate::ops::cross_entropy;

/// Trains a model, epoch by epoch.
///
/// Every random stream is derived from the seed, the epoch and the step, so a trainer that is saved after any epoch and
/// loaded into a new one goes on bit for bit as if it had never stopped (see [`Trainer::save`]).
#[derive(Debug)]
pub struct Trainer {
    pub(super) model: Model,
    pub(super) data: TrainingData,
    pub(super) config: TrainConfig,
    pub(super) seed: Seed,
    pub(super) optimizer: Box<dyn Optimizer>,
    pub(super) history: Vec<EpochMetrics>,
}

impl Trainer {
    /// A trainer at the start of the first epoch.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value outside its range.
    pub fn new(model: Model, data: TrainingData, config: TrainConfig, seed: Seed) -> Result<Self, EvalError> {
        config.validate()?;
        let optimizer = config.optimizer.build()?;
        Ok(Self {
            model,
            data,
            config,
            seed,
            optimizer,
            history: Vec::new(),
        })
    }

    /// Trains all epochs that are left and shows each to `observer`.
    ///
    /// # Errors
    /// As [`Trainer::epoch`].
    pub fn run(&mut self, observer: impl FnMut(&EpochMetrics)) -> Result<&[EpochMetrics], EvalError> {
        self.run_until(self.config.epochs, observer)
    }

    /// Trains until so many epochs are done, or all are, and shows each to `observer`. The schedules span all of them:
    /// going on later comes to the same as not having stopped.
    ///
    /// # Errors
    /// As [`Trainer::epoch`].
    pub fn run_until(
        &mut self,
        epochs: u32,
        mut observer: impl FnMut(&EpochMetrics),
    ) -> Result<&[EpochMetrics], EvalError> {
        while self.epochs_done() < epochs.min(self.config.epochs) {
            observer(self.epoch()?);
        }
        Ok(&self.history)
    }

    /// Trains one epoch and validates.
    ///
    /// # Errors
    /// [`EvalError::NonFinite`] as soon as a loss is not a number (on an accelerator, some steps later);
    /// [`EvalError::Data`] where images and configuration do not fit; [`EvalError::Tensor`] from the device.
    pub fn epoch(&mut self) -> Result<&EpochMetrics, EvalError> {
        let watch = Stopwatch::start();
        let epoch = self.epochs_done();
        let (device, dtype) = (self.model.parameters().device(), self.model.parameters().dtype());
        let batcher = self
            .data
            .training_batches(&self.config, self.seed.derive("batches", 0), device)?;
        let passes = self.seed.derive("pass", epoch.into());
        let drop_path = self.config.drop_path * f64::from(epoch) / f64::from(self.config.epochs);
        let start = Moment {
            epochs: self.config.epochs,
            steps_per_epoch: batcher.batches(),
            epoch,
            step: 0,
        };
        let mut tally = Tally::default();
        for (step, batch) in batcher.epoch(epoch.into(), 0)?.enumerate() {
            let batch = batch?;
            let pass = Pass::Train {
                seed: passes.derive("step", step as u64),
                drop_path,
            };
            let images = batch.images.to_dtype(dtype)?;
            let mut main = None;
            let (logits, total, mut gradients) = self.model.differentiate(&images, &pass, |logits| {
                let (without_auxiliary, total) = self.losses(logits, &batch.labels)?;
                main = Some(without_auxiliary);
                Ok(total)
            })?;
            tally.add(
                &logits.main,
                &batch.labels,
                main.as_ref().unwrap_or(&total),
                &total,
            )?;
            if tally.is_due() {
                check(&mut tally, epoch)?;
            }
            if self.config.clip_norm > 0.0 {
                gradients.clip_norm(self.config.clip_norm)?;
            }
            let rate = self
                .config
                .schedule
                .rate(self.config.learning_rate, Moment { step, ..start });
            self.optimizer.step(self.model.parameters(), &gradients, rate)?;
        }
        check(&mut tally, epoch)?;
        let train = tally.scores();
        let valid = self.validate(epoch)?;
        self.history.push(EpochMetrics {
            epoch,
            train_loss: train.loss,
            train_accuracy: train.accuracy,
            valid_loss: valid.map(|scores| scores.loss),
            valid_accuracy: valid.map(|scores| scores.accuracy),
            learning_rate: self.config.schedule.rate(self.config.learning_rate, start),
            seconds: watch.seconds(),
        });
        Ok(&self.history[epoch as usize])
    }

    /// The loss of the class scores, and that with the auxiliary head's share.
    fn losses(&self, logits: &Logits, labels: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        let main = cross_entropy(&logits.main, labels, self.config.label_smoothing)?;
        let total = match &logits.auxiliary {
            Some(logits) => {
                let auxiliary = cross_entropy(logits, labels, self.config.label_smoothing)?;
                (&main + (auxiliary * self.config.auxiliary_weight)?)?
            }
            None => main.clone(),
        };
        Ok((main, total))
    }

    fn validate(&self, epoch: u32) -> Result<Option<Scores>, EvalError> {
        if self.data.valid().is_empty() {
            return Ok(None);
        }
        let (images, normalization) = (self.data.images(), self.data.normalization());
        let batch_size = self.config.evaluation_batch_size;
        evaluate(
            &self.model,
            images,
            normalization,
            self.data.valid(),
            batch_size,
            epoch,
        )
        .map(Some)
    }

    /// Whether all epochs are done.
    pub fn is_finished(&self) -> bool {
        self.epochs_done() >= self.config.epochs
    }

    /// Number of epochs that are done.
    pub fn epochs_done(&self) -> u32 {
        // There is one entry for each of at most `u32` epochs.
        self.history.len() as u32
    }

    /// What became of the epochs that are done, in order.
    pub fn history(&self) -> &[EpochMetrics] {
        &self.history
    }

    /// The model as it is now.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The data it is trained on.
    pub fn data(&self) -> &TrainingData {
        &self.data
    }

    /// The configuration it is trained with.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The trained model.
    pub fn into_model(self) -> Model {
        self.model
    }
}
