//! A search with a supernet: epochs, checkpoints, and resuming from them.

use std::path::Path;

use nas_space::search::Stop;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::checkpoint::{Checkpoint, CheckpointForm, Identity, Learned};
use super::training::SupernetTraining;
use crate::clock::Stopwatch;
use crate::error::EvalError;
use crate::train::{EpochClock, Progress};

/// A search method that trains a supernet: its work in an epoch, and its own state.
/// [`OneShotSearch`] handles passes over the training images, checkpoints, interruptions and
/// resuming.
pub trait OneShot {
    /// What it is run with. Checkpoints hold it as JSON.
    type Config: Serialize;
    /// The report of an epoch.
    type Report: Clone + Serialize + DeserializeOwned;
    /// Its state besides tensors: a struct of named fields, which are stored next to those of the
    /// checkpoint.
    type State: Serialize + DeserializeOwned;
    /// What can go wrong.
    type Error: From<EvalError>;

    /// What its checkpoints are called.
    const CHECKPOINT: CheckpointForm;

    /// What it is run with.
    fn config(&self) -> &Self::Config;

    /// A text that describes the space that it searches and identifies it in a checkpoint.
    fn space(&self) -> String;

    /// Trains an epoch, or the rest of an interrupted one, and reports it; [`OneShot::timed`] fills
    /// in the seconds.
    ///
    /// # Errors
    /// Those of the method and of [`SupernetTraining::pass`].
    fn epoch(&mut self, training: &mut SupernetTraining, epoch: u32) -> Result<Self::Report, Self::Error>;

    /// The same report with the wall-clock seconds of the epoch.
    fn timed(report: Self::Report, seconds: f64) -> Self::Report;

    /// Whether the error says that a stop was requested.
    fn is_interruption(error: &Self::Error) -> bool;

    /// Called after an epoch with all that are done, before the checkpoint is written.
    fn after_epoch(&mut self, _history: &[Self::Report]) {}

    /// Whether the search ends here, although epochs are left.
    fn has_ended(&self) -> bool {
        false
    }

    /// What it learns itself, if anything.
    fn learned(&mut self) -> Option<Learned<'_>> {
        None
    }

    /// What it remembers.
    fn state(&self) -> Self::State;

    /// Restores its state from a checkpoint.
    fn restore(&mut self, state: Self::State);
}

/// An event of a supernet search. `R` is the report of an epoch, `O` the events of this method
/// only.
#[derive(Debug)]
pub enum Event<'a, R, O> {
    /// It continues from a checkpoint.
    Resumed {
        /// The epochs that are done.
        history: &'a [R],
    },
    /// An epoch is done.
    Epoch {
        /// This one.
        report: &'a R,
        /// All of them, this one last.
        history: &'a [R],
    },
    /// Something of the method's own.
    Own(O),
}

