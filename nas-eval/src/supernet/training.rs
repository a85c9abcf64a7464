//! The training of a supernet's weights.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use nas_space::network::{Network, NetworkConfig};
use nas_space::search::Stop;
use nas_space::seed::Seed;

use super::{Learned, Mixture, Supernet, Wanted};
use crate::compute::Compute;
use crate::data::{Augmentation, Batch, BatchPlan, Batcher, Dataset, Endless, LastBatch};
use crate::error::EvalError;
use crate::model::Pass;
use crate::nn::{Gradients, Moment, Optimizer, OptimizerState};
use crate::train::{EpochSteps, Progress, Scores, Tally, TrainConfig, TrainingData, losses};

/// A supernet with the data it is trained on and the optimizer of its weights: what searches by a
/// supernet have in common. A method adds what the weights of its [`Mixture`]s are, by [`Steps`].
///
/// Every random stream is derived from the seed, the epoch and the step, and an epoch can be
/// interrupted between any two steps: with the weights, the state of their optimizer and the
/// [`Progress`], it continues with the same bits as without the interruption.
#[derive(Debug)]
pub struct SupernetTraining {
    supernet: Supernet,
    data: TrainingData,
    data_fingerprint: String,
    config: TrainConfig,
    seed: Seed,
    /// \[classes\], in the supernet's element type.
    class_weights: Option<Tensor>,
    optimizer: Box<dyn Optimizer>,
    /// Where the next epoch was interrupted.
    progress: Option<Progress>,
    stop: Stop,
}

/// What the training of a supernet learns from, and in what form.
#[derive(Debug, Clone, Copy)]
pub struct SupernetData<'a> {
    /// The data set; its test images are not used.
    pub dataset: &'a Dataset,
    /// The share of its training images that is kept for validation, in (0, 1).
    pub valid_fraction: f64,
    /// Where it is trained, and in which element type.
    pub compute: &'a Compute,
}

/// A pass over the training images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainingPass {
    /// The epoch, from 0: its place in the schedule.
    pub epoch: u32,
    /// Which stream of batches it takes. No two passes of a search have the same.
    pub stream: u32,
    /// The learning rate of all its steps; that of the schedule where there is none.
    pub learning_rate: Option<f64>,
}

impl TrainingPass {
    /// The pass of an epoch, as the schedule has it.
    pub fn of_epoch(epoch: u32) -> Self {
        Self {
            epoch,
            stream: epoch,
            learning_rate: None,
        }
    }
}

/// A step of a [`TrainingPass`].
#[derive(Debug)]
pub struct Step<'a> {
    /// The pass.
    pub pass: TrainingPass,
    /// Number of the step within it, from 0.
    pub number: usize,
    /// Learning rate of the weights.
    pub learning_rate: f64,
    /// The training batch.
    pub examples: &'a Examples,
}

/// A batch of images in the supernet's element type.
///
/// # Shapes
/// `images`: \[N, C, H, W\]; `labels`: \[N\] of `u32`.
#[derive(Debug, Clone)]
pub struct Examples {
    /// The images.
    pub images: Tensor,
    /// Their classes.
    pub labels: Tensor,
}

impl Examples {
    /// A batch in this element type.
    ///
    /// # Errors
    /// A Candle error from the device.
    pub fn new(batch: &Batch, dtype: DType) -> candle_core::Result<Self> {
        Ok(Self {
            images: batch.images.to_dtype(dtype)?,
            labels: batch.labels.clone(),
        })
    }
}

/// The result of a pass over the training images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trained {
    /// Mean loss and accuracy on the training batches.
    pub scores: Scores,
    /// Learning rate of the first step.
    pub learning_rate: f64,
}

/// What a method does in each step of the weights: its relaxation or its sampler.
pub trait Steps {
    /// What can go wrong.
    type Error: From<EvalError>;

