//! DARTS: differentiable architecture search.
//!
//! A supernet weighs every operation on every edge. In each step the architecture parameters α make
//! a step along the gradient of the loss on a validation batch, then the weights w one along that
//! of the loss on a training batch:
//!
//! - α ← Adam(∇_α L_val(w − ξ ∇_w L_train(w, α), α)), with ξ = 0 (first order) or the weights'
//!   learning rate (second order, see [`bilevel`](crate::bilevel));
//! - w ← SGD(∇_w L_train(w, α)), with momentum, weight decay and a clipped norm.
//!
//! GDAS makes the two steps in the other order, as its authors do
//! ([`FirstStep`](crate::FirstStep)).
//!
//! After the last epoch the architecture is read off the strengths
//! ([`discretize`](crate::discretize)), or by perturbation.
//!
//! # Deviations
//! From the authors' code: the images are halved class by class, not by their position; validation
//! batches go through the validation half in a random order, and again from the start when it is
//! used up, instead of being drawn anew each step; the supernet is evaluated on images without
//! augmentation.
//!
//! # Example
//! ```
//! use nas_darts::{DartsConfig, Search};
//! use nas_eval::data::{Augmentation, Dataset};
//! use nas_eval::Compute;
//! use nas_space::network::NetworkConfig;
//! use nas_space::seed::Seed;
//! use nas_space::spaces::nb201;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let digits = Dataset::load("digits", None)?.with_training_images(128, Seed::new(0))?;
//! let network = NetworkConfig { image: digits.train.shape(), channels: 4, cells: 1, ..NetworkConfig::default() };
//! let config = DartsConfig { network, epochs: 1, augmentation: Augmentation::NONE, ..DartsConfig::default() };
//! let mut search = Search::new(&nb201(), &digits, config, Seed::new(1), &Compute::cpu())?;
//! let report = search.run(None, |_| {})?;
//! println!("{}", report.genotype);
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! Hanxiao Liu, Karen Simonyan, Yiming Yang, "DARTS: Differentiable Architecture Search", ICLR
//! 2019, arXiv:1806.09055.

mod alternating;
mod curvature;
mod differentiable;
mod perturbation;

use std::path::Path;

use nas_eval::Compute;
use nas_eval::data::Dataset;
use nas_eval::supernet::{self, OneShotSearch, Supernet, SupernetData, SupernetTraining};
use nas_space::search::Stop;
use nas_space::seed::Seed;
use nas_space::spaces::{CellSpace, ChosenEdge};

use crate::alphas::Alphas;
use crate::config::{DartsConfig, Selection};
use crate::discretize::discretize;
use crate::error::DartsError;
use crate::report::{CellReport, EdgePerturbation, EpochReport, SearchReport};
use crate::search::differentiable::Differentiable;
use crate::search::perturbation::Selected;
use crate::stop::Stopped;

/// Something that happened in a search.
pub type Event<'a> = supernet::Event<'a, EpochReport, Selecting<'a>>;

/// Something that happened when an architecture was selected.
#[derive(Debug)]
#[non_exhaustive]
pub enum Selecting<'a> {
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
/// Every random stream is derived from the seed, the epoch and the step, so a search that is saved
/// after any epoch or at an interruption continues with the same bits as if it had never stopped.
#[derive(Debug)]
pub struct Search {
    pub(crate) oneshot: OneShotSearch<Differentiable>,
}

impl Search {
    /// A search before its first epoch. The training images of `dataset` are halved; its test
    /// images are not used.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value out of range, [`DartsError::Space`] for a space without a
    /// supernet, or one that cannot take these images at this size; [`EvalError::Data`] for too few
    /// images.
    ///
    /// [`EvalError::Config`]: nas_eval::error::EvalError::Config
    /// [`EvalError::Data`]: nas_eval::error::EvalError::Data
    pub fn new(
        space: &CellSpace,
        dataset: &Dataset,
        config: DartsConfig,
        seed: Seed,
        compute: &Compute,
    ) -> Result<Self, DartsError> {
        config.validate()?;
        let network = space.supernet(&config.network, config.relaxation.channels())?;
        let data = SupernetData {
            dataset,
            valid_fraction: config.valid_fraction,
            compute,
        };
        let training = SupernetTraining::new(network, &config.network, data, config.training(), seed)?;
        let method = Differentiable::new(space, config, seed)?;
        Ok(Self {
            oneshot: OneShotSearch::new(training, method),
        })
    }

