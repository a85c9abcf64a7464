//! The training loop.

use candle_core::Tensor;
use nas_space::search::Stop;
use nas_space::seed::Seed;

use super::confusion::Confusion;
use super::evaluate::evaluate_by;
use super::steps::{EpochClock, EpochSteps, losses};
use super::{EpochMetrics, Progress, Scores, TrainConfig, TrainingData};
use crate::error::EvalError;
use crate::model::{Model, Pass};
use crate::nn::{Moment, Optimizer};

/// Trains a model, epoch by epoch.
///
/// Every random stream is derived from the seed, the epoch and the step, so a trainer that is saved
/// after any epoch or at an interruption, and loaded into a new one, continues with the same bits
/// as if it had never stopped (see [`Trainer::save`]).
#[derive(Debug)]
pub struct Trainer {
    pub(super) model: Model,
    pub(super) data: TrainingData,
    pub(super) config: TrainConfig,
    pub(super) seed: Seed,
    /// \[classes\], in the model's element type.
    class_weights: Option<Tensor>,
    pub(super) optimizer: Box<dyn Optimizer>,
    pub(super) history: Vec<EpochMetrics>,
    /// Where the next epoch was interrupted.
    pub(super) progress: Option<Progress>,
    stop: Stop,
}

impl Trainer {
    /// A trainer at the start of the first epoch.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value outside its range; [`EvalError::Tensor`] from the device.
    pub fn new(model: Model, data: TrainingData, config: TrainConfig, seed: Seed) -> Result<Self, EvalError> {
        config.validate()?;
        let optimizer = config.optimizer.build()?;
        let class_weights = data.class_weights(config.class_weights, model.parameters().compute())?;
        Ok(Self {
            class_weights,
            model,
            data,
            config,
            seed,
            optimizer,
            history: Vec::new(),
            progress: None,
            stop: Stop::new(),
        })
    }

    /// The same trainer, whose epochs end between two steps after a stop is requested.
    /// [`Trainer::epoch`] then fails with [`EvalError::Interrupted`]. It continues when it is
    /// called again, on this trainer or on one that has loaded its saved state.
    #[must_use]
    pub fn with_stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Trains all epochs that are left and shows each to `observer`.
    ///
    /// # Errors
    /// As [`Trainer::epoch`].
    pub fn run(&mut self, observer: impl FnMut(&EpochMetrics)) -> Result<&[EpochMetrics], EvalError> {
        self.run_until(self.config.epochs, observer)
    }

    /// Trains until this number of epochs is done, or all of them, and passes each to `observer`.
    /// The schedules span all epochs, so a training that continues later gives the same result.
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

    /// Trains one epoch, or the rest of an interrupted one, and validates.
    ///
    /// # Errors
    /// [`EvalError::Interrupted`] where a stop is requested; [`EvalError::NonFinite`] as soon as a
    /// loss is not a number (on an accelerator, some steps later); [`EvalError::Data`] where images
    /// and configuration do not fit; [`EvalError::Tensor`] from the device.
    pub fn epoch(&mut self) -> Result<&EpochMetrics, EvalError> {
        let clock = EpochClock::start(self.progress.as_ref());
        let result = self.rest_of_epoch();
        let seconds = clock.seconds();
        let interrupted = matches!(result, Err(EvalError::Interrupted));
        self.progress = Progress::kept(self.progress, interrupted, seconds);
        let metrics = result?;
        self.history.push(EpochMetrics { seconds, ..metrics });
        Ok(&self.history[self.history.len() - 1])
    }

    /// What is left of the epoch, without the seconds.
    fn rest_of_epoch(&mut self) -> Result<EpochMetrics, EvalError> {
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
        let steps = EpochSteps {
            batcher: &batcher,
            stream: epoch.into(),
            epoch,
            stop: &self.stop,
        };
        let (config, weights) = (&self.config, self.class_weights.as_ref());
        let train = steps.run(
            &mut self.progress,
            |step, batch, tally| -> Result<(), EvalError> {
                let pass = Pass::Train {
                    seed: passes.derive("step", step as u64),
                    drop_path,
                };
                let images = batch.images.to_dtype(dtype)?;
                let mut main = None;
                let (logits, total, mut gradients) = self.model.differentiate(&images, &pass, |logits| {
                    let (without_auxiliary, total) = losses(logits, &batch.labels, config, weights)?;
                    main = Some(without_auxiliary);
                    Ok(total)
                })?;
                let main = main.as_ref().unwrap_or(&total);
                tally.count(&logits.main, &batch.labels, main, &total)?;
                if config.clip_norm > 0.0 {
                    gradients.clip_norm(config.clip_norm)?;
                }
                let rate = config
                    .schedule
                    .rate(config.learning_rate, Moment { step, ..start });
                Ok(self.optimizer.step(self.model.parameters(), &gradients, rate)?)
            },
        )?;
        let mut confusion = Some(Confusion::of_each(self.data.images().classes()));
        let valid = self.validate(epoch, &mut confusion)?;
        let confusion = valid.and(confusion);
        Ok(EpochMetrics {
            epoch,
            train_loss: train.loss,
            train_accuracy: train.accuracy,
            valid_loss: valid.map(|scores| scores.loss),
            valid_accuracy: valid.map(|scores| scores.accuracy),
            valid_balanced_accuracy: confusion.as_ref().map(Confusion::balanced_accuracy),
            valid_macro_f1: confusion.as_ref().map(Confusion::macro_f1),
            learning_rate: self.config.schedule.rate(self.config.learning_rate, start),
            seconds: 0.0,
        })
    }

    fn validate(&self, epoch: u32, confusion: &mut Option<Confusion>) -> Result<Option<Scores>, EvalError> {
        if self.data.valid().is_empty() {
            return Ok(None);
        }
        let parameters = self.model.parameters();
        evaluate_by(
            |images| Ok(self.model.forward(images, &Pass::Eval)?.main),
            parameters.compute(),
            (self.data.images(), self.data.normalization(), self.data.valid()),
            (self.config.evaluation_batch_size, epoch),
            &self.stop,
            confusion,
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

    /// How far the next epoch has come, where it was interrupted.
    pub fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
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
