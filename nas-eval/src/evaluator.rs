//! Performance estimation by training.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nas_space::network::{Network, NetworkConfig};
use nas_space::search::{Evaluation, Evaluator, Failure, FailureKind, Metric, Stop, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use serde::{Deserialize, Serialize};

use crate::clock::Stopwatch;
use crate::compute::Compute;
use crate::data::{Dataset, DatasetInfo};
use crate::device::{computes_in_tf32, device_kind, device_name};
use crate::error::EvalError;
use crate::final_training::{Validation, check_fit};
use crate::memory::MemoryEstimate;
use crate::model::Model;
use crate::train::{TrainConfig, Trainer, TrainingData};

pub use crate::train::JudgedBy;

/// Settings of a [`TrainingEvaluator`].
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `network` | see [`NetworkConfig`] | size of the networks; image and classes must be those of the data | |
/// | `train` | see [`TrainConfig`] | how they are trained; a trial's fidelity replaces `epochs` | |
/// | `span` | `trial` | what the schedules of a training span: see [`Span`] | at least a trial's epochs |
/// | `judged_by` | `accuracy` | what architectures are compared by: see [`JudgedBy`] | |
/// | `valid_fraction` | 0.5 | share of the training images that architectures are judged by (Liu et al. 2019, section 3.1: half) | (0, 1) |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TrainingEvaluatorConfig {
    /// Size of the networks.
    pub network: NetworkConfig,
    /// How networks are trained.
    pub train: TrainConfig,
    /// Epochs that the schedules of learning rate and drop-path span. Not together with halving.
    pub span: Span,
    /// What architectures are compared by, on validation images.
    pub judged_by: JudgedBy,
    /// Share of the training images that is kept for validation.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1)))]
    pub valid_fraction: f64,
}

impl TrainingEvaluatorConfig {
    /// A good start for a few epochs on this data set: networks of 16 channels with one cell (a
    /// stage), trained by [`TrainConfig::quick`], judged by half of the training images.
    ///
    /// # Errors
    /// [`EvalError::Data`] if there is no data set of this name.
    pub fn quick(dataset: &str) -> Result<Self, EvalError> {
        let info = DatasetInfo::find(dataset)?;
        Ok(Self {
            network: NetworkConfig {
                image: info.shape,
                classes: info.classes,
                channels: 16,
                cells: 1,
                ..NetworkConfig::default()
            },
            train: TrainConfig::quick(dataset)?,
            ..Self::default()
        })
    }
}

impl TrainingEvaluatorConfig {
    /// Checks the ranges in the table above.
    ///
    /// # Errors
    /// [`EvalError`] names the field.
    pub fn validate(&self) -> Result<(), EvalError> {
        self.network.validate()?;
        self.train.validate()?;
        if self.span == Span::Epochs(0) {
            return Err(EvalError::config("span", 0, "at least 1 epoch"));
        }
        if !(self.valid_fraction > 0.0 && self.valid_fraction < 1.0) {
            return Err(EvalError::config(
                "valid_fraction",
                self.valid_fraction,
                "a number between 0 and 1",
            ));
        }
        Ok(())
    }
}

impl Default for TrainingEvaluatorConfig {
    fn default() -> Self {
        Self {
            network: NetworkConfig::default(),
            train: TrainConfig::default(),
            span: Span::default(),
            judged_by: JudgedBy::default(),
            valid_fraction: 0.5,
        }
    }
}

/// What the schedules of a training span: those of the learning rate and of drop-path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// The epochs of the trial.
    ///
    /// A trial of more epochs is another training from its first step on, and continues nothing.
    #[default]
    Trial,
    /// This many epochs, of which a trial trains the first ones.
    ///
    /// A trial of more epochs begins with all that one of fewer trains, so that it can continue it:
    /// what multi-fidelity search needs, where this is its maximum.
    Epochs(#[cfg_attr(feature = "schema", schemars(range(min = 1)))] u32),
}

