//! DARTS: differentiable architecture search.
//!
//! A supernet weighs every operation on every edge. In each step the architecture parameters α make a step along the
//! gradient of the loss on a validation batch, then the weights w one along that of the loss on a training batch:
//!
//! - α ← Adam(∇_α L_val(w − ξ ∇_w L_train(w, α), α)), with ξ = 0 (first order) or the weights' learning rate (second
//!   order, see [`bilevel`](crate::bilevel));
//! - w ← SGD(∇_w L_train(w, α)), with momentum, weight decay and a clipped norm.
//!
//! GDAS makes the two steps in the other order, as its authors do ([`FirstStep`](crate::FirstStep)).
//!
//! After the last epoch the architecture is read off the strengths ([`discretize`](crate::discretize)), or by
//! perturbation.
//!
//! # Deviations
//! From the authors' code: the images are halved class by class, not by their position; validation batches go through
//! the validation half in a random order, and again from the start when it is used up, instead of being drawn anew each
//! step; the supernet is evaluated on images without augmentation.
//!
//! # Example
//! ```
//! use nas_darts::{DartsConfig, Search};
//! use nas_eval::data::{Augmentation, Dataset};
//! use nas_eval::{DType, Device};
//! use nas_space::network::NetworkConfig;
//! use nas_space::seed::Seed;
//! use nas_space::spaces::nb201;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let digits = Dataset::load("digits", None)?.with_training_images(128, Seed::new(0))?;
//! let network = NetworkConfig { image: digits.train.shape(), channels: 4, cells: 1, ..NetworkConfig::default() };
//! let config = DartsConfig { network, epochs: 1, augmentation: Augmentation::NONE, ..DartsConfig::default() };
//! let mut search = Search::new(&nb201(), &digits, config, Seed::new(1), &Device::Cpu, DType::F32)?;
//! let report = search.run(None, |_| {})?;
//! println!("{}", report.genotype);
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! Hanxiao Liu, Karen Simonyan, Yiming Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, arXiv:1806.09055.

use std::path::Path;
use std::sync::Arc;

use nas_eval::clock::Stopwatch;
use nas_eval::data::{BatchPlan, Batcher, Dataset};
use nas_eval::model::Pass;
use nas_eval::nn::{Optimizer, OptimizerConfig};
use nas_eval::supernet::{Mixture, Supernet};
use nas_eval::train::{Progress, Scores, TrainingData};
use nas_eval::{DType, Device};
use nas_space::search::Stop;
use nas_space::seed::Seed;
use nas_space::spaces::{CellSpace, ChosenEdge, RelaxedCell, Space};
use ndarray::Array2;

use crate::alphas::Alphas;
use crate::architecture::Architecture;
use crate::checkpoint::Identity;
use crate::config::{BatchNormMode, DartsConfig, Selection};
use crate::curvature::LANCZOS_STEPS;
use crate::diagnostics::cell_report;
use crate::discretize::discretize;
use crate::error::DartsError;
use crate::perturbation::{Projection, Selected};
use crate::problem::Relaxed;
use crate::relaxation::{Mixed, Relaxation};
use crate::report::{CellReport, EdgePerturbation, EpochReport, SearchReport};
use crate::stop::{Course, Stopped};

/// Something that happened in a search.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// It goes on from a checkpoint.
    Resumed {
        /// The epochs that are done.
        history: &'a [EpochReport],
    },
    /// An epoch is done.
    Epoch {
        /// This one.
        report: &'a EpochReport,
        /// All of them, this one last.
        history: &'a [EpochReport],
    },
    /// A stop rule ends the search.
    Stopped(&'a Stopped),
    /// The weights were trained for an epoch between two rounds of perturbation.
    Tuned {
        /// Their learning rate.
        learning_rate: f64,
    },
    /// Perturbation decided something.
    Perturbed {
        /// Decisions made.
        done: usize,
        /// Decisions in all.
        of: usize,
        /// The newest one.
        edge: &'a EdgePerturbation,
    },
}

