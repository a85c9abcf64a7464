//! Runs a search to its end: the study, then the best architecture in full and its test, once.

mod ending;
mod learning;
mod report;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use nas_eval::data::Dataset;
use nas_eval::evaluator::TrainingEvaluator;
use nas_eval::tabular::{Nb201Table, SEARCH_EPOCHS, TabularEvaluator};
use nas_eval::{DType, Device};
use nas_rl::{ControllerSearch, RlConfig};
use nas_space::search::{Evaluator, Fidelity, Strategy};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use nas_study::{Commit, Parts, RunDir, RunOptions, Store, Study, StudyConfig};
use serde::Serialize;

use crate::oneshot::{Oneshot, Supernet};
use crate::output::{Output, note};
use crate::plan::{Estimation, Images, RunConfig, SupernetPlan, TrainingPlan};
use crate::progress::{Screen, TrialBar};
use crate::{device, method, plan};

use report::Drawn;

pub(crate) use ending::NETWORK_FILE;

/// The parts of a search, made from its configuration.
pub(crate) struct Session {
    config: RunConfig,
    space: Arc<dyn Space>,
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
    Controller(Box<ControllerSearch>),
    Oneshot(Box<Oneshot<'a>>),
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
        let seed = Seed::new(config.seed);
        let images = config
            .images()
            .map(|images| Loaded::load(&images, seed))
            .transpose()?;
        let source = match &config.estimation {
            Estimation::Training(plan) => {
                let Loaded { dataset, device } = images.as_ref().context("a training has no images")?;
                let evaluator = TrainingEvaluator::new(
                    Arc::clone(&space),
                    dataset,
                    plan.evaluator.clone(),
                    seed,
                    device,
                    DType::F32,
                )?;
                Source::Training {
                    plan: plan.clone(),
                    evaluator: Box::new(evaluator),
                }
            }
            Estimation::Table(plan) => {
                let table = Arc::new(Nb201Table::open(&plan.table)?);
                Source::Table(TabularEvaluator::new(table, plan.data.parse()?))
            }
        };
        let session = Self {
            config,
            space,
            images,
            source,
        };
        if let Some(plan) = &session.config.supernet {
            // What cannot be is found out before anything is written.
            session.supernet(plan)?.search(0)?;
        }
        if let Some(rl) = &session.config.rl {
            session.controller(rl)?;
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

    fn controller(&self, rl: &RlConfig) -> Result<ControllerSearch> {
        let seed = self.seed().derive("strategy", 0);
        Ok(ControllerSearch::new(Arc::clone(&self.space), rl.clone(), seed)?)
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
    fn searcher<'a>(&'a self, run: &'a RunDir, screen: &'a Screen) -> Result<(Searcher<'a>, String)> {
        if let Some(rl) = &self.config.rl {
            let search = self.controller(rl)?;
            return Ok((Searcher::Controller(Box::new(search)), serde_json::to_string(rl)?));
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
                let (strategy, parameters) = method::strategy(
                    self.config.method,
                    self.config.evolution,
                    Arc::clone(&self.space),
                    self.seed(),
                )?;
                Ok((Searcher::Strategy(strategy), parameters))
            }
        }
    }

    fn study_config(&self, parameters: String) -> StudyConfig {
        let epochs = match &self.source {
            Source::Training { plan, .. } => plan.epochs,
            Source::Table(_) => SEARCH_EPOCHS,
        };
        StudyConfig {
            parameters,
            batch: self.config.batch,
            budget: self.config.budget,
            fidelity: Fidelity { epochs },
            ..StudyConfig::new(
                self.config.method.name(),
                self.space.name(),
                self.evaluator().description(),
                self.seed(),
            )
        }
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
        let (mut searcher, parameters) = self.searcher(run, &screen)?;
        let config = self.study_config(parameters);
        let parts = Parts {
            space: self.space.as_ref(),
            strategy: match &mut searcher {
                Searcher::Strategy(strategy) => strategy.as_mut(),
                Searcher::Controller(search) => search.as_mut(),
                Searcher::Oneshot(oneshot) => oneshot.as_mut(),
            },
            evaluator: self.evaluator(),
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
        let picture = match &searcher {
            Searcher::Controller(search) => Some(self.write_learning(run, search)?),
            _ => None,
        };
        let best = summary.require_best()?;
        run.write_best(best)?;
        let genotype = self.space.genotype(&best.architecture)?;
        let last = self.end(run, best, &genotype)?;
        let searches = match &searcher {
            Searcher::Strategy(_) | Searcher::Controller(_) => None,
            Searcher::Oneshot(oneshot) => Some(oneshot.searches()),
        };
        self.report(
            run,
            &summary,
            &genotype,
            Drawn { searches, picture },
            last,
            output,
        )
    }
}
