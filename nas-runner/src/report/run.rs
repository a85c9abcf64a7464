//! What is in a run directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use nas_report::number::counted;
use nas_report::pareto;
use nas_space::genotype::Genotype;
use nas_space::search::{Evaluation, FailureKind, Metric};
use nas_space::sizes::{Figures, Sizes};
use nas_space::spaces::Space;
use nas_study::{
    AttemptRecord, Best, End, Records, RunDir, Selection, StoreError, StudyError, StudyRecord, TrialRecord,
};

use crate::environment::Environment;
use crate::plan::{Estimation, RunConfig};
use crate::session::FinalRecord;
use crate::shell;

/// A run, perhaps unfinished.
pub struct Run {
    /// As it was named.
    pub(super) path: PathBuf,
    pub(super) config: RunConfig,
    /// `config.toml` as it is written.
    pub(super) config_text: String,
    pub(super) space: Arc<dyn Space>,
    /// What is known of sizes; nothing where that is in a table which is gone.
    pub(super) sizes: Option<Arc<dyn Sizes>>,
    /// None where the process was stopped before it began one.
    pub(super) study: Option<StudyRecord>,
    pub(super) trials: Vec<TrialRecord>,
    /// Attempts at trials that were lost, and made again.
    pub(super) attempts: Vec<AttemptRecord>,
    /// The final training and test of the best.
    pub(super) last: Option<FinalRecord>,
    pub(super) environments: Vec<Environment>,
    /// Whether a process was at it when it was read.
    is_running: bool,
}

/// A trial that was evaluated.
#[derive(Clone, Copy)]
pub struct Evaluated<'a> {
    pub(super) record: &'a TrialRecord,
    pub(super) evaluation: &'a Evaluation,
    /// What it is compared by with those of the same epochs: its score, or its reward.
    rank: f64,
}

impl Run {
    /// Reads all of it. Nothing is written and no lock taken.
    pub fn read(path: &Path) -> Result<Self> {
        Self::by(path, RunDir::records)
    }

    /// The same, without looking for damage in all of the records first. What is read is checked.
    pub fn look(path: &Path) -> Result<Self> {
        Self::by(path, RunDir::look)
    }

    fn by(path: &Path, open: impl Fn(&RunDir) -> Result<Records, StudyError>) -> Result<Self> {
        let directory = RunDir::open(path)?;
        // Before the records: what a process that has ended since has written is in them.
        let is_running = directory.holder()?.is_some();
        let config: RunConfig = directory.read_config()?;
        let config_text = directory.config_text()?;
        let space = config.space.build()?;
        let (study, trials, attempts) = match open(&directory) {
            Ok(records) => {
                // The study first: what says that it has ended was written after all of its trials.
                let study = records.study()?;
                // Room for all of them, and no more: there may be many.
                let count = records
                    .select(&Selection {
                        limit: 0,
                        ..Selection::default()
                    })?
                    .matching;
                let mut trials = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
                records.for_each_trial(|mut record| {
                    // The space gives the genotypes of the few that are shown; those of all are half of a large file.
                    record.genotype = None;
                    trials.push(record);
                })?;
                (study, trials, records.attempts()?)
            }
            Err(StudyError::Store(StoreError::Missing { .. } | StoreError::Empty { .. })) => {
                (None, Vec::new(), Vec::new())
            }
            Err(error) => return Err(error.into()),
        };
        let lacks_size = |record: &TrialRecord| {
            let evaluation = record
                .conclusion
                .as_ref()
                .and_then(|end| end.result.as_ref().ok());
            evaluation.is_some_and(|evaluation| evaluation.params.is_none() || evaluation.macs.is_none())
        };
        // A table is opened only where the records do not say it all.
        let sizes = trials
            .iter()
            .any(lacks_size)
            .then(|| config.sizes().ok())
            .flatten();
        let mut run = Self {
            path: path.to_owned(),
            sizes,
            config,
            config_text,
            space,
            study,
            trials,
            attempts,
            last: None,
            environments: Environment::of_run(path)?,
            is_running,
        };
        let last = FinalRecord::read(&directory, &run.test_metric())?;
        // A larger budget may have found a better one since.
        run.last = last.filter(|last| {
            let best = run.best();
            best.is_some_and(|best| best.record.trial.architecture == last.arch)
        });
        Ok(run)
    }

    /// The run directory.
    pub(super) fn directory(&self) -> Result<RunDir> {
        Ok(RunDir::open(&self.path)?)
    }

    /// Whether accuracies were looked up in a table.
    pub(super) fn is_looked_up(&self) -> bool {
        matches!(self.config.estimation, Estimation::Table(_))
    }

    /// The trials in the order in which the method was told their outcomes.
    pub(super) fn in_told_order(&self) -> Vec<&TrialRecord> {
        let mut trials: Vec<&TrialRecord> = self.trials.iter().collect();
        trials.sort_by_key(|record| record.place());
        trials
    }