/// A differentiable search of one space on one data set.
///
/// Every random stream is derived from the seed, the epoch and the step, so that a search that was saved after any epoch, or
/// when it was interrupted, goes on bit for bit as if it had never stopped.
#[derive(Debug)]
pub struct Search {
    pub(crate) space: CellSpace,
    pub(crate) cells: Vec<RelaxedCell>,
    pub(crate) config: DartsConfig,
    pub(crate) seed: Seed,
    pub(crate) relaxation: Box<dyn Relaxation>,
    pub(crate) supernet: Supernet,
    pub(crate) data: TrainingData,
    data_fingerprint: String,
    pub(crate) weights: Box<dyn Optimizer>,
    pub(crate) architecture: Architecture,
    pub(crate) history: Vec<EpochReport>,
    /// Where the next epoch was interrupted.
    pub(crate) progress: Option<Progress>,
    pub(crate) stop: Stop,
    /// The strengths before the first step.
    start: Vec<Array2<f64>>,
    pub(crate) stopped: Option<Stopped>,
    pub(crate) projection: Option<Projection>,
    pub(crate) seconds: f64,
}

impl Search {
    /// A search before its first epoch. The images of `dataset` that are trained on are halved; its test images are not
    /// looked at.
    ///
    /// # Errors
    /// [`DartsError::Config`] for a value out of range, [`DartsError::Space`] for a space without a supernet, or one that
    /// cannot take these images at this size; [`DartsError::Data`] for too few images.
    pub fn new(
        space: &CellSpace,
        dataset: &Dataset,
        config: DartsConfig,
        seed: Seed,
        device: &Device,
        dtype: DType,
    ) -> Result<Self, DartsError> {
        config.validate()?;
        let (shape, classes) = (dataset.train.shape(), dataset.train.classes());
        if config.network.image != shape || config.network.classes != classes {
            return Err(DartsError::config(
                "network",
                format!(
                    "for images of {} in {} classes",
                    config.network.image, config.network.classes
                ),
                format!("the data's: images of {shape} in {classes} classes"),
            ));
        }
        let cells = space.relaxed()?;
        let network = space.supernet(&config.network, config.relaxation.channels())?;
        let supernet = Supernet::new(Arc::new(network), seed.derive("supernet", 0), device, dtype)?;
        let data = TrainingData::hold_out(dataset, config.valid_fraction, seed.derive("split", 0))?;
        let relaxation = config.relaxation.build(&cells);
        let architecture = Architecture::new(
            &cells,
            relaxation.weighs_edges(),
            &config,
            seed.derive("architecture", 0),
        )?;
        let weights = OptimizerConfig::Sgd(config.weights).build()?;
        let start = relaxation.strengths(&architecture.alphas()?);
        Ok(Self {
            space: space.clone(),
            cells,
            seed,
            relaxation,
            supernet,
            data,
            data_fingerprint: dataset.train.fingerprint(),
            weights,
            architecture,
            history: Vec::new(),
            progress: None,
            stop: Stop::new(),
            start,
            stopped: None,
            projection: None,
            seconds: 0.0,
            config,
        })
    }

    /// The same search, which is given up between two steps, as [`DartsError::Interrupted`], once a stop is requested.
    /// [`Search::run`] then leaves a checkpoint, from which it goes on.
    #[must_use]
    pub fn stopping_at(mut self, stop: Stop) -> Self {
        self.supernet = self.supernet.stopping_at(stop.clone());
        self.stop = stop;
        self
    }

    /// The supernet.
    pub fn supernet(&self) -> &Supernet {
        &self.supernet
    }

    /// The architecture parameters as they are.
    ///
    /// # Errors
    /// A Candle error, should they have been lost.
    pub fn alphas(&self) -> Result<Alphas, DartsError> {
        self.architecture.alphas()
    }

    /// The epochs that are done, in order.
    pub fn history(&self) -> &[EpochReport] {
        &self.history
    }

