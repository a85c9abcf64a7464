//! The events of a run, for observers.

use nas_eval::train::EpochMetrics;
use nas_space::search::{Budget, Metric};

/// What happens in a run, as it happens.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// The user's own images are being read.
    Reading(nas_data::Progress),
    /// The study starts or continues.
    SearchBegins {
        /// When it ends.
        budget: &'a Budget,
        /// What its scores are of.
        metric: &'a Metric,
        /// About how many times as long as the best trial the final training takes; none where there is no such training, or
        /// trials are scored and say nothing of it.
        final_per_trial: Option<f64>,
    },
    /// A step of the study.
    Study(&'a nas_study::Event),
    /// The study has ended, or was stopped.
    SearchEnds,
    /// A method starts or continues to train a supernet.
    SupernetBegins {
        /// Number of the search.
        search: u64,
        /// Epochs that it is trained for.
        epochs: u32,
    },
    /// Epochs of the supernet are done.
    SupernetEpochs {
        /// How many, since its start.
        done: usize,
        /// Whether they were on record.
        resumed: bool,
        /// Figures of the last one, in words; empty before the first.
        figures: &'a str,
    },
    /// What the method does with the supernet once it is trained, in words.
    SupernetStep(&'a str),
    /// The search by this supernet has ended.
    SupernetEnds,
    /// The full training of the best architecture starts or continues.
    TrainingBegins {
        /// Epochs that it takes.
        epochs: u32,
        /// Images of an epoch.
        images: usize,
    },
    /// An epoch of that training is done.
    TrainingEpoch(&'a EpochMetrics),
    /// That training has ended.
    TrainingEnds,
    /// Something that a person should know, as a sentence.
    Note(&'a str),
}

/// An observer of a run. Any function of a [`RunEvent`] is one.
///
/// It is called between steps and cannot change the run.
pub trait Watcher: Send + Sync {
    /// Takes note of what has happened.
    fn watch(&self, event: RunEvent<'_>);
}

impl<F: Fn(RunEvent<'_>) + Send + Sync> Watcher for F {
    fn watch(&self, event: RunEvent<'_>) {
        self(event);
    }
}

/// Nobody looks on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn watch(&self, _: RunEvent<'_>) {}
}