/// A search by a supernet.
///
/// If it is saved after any epoch or at an interruption, it continues with the same bits as if it
/// had never stopped.
///
/// # Example
/// A method that trains uniformly drawn architectures: its sampler, and the report of an epoch.
/// ```
/// use nas_eval::data::Dataset;
/// use nas_eval::error::EvalError;
/// use nas_eval::supernet::{CheckpointForm, OneShot, OneShotSearch, SharedSpace, Step, Steps};
/// use nas_eval::supernet::{Event, Mixture, SupernetData, SupernetTraining, TrainingPass};
/// use nas_eval::train::TrainConfig;
/// use nas_eval::Compute;
/// use nas_space::network::NetworkConfig;
/// use nas_space::seed::Seed;
/// use nas_space::spaces::nb201;
/// use serde::{Deserialize, Serialize};
///
/// struct Uniform(SharedSpace);
///
/// impl Steps for Uniform {
///     type Error = EvalError;
///
///     fn mixture(&mut self, training: &SupernetTraining, step: &Step<'_>) -> Result<Mixture, EvalError> {
///         let epoch = training.seed().derive("draw", step.pass.stream.into());
///         let mut rng = epoch.derive("step", step.number as u64).rng();
///         Ok(self.0.mixture(&self.0.space().sample(&mut rng))?)
///     }
/// }
///
/// #[derive(Debug, Clone, Serialize, Deserialize)]
/// struct Report {
///     train_loss: f64,
///     seconds: f64,
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Nothing {}
///
/// impl OneShot for Uniform {
///     type Config = ();
///     type Report = Report;
///     type State = Nothing;
///     type Error = EvalError;
///     const CHECKPOINT: CheckpointForm = CheckpointForm {
///         format: "example",
///         version: 1,
///         file: "example.safetensors",
///     };
///
///     fn config(&self) -> &() {
///         &()
///     }
///
///     fn space(&self) -> String {
///         self.0.identity()
///     }
///
///     fn epoch(&mut self, training: &mut SupernetTraining, epoch: u32) -> Result<Report, EvalError> {
///         let trained = training.pass(TrainingPass::of_epoch(epoch), self)?;
///         Ok(Report { train_loss: trained.scores.loss, seconds: 0.0 })
///     }
///
///     fn timed(report: Report, seconds: f64) -> Report {
///         Report { seconds, ..report }
///     }
///
///     fn is_interruption(error: &EvalError) -> bool {
///         matches!(error, EvalError::Interrupted)
///     }
///
///     fn state(&self) -> Nothing {
///         Nothing {}
///     }
///
///     fn restore(&mut self, _: Nothing) {}
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let dataset = Dataset::load("digits", None)?.with_training_images(96, Seed::new(0))?;
/// let size = NetworkConfig { image: dataset.train.shape(), channels: 4, cells: 1, ..NetworkConfig::default() };
/// let shared = SharedSpace::new(&nb201())?;
/// let data = SupernetData { dataset: &dataset, valid_fraction: 0.5, compute: &Compute::cpu() };
/// let config = TrainConfig::quick("digits")?.with_epochs(2);
/// let training = SupernetTraining::new(shared.network(&size, 0.0)?, &size, data, config, Seed::new(1))?;
/// let mut search = OneShotSearch::new(training, Uniform(shared));
/// search.run(None, &mut |event: &Event<'_, Report, ()>| {
///     if let Event::Epoch { report, .. } = event {
///         assert!(report.train_loss.is_finite());
///     }
/// })?;
/// assert_eq!(search.history.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OneShotSearch<M: OneShot> {
    /// The supernet and how far its training has come.
    pub training: SupernetTraining,
    /// The method.
    pub method: M,
    /// The epochs that are done, in order.
    pub history: Vec<M::Report>,
    /// Wall-clock seconds in all, those before a resumption included.
    pub seconds: f64,
    identity: Identity,
}

impl<M: OneShot> OneShotSearch<M> {
    /// A search before its first epoch. A checkpoint is of the same search where configuration,
    /// space, data, seed and element type are the same.
    pub fn new(training: SupernetTraining, method: M) -> Self {
        let identity = Identity {
            // A configuration is made of numbers, strings and maps alone, which always serialise.
            config: serde_json::to_string(method.config()).unwrap_or_default(),
            space: method.space(),
            data: training.data_fingerprint().to_owned(),
            seed: training.seed().value(),
            dtype: training.supernet().parameters().dtype().as_str().to_owned(),
        };
        Self {
            training,
            method,
            history: Vec::new(),
            seconds: 0.0,
            identity,
        }
    }

    /// The same search, which ends between two steps after a stop is requested.
    /// [`OneShotSearch::run`] then saves a checkpoint, from which it can continue.
    #[must_use]
    pub fn with_stop(mut self, stop: Stop) -> Self {
        self.training = self.training.with_stop(stop);
        self
    }

    /// Number of epochs that are done.
    pub fn epochs_done(&self) -> u32 {
        // There is one entry for each of at most `u32` epochs.
        self.history.len() as u32
    }