    /// Runs what is left of the search. With a directory, it goes on from the checkpoint that is there, if any, and
    /// leaves one after each epoch.
    ///
    /// # Errors
    /// [`DartsError::Interrupted`] where a stop was requested;
    /// [`DartsError::NonFinite`] or [`nas_eval::error::EvalError::NonFinite`] where a gradient or a loss is not a number;
    /// [`DartsError::Checkpoint`] for a checkpoint of another search; whatever the device or the file system says.
    pub fn run(
        &mut self,
        checkpoint: Option<&Path>,
        mut observer: impl FnMut(&Event<'_>),
    ) -> Result<SearchReport, DartsError> {
        if let Some(directory) = checkpoint.filter(|directory| Self::has_checkpoint(directory)) {
            self.load(directory)?;
            observer(&Event::Resumed {
                history: &self.history,
            });
        }
        while self.epochs_done() < self.config.epochs && self.stopped.is_none() {
            self.epoch(checkpoint)?;
            self.stopped = self.config.stop.check(&self.history, &self.course());
            if let Some(directory) = checkpoint {
                self.save(directory)?;
            }
            if let Some(report) = self.history.last() {
                observer(&Event::Epoch {
                    report,
                    history: &self.history,
                });
            }
        }
        if let Some(stopped) = &self.stopped {
            observer(&Event::Stopped(stopped));
        }
        let Selected {
            chosen,
            perturbations,
            mut warnings,
        } = match self.config.selection {
            Selection::Magnitude => Selected {
                chosen: self.chosen_by_strength()?,
                perturbations: Vec::new(),
                warnings: Vec::new(),
            },
            Selection::Perturbation { tuning_epochs } => {
                self.perturb(tuning_epochs, checkpoint, &mut observer)?
            }
        };
        for (cell, chosen) in self.cells.iter().zip(&chosen) {
            if !cell.passes_on(chosen) {
                let name = match cell.name.as_str() {
                    "cell" => "cell".to_owned(),
                    name => format!("{name} cell"),
                };
                warnings.push(format!(
                    "the architecture's {name} passes nothing on: each way through it meets `none`"
                ));
            }
        }
        Ok(SearchReport {
            genotype: self.space.chosen(&chosen)?,
            history: self.history.clone(),
            stopped: self.stopped.clone(),
            perturbations,
            warnings,
            seconds: self.seconds,
        })
    }

    /// What a stop rule is told beside the history.
    fn course(&self) -> Course<'_> {
        Course {
            epochs: self.config.epochs,
            frozen_epochs: self.config.frozen_epochs,
            start: &self.start,
        }
    }

    /// Number of epochs that are done.
    pub(crate) fn epochs_done(&self) -> u32 {
        // There is one entry for each of at most `u32` epochs.
        self.history.len() as u32
    }

    /// The edges of the last epoch, or of that which a stop rule goes back to.
    fn chosen_by_strength(&self) -> Result<Vec<Vec<ChosenEdge>>, DartsError> {
        let epoch = match &self.stopped {
            Some(stopped) => self.history.get(stopped.architecture_of as usize),
            None => self.history.last(),
        };
        match epoch {
            Some(report) => Ok(report.cells.iter().map(CellReport::chosen_edges).collect()),
            None => Ok(discretize(
                &self.cells,
                &self.relaxation.strengths(&self.alphas()?),
            )),
        }
    }

    /// An epoch, or what is left of it. Where it is interrupted, its progress is saved.
    fn epoch(&mut self, checkpoint: Option<&Path>) -> Result<(), DartsError> {
        let watch = Stopwatch::start();
        let before = self.progress.map_or(0.0, |progress| progress.seconds);
        let result = self.rest_of_epoch();
        let seconds = before + watch.seconds();
        match (&result, self.progress) {
            (Ok(()), _) => {
                self.progress = None;
                if let Some(report) = self.history.last_mut() {
                    report.seconds = seconds;
                }
                self.seconds += seconds;
            }
            (Err(DartsError::Interrupted), Some(progress)) => {
                self.progress = Some(Progress { seconds, ..progress });
                if let Some(directory) = checkpoint {
                    self.save(directory)?;
                }
            }
            _ => self.progress = None,
        }
        result
    }