    /// The weights of the operations with which the supernet's weights make this step.
    ///
    /// # Errors
    /// Those of the method.
    fn mixture(&mut self, training: &SupernetTraining, step: &Step<'_>) -> Result<Mixture, Self::Error>;

    /// Mixtures besides that one. Each makes a pass over the same batch, the gradients of all are
    /// added up, and the weights make one step. None, unless a method says otherwise.
    ///
    /// # Errors
    /// Those of the method.
    fn more(&mut self, _training: &SupernetTraining, _step: &Step<'_>) -> Result<Vec<Mixture>, Self::Error> {
        Ok(Vec::new())
    }

    /// Called before the weights make the step.
    ///
    /// # Errors
    /// Those of the method.
    fn before(&mut self, _training: &SupernetTraining, _step: &Step<'_>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Called after the weights have made the step.
    ///
    /// # Errors
    /// Those of the method.
    fn after(&mut self, _training: &SupernetTraining, _step: &Step<'_>) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl SupernetTraining {
    /// A training before its first epoch, of the network of a supernet that was made by `size`.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value out of range, or where `size` is for other images than
    /// those of the data; [`EvalError::Data`] for too few images; otherwise as [`Supernet::new`].
    pub fn new(
        network: Network,
        size: &NetworkConfig,
        data: SupernetData<'_>,
        config: TrainConfig,
        seed: Seed,
    ) -> Result<Self, EvalError> {
        config.validate()?;
        let images = &data.dataset.train;
        let (shape, classes) = (images.shape(), images.classes());
        if size.image != shape || size.classes != classes {
            return Err(EvalError::config(
                "network",
                format!("for images of {} in {} classes", size.image, size.classes),
                format!("the data's: images of {shape} in {classes} classes"),
            ));
        }
        let data_fingerprint = images.fingerprint();
        let supernet = seed.derive("supernet", 0);
        let compute = data.compute;
        let supernet = Supernet::new(Arc::new(network), supernet, compute)?;
        let data = TrainingData::hold_out(data.dataset, data.valid_fraction, seed.derive("split", 0))?;
        Ok(Self {
            class_weights: data.class_weights(config.class_weights, compute)?,
            supernet,
            data,
            data_fingerprint,
            optimizer: config.optimizer.build()?,
            config,
            seed,
            progress: None,
            stop: Stop::new(),
        })
    }

    /// The same training, whose passes and evaluations end with [`EvalError::Interrupted`] between
    /// two batches after a stop is requested.
    #[must_use]
    pub fn with_stop(mut self, stop: Stop) -> Self {
        self.supernet = self.supernet.with_stop(stop.clone());
        self.stop = stop;
        self
    }

    /// Makes the steps of a pass over the training images, or those that are left of one that was
    /// interrupted. How far it has come is kept in [`SupernetTraining::progress`].
    ///
    /// # Errors
    /// [`EvalError::Interrupted`] where a stop is requested; [`EvalError::NonFinite`] as soon as a
    /// loss is not a number (on an accelerator, some steps later); [`EvalError::Data`] and
    /// [`EvalError::Tensor`] where a batch cannot be made, or from the device; those of the method.
    pub fn pass<S: Steps>(&mut self, pass: TrainingPass, method: &mut S) -> Result<Trained, S::Error> {
        let batcher = self.train_batches()?;
        let rate_at = |step| {
            let moment = Moment {
                epochs: self.config.epochs,
                steps_per_epoch: batcher.batches(),
                epoch: pass.epoch,
                step,
            };
            let scheduled = || self.config.schedule.rate(self.config.learning_rate, moment);
            pass.learning_rate.unwrap_or_else(scheduled)
        };
        let rates: Vec<f64> = (0..batcher.batches()).map(rate_at).collect();
        let stop = self.stop.clone();
        let steps = EpochSteps {
            batcher: &batcher,
            stream: pass.stream.into(),
            epoch: pass.epoch,
            stop: &stop,
        };
        let mut progress = self.progress;
        let scores = steps.run(&mut progress, |number, batch, tally| {
            let examples = Examples::new(batch, self.supernet.parameters().dtype());
            let step = Step {
                pass,
                number,
                learning_rate: rates[number],
                examples: &examples.map_err(EvalError::from)?,
            };
            method.before(self, &step)?;
            let first = method.mixture(self, &step)?;
            let more = method.more(self, &step)?;
            self.step(&step, &first, &more, tally)?;
            method.after(self, &step)
        });
        self.progress = progress;
        Ok(Trained {
            scores: scores?,
            learning_rate: rates[0],
        })
    }

    /// One step of the weights, by the sum of the gradients with all mixtures.
    fn step(
        &mut self,
        step: &Step<'_>,
        first: &Mixture,
        more: &[Mixture],
        tally: &mut Tally,
    ) -> Result<(), EvalError> {
        let dropout = self.seed.derive("dropout", step.pass.stream.into());
        let seed = dropout.derive("step", step.number as u64);
        let mut gradients = self.differentiated(step, first, seed, tally)?;
        for (number, mixture) in more.iter().enumerate() {
            let seed = seed.derive("more", number as u64);
            let others = self.differentiated(step, mixture, seed, tally)?;
            gradients = gradients.plus(others, self.supernet.parameters())?;
        }
        if self.config.clip_norm > 0.0 {
            gradients.clip_norm(self.config.clip_norm)?;
        }
        let parameters = self.supernet.parameters();
        Ok(self.optimizer.step(parameters, &gradients, step.learning_rate)?)
    }

    /// The gradients with one mixture. Loss and accuracy are added to the tally.
    fn differentiated(
        &self,
        step: &Step<'_>,
        mixture: &Mixture,
        seed: Seed,
        tally: &mut Tally,
    ) -> Result<Gradients, EvalError> {
        let Examples { images, labels } = step.examples;
        let pass = Pass::Train { seed, drop_path: 0.0 };
        let weights = self.class_weights.as_ref();
        let done = self
            .supernet
            .differentiate(images, &pass, mixture, Wanted::Weights, |logits| {
                Ok(losses(logits, labels, &self.config, weights)?.1)
            })?;
        tally.count(&done.logits.main, labels, &done.loss, &done.loss)?;
        Ok(done.gradients)
    }

    /// Loss and accuracy with these weights of the operations on all validation images. `pass` says
    /// by which statistics batch norms normalise, `epoch` is that to report.
    ///
    /// # Errors
    /// As [`Supernet::evaluate`].
    pub fn evaluate(&self, mixture: &Mixture, pass: &Pass, epoch: u32) -> Result<Scores, EvalError> {
        let batch_size = self.config.evaluation_batch_size;
        self.evaluate_on(self.data.valid(), batch_size, mixture, pass, epoch)
    }

    /// The same on the images with these indices, in batches of this size.
    ///
    /// # Errors
    /// As [`Supernet::evaluate`].
    pub fn evaluate_on(
        &self,
        indices: &[u32],
        batch_size: usize,
        mixture: &Mixture,
        pass: &Pass,
        epoch: u32,
    ) -> Result<Scores, EvalError> {
        let (images, normalization) = (self.data.images(), self.data.normalization());
        self.supernet
            .evaluate(images, normalization, indices, batch_size, epoch, pass, mixture)
    }

    /// The training batches of a step's size, shuffled and augmented.
    ///
    /// # Errors
    /// As [`Batcher::new`].
    pub fn train_batches(&self) -> Result<Batcher, EvalError> {
        let (size, augmentation) = (self.config.batch_size, self.config.augmentation);
        let plan = BatchPlan::training(size, augmentation, self.seed.derive("train batches", 0));
        self.batcher(self.data.train(), plan)
    }

    /// Validation batches of a step's size, shuffled and varied so. `last` says what becomes of
    /// those that do not fill one.
    ///
    /// # Errors
    /// As [`Batcher::new`].
    pub fn valid_batches(&self, augmentation: Augmentation, last: LastBatch) -> Result<Batcher, EvalError> {
        let (size, seed) = (self.config.batch_size, self.seed.derive("valid batches", 0));
        let plan = BatchPlan::training(size, augmentation, seed);
        self.batcher(self.data.valid(), BatchPlan { last, ..plan })
    }

    fn batcher(&self, indices: &[u32], plan: BatchPlan) -> Result<Batcher, EvalError> {
        let (images, normalization) = (self.data.images(), self.data.normalization());
        Ok(Batcher::new(
            Arc::clone(images),
            Arc::clone(normalization),
            indices.to_vec(),
            plan,
            self.supernet.parameters().device(),
        )?)
    }

    /// The next batch in the supernet's element type.
    ///
    /// # Errors
    /// As [`Endless::next_batch`]; [`EvalError::Tensor`] from the device.
    pub fn next_examples(&self, batches: &mut Endless) -> Result<Examples, EvalError> {
        let batch = batches.next_batch()?;
        Ok(Examples::new(&batch, self.supernet.parameters().dtype())?)
    }

    /// Fails, as [`EvalError::Interrupted`], once a stop is requested.
    ///
    /// # Errors
    /// That one.
    pub fn check_stop(&self) -> Result<(), EvalError> {
        if self.stop.is_requested() {
            return Err(EvalError::Interrupted);
        }
        Ok(())
    }

    /// The supernet.
    pub fn supernet(&self) -> &Supernet {
        &self.supernet
    }

    /// What it is trained and validated on.
    pub fn data(&self) -> &TrainingData {
        &self.data
    }

    /// Fingerprint of the data's images and labels.
    pub(super) fn data_fingerprint(&self) -> &str {
        &self.data_fingerprint
    }

    /// The seed of all streams.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// How it is trained.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// How far the next epoch has come, where it was interrupted.
    pub fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// The next pass begins at its first step, whether or not the last one finished.
    pub fn forget_progress(&mut self) {
        self.progress = None;
    }

    pub(super) fn set_progress(&mut self, progress: Option<Progress>) {
        self.progress = progress;
    }

    /// What the weights' optimizer remembers.
    ///
    /// # Errors
    /// A Candle error where the device has no memory for it.
    pub fn optimizer_state(&self) -> candle_core::Result<OptimizerState> {
        self.optimizer.state()
    }

    /// Goes on with an optimizer that remembers nothing.
    ///
    /// # Errors
    /// None for a configuration that was checked.
    pub fn renew_optimizer(&mut self) -> Result<(), EvalError> {
        self.optimizer = self.config.optimizer.build()?;
        Ok(())
    }

    /// The weights and their optimizer, to be saved and restored.
    pub(super) fn learned(&mut self) -> Learned<'_> {
        Learned {
            name: "weights",
            parameters: self.supernet.parameters(),
            optimizer: self.optimizer.as_mut(),
        }
    }
}
