//! A task: what judges architectures, and a run of a method on it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nas_eval::data::DatasetInfo;
use nas_runner::methods::Setting;
use nas_runner::plan::{Estimation, OneFigure, RunConfig, Work};
use nas_runner::scoring::ScoreEvaluator;
use nas_runner::screening::{self, Screen, Timed};
use nas_runner::{Session, Stopped, halved, size};
use nas_space::arch::Architecture;
use nas_space::search::{Budget, Evaluator, Fidelity, Metric, Stop, Strategy};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use nas_study::compare::{BASELINE, Incumbent, Run, Uniform, incumbents};
use nas_study::{
    Commit, End, Parts, PreparedStudy, RunOptions, Silent, Store, StudyConfig, StudyError, Summary,
};
use nas_tables::{TableError, TabularEvaluator};
use serde::Serialize;

use super::one_shot;
use crate::progress::only_notes;

/// Uniform draws whose mean is what nothing chose is worth.
const DRAWS: u64 = 1000;

/// A task, and what every method is run with on it.
pub(super) struct Bench {
    /// In the order of the methods.
    pub(super) configs: Vec<RunConfig>,
    /// The first of them whose trials have accuracies.
    plain: usize,
    space: Arc<dyn Space>,
    /// What of it methods see: all, or what is within the limits.
    searched: Arc<dyn Space>,
    /// In a table, what candidates of each method are screened by.
    scores: Vec<Option<Arc<dyn Timed>>>,
    /// In a table, what the trials of each method are scored by instead.
    judges: Vec<Option<ScoreEvaluator>>,
    /// What looks up, where nothing is trained.
    table: Option<TabularEvaluator>,
    description: String,
    /// The images that supernets are trained on, if there are supernets.
    work: Option<Work>,
    /// By which runs can be asked to stop.
    stop: Stop,
}

/// The work that supernets and trials both get, on one task.
#[derive(Debug, Clone, Serialize)]
pub(super) struct EqualWork {
    /// Images that a run passes forward and backward through a network, at most.
    pub(super) image_passes: u64,
    /// Those of an epoch of a trial.
    pub(super) epoch_images: u64,
    /// Whether a table does not say them, and they are all training images of the data set.
    pub(super) assumed: bool,
}

/// By what the trials of methods are scored, instead of by an accuracy.
pub(super) struct Scored<'a> {
    /// The score of each method that has one.
    pub(super) by: &'a [Option<&'a str>],
    /// The file with the scores of a table's architectures.
    pub(super) file: Option<&'a Path>,
}

impl Scored<'_> {
    /// What scores trials of a table's architectures.
    fn judges(&self, space: &dyn Space) -> Result<Vec<Option<ScoreEvaluator>>> {
        let judge = |score: &Option<&str>| {
            let Some(score) = score else {
                return Ok(None);
            };
            let file = self.file.with_context(|| {
                format!(
                    "a table has no images to compute {score} on; expected scores from a file: nas score --space NAME --every \
                     --proxy {score} --data NAME --out scores.csv, then --scores scores.csv"
                )
            })?;
            let scores = screening::of_file(file, score, space)?;
            Ok(Some(ScoreEvaluator::new(scores, score)?))
        };
        self.by.iter().map(judge).collect()
    }
}

/// The estimation without the proxy that scores trials, and with these epochs of a trial, which such a proxy does without.
fn unscored(config: &RunConfig, epochs: Option<u32>) -> Estimation {
    let mut estimation = config.estimation.clone();
    if let Estimation::Training(plan) = &mut estimation
        && plan.proxy.take().is_some()
    {
        plan.epochs = epochs.unwrap_or(plan.epochs);
    }
    estimation
}

/// Finds out whether a method can propose architectures of this task, before anything is written.
///
/// # Errors
/// Why it cannot.
pub(super) fn check(config: &RunConfig, score: Option<&str>) -> Result<()> {
    if let Some(score) = score {
        config.check_ranks_only(score)?;
    }
    if !config.method.proposes() {
        return Ok(());
    }
    let searched = config.searched(&config.space.build()?)?;
    strategy(config, &searched, Seed::new(config.seed))?;
    Ok(())
}

