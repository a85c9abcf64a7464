//! How a run stands at this moment, also while it runs.

use std::path::{Path, PathBuf};

use anyhow::Result;
use nas_space::genotype::Genotype;
use nas_space::search::{Budget, Metric};
use nas_study::{Best, End, RunDir, Standing, StoreError, StudyError};
use serde::Serialize;

use crate::plan::{Estimation, OneFigure, RunConfig};
use crate::session::FinalRecord;

/// How a run stands; serialised, the JSON of `nas status`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The run directory, as it was named.
    pub run: PathBuf,
    /// The method.
    pub method: String,
    /// The name of the space.
    pub space: String,
    /// The seed.
    pub seed: u64,
    /// What becomes of it.
    pub state: State,
    /// The process that runs it, where one does and can be told.
    pub pid: Option<u32>,
    /// When it ends.
    pub budget: Budget,
    /// Trials that were proposed.
    pub trials: u64,
    /// Those that have an outcome.
    pub finished: u64,
    /// Those whose outcome is a failure.
    pub failed: u64,
    /// Attempts that were lost and made again.
    pub retried: u64,
    /// Epochs of the finished trials.
    pub epochs: u64,
    /// Seconds of the finished trials.
    pub seconds: f64,
    /// Seconds since the last trial was finished.
    pub idle_seconds: Option<f64>,
    /// The best trial.
    pub best: Option<BestSoFar>,
    /// Once the best is trained in full or looked up.
    pub test_accuracy: Option<f64>,
    /// What is compared, where it is no accuracy: there are no accuracies then.
    #[serde(skip_serializing_if = "Metric::is_accuracy")]
    pub metric: Metric,
    /// The test figure, where it is no accuracy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<f64>,
    /// The share of all test images that are classified correctly, where something else is compared and it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_accuracy: Option<f64>,
    /// Whether one figure is both validation and test, so that the test figure is optimistic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_figure: Option<OneFigure>,
    /// What scores are about in words: a data set, a table.
    #[serde(skip)]
    pub data: String,
    /// What the figure of the final test is.
    #[serde(skip)]
    pub test_metric: Metric,
    /// The score of the best trial on validation.
    #[serde(skip)]
    pub valid_score: Option<f64>,
    /// The score of the final test.
    #[serde(skip)]
    pub test_score: Option<f64>,
    /// What is told beside the latter: [`FinalRecord::beside`].
    #[serde(skip)]
    pub beside_test: String,
    /// When it began, in seconds since 1970-01-01 00:00 UTC.
    #[serde(skip)]
    pub created_unix_seconds: Option<f64>,
}

/// The best trial so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BestSoFar {
    /// Its number.
    pub trial: u64,
    /// Its architecture as text.
    pub arch: String,
    /// Its validation accuracy.
    pub valid_accuracy: Option<f64>,
    /// The validation figure, where it is no accuracy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<f64>,
    /// Epochs it was trained; 0 for a score without training.
    pub epochs: u32,
    /// Its reward, where the search chooses by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward: Option<f64>,
}

/// What becomes of a run at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A process is at it.
    Running,
    /// The search has ended, and what follows it too, where something does.
    Finished,
    /// It was asked to stop.
    Stopped,
    /// Its process is gone, and had not ended it.
    Interrupted,
}

impl State {
    /// The state in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Status {
    /// Looks at the records of the run in this directory, without changing or locking anything.
    ///
    /// # Errors
    /// Where there is no run, or its configuration or its records cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let run = RunDir::open(path)?;
        let config: RunConfig = run.read_config()?;
        Self::of(&run, &config)
    }

    /// The same of a run whose configuration was read before.
    ///
    /// # Errors
    /// As [`Status::read`].
    pub fn of(run: &RunDir, config: &RunConfig) -> Result<Self> {
        let holder = run.holder()?;
        let (study, standing) = match run.look() {
            Ok(records) => (records.study()?, Some(records.standing()?)),
            // Its process has not reached the first record, or was killed before it.
            Err(StudyError::Store(StoreError::Missing { .. } | StoreError::Empty { .. })) => (None, None),
            Err(error) => return Err(error.into()),
        };
        let created = study.as_ref().map(|study| study.created_unix_seconds);
        let end = study.and_then(|study| study.end);
        let best = standing.as_ref().and_then(|standing| standing.best.as_ref());
        let (metric, of_test) = (config.metric(), config.test_metric());
        // What became of the best architecture after the search, if that is on record already.
        let last = FinalRecord::read(run, &of_test)?
            .filter(|last| best.is_some_and(|best| best.architecture == last.arch));
        let has_final = !matches!(config.estimation, Estimation::Command(_));
        let state = match (&holder, end) {
            (Some(_), _) => State::Running,
            (None, Some(End::Stopped)) => State::Stopped,
            (None, Some(_)) if last.is_some() || !has_final || best.is_none() => State::Finished,
            _ => State::Interrupted,
        };
        let scored = config.proxy().is_some();
        let count = |of: fn(&Standing) -> u64| standing.as_ref().map_or(0, of);
        let beside_test = last
            .as_ref()
            .map(|last| last.beside(&of_test))
            .unwrap_or_default();
        let plain_accuracy = last
            .as_ref()
            .and_then(|last| last.plain_accuracy)
            .filter(|_| !of_test.is_accuracy());
        let test = last.map(|last| last.test.test_accuracy);
        Ok(Self {
            run: run.path().to_owned(),
            method: config.method.to_string(),
            space: config.space.build()?.name().to_owned(),
            seed: config.seed,
            state,
            pid: holder.and_then(|holder| holder.pid),
            budget: config.budget,
            trials: count(|s| s.asked),
            finished: count(|s| s.finished),
            failed: count(|s| s.failed),
            retried: count(|s| s.retried),
            epochs: if scored { 0 } else { count(|s| s.epochs) },
            seconds: standing.as_ref().map_or(0.0, |standing| standing.seconds),
            idle_seconds: standing.as_ref().and_then(|standing| standing.idle_seconds),
            best: best.map(|best| BestSoFar::new(best, &metric, scored)),
            test_accuracy: test.filter(|_| of_test.is_accuracy()),
            test: test
                .filter(|_| !of_test.is_accuracy())
                .map(|score| of_test.value(score)),
            plain_accuracy,
            one_figure: config.one_figure(),
            data: config.judged_on(),
            valid_score: best.map(|best| best.valid_accuracy),
            test_score: test,
            beside_test,
            metric,
            test_metric: of_test,
            created_unix_seconds: created,
        })
    }
}

impl BestSoFar {
    fn new(best: &Best, metric: &Metric, scored: bool) -> Self {
        let arch = serde_json::from_str::<Genotype>(&best.genotype)
            .map_or_else(|_| best.architecture.to_string(), |genotype| genotype.to_string());
        Self {
            trial: best.trial,
            arch,
            valid_accuracy: metric.is_accuracy().then_some(best.valid_accuracy),
            valid: (!metric.is_accuracy()).then(|| metric.value(best.valid_accuracy)),
            epochs: if scored { 0 } else { best.epochs },
            reward: best.ranked_by,
        }
    }
}