/// Evaluates a trial by building its network and training it for the trial's epochs on the training
/// split; the accuracy is that on the validation split after the last epoch. The learning-rate
/// schedule spans what [`Span`] says.
///
/// **Continuing.** With a folder for [checkpoints](TrainingEvaluator::with_checkpoints), each trial
/// saves the state of its training there, in a folder named by its seed, and a trial that continues
/// it starts from this state. If the state is missing, damaged, of another training, or cannot be
/// written, the trial trains from the start. This takes longer and gives the same figures, bit for
/// bit on the CPU. Nothing is removed: for each training, the folder keeps a network's weights and
/// its optimizer's state until the caller deletes them.
///
/// **Stopping.** After a [`Stop`](TrainingEvaluator::with_stop) is requested, a trial ends between
/// two steps with [`FailureKind::Interrupted`]. With a folder, given here or by
/// [`resuming_from`](TrainingEvaluator::resuming_from), it saves the state of its training there.
/// The same trial continues from it when it is evaluated again.
///
/// All trials of a study share one split. It holds the data set's training images only, so no
/// strategy can see a test image; for the test, see
/// [`FinalTraining`](crate::final_training::FinalTraining).
#[derive(Debug, Clone)]
pub struct TrainingEvaluator {
    space: Arc<dyn Space>,
    data: TrainingData,
    /// Memory of the data set, with its test images.
    data_bytes: u64,
    config: TrainingEvaluatorConfig,
    compute: Compute,
    description: String,
    checkpoints: Option<Checkpoints>,
    stop: Stop,
}

/// Where the state of trainings is left.
#[derive(Debug, Clone)]
struct Checkpoints {
    folder: PathBuf,
    /// That of trials that have ended, too.
    of_all: bool,
}

/// What [`Evaluator::description`] says, as JSON.
#[derive(Serialize)]
struct Description<'a> {
    evaluator: &'static str,
    space: &'a str,
    dataset: &'a str,
    images: usize,
    /// Fingerprint of their pixels and labels: a data set of the same name and size may be another
    /// one.
    fingerprint: String,
    valid_fraction: f64,
    split_seed: u64,
    network: &'a NetworkConfig,
    span: Span,
    judged_by: JudgedBy,
    train: serde_json::Value,
    device: &'a str,
    dtype: &'a str,
    /// Whether matrix products run in TF32: another result.
    tf32: bool,
}

impl TrainingEvaluator {
    /// An evaluator for architectures of `space` on `dataset`; the split into training and
    /// validation images is drawn from the seed of the study.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value outside its range or a network that does not fit the data,
    /// [`EvalError::Data`] for a fraction that leaves a side empty.
    pub fn new(
        space: Arc<dyn Space>,
        dataset: &Dataset,
        config: TrainingEvaluatorConfig,
        study: Seed,
        compute: &Compute,
    ) -> Result<Self, EvalError> {
        config.validate()?;
        check_fit(&config.network, &config.train, dataset)?;
        let data = Validation::HoldOut {
            fraction: config.valid_fraction,
            study,
        }
        .divide(dataset)?;
        // Numbers, strings and maps always serialise.
        let mut train = serde_json::to_value(&config.train).unwrap_or_default();
        if let Some(fields) = train.as_object_mut() {
            // The trial's fidelity decides it.
            fields.remove("epochs");
        }
        let description = serde_json::to_string(&Description {
            evaluator: "training",
            space: space.name(),
            dataset: &dataset.name,
            images: dataset.train.len(),
            fingerprint: dataset.train.fingerprint(),
            valid_fraction: config.valid_fraction,
            split_seed: study.value(),
            network: &config.network,
            span: config.span,
            judged_by: config.judged_by,
            train,
            device: device_kind(&compute.device),
            dtype: compute.dtype.as_str(),
            tf32: computes_in_tf32(&compute.device),
        });
        let description = description.unwrap_or_default();
        Ok(Self {
            space,
            data,
            data_bytes: dataset.bytes(),
            config,
            compute: compute.clone(),
            description,
            checkpoints: None,
            stop: Stop::new(),
        })
    }