/// The method's search with this seed.
fn strategy(config: &RunConfig, searched: &Arc<dyn Space>, seed: Seed) -> Result<Box<dyn Strategy>> {
    config.method.strategy(&Setting {
        space: searched,
        seed,
        halving: config.halving()?.as_ref(),
        range: config.range()?,
        sizes: &|| config.sizes(),
        table: None,
    })
}

/// Where each configuration has its scores from, if it has any. A file is read once.
fn scores(configs: &[RunConfig], space: &Arc<dyn Space>) -> Result<Vec<Option<Arc<dyn Timed>>>> {
    let mut all: Vec<Option<Arc<dyn Timed>>> = Vec::new();
    for (number, config) in configs.iter().enumerate() {
        let Some(plan) = &config.screening else {
            all.push(None);
            continue;
        };
        let of = |other: &RunConfig| other.screening.as_ref().map(|plan| plan.scores.clone());
        let same = configs[..number]
            .iter()
            .position(|other| of(other).as_ref() == Some(&plan.scores));
        all.push(match same {
            Some(same) => all[same].clone(),
            None => Some(screening::scores(plan, config, space, None)?),
        });
    }
    Ok(all)
}

impl Bench {
    /// The task of these configurations, which differ in method alone. There is at least one.
    pub(super) fn new(
        mut configs: Vec<RunConfig>,
        scored: &Scored<'_>,
        work: Option<&Work>,
        stop: &Stop,
    ) -> Result<Self> {
        let plain = configs.iter().position(|config| config.proxy().is_none());
        let Some(plain) = plain else {
            bail!(
                "all methods are scored by proxies; expected one at least whose trials have accuracies, such as {BASELINE}"
            );
        };
        let first = &configs[plain];
        let epochs = first.training().map(|plan| plan.epochs);
        for other in &configs {
            for (what, differs) in [
                ("space", other.space != first.space),
                ("estimation", unscored(other, epochs) != first.estimation),
                ("limits", other.limits != first.limits),
                ("costs", other.costs != first.costs),
                ("soft limits", other.soft_limits != first.soft_limits),
            ] {
                if differs {
                    bail!(
                        "the {what} of {} differs from that of {}; all compared methods need the same",
                        other.method,
                        first.method
                    );
                }
            }
        }
        let space = first.space.build()?;
        let searched = first.searched(&space)?;
        let table = match &first.estimation {
            Estimation::Table(plan) => Some(plan.evaluator()?),
            Estimation::Training(_) => None,
            Estimation::Command(_) => bail!(
                "an evaluator of your own gives validation accuracies only, and methods are compared by test accuracy; use a \
                 data set to train on (--data) or a table (--table)"
            ),
        };
        let description = match &table {
            Some(table) => {
                let gate = first.gate(table)?;
                let evaluator: &dyn Evaluator = gate.as_ref().map_or(table, |gate| gate);
                let rewarding = first.rewarding(evaluator)?;
                rewarding.map_or_else(|| evaluator.description(), |rewarding| rewarding.description())
            }
            // Made once, to find out what cannot be before anything is written.
            None => Session::prepare(first.clone(), stop)?.description()?,
        };
        for config in configs.iter().filter(|config| !config.method.proposes()) {
            Session::prepare(config.clone(), stop).with_context(|| format!("method {}", config.method))?;
        }
        let (scores, judges) = match &first.estimation {
            Estimation::Table(_) => (scores(&configs, &space)?, scored.judges(space.as_ref())?),
            _ => (Vec::new(), Vec::new()),
        };
        // The same for all: a table that is open already, with the sizes it has counted.
        let (estimation, costs) = (first.estimation.clone(), first.costs.clone());
        for config in &mut configs {
            if config.proxy().is_none() {
                config.estimation.clone_from(&estimation);
            }
            config.costs.clone_from(&costs);
        }
        Ok(Self {
            configs,
            space,
            searched,
            plain,
            scores,
            judges,
            table,
            description,
            work: work.cloned(),
            stop: stop.clone(),
        })
    }

