//! Runs a search to its end: the study, then the best architecture in full and its test, once.

mod ending;
mod halving;
mod learning;
mod report;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use nas_eval::data::Dataset;
use nas_eval::evaluator::{Span, TrainingEvaluator};
use nas_eval::tabular::TabularEvaluator;
use nas_eval::{DType, Device};
use nas_evo::Objective;
use nas_pnas::ProgressiveSearch;
use nas_space::search::{Evaluator, Fidelity, Strategy};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use nas_study::{Commit, End, Parts, RunDir, RunOptions, Store, Study, StudyConfig};
use serde::Serialize;

use crate::oneshot::{Found, Oneshot, Supernet};
use crate::output::{Output, note};
use crate::pareto::Pareto;
use crate::plan::{Estimation, Images, RunConfig, SupernetPlan, TrainingPlan};
use crate::progress::{Screen, TrialBar};
use crate::{device, method, plan, plot, progressive};

pub(crate) use ending::NETWORK_FILE;
use halving::remove_checkpoints;
use learning::Learned;

/// The picture of accuracy and cost, in a run directory.
const PARETO_FILE: &str = "pareto.svg";

/// The parts of a search, made from its configuration.
pub(crate) struct Session {
    config: RunConfig,
    space: Arc<dyn Space>,
    /// What of it strategies see: all, or what is within the limits.
    searched: Arc<dyn Space>,
    /// What is trained on: by trials, by a supernet, or by nothing.
    images: Option<Loaded>,
    source: Source,
}

/// Images, and where they are trained on.
struct Loaded {
    dataset: Dataset,
    device: Device,
}

/// Where accuracies come from.
enum Source {
    Training {
        plan: Box<TrainingPlan>,
        evaluator: Box<TrainingEvaluator>,
    },
    Table(TabularEvaluator),
}

/// Who proposes.
enum Searcher<'a> {
    Strategy(Box<dyn Strategy>),
    Progressive(Box<ProgressiveSearch>),
    Oneshot(Box<Oneshot<'a>>),
}

/// What a method has to tell besides its best architecture.
enum Extra<'a> {
    /// The front of its trials.
    Front(Option<Pareto>),
    /// The searches that its trials were.
    Searches(&'a [Found]),
}

/// What decides a search by a supernet, besides the study's seed: kept on record with the study.
#[derive(Serialize)]
struct SupernetParameters<'a> {
    images: Option<Images<'a>>,
    darts: &'a nas_darts::DartsConfig,
}

impl Loaded {
    fn load(images: &Images<'_>, seed: Seed) -> Result<Self> {
        let mut dataset = Dataset::load(images.data, images.data_dir)?;
        if let Some(limit) = images.limit {
            dataset = dataset.with_training_images(limit, seed.derive("limit", 0))?;
        }
        let device = device::parse(images.device)?;
        Ok(Self { dataset, device })
    }
}

impl Session {
    /// Reads the data and builds the parts. Nothing is written.
    pub(crate) fn prepare(config: RunConfig) -> Result<Self> {
        config.validate()?;
        let space = config.space.build()?;
        let searched = config.searched(&space)?;
        let seed = Seed::new(config.seed);
        let images = config
            .images()
            .map(|images| Loaded::load(&images, seed))
            .transpose()?;
        let source = match &config.estimation {
            Estimation::Training(plan) => {
                let Loaded { dataset, device } = images.as_ref().context("a training has no images")?;
                let mut of_trials = plan.evaluator.clone();
                if let Some((_, halving)) = config.halving()? {
                    // What one rung trains, the next one continues.
                    of_trials.span = Span::Epochs(halving.max_epochs);
                }
                let evaluator =
                    TrainingEvaluator::new(Arc::clone(&space), dataset, of_trials, seed, device, DType::F32)?;
                Source::Training {
                    plan: plan.clone(),
                    evaluator: Box::new(evaluator),
                }
            }
            Estimation::Table(plan) => Source::Table(plan.evaluator()?),
        };
        let session = Self {
            config,
            space,
            searched,
            images,
            source,
        };
        if let Some(plan) = &session.config.supernet {
            // What cannot be is found out before anything is written.
            session.supernet(plan)?.search(0)?;
        }
        if let Some(rl) = &session.config.rl {
            session.controller(rl, &Learned::default())?;
        }
        Ok(session)
    }

    /// What the configuration says.
    pub(crate) fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The space searched.
    pub(crate) fn space(&self) -> &dyn Space {
        self.space.as_ref()
    }

    fn seed(&self) -> Seed {
        Seed::new(self.config.seed)
    }

    fn evaluator(&self) -> &dyn Evaluator {
        match &self.source {
            Source::Training { evaluator, .. } => evaluator.as_ref(),
            Source::Table(evaluator) => evaluator,
        }
    }

    fn supernet<'a>(&'a self, plan: &'a SupernetPlan) -> Result<Supernet<'a>> {
        let Loaded { dataset, device } = self.images.as_ref().context("the supernet has no images")?;
        Ok(Supernet {
            space: plan::cells(self.space.as_ref())?,
            dataset,
            config: &plan.darts,
            seed: self.seed(),
            device,
        })
    }

