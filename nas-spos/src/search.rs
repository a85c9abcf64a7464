//! The search.

use std::path::Path;
use std::sync::Arc;

use nas_eval::Compute;
use nas_eval::data::Dataset;
use nas_eval::supernet::{OneShotSearch, SharedSpace, Supernet, SupernetData, SupernetTraining};
use nas_eval::train::Scores;
use nas_space::arch::Architecture;
use nas_space::network::Network;
use nas_space::search::{Ask, Evaluation, Fidelity, Outcome, Stop, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use rand::seq::SliceRandom;

use crate::config::{PathSearch, SposConfig};
use crate::error::SposError;
use crate::evolution::{CandidateEvolution, uniform_draws};
use crate::report::{Candidate, EpochReport, Event, Judged, SposReport};
use crate::single_path::SinglePath;

/// Candidates that are judged before a checkpoint is saved, where there are no generations.
const PART: usize = 50;

/// A single-path search of one space on one data set; see the [crate](crate) for how.
///
/// Every random stream is derived from the seed, the epoch and the step, or the number of the
/// candidate, so a search that is saved after any epoch, at an interruption, or while candidates
/// are judged continues with the same bits as if it had never stopped.
#[derive(Debug)]
pub struct Spos {
    space: Arc<dyn Space>,
    oneshot: OneShotSearch<SinglePath>,
    /// The images that judge candidates, in order.
    judges: Vec<u32>,
}

impl Spos {
    /// A search before its first epoch. Where `space` is a part of another, such as a
    /// [`LimitedSpace`](nas_space::limits::LimitedSpace), the supernet is that of the whole, and
    /// candidates are in the part. The training images of `dataset` are divided; its test images
    /// are not used.
    ///
    /// # Errors
    /// [`SposError::Eval`] for a value out of range, or too few images; [`SposError::Space`] for a
    /// space without a supernet, or one that cannot take these images at this size.
    pub fn new(
        space: Arc<dyn Space>,
        dataset: &Dataset,
        config: SposConfig,
        seed: Seed,
        compute: &Compute,
    ) -> Result<Self, SposError> {
        config.validate()?;
        let shared = SharedSpace::new(space.as_ref())?;
        let network = shared.network(&config.network, 0.0)?;
        let data = SupernetData {
            dataset,
            valid_fraction: config.valid_fraction,
            compute,
        };
        let training = SupernetTraining::new(network, &config.network, data, config.training(), seed)?;
        let judges = judges(training.data().valid(), config.candidate_images, seed);
        let method = SinglePath {
            shared,
            config,
            seed,
            judged: Vec::new(),
        };
        Ok(Self {
            space,
            oneshot: OneShotSearch::new(training, method),
            judges,
        })
    }

    /// The same search, which ends between two steps or two batches of a candidate with
    /// [`EvalError::Interrupted`](nas_eval::error::EvalError::Interrupted) after a stop is
    /// requested. [`Spos::run`] then saves a checkpoint, from which it can continue.
    #[must_use]
    pub fn with_stop(self, stop: Stop) -> Self {
        let oneshot = self.oneshot.with_stop(stop);
        Self { oneshot, ..self }
    }

    /// The network of the supernet that a search of this space with this configuration would train.
    ///
    /// # Errors
    /// [`SposError::Space`] for a space without a supernet, or one that cannot be of this size.
    pub fn network(space: &dyn Space, config: &SposConfig) -> Result<Network, SposError> {
        Ok(SharedSpace::new(space)?.network(&config.network, 0.0)?)
    }

    /// The supernet.
    pub fn supernet(&self) -> &Supernet {
        self.oneshot.training.supernet()
    }

    /// The epochs that are done, in order.
    pub fn history(&self) -> &[EpochReport] {
        &self.oneshot.history
    }

    /// Runs the rest of the search. With a directory, it continues from the checkpoint in it, if
    /// any, and saves one after each epoch and each generation of candidates.
    ///
    /// # Errors
    /// [`EvalError::Interrupted`](nas_eval::error::EvalError::Interrupted) where a stop was
    /// requested; [`EvalError::NonFinite`](nas_eval::error::EvalError::NonFinite) where a loss is
    /// not a number; [`EvalError::Format`](nas_eval::error::EvalError::Format) for a checkpoint of
    /// another search; and errors of the device or the file system.
    pub fn run(
        &mut self,
        checkpoint: Option<&Path>,
        mut observer: impl FnMut(&Event<'_>),
    ) -> Result<SposReport, SposError> {
        self.oneshot.run(checkpoint, &mut |event| observer(event))?;
        self.judge(checkpoint, &mut observer)?;
        let candidates = self.oneshot.method.judged.clone();
        // The first of the best.
        let best = candidates.iter().reduce(|best, other| {
            if other.valid_accuracy > best.valid_accuracy {
                other
            } else {
                best
            }
        });
        let Some(Candidate { architecture, .. }) = best.cloned() else {
            return Err(SposError::config("candidates", 0, "at least 1"));
        };
        Ok(SposReport {
            genotype: self.space.genotype(&architecture)?,
            architecture,
            candidates,
            history: self.oneshot.history.clone(),
            seconds: self.oneshot.seconds,
        })
    }

    /// Loss and accuracy of an architecture with the shared weights, on all validation images.
    ///
    /// # Errors
    /// [`SposError::Space`] for an architecture that is not of the space;
    /// [`EvalError::NonFinite`](nas_eval::error::EvalError::NonFinite) where the loss is not a
    /// number.
    pub fn evaluate(&self, architecture: &Architecture) -> Result<Scores, SposError> {
        let (training, epoch) = (&self.oneshot.training, self.oneshot.epochs_done());
        let valid = training.data().valid();
        let shared = &self.oneshot.method.shared;
        Ok(shared.evaluate(training, architecture, valid, epoch)?)
    }

    /// Goes on from the checkpoint in this directory.
    ///
    /// # Errors
    /// [`SposError::Eval`] where it is of another search, torn or damaged. Nothing is changed then.
    pub fn load(&mut self, directory: &Path) -> Result<(), SposError> {
        Ok(self.oneshot.load(directory)?)
    }

    /// Judges all candidates that were not judged before an interruption.
    fn judge(
        &mut self,
        checkpoint: Option<&Path>,
        observer: &mut impl FnMut(&Event<'_>),
    ) -> Result<(), SposError> {
        let (of, seed) = (
            self.oneshot.method.config.candidates,
            self.oneshot.method.seed.derive("candidates", 0),
        );
        let (mut strategy, part): (Box<dyn Strategy>, usize) = match self.oneshot.method.config.path_search {
            PathSearch::Evolution(evolution) => (
                Box::new(CandidateEvolution::new(self.space.clone(), evolution, seed)?),
                evolution.population,
            ),
            PathSearch::Random {} => (Box::new(uniform_draws(self.space.clone(), seed)?), PART),
        };
        let mut next = self.told_again(strategy.as_mut())?;
        let (epoch, judges) = (self.oneshot.epochs_done(), &self.judges);
        while let Some(first) = next.filter(|_| self.oneshot.method.judged.len() < of) {
            next = self.oneshot.part(checkpoint, |training, method| {
                let mut architecture = first;
                loop {
                    let scores = method.shared.evaluate(training, &architecture, judges, epoch)?;
                    let candidate = Candidate {
                        architecture,
                        valid_accuracy: scores.accuracy,
                    };
                    tell(strategy.as_mut(), method.judged.len(), &candidate)?;
                    let done = method.judged.len() + 1;
                    observer(&Event::Own(Judged {
                        done,
                        of,
                        candidate: &candidate,
                    }));
                    method.judged.push(candidate);
                    match asked(strategy.as_mut())? {
                        Some(next) if done < of && !done.is_multiple_of(part) => architecture = next,
                        next => return Ok(next),
                    }
                }
            })?;
        }
        Ok(())
    }

    /// Tells a fresh strategy what is judged already, and gives its next proposal. What it does not
    /// propose itself is forgotten: other limits may have applied.
    fn told_again(&mut self, strategy: &mut dyn Strategy) -> Result<Option<Architecture>, SposError> {
        let mut next = asked(strategy)?;
        let mut told = 0;
        for candidate in &self.oneshot.method.judged {
            if next.as_ref() != Some(&candidate.architecture) {
                break;
            }
            tell(strategy, told, candidate)?;
            told += 1;
            next = asked(strategy)?;
        }
        self.oneshot.method.judged.truncate(told);
        Ok(next)
    }
}

/// The next proposal of a strategy, all of whose proposals have been told; none where it has ended.
fn asked(strategy: &mut dyn Strategy) -> Result<Option<Architecture>, SposError> {
    Ok(match strategy.ask()? {
        Ask::Evaluate(proposal) => Some(proposal.architecture),
        Ask::Wait | Ask::Finished => None,
    })
}

/// Tells a strategy the accuracy of its proposal of this number.
fn tell(strategy: &mut dyn Strategy, number: usize, candidate: &Candidate) -> Result<(), SposError> {
    let fidelity = Fidelity { epochs: 1 };
    let architecture = candidate.architecture.clone();
    let trial = Trial::new(number as u64, architecture, fidelity, Seed::new(0));
    let result = Ok(Evaluation::new(candidate.valid_accuracy, fidelity.epochs));
    Ok(strategy.tell(&Outcome { trial, result })?)
}

/// So many of the validation images, drawn by the seed, in order; all where there are no more.
fn judges(valid: &[u32], images: Option<usize>, seed: Seed) -> Vec<u32> {
    let mut judges = valid.to_vec();
    if let Some(images) = images.filter(|images| *images < judges.len()) {
        judges.shuffle(&mut seed.derive("judges", 0).rng());
        judges.truncate(images);
        judges.sort_unstable();
    }
    judges
}

#[cfg(test)]
mod tests;