    /// The task's name.
    pub(super) fn name(&self) -> &str {
        match &self.configs[self.plain].estimation {
            Estimation::Table(plan) => &plan.data,
            Estimation::Training(plan) => &plan.data,
            Estimation::Command(plan) => &plan.data,
        }
    }

    pub(super) fn space_name(&self) -> &str {
        self.space.name()
    }

    /// What judges, limits included.
    pub(super) fn description(&self) -> &str {
        &self.description
    }

    /// The same for people.
    pub(super) fn judged(&self) -> String {
        let Estimation::Training(plan) = &self.configs[self.plain].estimation else {
            return self.description.clone();
        };
        let images = match plan.limit {
            Some(limit) => format!("{limit} training images of {}", plan.data),
            None => format!("all training images of {}", plan.data),
        };
        let (evaluator, network) = (&plan.evaluator, &plan.evaluator.network);
        format!(
            "training on {images}, {:.0} % of them held out for validation by the seed of the run; {}",
            100.0 * evaluator.valid_fraction,
            size::in_words(network)
        )
    }

    /// Epochs of a trial.
    pub(super) fn search_epochs(&self) -> Result<u32> {
        self.configs[self.plain].estimation.search_epochs()
    }

    /// Epochs of the training whose test accuracy is reported.
    pub(super) fn test_epochs(&self) -> u32 {
        match (&self.configs[self.plain].estimation, &self.table) {
            (Estimation::Training(plan), _) => plan.final_epochs,
            (_, Some(table)) => table.dataset().report_epochs,
            (_, None) => 0,
        }
    }

    /// The highest test accuracy there is, where it is known and methods look for it: no limits or rewards keep them from it.
    pub(super) fn best_test(&self) -> Option<f64> {
        let first = &self.configs[self.plain];
        let sought = first.limits.is_none() && first.soft_limits.is_none();
        let table = self.table.as_ref().filter(|_| sought)?;
        table.best_test()
    }

    /// What figures are scores of.
    pub(super) fn metric(&self) -> Metric {
        self.configs[self.plain].metric()
    }

    /// Whether one figure is both validation and test.
    pub(super) fn one_figure(&self) -> Option<OneFigure> {
        self.configs[self.plain].one_figure()
    }

    /// How many test images there are, where that is known.
    pub(super) fn test_images(&self) -> Option<u64> {
        match (&self.configs[self.plain].estimation, &self.table) {
            (Estimation::Training(plan), _) => DatasetInfo::find(&plan.data)
                .ok()
                .map(|info| info.test_images as u64),
            (_, Some(table)) => table.test_images(),
            (_, None) => None,
        }
    }

    /// Runs at a time where nothing is said: a GPU is for one.
    pub(super) fn jobs(&self) -> usize {
        match &self.configs[self.plain].estimation {
            Estimation::Training(plan) if plan.device != "cpu" => 1,
            _ => rayon::current_num_threads(),
        }
    }

