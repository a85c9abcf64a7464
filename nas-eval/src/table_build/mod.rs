//! Makes a benchmark table: trains every architecture of a small space, several times.
//!
//! Architectures that are the same network ([`nas_space::canonical`]) are trained once and share a
//! row. Each training is a [`FinalTraining`](crate::final_training::FinalTraining): it sees all
//! training images but those kept for validation, which are the same for all, and is tested once,
//! after its last epoch. Repeat k is the same as `nas train --seed k`, except for the images kept
//! for validation.
//!
//! The [`Journal`] has the result of each finished training, so an interruption costs only the
//! running trainings.

mod draft;
mod error;
mod forms;
mod journal;
mod training;

pub use error::BuildError;
pub use forms::MAX_ARCHITECTURES;
pub use journal::{Figures, Journal};

use std::num::NonZeroUsize;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::network::NetworkConfig;
use nas_space::search::Stop;
use nas_space::spaces::{Space, SpaceConfig};
use rayon::ThreadPool;
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::error::EvalError;
use crate::final_training::check_fit;
use crate::train::TrainConfig;
use forms::Forms;

/// Everything that decides a training, but which architecture it is of and which repeat it is.
///
/// | Name | Purpose | Range |
/// |---|---|---|
/// | `space` | whose architectures are trained | at most [`MAX_ARCHITECTURES`] |
/// | `data` | name of the data set | |
/// | `limit` | number of training images used, where not all are | |
/// | `images` | fingerprint of the training images | |
/// | `network` | size of the networks | that of the data |
/// | `train` | how they are trained; `epochs` is the highest fidelity | |
/// | `valid_fraction` | share of the training images kept for validation | (0, 1) |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Whose architectures are trained.
    pub space: SpaceConfig,
    /// Name of the data set.
    pub data: String,
    /// Number of training images used, where not all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Fingerprint of the training images:
    /// [`Images::fingerprint`](crate::data::Images::fingerprint).
    pub images: String,
    /// Size of the networks.
    pub network: NetworkConfig,
    /// How they are trained.
    pub train: TrainConfig,
    /// Share of the training images kept for validation.
    pub valid_fraction: f64,
}

/// A table in the making.
#[derive(Debug)]
pub struct TableBuild {
    recipe: Recipe,
    dataset: Dataset,
    space: Arc<dyn Space>,
    forms: Forms,
    seeds: u64,
}

/// How far the making is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BuildProgress {
    /// Trainings that are done, those of earlier processes too.
    pub done: usize,
    /// All there are.
    pub needed: usize,
    /// The last one's validation accuracy, where it did not fail.
    pub last: Option<f64>,
}

impl TableBuild {
    /// The building of a table with this recipe and this number of repeats of each training, on
    /// this data.
    ///
    /// # Errors
    /// [`BuildError`] for a space that is too large, a size that does not fit the data, or no
    /// repeats.
    pub fn new(recipe: Recipe, dataset: Dataset, seeds: u64) -> Result<Self, BuildError> {
        if seeds == 0 {
            return Err(BuildError::Config {
                name: "seeds",
                got: seeds.to_string(),
                expected: "at least 1".to_owned(),
            });
        }
        check_fit(&recipe.network, &recipe.train, &dataset)?;
        let space = recipe.space.build()?;
        let forms = Forms::of(space.as_ref())?;
        Ok(Self {
            recipe,
            dataset,
            space,
            forms,
            seeds,
        })
    }

    /// What decides the trainings.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The space.
    pub fn space(&self) -> &dyn Space {
        self.space.as_ref()
    }

    /// The space, to be shared.
    pub fn shared_space(&self) -> &Arc<dyn Space> {
        &self.space
    }

    /// Number of architectures.
    pub fn architectures(&self) -> usize {
        self.forms.form_of.len()
    }

    /// Number of different networks among them: rows of the table.
    pub fn forms(&self) -> usize {
        self.forms.representatives.len()
    }

    /// Number of trainings: one for each form and repeat.
    pub fn needed(&self) -> usize {
        self.forms() * self.seeds as usize
    }

    /// Number of those trainings that are in the journal.
    pub fn done(&self, journal: &Journal) -> usize {
        self.needed() - self.missing(journal).len()
    }

    /// Runs the trainings that are not in the journal yet, several at a time, each on one thread.
    /// The number of workers changes no accuracy. After a stop is requested, running trainings are
    /// abandoned.
    ///
    /// # Errors
    /// [`BuildError`] where the journal cannot be written, or not all was done because a stop was
    /// requested. A training that fails is written down as a failure.
    pub fn run(
        &self,
        journal: &mut Journal,
        workers: NonZeroUsize,
        stop: &Stop,
        observer: impl FnMut(BuildProgress),
    ) -> Result<(), BuildError> {
        let train = |pool: &ThreadPool, architecture: &Architecture, repeat| match pool
            .install(|| self.train(architecture, repeat, stop))
        {
            Err(EvalError::Interrupted) => None,
            result => Some(result.map_err(|error| error.to_string())),
        };
        training::run(self, journal, workers, stop, train, observer)
    }

    /// As [`TableBuild::run`], where `train` does the trainings: of an architecture, with the
    /// number of the repeat. It gives what the training gave, why it failed, or `None` where it was
    /// given up because a stop is requested.
    ///
    /// # Errors
    /// As [`TableBuild::run`].
    pub fn run_by(
        &self,
        journal: &mut Journal,
        workers: NonZeroUsize,
        stop: &Stop,
        train: impl Fn(&Architecture, u64) -> Option<Result<Figures, String>> + Sync,
        observer: impl FnMut(BuildProgress),
    ) -> Result<(), BuildError> {
        let train = |_: &ThreadPool, architecture: &Architecture, repeat| train(architecture, repeat);
        training::run(self, journal, workers, stop, train, observer)
    }

    /// One training: of an architecture, with the number of the repeat. Its seconds are those of
    /// the thread that calls this, which has to be one of a pool of its own.
    ///
    /// # Errors
    /// [`EvalError`]; [`EvalError::Interrupted`] where a stop was requested.
    pub fn train(&self, architecture: &Architecture, repeat: u64, stop: &Stop) -> Result<Figures, EvalError> {
        training::train(self, architecture, repeat, stop)
    }

    /// What is still to be trained, repeat by repeat.
    fn missing(&self, journal: &Journal) -> Vec<(usize, u64)> {
        let all = (0..self.seeds).flat_map(|seed| (0..self.forms()).map(move |form| (form, seed)));
        all.filter(|&(form, seed)| journal.get(&self.forms.representatives[form], seed).is_none())
            .collect()
    }
}