    /// The same evaluator, whose trials save the state of their trainings below this folder and
    /// continue from it. The folder affects only how long an evaluation takes. It is created when
    /// it is needed.
    #[must_use]
    pub fn with_checkpoints(self, folder: impl Into<PathBuf>) -> Self {
        Self {
            checkpoints: Some(Checkpoints {
                folder: folder.into(),
                of_all: true,
            }),
            ..self
        }
    }

    /// The same evaluator, whose trials leave the state of their trainings below this folder where
    /// they are interrupted, and take it away once they have ended.
    #[must_use]
    pub fn resuming_from(self, folder: impl Into<PathBuf>) -> Self {
        Self {
            checkpoints: Some(Checkpoints {
                folder: folder.into(),
                of_all: false,
            }),
            ..self
        }
    }

    /// The same evaluator, whose trials end after this stop is requested.
    #[must_use]
    pub fn with_stop(self, stop: Stop) -> Self {
        Self { stop, ..self }
    }

    /// Estimates the memory of a trial with this number of threads, before anything is allocated.
    /// `None` if it does not train on the CPU, because only the CPU's memory is known.
    ///
    /// # Errors
    /// [`EvalError::Space`] for an architecture that cannot be built at this size,
    /// [`EvalError::UnsupportedLayer`].
    pub fn memory_estimate(
        &self,
        trial: &Trial,
        threads: usize,
    ) -> Result<Option<MemoryEstimate>, EvalError> {
        if !self.compute.device.is_cpu() {
            return Ok(None);
        }
        let network = self.space.network(&trial.architecture, &self.config.network)?;
        let evaluated = self.data.valid().len();
        MemoryEstimate::new(&network, &self.config.train, threads, self.data_bytes, evaluated).map(Some)
    }

    /// The folder of a trial's training: all trials that continue one another, and no others, have
    /// its seed.
    fn checkpoint(&self, trial: &Trial) -> Option<PathBuf> {
        let folder = &self.checkpoints.as_ref()?.folder;
        Some(folder.join(format!("{:016x}", trial.seed.value())))
    }

    /// Leaves the result of a trial. Without it, what continues the trial, or the trial itself,
    /// trains from the start: no reason to lose an evaluation.
    fn leave(&self, trainer: &Trainer, checkpoint: &Path, interrupted: bool) {
        let of_all = self
            .checkpoints
            .as_ref()
            .is_some_and(|checkpoints| checkpoints.of_all);
        let _ = if of_all || interrupted {
            trainer.save(checkpoint)
        } else {
            Trainer::remove_checkpoint(checkpoint)
        };
    }

    /// The epochs that the schedules of a trial's training span.
    fn span(&self, trial: &Trial) -> Result<u32, EvalError> {
        let epochs = trial.fidelity.epochs;
        match self.config.span {
            Span::Trial => Ok(epochs),
            Span::Epochs(span) if epochs == 0 || epochs > span => Err(EvalError::config(
                "the epochs of a trial",
                epochs,
                "from 1 to the span of the schedules",
            )),
            Span::Epochs(span) => Ok(span),
        }
    }

    /// Goes on from the checkpoint, if there is one. Gives the seconds of what this trial need not
    /// do: an evaluation that was cut off after its last epoch costs what it cost.
    ///
    /// # Errors
    /// Where it is none of this training, or cannot be read. The trainer is of no use then.
    fn restore(trainer: &mut Trainer, checkpoint: &Path, trial: &Trial) -> Result<f64, EvalError> {
        if !Trainer::has_checkpoint(checkpoint) {
            return Ok(0.0);
        }
        trainer.load(checkpoint)?;
        let own = (trial.fidelity.epochs - trial.added_epochs()) as usize;
        let done = trainer.history().iter().take(trial.fidelity.epochs as usize);
        let begun = trainer.progress().map_or(0.0, |progress| progress.seconds);
        Ok(done.skip(own).map(|metrics| metrics.seconds).sum::<f64>() + begun)
    }

