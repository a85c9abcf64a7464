//! A study in a line.

use std::num::NonZeroUsize;

use nas_space::search::{Budget, Evaluator, Fidelity, Stop, Strategy};
use nas_space::seed::Seed;
use nas_space::spaces::Space;

use super::{Commit, Parts, PreparedStudy, RunOptions};
use crate::config::{Duplicates, StudyConfig, TellOrder};
use crate::error::StudyError;
use crate::event::{Observer, Silent};
use crate::store::{Store, Summary};

/// A study of a strategy in a space with an evaluator; all other settings have defaults.
///
/// | Method | Default | Purpose | Range |
/// |---|---|---|---|
/// | [`budget`](Study::budget) | none: has to be said | when it ends | see [`Budget`] |
/// | [`seed`](Study::seed) | 0 | all randomness | any |
/// | [`epochs`](Study::epochs) | 1 | training of a proposal that names no number | at least 1 |
/// | [`batch`](Study::batch) | 1 | trials asked before the first is told | at least 1 |
/// | [`tell`](Study::tell) | in trial order | in which order outcomes are told | see [`TellOrder`] |
/// | [`workers`](Study::workers) | 1 | threads that evaluate; changes no result in trial order | at least 1 |
/// | [`duplicates`](Study::duplicates) | evaluated again | what a repeated proposal costs | see [`Duplicates`] |
/// | [`parameters`](Study::parameters) | empty | the strategy's own settings, compared when the study is resumed | any text |
/// | [`store`](Study::store) | in memory | where trials are recorded; a study that is in there is resumed | a [`Store`] |
/// | [`observer`](Study::observer) | nobody | who is told what happens | an [`Observer`] |
/// | [`stop`](Study::stop) | never | by which it can be asked to stop | a [`Stop`] |
/// | [`commit`](Study::commit) | every step | when records are committed | see [`Commit`] |
pub struct Study<'a> {
    parts: Parts<'a>,
    config: StudyConfig,
    options: RunOptions,
    store: Option<&'a mut Store>,
    observer: Option<&'a mut dyn Observer>,
}

impl<'a> Study<'a> {
    /// A study of these, in memory and silent. A strategy is fresh: not yet asked anything.
    pub fn new(space: &'a dyn Space, strategy: &'a mut dyn Strategy, evaluator: &'a dyn Evaluator) -> Self {
        let config = StudyConfig::new(
            strategy.name(),
            space.name(),
            evaluator.description(),
            Seed::new(0),
        );
        Self {
            parts: Parts {
                space,
                strategy,
                evaluator,
            },
            config,
            options: RunOptions::default(),
            store: None,
            observer: None,
        }
    }

    /// When it ends.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.config.budget = budget;
        self
    }

    /// The seed of all randomness but the strategy's, which has its own.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.config.seed = seed;
        self
    }

    /// Epochs of a proposal that names no number.
    #[must_use]
    pub fn epochs(mut self, epochs: u32) -> Self {
        self.config.fidelity = Fidelity { epochs };
        self
    }

    /// Trials that are asked for before the first of them is told.
    #[must_use]
    pub fn batch(mut self, batch: u32) -> Self {
        self.config.batch = batch;
        self
    }

    /// In which order outcomes are told.
    #[must_use]
    pub fn tell(mut self, order: TellOrder) -> Self {
        self.config.tell = order;
        self
    }

    /// Threads that evaluate; no more than a batch are used.
    #[must_use]
    pub fn workers(mut self, workers: NonZeroUsize) -> Self {
        self.options.workers = workers;
        self
    }

    /// What a repeated proposal costs.
    #[must_use]
    pub fn duplicates(mut self, duplicates: Duplicates) -> Self {
        self.config.duplicates = duplicates;
        self
    }

    /// The strategy's own settings as one line, which are compared when the study is resumed.
    #[must_use]
    pub fn parameters(mut self, parameters: impl Into<String>) -> Self {
        self.config.parameters = parameters.into();
        self
    }

    /// Where trials are recorded. A study that is already there continues.
    #[must_use]
    pub fn store(mut self, store: &'a mut Store) -> Self {
        self.store = Some(store);
        self
    }

    /// The observer of the study's events.
    #[must_use]
    pub fn observer(mut self, observer: &'a mut dyn Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// By which it can be asked to stop.
    #[must_use]
    pub fn stop(mut self, stop: Stop) -> Self {
        self.options.stop = stop;
        self
    }

    /// When records are committed.
    #[must_use]
    pub fn commit(mut self, commit: Commit) -> Self {
        self.options.commit = commit;
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// As [`PreparedStudy::resume`] and [`PreparedStudy::run`]. What was recorded stays.
    pub fn run(self) -> Result<Summary, StudyError> {
        let Self {
            parts,
            config,
            options,
            store,
            observer,
        } = self;
        let mut in_memory = None;
        let store = match store {
            Some(store) => store,
            None => in_memory.insert(Store::in_memory()?),
        };
        let mut silent = Silent;
        let observer = match observer {
            Some(observer) => observer,
            None => &mut silent,
        };
        // For as long as the store is here.
        let parts = Parts {
            space: parts.space,
            strategy: &mut *parts.strategy,
            evaluator: parts.evaluator,
        };
        PreparedStudy::resume(store, config, parts)?.run(&options, observer)
    }
}
