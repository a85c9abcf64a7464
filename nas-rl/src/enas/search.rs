//! The search.

use std::path::Path;

use nas_eval::Compute;
use nas_eval::data::Dataset;
use nas_eval::supernet::{OneShotSearch, SharedSpace, Supernet, SupernetData, SupernetTraining};
use nas_eval::train::Scores;
use nas_space::arch::Architecture;
use nas_space::network::Network;
use nas_space::search::Stop;
use nas_space::seed::Seed;
use nas_space::spaces::Space;

use super::controlled::{Controlled, Phase};
use super::{Candidate, EnasConfig, EnasReport, EpochReport, Event, Ranked};
use crate::controller::Controller;
use crate::error::RlError;
use crate::learner::Learner;

/// A search by ENAS of one space on one data set; see the [module](super) for how.
///
/// Every random stream is derived from the seed, the epoch and the step, so a search that is saved
/// after any epoch or at an interruption continues with the same bits as if it had never stopped.
#[derive(Debug)]
pub struct Enas {
    oneshot: OneShotSearch<Controlled>,
}

impl Enas {
    /// A search before its first epoch. The training images of `dataset` are divided; its test
    /// images are not used.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value out of range, [`RlError::Space`] for a space without a
    /// supernet, or one that cannot take these images at this size; [`EvalError::Data`] for too few
    /// images.
    ///
    /// [`EvalError::Config`]: nas_eval::error::EvalError::Config
    /// [`EvalError::Data`]: nas_eval::error::EvalError::Data
    pub fn new(
        space: &dyn Space,
        dataset: &Dataset,
        config: EnasConfig,
        seed: Seed,
        compute: &Compute,
    ) -> Result<Self, RlError> {
        config.validate()?;
        let shared = SharedSpace::new(space)?;
        let network = shared.network(&config.network, config.dropout)?;
        let data = SupernetData {
            dataset,
            valid_fraction: config.valid_fraction,
            compute,
        };
        let training = SupernetTraining::new(network, &config.network, data, config.training(), seed)?;
        let controller = config.rl.controller.clone();
        let controller = Controller::new(space, controller, seed.derive("controller", 0))?;
        let method = Controlled {
            shared,
            seed,
            learner: Learner::new(controller, &config.rl)?,
            config,
            phase: Phase::default(),
        };
        Ok(Self {
            oneshot: OneShotSearch::new(training, method),
        })
    }

    /// The same search, which ends between two steps with
    /// [`EvalError::Interrupted`](nas_eval::error::EvalError::Interrupted) after a stop is
    /// requested. [`Enas::run`] then saves a checkpoint, from which it can continue.
    #[must_use]
    pub fn with_stop(self, stop: Stop) -> Self {
        Self {
            oneshot: self.oneshot.with_stop(stop),
        }
    }

    /// The network of the supernet that a search of this space with this configuration would train.
    ///
    /// # Errors
    /// [`RlError::Space`] for a space without a supernet, or one that cannot be of this size.
    pub fn network(space: &dyn Space, config: &EnasConfig) -> Result<Network, RlError> {
        Ok(SharedSpace::new(space)?.network(&config.network, config.dropout)?)
    }

    /// The supernet.
    pub fn supernet(&self) -> &Supernet {
        self.oneshot.training.supernet()
    }

    /// The controller as it is.
    pub fn controller(&self) -> &Controller {
        &self.oneshot.method.learner.controller
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
    /// requested; [`RlError::NonFinite`] or [`EvalError::NonFinite`] where scores or a loss are not
    /// numbers; [`EvalError::Format`] for a checkpoint of another search; and errors of the device
    /// or the file system.
    ///
    /// [`EvalError::NonFinite`]: nas_eval::error::EvalError::NonFinite
    /// [`EvalError::Format`]: nas_eval::error::EvalError::Format
    pub fn run(
        &mut self,
        checkpoint: Option<&Path>,
        mut observer: impl FnMut(&Event<'_>),
    ) -> Result<EnasReport, RlError> {
        self.oneshot.run(checkpoint, &mut |event| observer(event))?;
        let candidates = self.rank(&mut observer)?;
        let architecture = match candidates.first() {
            Some(best) => best.architecture.clone(),
            None => return Err(RlError::config("candidates", 0, "at least 1")),
        };
        Ok(EnasReport {
            genotype: self.oneshot.method.shared.space().genotype(&architecture)?,
            architecture,
            candidates,
            history: self.oneshot.history.clone(),
            seconds: self.oneshot.seconds,
        })
    }

    /// Loss and accuracy of an architecture with the shared weights, on all validation images.
    ///
    /// # Errors
    /// [`RlError::Space`] for an architecture that is not of the space;
    /// [`EvalError::NonFinite`](nas_eval::error::EvalError::NonFinite) where the loss is not a
    /// number.
    pub fn evaluate(&self, architecture: &Architecture) -> Result<Scores, RlError> {
        let (training, epoch) = (&self.oneshot.training, self.oneshot.epochs_done());
        self.oneshot.method.evaluate(training, architecture, epoch)
    }

    /// Goes on from the checkpoint in this directory.
    ///
    /// # Errors
    /// [`RlError::Eval`] where it is of another search, torn or damaged. Nothing is changed then.
    pub fn load(&mut self, directory: &Path) -> Result<(), RlError> {
        Ok(self.oneshot.load(directory)?)
    }

    /// Candidates, each once, the best first.
    fn rank(&self, observer: &mut impl FnMut(&Event<'_>)) -> Result<Vec<Candidate>, RlError> {
        let mut drawn: Vec<Architecture> = Vec::new();
        for number in 0..self.oneshot.method.config.candidates {
            let architecture = self
                .oneshot
                .method
                .draw("candidate", 0, number as u64)?
                .architecture;
            if !drawn.contains(&architecture) {
                drawn.push(architecture);
            }
        }
        let of = drawn.len();
        let mut candidates = Vec::with_capacity(of);
        for architecture in drawn {
            let valid_accuracy = self.evaluate(&architecture)?.accuracy;
            let candidate = Candidate {
                architecture,
                valid_accuracy,
            };
            observer(&Event::Own(Ranked {
                done: candidates.len() + 1,
                of,
                candidate: &candidate,
            }));
            candidates.push(candidate);
        }
        // Stable: of equals, the first drawn stays first.
        candidates.sort_by(|a, b| b.valid_accuracy.total_cmp(&a.valid_accuracy));
        Ok(candidates)
    }
}

#[cfg(test)]
mod tests;
