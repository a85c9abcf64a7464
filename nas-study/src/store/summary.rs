//! What came out of a study.

use std::fmt;

use nas_space::arch::Architecture;
use nas_space::search::{Evaluation, Failure, Spent, TrialId};
use nas_space::seed::Seed;
use serde::{Deserialize, Serialize};

use super::{Conclusion, TrialRecord};
use crate::config::StudyConfig;

/// What came out of a study, or of as much of it as was run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The strategy's name.
    pub method: String,
    /// The space's name.
    pub space: String,
    /// The study's seed.
    pub seed: Seed,
    /// Why it ended; `None` for one that has not.
    pub end: Option<End>,
    /// Trials that were finished, failed ones included.
    pub trials: u64,
    /// Trials that failed.
    pub failed: u64,
    /// Epochs that these trials have added: none is counted twice where one continues another.
    pub epochs: u64,
    /// Cost of these trials in seconds, as the sum of their `cost_seconds`.
    pub seconds: f64,
    /// Seconds the strategy itself took, to propose and to learn.
    pub strategy_seconds: f64,
    /// The best trial, unless all failed.
    pub best: Option<Best>,
    /// The failed trial of the lowest number.
    pub first_failure: Option<Failure>,
}

/// The trial of the highest validation accuracy among those of the highest fidelity that any trial
/// reached without failing; of several, the one with the lowest number. In place of the accuracy
/// stands the figure of [`StudyConfig::ranked_by`], where the study has one.
///
/// Accuracies after different numbers of epochs are not compared: a high accuracy after the first
/// epoch of a schedule says less than a lower one at its end, so the choice is made among the
/// trials that were trained longest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Its number.
    pub trial: TrialId,
    /// Its choices.
    pub architecture: Architecture,
    /// Its genotype as one line of JSON.
    pub genotype: String,
    /// Its validation accuracy, in [0, 1].
    pub valid_accuracy: f64,
    /// The epochs it is trained for, those of the trials it continues among them.
    pub epochs: u32,
    /// Its figure of the name [`StudyConfig::ranked_by`], by which it was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranked_by: Option<f64>,
}

impl Best {
    /// This trial with this evaluation.
    pub(crate) fn new(record: &TrialRecord, evaluation: &Evaluation, ranked_by: Option<&str>) -> Self {
        Self {
            trial: record.trial.id,
            architecture: record.trial.architecture.clone(),
            genotype: record.genotype.clone().unwrap_or_default(),
            valid_accuracy: evaluation.valid_accuracy,
            epochs: record.trial.fidelity.epochs,
            ranked_by: ranked_by.and_then(|name| evaluation.figures.get(name).copied()),
        }
    }

    /// What trials of one fidelity are compared by, the higher the better: the figure of this name,
    /// below all others where an evaluation does not have it, or else the validation accuracy.
    pub fn rank(evaluation: &Evaluation, ranked_by: Option<&str>) -> f64 {
        match ranked_by {
            None => evaluation.valid_accuracy,
            Some(name) => evaluation.figures.get(name).copied().unwrap_or(f64::NEG_INFINITY),
        }
    }
}

/// Why a study ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum End {
    /// The budget is spent.
    Budget,
    /// The strategy has nothing more to propose.
    Finished,
    /// It was asked to [stop](crate::Stop). It can be resumed.
    Stopped,
}

impl fmt::Display for Summary {
    /// A few lines for readers: the study, its result and its cost.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            space,
            seed,
            trials,
            failed,
            epochs,
            seconds,
            ..
        } = self;
        let end = match self.end {
            None => "not ended",
            Some(End::Budget) => "the budget is spent",
            Some(End::Finished) => "the method has nothing more to propose",
            Some(End::Stopped) => "stopped",
        };
        writeln!(f, "{method} in {space}, seed {seed}: {end}")?;
        write!(
            f,
            "{trials} trials, {failed} failed, {epochs} epochs, {seconds:.1} s"
        )?;
        match (&self.best, &self.first_failure) {
            (Some(best), _) => write!(
                f,
                "\nbest: {:.4} on validation after {} epochs (trial {})\n{}",
                best.valid_accuracy, best.epochs, best.trial, best.genotype
            ),
            (None, Some(failure)) => write!(f, "\nno trial succeeded; the first failed: {failure}"),
            (None, None) => Ok(()),
        }
    }
}

/// A summary in the making. Trials are added in the order in which they were told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) spent: Spent,
    pub(crate) failed: u64,
    pub(crate) strategy_seconds: f64,
    pub(crate) best: Option<Best>,
    /// What the best was chosen by: [`Best::rank`].
    rank: f64,
    ranked_by: Option<String>,
    first_failure: Option<(TrialId, Failure)>,
}

impl Tally {
    /// Of a study before its first trial.
    pub(crate) fn new(config: &StudyConfig) -> Self {
        Self {
            ranked_by: config.ranked_by.clone(),
            ..Self::default()
        }
    }

    /// Adds a trial and what became of it.
    pub(crate) fn add(&mut self, record: &TrialRecord, conclusion: &Conclusion) {
        self.spent.trials += 1;
        self.spent.epochs += u64::from(record.trial.added_epochs());
        self.spent.seconds += conclusion.cost_seconds;
        match &conclusion.result {
            Ok(evaluation) => {
                let ranked_by = self.ranked_by.as_deref();
                let rank = Best::rank(evaluation, ranked_by);
                let of = (record.trial.fidelity.epochs, rank);
                let is_best = self.best.as_ref().is_none_or(|best| {
                    let highest = (best.epochs, self.rank);
                    of > highest || of == highest && record.trial.id < best.trial
                });
                if is_best {
                    self.best = Some(Best::new(record, evaluation, ranked_by));
                    self.rank = rank;
                }
            }
            Err(failure) => {
                self.failed += 1;
                let id = record.trial.id;
                if self.first_failure.as_ref().is_none_or(|(first, _)| id < *first) {
                    self.first_failure = Some((id, failure.clone()));
                }
            }
        }
    }

    /// Adds the seconds that the strategy took.
    pub(crate) fn add_strategy_seconds(&mut self, seconds: f64) {
        self.strategy_seconds += seconds;
    }

    pub(crate) fn into_summary(self, config: &StudyConfig, end: Option<End>) -> Summary {
        Summary {
            method: config.method.clone(),
            space: config.space.clone(),
            seed: config.seed,
            end,
            trials: self.spent.trials,
            failed: self.failed,
            epochs: self.spent.epochs,
            seconds: self.spent.seconds,
            strategy_seconds: self.strategy_seconds,
            best: self.best,
            first_failure: self.first_failure.map(|(_, failure)| failure),
        }
    }
}
