//! What is on record.

use nas_space::search::{Attempt, Evaluation, Failure, Metric, Outcome, Trial, TrialId};

use super::End;
use crate::config::StudyConfig;

/// A study on record.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StudyRecord {
    /// What it is.
    pub config: StudyConfig,
    /// What the scores of its trials are of:
    /// [`Evaluator::metric`](nas_space::search::Evaluator::metric).
    pub metric: Metric,
    /// The space's decisions as JSON: a list of objects with `name`, `kind` and `options`.
    pub decisions: String,
    /// The version of this crate that began it.
    pub software: String,
    /// When it began, in seconds since 1970-01-01 00:00 UTC.
    pub created_unix_seconds: f64,
    /// Why it ended, the last time it was run; `None` while it runs and after it was killed.
    pub end: Option<End>,
}

/// A trial on record.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TrialRecord {
    /// What was proposed, at which fidelity, with which seed.
    pub trial: Trial,
    /// The architecture's genotype as one line of JSON; `None` where it is not of the space.
    pub genotype: Option<String>,
    /// The earlier trial whose outcome this one takes over, where the study's
    /// [`Duplicates`](crate::Duplicates) say so.
    pub reused_from: Option<TrialId>,
    /// When it was proposed, in seconds since 1970-01-01 00:00 UTC.
    pub asked_unix_seconds: f64,
    /// Seconds the strategy took to propose it.
    pub ask_seconds: f64,
    /// Seconds the strategy took to learn from it; `None` while it was not told, or where the
    /// process was killed before that was written.
    pub tell_seconds: Option<f64>,
    /// Its place in the order in which trials were finished, from 0, once it is, where outcomes are
    /// told in that order ([`TellOrder::Completion`](crate::TellOrder)); else `None`.
    pub completion: Option<u64>,
    /// What became of it; `None` while it is under way.
    pub conclusion: Option<Conclusion>,
}

/// What became of a trial.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Conclusion {
    /// Its evaluation or its failure.
    pub result: Result<Evaluation, Failure>,
    /// Its cost in seconds: as the evaluation has it, for a failure as measured. Finite and not
    /// negative.
    pub cost_seconds: f64,
    /// When it was finished, in seconds since 1970-01-01 00:00 UTC.
    pub finished_unix_seconds: f64,
}

impl TrialRecord {
    /// What records are sorted by into the order in which their outcomes were told.
    pub fn place(&self) -> (Option<u64>, TrialId) {
        (self.completion, self.trial.id)
    }

    /// The trial with its result, once it has one.
    pub fn outcome(&self) -> Option<Outcome> {
        self.conclusion.as_ref().map(|conclusion| Outcome {
            trial: self.trial.clone(),
            result: conclusion.result.clone(),
        })
    }
}

/// A failed attempt on record that was followed by another.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AttemptRecord {
    /// The trial.
    pub trial: TrialId,
    /// Why it failed, and the seconds it took.
    pub attempt: Attempt,
}

/// A step of a study, to be written down.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// A trial was proposed.
    Asked(TrialRecord),
    /// A trial was tried in vain.
    Attempted(TrialId, Attempt),
    /// A trial was finished, and its place in the order of completions, where that is recorded.
    Finished(TrialId, Conclusion, Option<u64>),
    /// The number of seconds that the strategy took to learn from it.
    Told(TrialId, f64),
    /// The study began to run (`None`), or ended.
    Ended(Option<End>),
}

impl Change {
    /// The trial that it is about.
    pub(super) fn trial(&self) -> Option<TrialId> {
        match self {
            Self::Asked(record) => Some(record.trial.id),
            Self::Attempted(id, _) | Self::Finished(id, ..) | Self::Told(id, _) => Some(*id),
            Self::Ended(_) => None,
        }
    }
}