    /// What architectures are worth that nothing chose, where that can be looked up.
    pub(super) fn uniform(&self) -> Result<Option<Uniform>> {
        let Some(table) = &self.table else {
            return Ok(None);
        };
        let mut rng = Seed::new(0).derive("uniform draws", 0).rng();
        let mut sum = 0.0;
        for _ in 0..DRAWS {
            match table.test_report(&self.searched.sample(&mut rng)) {
                Ok(report) => sum += report.test_accuracy,
                // What some are worth is not what all are.
                Err(TableError::Lacking { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(Uniform {
            draws: DRAWS,
            test_mean: sum / DRAWS as f64,
        }))
    }

    /// One run of the method at this place, with this seed; of one that trains, in this directory.
    pub(super) fn run(
        &self,
        place: usize,
        seed: u64,
        directory: &Path,
        workers: Option<usize>,
    ) -> Result<Run> {
        let config = RunConfig {
            seed,
            ..self.configs[place].clone()
        };
        if !config.method.proposes() {
            let work = self.work.as_ref().context("a supernet has no images")?;
            return one_shot::run(
                &config,
                (work, self.table.as_ref()),
                directory,
                workers,
                &self.stop,
            );
        }
        let scored = self.judges.get(place).is_some_and(Option::is_some) || config.proxy().is_some();
        let of_epoch = self
            .work
            .as_ref()
            .map(|work| work.of_epoch(&config))
            .transpose()?;
        let mut run = match &self.table {
            Some(table) => self.look_up(place, &config, table)?,
            None => train(config, directory, workers, &self.stop)?,
        };
        // A score takes other passes, which nobody counts.
        if let Some(images) = of_epoch.filter(|_| !scored) {
            run.image_passes = Some(images.saturating_mul(run.epochs));
            for one in &mut run.incumbents {
                one.image_passes = Some(images.saturating_mul(one.epochs));
            }
        }
        Ok(run)
    }

    /// How the work of all is made equal, where there are supernets.
    pub(super) fn equal_work(&self, budget: &Budget) -> Result<Option<EqualWork>> {
        let Some(work) = &self.work else {
            return Ok(None);
        };
        let config = &self.configs[self.plain];
        Ok(Some(EqualWork {
            image_passes: work.of_budget(config, budget)?,
            epoch_images: work.of_epoch(config)?,
            assumed: Work::is_assumed(config)?,
        }))
    }

    fn look_up(&self, place: usize, config: &RunConfig, table: &TabularEvaluator) -> Result<Run> {
        let seed = Seed::new(config.seed);
        let scores = self.scores.get(place).cloned().flatten();
        // Each run is charged for what it scores.
        let screen = config
            .screening
            .as_ref()
            .zip(scores)
            .map(|(plan, scores)| Screen::new(plan, self.searched.clone(), scores));
        let searched = screen.as_ref().map_or(self.searched.clone(), Screen::space);
        let make = |seed| strategy(config, &searched, seed);
        let (mut strategy, mut parameters) = halved(config, make)?;
        if let Some(screen) = &screen {
            (strategy, parameters) = screen.named(strategy, &parameters)?;
        }
        (strategy, parameters) = config.rewarded(strategy, parameters)?;
        // The rungs of the method, where it is halved.
        let of_trials = match config.halving()? {
            Some(halving) => table.clone().with_epochs(&halving.rung_epochs()?)?,
            None => table.clone(),
        };
        let judge = self.judges.get(place).and_then(Option::as_ref);
        let of_trials: &dyn Evaluator = judge.map_or(&of_trials, |judge| judge);
        let gate = config.gate(of_trials)?;
        let evaluator: &dyn Evaluator = gate.as_ref().map_or(of_trials, |gate| gate);
        let rewarding = config.rewarding(evaluator)?;
        let evaluator = rewarding.as_ref().map_or(evaluator, |rewarding| rewarding);
        let charged = screen.as_ref().map(|screen| screen.charged(evaluator));
        let evaluator = charged.as_ref().map_or(evaluator, |charged| charged);
        let study = StudyConfig {
            parameters,
            batch: config.batch,
            tell: config.tell.order(),
            budget: config.budget,
            fidelity: Fidelity {
                epochs: self.search_epochs()?,
            },
            ranked_by: config.ranked_by().map(str::to_owned),
            ..StudyConfig::new(strategy.name(), self.space.name(), evaluator.description(), seed)
        };
        let mut store = Store::in_memory()?;
        let parts = Parts {
            space: self.space.as_ref(),
            strategy: strategy.as_mut(),
            evaluator,
        };
        let options = RunOptions {
            // Nobody reads it: it is gone with the run.
            commit: Commit::Within(Duration::MAX),
            stop: self.stop.clone(),
            ..RunOptions::default()
        };
        let summary = PreparedStudy::create(&mut store, study, parts)?.run(&options, &mut Silent)?;
        if summary.end == Some(End::Stopped) {
            return Err(Stopped.into());
        }
        // A table may have no test figure of what it has a validation figure of.
        let tested = |architecture: &Architecture| match table.test_report(architecture) {
            Ok(report) => Ok(Ok(report.test_accuracy)),
            Err(error @ TableError::Lacking { .. }) => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        };
        let mut chosen = incumbents(&store.records().trials()?, config.ranked_by());
        for one in &mut chosen {
            one.test_accuracy = tested(&one.architecture)?.ok();
        }
        let test = match &summary.best {
            Some(best) => tested(&best.architecture)?,
            None => all_failed(&summary),
        };
        Ok(to_run(&summary, test, 0.0, chosen, judge.is_some()))
    }

    /// What identifies the scores from a file that the trials of the method at this place have, if they have such scores.
    pub(super) fn scored_by(&self, place: usize) -> Option<String> {
        let judge = self.judges.get(place)?.as_ref()?;
        Some(judge.description())
    }
}

/// A search like any other, in its own directory, where it goes on if it was begun.
pub(super) fn train(config: RunConfig, directory: &Path, workers: Option<usize>, stop: &Stop) -> Result<Run> {
    if directory.is_dir() {
        config.keep_latencies_in(directory)?;
    }
    let (ranked_by, scored) = (config.ranked_by(), config.proxy().is_some());
    let session = Session::prepare_watched(config, stop, Arc::new(only_notes))?;
    let (run, mut store) = session.open(directory)?;
    let concluded = match session.search(&run, &mut store, session.workers(workers)?) {
        Ok(concluded) => concluded,
        Err(error) if matches!(error.downcast_ref(), Some(StudyError::AllFailed { .. })) => {
            let summary = store.records().summary()?;
            return Ok(to_run(&summary, all_failed(&summary), 0.0, Vec::new(), scored));
        }
        Err(error) => return Err(error),
    };
    let chosen = incumbents(&store.records().trials()?, ranked_by);
    let last = concluded.last.context("nothing was tested")?;
    let test = Ok(last.test.test_accuracy);
    Ok(to_run(&concluded.summary, test, last.seconds, chosen, scored))
}

/// Why a search without a best architecture has no result.
fn all_failed(summary: &Summary) -> Result<f64, String> {
    Err(match &summary.first_failure {
        Some(first) => format!("every trial failed, the first with '{first}'"),
        None => "no trial was made".to_owned(),
    })
}

/// What came of a search whose choice has this test accuracy, or none for a reason. Where its trials are scored by a proxy, there are no
/// validation accuracies.
fn to_run(
    summary: &Summary,
    test_accuracy: Result<f64, String>,
    final_seconds: f64,
    mut incumbents: Vec<Incumbent>,
    scored: bool,
) -> Run {
    if scored {
        for incumbent in &mut incumbents {
            incumbent.valid_accuracy = None;
            incumbent.epochs = 0;
        }
    }
    let best = summary.best.as_ref().filter(|_| !scored);
    let (test_accuracy, failure) = match test_accuracy {
        Ok(accuracy) => (Some(accuracy), None),
        Err(reason) => (None, Some(reason)),
    };
    Run {
        seed: summary.seed.value(),
        valid_accuracy: best.map(|best| best.valid_accuracy),
        test_accuracy,
        trials: summary.trials,
        failed: summary.failed,
        // A score takes none, though a trial of a study has one at least.
        epochs: if scored { 0 } else { summary.epochs },
        image_passes: None,
        trial_seconds: summary.seconds,
        strategy_seconds: summary.strategy_seconds,
        final_seconds,
        incumbents,
        failure,
    }
}