    /// The same search, which ends between two steps with
    /// [`EvalError::Interrupted`](nas_eval::error::EvalError::Interrupted) after a stop is
    /// requested. [`Search::run`] then saves a checkpoint, from which it can continue.
    #[must_use]
    pub fn with_stop(self, stop: Stop) -> Self {
        Self {
            oneshot: self.oneshot.with_stop(stop),
        }
    }

    /// The supernet.
    pub fn supernet(&self) -> &Supernet {
        self.oneshot.training.supernet()
    }

    /// The architecture parameters as they are.
    ///
    /// # Errors
    /// A Candle error, should they have been lost.
    pub fn alphas(&self) -> Result<Alphas, DartsError> {
        self.oneshot.method.architecture.alphas()
    }

    /// The epochs that are done, in order.
    pub fn history(&self) -> &[EpochReport] {
        &self.oneshot.history
    }

    /// Runs the rest of the search. With a directory, it continues from the checkpoint in it, if
    /// any, and saves one after each epoch.
    ///
    /// # Errors
    /// [`EvalError::Interrupted`](nas_eval::error::EvalError::Interrupted) where a stop was
    /// requested; [`DartsError::NonFinite`] or [`EvalError::NonFinite`] where a gradient or a loss
    /// is not a number; [`EvalError::Format`] for a checkpoint of another search; and errors of the
    /// device or the file system.
    ///
    /// [`EvalError::NonFinite`]: nas_eval::error::EvalError::NonFinite
    /// [`EvalError::Format`]: nas_eval::error::EvalError::Format
    pub fn run(
        &mut self,
        checkpoint: Option<&Path>,
        mut observer: impl FnMut(&Event<'_>),
    ) -> Result<SearchReport, DartsError> {
        self.oneshot.run(checkpoint, &mut |event| observer(event))?;
        let method = &self.oneshot.method;
        if let Some(stopped) = &method.stopped {
            observer(&Event::Own(Selecting::Stopped(stopped)));
        }
        let Selected {
            chosen,
            perturbations,
            mut warnings,
        } = match method.config.selection {
            Selection::Magnitude {} => Selected {
                chosen: self.chosen_by_strength()?,
                perturbations: Vec::new(),
                warnings: Vec::new(),
            },
            Selection::Perturbation { tuning_epochs } => {
                self.perturb(tuning_epochs, checkpoint, &mut observer)?
            }
        };
        let method = &self.oneshot.method;
        for (cell, chosen) in method.cells.iter().zip(&chosen) {
            if !cell.passes_on(chosen) {
                let name = match cell.name.as_str() {
                    "cell" => "cell".to_owned(),
                    name => format!("{name} cell"),
                };
                warnings.push(format!(
                    "the architecture's {name} has no output: every path through it contains `none`"
                ));
            }
        }
        Ok(SearchReport {
            genotype: method.space.chosen(&chosen)?,
            history: self.oneshot.history.clone(),
            stopped: method.stopped.clone(),
            perturbations,
            warnings,
            seconds: self.oneshot.seconds,
        })
    }

    /// The edges of the last epoch, or of that which a stop rule goes back to.
    fn chosen_by_strength(&self) -> Result<Vec<Vec<ChosenEdge>>, DartsError> {
        let OneShotSearch { method, history, .. } = &self.oneshot;
        let epoch = match &method.stopped {
            Some(stopped) => history.get(stopped.architecture_of as usize),
            None => history.last(),
        };
        match epoch {
            Some(report) => Ok(report.cells.iter().map(CellReport::chosen_edges).collect()),
            None => Ok(discretize(
                &method.cells,
                &method.relaxation.strengths(&self.alphas()?),
            )),
        }
    }
}

#[cfg(test)]
mod tests;