    /// Who proposes, and its own configuration as one line.
    fn searcher<'a>(
        &'a self,
        run: &'a RunDir,
        screen: &'a Screen,
        learned: &Learned,
    ) -> Result<(Searcher<'a>, String)> {
        if let Some(config) = &self.config.pnas {
            let search = method::progressive(config, Arc::clone(&self.searched), self.seed())?;
            return Ok((
                Searcher::Progressive(Box::new(search)),
                serde_json::to_string(config)?,
            ));
        }
        match &self.config.supernet {
            Some(plan) => {
                let parameters = SupernetParameters {
                    images: self.config.images(),
                    darts: &plan.darts,
                };
                let parameters = serde_json::to_string(&parameters)?;
                let oneshot = Oneshot::new(self.supernet(plan)?, run, self.config.budget.seconds, screen);
                Ok((Searcher::Oneshot(Box::new(oneshot)), parameters))
            }
            None => {
                let (strategy, parameters) = match &self.config.rl {
                    Some(rl) => self.controller(rl, learned)?,
                    None => method::strategy(&self.config, Arc::clone(&self.searched), self.seed())?,
                };
                let (strategy, parameters) = self.halved(strategy, parameters)?;
                Ok((Searcher::Strategy(strategy), parameters))
            }
        }
    }

    /// Epochs of a trial for which the strategy asks for no number of its own.
    fn epochs(&self) -> Result<u32> {
        match &self.config.estimation {
            Estimation::Training(plan) => Ok(plan.epochs),
            Estimation::Table(plan) => plan.search_epochs(),
        }
    }

    fn study_config(
        &self,
        method: &str,
        parameters: String,
        evaluator: &dyn Evaluator,
    ) -> Result<StudyConfig> {
        let epochs = self.epochs()?;
        Ok(StudyConfig {
            parameters,
            batch: self.config.batch,
            budget: self.config.budget,
            fidelity: Fidelity { epochs },
            ..StudyConfig::new(method, self.space.name(), evaluator.description(), self.seed())
        })
    }

    /// Runs what is left of the study and of the final training, and prints the result.
    pub(crate) fn run(
        &self,
        run: &RunDir,
        mut store: Store,
        workers: NonZeroUsize,
        output: Output,
    ) -> Result<()> {
        let (batch, count) = (self.config.batch, workers.get());
        if count > batch as usize {
            note(&format!(
                "note: {count} workers, but a batch of {batch}: no more than that run at a time. A larger batch \
                 (--batch of a new search) is another search"
            ));
        }
        let screen = Screen::default();
        let learned = Learned::default();
        let (mut searcher, parameters) = self.searcher(run, &screen, &learned)?;
        let keeping = self.keeping_checkpoints(run)?;
        let evaluator: &dyn Evaluator = keeping.as_ref().map_or(self.evaluator(), |keeping| keeping);
        let gate = self.config.gate(evaluator, &self.space)?;
        let evaluator = gate.as_ref().map_or(evaluator, |gate| gate);
        let strategy: &mut dyn Strategy = match &mut searcher {
            Searcher::Strategy(strategy) => strategy.as_mut(),
            Searcher::Progressive(search) => search.as_mut(),
            Searcher::Oneshot(oneshot) => oneshot.as_mut(),
        };
        let config = self.study_config(strategy.name(), parameters, evaluator)?;
        let parts = Parts {
            space: self.space.as_ref(),
            strategy,
            evaluator,
        };
        let commit = match (&self.source, &self.config.supernet) {
            (Source::Table(_), None) => Commit::Within(Duration::from_millis(50)),
            _ => Commit::EveryStep,
        };
        let options = RunOptions {
            workers,
            commit,
            ..RunOptions::default()
        };
        let mut bar = TrialBar::new(&screen, &self.config.budget);
        let study = Study::resume(&mut store, config, parts)?;
        let summary = study.run(&options, &mut |event: &nas_study::Event| bar.show(event))?;
        bar.finish();
        if keeping.is_some() && summary.end != Some(End::Stopped) {
            remove_checkpoints(run)?;
        }
        if let Searcher::Progressive(search) = &searcher {
            progressive::record(run, search)?;
        }
        let reward = self.write_learning(run, &learned)?;
        let best = summary.require_best()?;
        run.write_best(best)?;
        let genotype = self.space.genotype(&best.architecture)?;
        let last = self.end(run, best, &genotype)?;
        let found = match &searcher {
            Searcher::Strategy(_) | Searcher::Progressive(_) => Extra::Front(self.front(run, &store)?),
            Searcher::Oneshot(oneshot) => Extra::Searches(oneshot.searches()),
        };
        self.report(run, &summary, &genotype, (&found, reward), last, output)
    }

    /// What the trials came to in accuracy and cost, drawn into the run directory; nothing where no cost is known.
    fn front(&self, run: &RunDir, store: &Store) -> Result<Option<Pareto>> {
        let objectives = match &self.config.nsga2 {
            Some(nsga2) => &nsga2.objectives[..],
            None => &[Objective::Accuracy, Objective::Params],
        };
        let records = store.records().trials()?;
        // Architectures of a table need not be networks of this toolkit.
        let network = self.config.network().ok();
        let pareto = Pareto::new(&records, self.space(), network.as_ref(), objectives)?;
        if network.is_none() && pareto.points.is_empty() {
            return Ok(None);
        }
        run.write_text(PARETO_FILE, &plot::pareto(&pareto))?;
        Ok(Some(pareto))
    }
}