    /// Trains one epoch, evaluates the supernet, and reads off what the architecture would be.
    fn rest_of_epoch(&mut self) -> Result<(), DartsError> {
        let epoch = self.epochs_done();
        let learns = epoch >= self.config.frozen_epochs;
        let (train, learning_rate) = self.train_epoch(epoch, epoch, learns, None)?;
        let alphas = self.architecture.alphas()?;
        let mixed = self.relaxation.expected(&alphas);
        let valid = self.evaluate(&mixed, epoch)?;
        let strengths = self.relaxation.strengths(&alphas);
        let chosen = discretize(&self.cells, &strengths);
        let every = self.config.hessian_every;
        let eigenvalue = if every > 0 && (epoch + 1).is_multiple_of(every) {
            Some(self.dominant_eigenvalue(&alphas, epoch, LANCZOS_STEPS)?)
        } else {
            None
        };
        let cells = self.cells.iter().zip(&strengths).zip(&chosen);
        let cells = cells.map(|((cell, strengths), chosen)| cell_report(cell, strengths, chosen));
        self.history.push(EpochReport {
            epoch,
            train_loss: train.loss,
            train_accuracy: train.accuracy,
            valid_loss: valid.loss,
            valid_accuracy: valid.accuracy,
            learning_rate,
            genotype: self.space.chosen(&chosen)?.to_string(),
            cells: cells.collect(),
            eigenvalue,
            seconds: 0.0,
        });
        Ok(())
    }

    pub(crate) fn relaxed<'a>(&'a self, alphas: &'a Alphas, mixed: &'a Mixed) -> Relaxed<'a> {
        Relaxed {
            supernet: &self.supernet,
            relaxation: self.relaxation.as_ref(),
            alphas,
            mixed,
        }
    }

    /// Loss and accuracy of the supernet on the validation half, with these weights of the operations.
    pub(crate) fn evaluate(&self, mixed: &Mixed, epoch: u32) -> Result<Scores, DartsError> {
        let pass = match self.config.batch_norm {
            BatchNormMode::Running => Pass::Eval,
            BatchNormMode::Batch => Pass::BatchStatistics,
        };
        let mixture = Mixture::new(mixed.weights.clone());
        Ok(self.supernet.evaluate(
            self.data.images(),
            self.data.normalization(),
            self.data.valid(),
            self.config.evaluation_batch_size,
            epoch,
            &pass,
            &mixture,
        )?)
    }

    pub(crate) fn batcher(&self, half: Half) -> Result<Batcher, DartsError> {
        let (indices, purpose) = match half {
            Half::Train => (self.data.train(), "train batches"),
            Half::Valid => (self.data.valid(), "valid batches"),
        };
        let seed = self.seed.derive(purpose, 0);
        let plan = BatchPlan::training(self.config.batch_size, self.config.augmentation, seed);
        Ok(Batcher::new(
            Arc::clone(self.data.images()),
            Arc::clone(self.data.normalization()),
            indices.to_vec(),
            plan,
            self.supernet.parameters().device(),
        )?)
    }

    pub(crate) fn new_weights_optimizer(&self) -> Result<Box<dyn Optimizer>, DartsError> {
        Ok(OptimizerConfig::Sgd(self.config.weights).build()?)
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity {
            // A configuration is made of numbers, strings and maps alone, which always serialise.
            config: serde_json::to_string(&self.config).unwrap_or_default(),
            space: format!("{} {:?}", self.space.name(), self.cells),
            data: self.data_fingerprint.clone(),
            seed: self.seed.value(),
            dtype: self.supernet.parameters().dtype().as_str().to_owned(),
        }
    }
}

/// One of the two halves of the images.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Half {
    /// What the weights are fitted to.
    Train,
    /// What the architecture is fitted to.
    Valid,
}

#[cfg(test)]
mod tests;