    /// A trainer at the start of the trial's training.
    fn trainer(&self, trial: &Trial, network: Arc<Network>) -> Result<Trainer, EvalError> {
        let expected = network.cost().params;
        let model = Model::new(network, trial.seed.derive("init", 0), &self.compute)?;
        let got = model.parameters().count();
        if got != expected {
            return Err(EvalError::ParameterCount { expected, got });
        }
        let train = self.config.train.with_epochs(self.span(trial)?);
        let trainer = Trainer::new(model, self.data.clone(), train, trial.seed.derive("train", 0))?;
        Ok(trainer.with_stop(self.stop.clone()))
    }

    fn train(&self, trial: &Trial) -> Result<Evaluation, EvalError> {
        let watch = Stopwatch::start();
        let epochs = trial.fidelity.epochs;
        let network = Arc::new(self.space.network(&trial.architecture, &self.config.network)?);
        let cost = network.cost();
        let mut trainer = self.trainer(trial, Arc::clone(&network))?;
        let checkpoint = self.checkpoint(trial);
        let restored = match &checkpoint {
            None => 0.0,
            Some(checkpoint) => match Self::restore(&mut trainer, checkpoint, trial) {
                Ok(seconds) => seconds,
                // Whatever is wrong with it, training from the start makes up for it.
                Err(_) => {
                    trainer = self.trainer(trial, network)?;
                    0.0
                }
            },
        };
        let place = |trainer: &Trainer| (trainer.epochs_done(), trainer.progress().map(|p| p.steps));
        let before = place(&trainer);
        let interrupted = match trainer.run_until(epochs, |_| {}).map(drop) {
            Ok(()) => false,
            Err(EvalError::Interrupted) => true,
            Err(error) => return Err(error),
        };
        if let Some(checkpoint) = checkpoint.filter(|_| place(&trainer) != before) {
            self.leave(&trainer, &checkpoint, interrupted);
        }
        if interrupted {
            return Err(EvalError::Interrupted);
        }
        // The last one of this trial: a checkpoint may be of one that continues it.
        let last = trainer.history().get(epochs as usize - 1);
        Ok(Evaluation {
            valid_accuracy: last
                .and_then(|metrics| self.config.judged_by.of_epoch(metrics))
                .unwrap_or(f64::NAN),
            valid_loss: last.and_then(|metrics| metrics.valid_loss),
            train_accuracy: last.map(|metrics| metrics.train_accuracy),
            train_loss: last.map(|metrics| metrics.train_loss),
            params: Some(cost.params),
            macs: Some(cost.macs),
            figures: BTreeMap::new(),
            epochs: trial.fidelity.epochs,
            cost_seconds: watch.seconds() + restored,
            device: device_name(&self.compute.device),
            attempts: Vec::new(),
        })
    }
}

impl Evaluator for TrainingEvaluator {
    fn description(&self) -> String {
        self.description.clone()
    }

    fn metric(&self) -> Metric {
        self.config.judged_by.metric()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        self.train(trial).map_err(|e| failure(&e))?.checked()
    }
}

/// The class of failure that an error is, with its message.
pub(crate) fn failure(error: &EvalError) -> Failure {
    let message = error.to_string();
    let lower = message.to_lowercase();
    // Candle has no variant for it: the drivers' texts are all there is.
    let out_of_memory = ["out of memory", "out_of_memory"]
        .iter()
        .any(|text| lower.contains(text));
    let kind = match error {
        EvalError::NonFinite { .. } => FailureKind::NonFinite,
        EvalError::Interrupted => FailureKind::Interrupted,
        EvalError::Tensor(_) if out_of_memory => FailureKind::OutOfMemory,
        EvalError::Space(_) | EvalError::UnsupportedLayer { .. } | EvalError::Config { .. } => {
            FailureKind::Invalid
        }
        _ => FailureKind::Other,
    };
    Failure::new(kind, message)
}

#[cfg(test)]
mod continuing;

#[cfg(test)]
mod tests;