    /// Trains the remaining epochs. With a directory, it continues from the checkpoint in it, if
    /// any, and saves one after each epoch and when it is interrupted.
    ///
    /// # Errors
    /// As [`OneShot::epoch`], [`OneShotSearch::save`] and [`OneShotSearch::load`].
    pub fn run<O>(
        &mut self,
        checkpoint: Option<&Path>,
        observer: &mut impl FnMut(&Event<'_, M::Report, O>),
    ) -> Result<(), M::Error> {
        if let Some(directory) = checkpoint.filter(|directory| Self::has_checkpoint(directory)) {
            self.load(directory)?;
            observer(&Event::Resumed {
                history: &self.history,
            });
        }
        while self.epochs_done() < self.training.config().epochs && !self.method.has_ended() {
            self.epoch(checkpoint)?;
            self.method.after_epoch(&self.history);
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
        Ok(())
    }

    /// Trains one epoch, or the rest of an interrupted one. If it is interrupted, it saves a
    /// checkpoint in the directory, if there is one.
    ///
    /// # Errors
    /// As [`OneShot::epoch`] and [`OneShotSearch::save`].
    pub fn epoch(&mut self, checkpoint: Option<&Path>) -> Result<(), M::Error> {
        let clock = EpochClock::start(self.training.progress());
        let epoch = self.epochs_done();
        let result = self.method.epoch(&mut self.training, epoch);
        let seconds = clock.seconds();
        let interrupted = result.as_ref().is_err_and(M::is_interruption);
        let progress = Progress::kept(self.training.progress().copied(), interrupted, seconds);
        self.training.set_progress(progress);
        match result {
            Ok(report) => {
                self.history.push(M::timed(report, seconds));
                self.seconds += seconds;
                Ok(())
            }
            Err(error) => {
                if let Some(directory) = checkpoint.filter(|_| progress.is_some()) {
                    self.save(directory)?;
                }
                Err(error)
            }
        }
    }

    /// Makes a part of the work that follows the epochs. The state of the method says how far it has
    /// come. The seconds of the part are counted. With a directory, a checkpoint is saved after it,
    /// also if it was interrupted.
    ///
    /// # Errors
    /// Those of the work and of [`OneShotSearch::save`].
    pub fn part<T>(
        &mut self,
        checkpoint: Option<&Path>,
        work: impl FnOnce(&SupernetTraining, &mut M) -> Result<T, M::Error>,
    ) -> Result<T, M::Error> {
        let watch = Stopwatch::start();
        let result = work(&self.training, &mut self.method);
        self.seconds += watch.seconds();
        let saved = result.as_ref().map_or_else(M::is_interruption, |_| true);
        if let Some(directory) = checkpoint.filter(|_| saved) {
            self.save(directory)?;
        }
        result
    }

    /// Whether there is a checkpoint in this directory.
    pub fn has_checkpoint(directory: &Path) -> bool {
        M::CHECKPOINT.path(directory).is_file()
    }

    /// Writes a checkpoint to the directory, which is made if it is not there.
    ///
    /// # Errors
    /// [`EvalError::Io`] where it cannot be written.
    pub fn save(&mut self, directory: &Path) -> Result<(), EvalError> {
        let checkpoint = Checkpoint::new(
            self.identity.clone(),
            self.history.clone(),
            self.training.progress().copied(),
            self.seconds,
            self.method.state(),
        );
        let learned = [Some(self.training.learned()), self.method.learned()];
        let learned: Vec<Learned<'_>> = learned.into_iter().flatten().collect();
        checkpoint.write(&M::CHECKPOINT, directory, &learned)
    }

    /// Goes on from the checkpoint in this directory.
    ///
    /// # Errors
    /// [`EvalError::Io`] where it cannot be read; [`EvalError::Format`] where it is torn, damaged
    /// or of another search; [`EvalError::TensorMismatch`] where its tensors are of other
    /// parameters. Nothing is changed then.
    pub fn load(&mut self, directory: &Path) -> Result<(), EvalError> {
        let learned = [Some(self.training.learned()), self.method.learned()];
        let mut learned: Vec<Learned<'_>> = learned.into_iter().flatten().collect();
        let checkpoint: Checkpoint<M::Report, M::State> =
            Checkpoint::read(&M::CHECKPOINT, directory, &self.identity, &mut learned)?;
        self.history = checkpoint.history;
        self.training.set_progress(checkpoint.progress);
        self.seconds = checkpoint.seconds;
        self.method.restore(checkpoint.method);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
