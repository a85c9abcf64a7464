//! Why a study cannot start, continue or be resumed.

use std::io;
use std::path::{Path, PathBuf};

use nas_space::error::SpaceError;
use nas_space::search::{Failure, StrategyError, TrialId};
use thiserror::Error;

use crate::config::ConfigError;
use crate::store::{Best, StoreError, Summary};

/// Why a study cannot start, continue or be resumed. A trial's failure is none of these: it is
/// recorded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The configuration is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The records cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The strategy gave up.
    #[error("the search method '{method}' cannot continue: {source}")]
    Strategy {
        /// Its name.
        method: String,
        /// Its reason.
        source: StrategyError,
    },
    /// The strategy waits for an outcome when there is none to come.
    #[error(
        "the search method '{method}' waits for an outcome after {told} trials, but all of them were told; \
         this is a defect of the method"
    )]
    Stalled {
        /// The strategy's name.
        method: String,
        /// How many outcomes it was told.
        told: u64,
    },
    /// Outcomes are to be told in the order of completion, and the strategy takes none but that of
    /// the trials.
    #[error(
        "the search method '{method}' has to be told outcomes in the order of the trials; leave out the \
         order of completion"
    )]
    TrialOrder {
        /// The strategy's name.
        method: String,
    },
    /// The strategy asked to continue a trial that cannot be.
    #[error(
        "the search method '{method}' asks to continue trial {trial}, which is impossible: {reason}; this \
         is a defect of the method"
    )]
    NotContinuable {
        /// The strategy's name.
        method: String,
        /// The trial to be continued.
        trial: TrialId,
        /// Why it cannot be.
        reason: String,
    },
    /// The space refused an architecture for another reason than that it is not of the space.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The configuration names one thing and another was passed.
    #[error("the study's {what} is '{config}', but '{got}' was passed to run it")]
    Mismatch {
        /// What is named: the method, the space, the evaluator.
        what: &'static str,
        /// As the configuration has it.
        config: String,
        /// As the part itself has it.
        got: String,
    },
    /// A study was to be created where one is on record.
    #[error("the store already contains a study of '{method}'; resume it or choose another store")]
    AlreadyBegun {
        /// The recorded method.
        method: String,
    },
    /// A study was resumed with settings other than those that it was started with.
    #[error(
        "this is not the recorded study: {}; resume it with its original settings, or start another in a new directory",
        listed(differences)
    )]
    Differs {
        /// Every field that differs.
        differences: Vec<Difference>,
    },
    /// A budget was to be extended to less than it was.
    #[error(
        "the budget's {limit} cannot change from {recorded} to {given}; a recorded study's budget can only grow"
    )]
    BudgetShrinks {
        /// The limit.
        limit: &'static str,
        /// As recorded; `none` for no limit.
        recorded: String,
        /// As given.
        given: String,
    },
    /// When asked again, the strategy does not repeat the recorded proposal.
    #[error(
        "trial {trial} is recorded as {recorded}, but the search method now proposes {proposed}. Its code, \
         its parameters or the recorded outcomes have changed: resume with the program that started the \
         study, or start another in a new directory"
    )]
    ReplayDiverged {
        /// The first trial that differs.
        trial: TrialId,
        /// The recorded architecture and its epochs.
        recorded: String,
        /// What was proposed instead.
        proposed: String,
    },
    /// A thread that evaluates cannot be started.
    #[error("cannot start worker thread {worker} of {workers}: {source}; use fewer workers")]
    Spawn {
        /// Which one, from 1.
        worker: usize,
        /// How many were wanted.
        workers: usize,
        /// What the system said.
        source: io::Error,
    },
    /// A trial was abandoned although no stop was requested.
    #[error(
        "trial {trial} could not be evaluated: {reason}. It is not recorded; fix the cause and resume the study"
    )]
    NotEvaluated {
        /// The trial.
        trial: TrialId,
        /// Why.
        reason: String,
    },
    /// All threads that evaluate are gone although trials are left to be evaluated.
    #[error("all worker threads are gone; trial {trial} was not evaluated. Resume the study")]
    WorkersLost {
        /// The trial that was waited for.
        trial: TrialId,
    },
    /// Every trial failed.
    #[error("all {trials} trials failed; the first one because: {first}")]
    AllFailed {
        /// How many.
        trials: u64,
        /// The first failure.
        first: Failure,
    },
    /// The study was stopped before a trial was finished.
    #[error("no trial was finished, so there is no best architecture; resume the study")]
    NoTrials,
    /// A run directory holds a run.
    #[error(
        "'{}' already contains a run; continue it with `nas resume {}` or choose another directory",
        path.display(), path.display()
    )]
    RunExists {
        /// The directory.
        path: PathBuf,
    },
    /// A directory is no run directory.
    #[error("'{}' is not a run directory: there is no config.toml in it", path.display())]
    NotARun {
        /// The directory.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file's text is invalid, or a value cannot be written in its format.
    #[error("'{}' cannot be {action} as {format}: {reason}", path.display())]
    Text {
        /// `read` or `written`.
        action: &'static str,
        /// TOML or JSON.
        format: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong where.
        reason: String,
    },
}

/// A field in which a study differs from the one on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field of [`StudyConfig`](crate::StudyConfig), or `decisions` for the space's.
    pub field: String,
    /// Its recorded value.
    pub recorded: String,
    /// The one given.
    pub given: String,
}

fn listed(differences: &[Difference]) -> String {
    let all: Vec<String> = differences
        .iter()
        .map(|d| {
            format!(
                "{} is recorded as {}, but is now {}",
                d.field, d.recorded, d.given
            )
        })
        .collect();
    all.join("; ")
}

impl StudyError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Io { action, path, source }
    }
}

impl Summary {
    /// The best trial, for those to whom a study without one is a failure.
    ///
    /// # Errors
    /// [`StudyError::AllFailed`] gives the first reason; [`StudyError::NoTrials`] where none was
    /// finished.
    pub fn require_best(&self) -> Result<&Best, StudyError> {
        match (&self.best, &self.first_failure) {
            (Some(best), _) => Ok(best),
            (None, Some(first)) => Err(StudyError::AllFailed {
                trials: self.trials,
                first: first.clone(),
            }),
            (None, None) => Err(StudyError::NoTrials),
        }
    }
}