    /// The trials that were evaluated, in order.
    pub(super) fn evaluated(&self) -> Vec<Evaluated<'_>> {
        let mut evaluated = Vec::with_capacity(self.trials.len());
        evaluated.extend(self.each_evaluated());
        evaluated
    }

    /// The same, one by one.
    fn each_evaluated(&self) -> impl Iterator<Item = Evaluated<'_>> {
        let ranked_by = self.config.ranked_by();
        self.trials.iter().filter_map(move |record| {
            let evaluation = record.conclusion.as_ref()?.result.as_ref().ok()?;
            Some(Evaluated::new(record, evaluation, ranked_by))
        })
    }

    /// The trials that failed: number, kind, message.
    pub(super) fn failed(&self) -> Vec<(u64, FailureKind, &str)> {
        let failed = self.trials.iter().filter_map(|record| {
            let failure = record.conclusion.as_ref()?.result.as_ref().err()?;
            Some((record.trial.id, failure.kind, failure.message.as_str()))
        });
        failed.collect()
    }

    /// Trials that have an outcome.
    pub(super) fn finished(&self) -> usize {
        self.trials
            .iter()
            .filter(|record| record.conclusion.is_some())
            .count()
    }

    /// The best trial: of those trained longest, the one of the best validation figure, or of the highest reward; the first of
    /// equals.
    pub fn best(&self) -> Option<Evaluated<'_>> {
        self.each_evaluated()
            .reduce(|best, other| match other.beats(&best) {
                true => other,
                false => best,
            })
    }

    /// Whether a process was at it when it was read.
    pub(super) fn is_running(&self) -> bool {
        self.is_running
    }

    /// What says that the page is not of a finished search.
    pub(super) fn state(&self) -> Option<String> {
        let resume = shell::resume(&self.path, Some(&self.config));
        let Some(study) = &self.study else {
            return Some(match self.is_running {
                true => "Nothing is recorded yet: this run has just started.".to_owned(),
                false => format!(
                    "Nothing is recorded: the process of this run was stopped before the first trial. {resume} starts it."
                ),
            });
        };
        let finished = self.finished();
        let under_way = self.trials.len() - finished;
        let so_far = format!("{} finished, {under_way} under way", counted(finished, "trial"));
        match study.end {
            None if self.is_running => Some(format!("This search is running ({so_far}).")),
            None => Some(format!(
                "This search was interrupted ({so_far}); {resume} continues it."
            )),
            Some(End::Stopped) => Some(format!(
                "This search was stopped ({so_far}); {resume} continues it."
            )),
            Some(_) if self.best().is_none() => {
                let failed = self.failed();
                Some(match failed.first() {
                    Some((_, _, message)) => {
                        format!(
                            "This search found nothing: all {} trials failed. The first: {message}",
                            failed.len()
                        )
                    }
                    None => "This search found nothing: there was no trial.".to_owned(),
                })
            }
            // Your own evaluator has no final training.
            Some(_) if matches!(self.config.estimation, Estimation::Command(_)) => None,
            Some(_) if self.last.is_none() => Some(match self.is_running {
                true => "The search has ended. The final training and the test of its best architecture are running."
                    .to_owned(),
                false => format!(
                    "The search has ended, but the final training and the test of its best architecture have not; \
                     {resume} continues them."
                ),
            }),
            Some(_) => None,
        }
    }

    /// The architecture of a trial, readable.
    pub(super) fn genotype(&self, record: &TrialRecord) -> Result<Genotype> {
        Ok(self.space.genotype(&record.trial.architecture)?)
    }

    /// Size and other figures of a trial's architecture: those of its evaluation, or where it has none, what is known of it.
    pub(super) fn figures(&self, trial: &Evaluated<'_>) -> Figures {
        pareto::figures(
            trial.evaluation,
            &trial.record.trial.architecture,
            self.sizes.as_deref(),
        )
    }

    /// Parameters and multiply-accumulates of it.
    pub fn size(&self, trial: &Evaluated<'_>) -> (Option<u64>, Option<u64>) {
        let figures = self.figures(trial);
        (figures.params, figures.macs)
    }

    /// The names of all other figures on record.
    pub(super) fn figure_names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for trial in self.each_evaluated() {
            for name in trial.evaluation.figures.keys() {
                if !names.contains(name) {
                    names.insert(name.clone());
                }
            }
        }
        names
    }

    /// What scores are of.
    pub(super) fn metric(&self) -> Metric {
        self.config.metric()
    }

    /// What the figure of the final test is.
    pub(super) fn test_metric(&self) -> Metric {
        self.config.test_metric()
    }

    /// Whether it is known what trials cost: a table need not say.
    pub(super) fn knows_seconds(&self) -> bool {
        !self.is_looked_up()
            || self
                .each_evaluated()
                .any(|trial| trial.evaluation.cost_seconds > 0.0)
    }

    /// Whether trials are trained for different numbers of epochs.
    pub(super) fn is_halved(&self) -> bool {
        self.config.halving.is_some()
    }
}

impl<'a> Evaluated<'a> {
    /// A trial of a search that chooses the best by this figure, or else by score.
    pub(super) fn new(record: &'a TrialRecord, evaluation: &'a Evaluation, ranked_by: Option<&str>) -> Self {
        Self {
            record,
            evaluation,
            rank: Best::rank(evaluation, ranked_by),
        }
    }

    /// The epochs it was trained for, and its score.
    pub(super) fn standing(&self) -> (u32, f64) {
        (self.record.trial.fidelity.epochs, self.evaluation.valid_accuracy)
    }

    /// Its epochs, and what it is compared by with others of as many: its score, or its reward.
    pub(super) fn place(&self) -> (u32, f64) {
        (self.record.trial.fidelity.epochs, self.rank)
    }

    /// Whether it is better, by the rule of [`nas_study::Best`].
    pub(super) fn beats(&self, other: &Self) -> bool {
        self.place() > other.place()
    }
}
