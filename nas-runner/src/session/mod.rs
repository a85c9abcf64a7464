//! Runs a search to its end: the study, then the best architecture in full and its test, once.

mod ending;
mod evaluation;
mod halving;
mod report;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nas_eval::Compute;
use nas_eval::data::Dataset;
use nas_eval::evaluator::{Span, TrainingEvaluator};
use nas_report::pareto::{self, Pareto};
use nas_report::plot;
use nas_space::genotype::Genotype;
use nas_space::search::{Evaluator, Fidelity, Stop, Strategy, StrategyError};
use nas_space::seed::Seed;
use nas_space::sizes::Figures;
use nas_space::spaces::Space;
use nas_study::{Best, Commit, End, Parts, PreparedStudy, RunDir, RunOptions, Store, StudyConfig, Summary};
use nas_tables::TabularEvaluator;
use serde_json::Value;

use crate::data::SplitRecord;
use crate::device;
use crate::environment::Environment;
use crate::methods::supernet::{Oneshot, Supernet, SupernetSummary};
use crate::methods::{AuditRecord, Ended, Picture, Setting};
use crate::plan::{CommandPlan, Estimation, Images, RunConfig, TrainingPlan};
use crate::scoring::ProxyEvaluator;
use crate::screening::{self, Screen};
use crate::watch::{RunEvent, Unwatched, Watcher};

pub use ending::{FinalRecord, LearnedEpoch, NETWORK_FILE};
use evaluation::remove_checkpoints;
pub use evaluation::{Crew, Slot, TrialSettings, Worker};
pub use halving::halved;
pub use report::SearchResult;

/// The picture of accuracy and cost, in a run directory.
const PARETO_FILE: &str = "pareto.svg";
/// The file in a run directory that lists the split of each of the user's own images.
const SPLIT_FILE: &str = "split.json";

/// The parts of a search, made from its configuration.
pub struct Session {
    config: RunConfig,
    space: Arc<dyn Space>,
    /// What of it strategies see: all, or what is within the limits.
    searched: Arc<dyn Space>,
    /// What chooses among candidates.
    screen: Option<Screen>,
    /// What is trained on: by trials, by a supernet, or by nothing.
    images: Option<Loaded>,
    source: Source,
    /// By which all of it can be asked to stop.
    stop: Stop,
    watcher: Arc<dyn Watcher>,
}

/// A search that was asked to stop, and did.
#[derive(Debug)]
pub struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted: a stop was requested")
    }
}

impl std::error::Error for Stopped {}

/// Images, and where they are trained on.
struct Loaded {
    dataset: Dataset,
    compute: Compute,
}

/// Where accuracies come from.
enum Source {
    Training {
        plan: Box<TrainingPlan>,
        evaluator: Box<TrainingEvaluator>,
        /// What scores trials instead of training them.
        scorer: Option<Box<ProxyEvaluator>>,
    },
    Table(TabularEvaluator),
    /// A program of the user's, which runs in workers alone.
    Command(CommandPlan),
}

/// Who proposes.
enum Searcher<'a> {
    Strategy(Box<dyn Strategy>),
    Oneshot(Box<Oneshot<'a>>),
}

/// The result of a search.
pub struct Concluded {
    /// The study in figures.
    pub summary: Summary,
    /// Of the best architecture.
    genotype: Genotype,
    extra: Extra,
    /// Of what the method has learned.
    pictures: Vec<Picture>,
    /// Size and other figures of the best architecture, where they are known.
    figures: Figures,
    /// Nothing where an evaluator of the user's judges, which knows no test.
    pub last: Option<FinalRecord>,
}

/// The records of a method besides its best architecture.
enum Extra {
    /// The front of its trials.
    Front(Option<Pareto>),
    /// The searches that its trials were, and the audit of the best one's shared weights.
    Searches(Vec<SupernetSummary>, Option<AuditRecord>),
}

impl Loaded {
    fn load(images: &Images<'_>, seed: Seed, watcher: &dyn Watcher) -> Result<Self> {
        let mut dataset = crate::data::load(images.source(), watcher)?;
        if let Some(limit) = images.limit {
            dataset = dataset.with_training_images(limit, seed.derive("limit", 0))?;
        }
        let compute = Compute::on(device::open(images.device, images.tf32)?);
        Ok(Self { dataset, compute })
    }
}

impl Session {
    /// Reads the data and builds the parts. Nothing is written. Nobody looks on.
    ///
    /// # Errors
    /// For an invalid configuration, missing data or a missing table, or a method that cannot
    /// search there.
    pub fn prepare(config: RunConfig, stop: &Stop) -> Result<Self> {
        Self::prepare_watched(config, stop, Arc::new(Unwatched))
    }

    /// The same with an observer, from now until the end of the run.
    ///
    /// # Errors
    /// As [`Session::prepare`].
    pub fn prepare_watched(config: RunConfig, stop: &Stop, watcher: Arc<dyn Watcher>) -> Result<Self> {
        config.validate()?;
        let config = config.with_figures()?;
        // They are read before anything is written.
        config.given_costs()?;
        let space = config.space.build()?;
        let searched = config.searched(&space)?;
        let seed = Seed::new(config.seed);
        let images = config
            .images()
            .map(|images| Loaded::load(&images, seed, watcher.as_ref()))
            .transpose()?;
        let screen = match &config.screening {
            Some(plan) => {
                let images = images.as_ref().map(|images| (&images.dataset, &images.compute));
                let scores = screening::scores(plan, &config, &space, images)?;
                Some(Screen::new(plan, searched.clone(), scores))
            }
            None => None,
        };
        let source = match &config.estimation {
            Estimation::Training(plan) => {
                let Loaded { dataset, compute } = images.as_ref().context("a training has no images")?;
                let mut of_trials = plan.evaluator.clone();
                if let Some(halving) = config.halving()? {
                    // What one rung trains, the next one continues.
                    of_trials.span = Span::Epochs(halving.max_epochs);
                }
                let evaluator =
                    TrainingEvaluator::new(Arc::clone(&space), dataset, of_trials, seed, compute)?;
                let scorer = match &plan.proxy {
                    Some(proxy) => {
                        let network = plan.evaluator.network;
                        let scorer = ProxyEvaluator::new(proxy, &space, network, (dataset, compute), seed)?;
                        Some(Box::new(scorer))
                    }
                    None => None,
                };
                Source::Training {
                    scorer,
                    plan: plan.clone(),
                    evaluator: Box::new(evaluator.with_stop(stop.clone())),
                }
            }
            Estimation::Table(_) => Source::Table(config.lookup()?.context("there is no table")?),
            Estimation::Command(plan) => Source::Command(plan.clone()),
        };
        let session = Self {
            config,
            space,
            searched,
            screen,
            images,
            source,
            stop: stop.clone(),
            watcher,
        };
        session.check_method()?;
        Ok(session)
    }

    /// Finds out whether the method can search here, before anything is written.
    fn check_method(&self) -> Result<()> {
        let method = &self.config.method;
        if method.proposes() {
            return self.with_setting(self.seed(), |setting| method.check(setting));
        }
        match method.searches(self.supernet()?) {
            Some(searches) => searches.check(),
            None => bail!("method {method} neither proposes architectures nor trains a supernet"),
        }
    }

    /// Where the method searches, with this seed.
    fn with_setting<T>(&self, seed: Seed, work: impl FnOnce(&Setting<'_>) -> Result<T>) -> Result<T> {
        let screened = self.screen.as_ref().map(Screen::space);
        work(&Setting {
            space: screened.as_ref().unwrap_or(&self.searched),
            seed,
            halving: self.config.halving()?.as_ref(),
            range: self.config.range()?,
            sizes: &|| self.config.sizes(),
            table: match &self.source {
                Source::Table(evaluator) => Some(evaluator),
                Source::Training { .. } | Source::Command(_) => None,
            },
        })
    }

    /// The run directory at this place, which is made, or holds this very search.
    ///
    /// # Errors
    /// Where it holds another search, is in use by another process, or cannot be written.
    pub fn open(&self, directory: &Path) -> Result<(RunDir, Store)> {
        let Ok(run) = RunDir::open(directory) else {
            return RunDir::create(directory, &self.config)
                .with_context(|| format!("cannot begin a run in {}", directory.display()));
        };
        let recorded: RunConfig = run.read_config()?;
        if recorded != self.config {
            bail!(
                "{} contains a run with another configuration; use the same configuration or another directory",
                directory.display()
            );
        }
        let store = run.store()?;
        Ok((run, store))
    }

    /// What the configuration says.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The space searched.
    pub fn space(&self) -> &dyn Space {
        self.space.as_ref()
    }

    /// The space searched, for others to keep.
    pub fn shared_space(&self) -> &Arc<dyn Space> {
        &self.space
    }

    /// What judges architectures, limits included.
    pub fn description(&self) -> Result<String> {
        let evaluator = self.evaluator()?;
        let gate = self.config.gate(evaluator)?;
        let evaluator = gate.as_ref().map_or(evaluator, |gate| gate);
        let rewarding = self.config.rewarding(evaluator)?;
        Ok(rewarding.map_or_else(|| evaluator.description(), |rewarding| rewarding.description()))
    }

    fn seed(&self) -> Seed {
        Seed::new(self.config.seed)
    }

    /// What judges in this process.
    fn evaluator(&self) -> Result<&dyn Evaluator> {
        match &self.source {
            Source::Training {
                scorer: Some(scorer), ..
            } => Ok(scorer.as_ref()),
            Source::Training { evaluator, .. } => Ok(evaluator.as_ref()),
            Source::Table(evaluator) => Ok(evaluator),
            Source::Command(_) => bail!("your own evaluator runs only in workers"),
        }
    }

    fn supernet(&self) -> Result<Supernet<'_>> {
        let Loaded { dataset, compute } = self.images.as_ref().context("the supernet has no images")?;
        Ok(Supernet {
            space: self.space.as_ref(),
            searched: &self.searched,
            dataset,
            seed: self.seed(),
            compute,
            stop: &self.stop,
            watcher: self.watcher.as_ref(),
        })
    }

    /// How far the shared weights of search number `index` agree with trainings alone, where that is asked for.
    fn audit(&self, run: &RunDir, index: u64) -> Result<Option<AuditRecord>> {
        let alone = (self.evaluator()?, self.fidelity()?);
        let audit = self.config.method.audit(self.supernet()?, (run, index), alone);
        audit.map_err(|error| match error.downcast_ref() {
            Some(StrategyError::Interrupted) => Stopped.into(),
            _ => error,
        })
    }

    /// Who proposes, and its own configuration as one line.
    fn searcher<'a>(&'a self, run: &'a RunDir) -> Result<(Searcher<'a>, String)> {
        let method = &self.config.method;
        if method.proposes() {
            self.note_rungs()?;
            let strategy = |seed| self.with_setting(seed, |setting| method.strategy(setting));
            let (strategy, parameters) = halved(&self.config, strategy)?;
            let (strategy, parameters) = match &self.screen {
                Some(screen) => screen.named(strategy, &parameters)?,
                None => (strategy, parameters),
            };
            let parameters = self.with_given_costs(parameters)?;
            let (strategy, parameters) = self.config.rewarded(strategy, parameters)?;
            return Ok((Searcher::Strategy(strategy), parameters));
        }
        let parameters = method.parameters()?;
        let searches = method
            .searches(self.supernet()?)
            .with_context(|| format!("method {method} trains no supernet"))?;
        let images = serde_json::to_string(&self.config.images())?;
        let parameters = format!("{{\"images\":{images},\"{method}\":{parameters}}}");
        let oneshot = Oneshot::new(searches, run, self.config.budget.seconds);
        Ok((Searcher::Oneshot(Box::new(oneshot)), parameters))
    }

    /// The parameters of a method with digests of the costs that it may ask for.
    fn with_given_costs(&self, parameters: String) -> Result<String> {
        let Some(costs) = self.config.given_costs()? else {
            return Ok(parameters);
        };
        let method: Value = serde_json::from_str(&parameters)?;
        Ok(serde_json::json!({ "costs": costs, "method": method }).to_string())
    }

    /// Of a trial for which the strategy asks for no number of its own.
    fn fidelity(&self) -> Result<Fidelity> {
        let epochs = match &self.config.estimation {
            // A study has no trials of 0 epochs.
            Estimation::Training(plan) if plan.proxy.is_some() => 1,
            estimation => estimation.search_epochs()?,
        };
        Ok(Fidelity { epochs })
    }

    fn study_config(
        &self,
        method: &str,
        parameters: String,
        evaluator: &dyn Evaluator,
    ) -> Result<StudyConfig> {
        Ok(StudyConfig {
            parameters,
            batch: self.config.batch,
            tell: self.config.tell.order(),
            budget: self.config.budget,
            fidelity: self.fidelity()?,
            ranked_by: self.config.ranked_by().map(str::to_owned),
            ..StudyConfig::new(method, self.space.name(), evaluator.description(), self.seed())
        })
    }

    /// Runs the rest of the search and of the final training; this crew evaluates the trials.
    ///
    /// # Errors
    /// [`Stopped`] where it was asked to stop.
    pub fn run<'c>(&self, run: &RunDir, mut store: Store, crew: impl Into<Crew<'c>>) -> Result<SearchResult> {
        let (batch, crew) = (self.config.batch, crew.into());
        if let Crew::Processes(workers) = crew
            && workers.get() > batch as usize
        {
            let note = format!(
                "note: {workers} workers, but a batch of {batch}: only that number run at a time. A larger \
                 batch (--batch) needs a new search"
            );
            self.watcher.watch(RunEvent::Note(&note));
        }
        let concluded = self.search(run, &mut store, crew)?;
        self.result(run, &concluded)
    }

    /// Runs the rest of the study and of the final training; this crew evaluates the trials.
    ///
    /// # Errors
    /// [`Stopped`] where it was asked to stop.
    pub fn search<'c>(
        &self,
        run: &RunDir,
        store: &mut Store,
        crew: impl Into<Crew<'c>>,
    ) -> Result<Concluded> {
        let crew = crew.into();
        let at_a_time = match crew {
            Crew::Processes(workers) => workers,
            crew => crew.at_a_time(self.config.batch),
        };
        Environment::here(at_a_time).record(run)?;
        if let Some(images) = self.config.images()
            && let Some(split) = SplitRecord::of(images.source())?
        {
            run.write_json(SPLIT_FILE, &split)?;
        }
        self.config.keep_latencies_in(run.path())?;
        if let Some(screen) = &self.screen {
            screen.record_in(run)?;
        }
        let (mut searcher, parameters) = self.searcher(run)?;
        let summary = self.study(run, store, crew, (&mut searcher, parameters))?;
        if summary.end == Some(End::Stopped) {
            if let Some(best) = &summary.best {
                run.write_best(best)?;
            }
            return Err(Stopped.into());
        }
        remove_checkpoints(run)?;
        let report = match &searcher {
            Searcher::Strategy(strategy) => strategy.report(),
            Searcher::Oneshot(oneshot) => oneshot.report(),
        };
        let pictures = self.finish(run, report)?;
        let best = summary.require_best()?;
        run.write_best(best)?;
        let genotype = self.space.genotype(&best.architecture)?;
        let last = self.end(run, best, &genotype)?;
        let extra = match &searcher {
            Searcher::Strategy(_) => Extra::Front(self.front(run, store)?),
            Searcher::Oneshot(oneshot) => {
                Extra::Searches(oneshot.found().to_vec(), self.audit(run, best.trial)?)
            }
        };
        let figures = self.figures(store, best)?;
        Ok(Concluded {
            summary,
            genotype,
            extra,
            figures,
            pictures,
            last,
        })
    }

    /// Leaves what the method has learned in the run directory.
    fn finish(&self, run: &RunDir, report: Option<Value>) -> Result<Vec<Picture>> {
        let (metric, fidelity) = (self.config.metric(), self.fidelity()?);
        self.with_setting(self.seed(), |setting| {
            self.config.method.finish(&Ended {
                setting,
                run,
                report,
                metric,
                rewards: self.config.soft_limits.as_ref(),
                fidelity,
            })
        })
    }

    /// Runs the rest of the study. Afterwards, the evaluator and its workers are gone.
    fn study(
        &self,
        run: &RunDir,
        store: &mut Store,
        crew: Crew<'_>,
        (searcher, parameters): (&mut Searcher<'_>, String),
    ) -> Result<Summary> {
        // No more than a batch are ever at work.
        let workers = crew.at_a_time(self.config.batch);
        let evaluator: Box<dyn Evaluator + '_> = match crew {
            Crew::Here => self.here(run)?,
            Crew::Processes(_) => Box::new(self.processes(run, workers)?),
            Crew::Elsewhere { evaluator, .. } => Box::new(evaluator),
        };
        let preflight = self.preflight(evaluator.as_ref(), crew);
        let evaluator: &dyn Evaluator = match &preflight {
            Some(preflight) => preflight,
            None => evaluator.as_ref(),
        };
        let gate = self.config.gate(evaluator)?;
        let evaluator = gate.as_ref().map_or(evaluator, |gate| gate);
        let rewarding = self.config.rewarding(evaluator)?;
        let evaluator = rewarding.as_ref().map_or(evaluator, |rewarding| rewarding);
        let charged = self.screen.as_ref().map(|screen| screen.charged(evaluator));
        let evaluator = charged.as_ref().map_or(evaluator, |charged| charged);
        let strategy: &mut dyn Strategy = match searcher {
            Searcher::Strategy(strategy) => strategy.as_mut(),
            Searcher::Oneshot(oneshot) => oneshot.as_mut(),
        };
        let config = self.study_config(strategy.name(), parameters, evaluator)?;
        let parts = Parts {
            space: self.space.as_ref(),
            strategy,
            evaluator,
        };
        let commit = match &self.source {
            Source::Table(_) | Source::Training { scorer: Some(_), .. } if self.config.method.proposes() => {
                Commit::Within(Duration::from_millis(50))
            }
            _ => Commit::EveryStep,
        };
        let options = RunOptions {
            workers,
            commit,
            stop: self.stop.clone(),
        };
        let (budget, metric) = (&self.config.budget, &self.config.metric());
        self.watcher.watch(RunEvent::SearchBegins {
            budget,
            metric,
            final_per_trial: self.config.training().and_then(TrainingPlan::final_per_trial),
        });
        let study = PreparedStudy::resume(store, config, parts)?;
        let summary = study.run(&options, &mut |event: &nas_study::Event| {
            self.watcher.watch(RunEvent::Study(event));
        })?;
        self.watcher.watch(RunEvent::SearchEnds);
        if let Crew::Elsewhere { ended, .. } = crew
            && summary.end != Some(End::Stopped)
        {
            ended();
        }
        Ok(summary)
    }

    /// Size and other figures of the best architecture, where they are known.
    fn figures(&self, store: &Store, best: &Best) -> Result<Figures> {
        let records = store.records().trials()?;
        let of_best = records.iter().find(|record| record.trial.id == best.trial);
        let evaluation = of_best.and_then(|record| record.conclusion.as_ref()?.result.as_ref().ok());
        let Some(evaluation) = evaluation else {
            return Ok(Figures::default());
        };
        let sizes = self.config.sizes()?;
        Ok(pareto::figures(
            evaluation,
            &best.architecture,
            Some(sizes.as_ref()),
        ))
    }

    /// The trials by accuracy and cost, drawn into the run directory; nothing where no cost is known.
    fn front(&self, run: &RunDir, store: &Store) -> Result<Option<Pareto>> {
        let objectives = self.config.method.objectives();
        let records = store.records().trials()?;
        let sizes = self.config.sizes()?;
        let pareto = Pareto::new(
            &records,
            self.space(),
            Some(sizes.as_ref()),
            objectives,
            &self.config.metric(),
        )?;
        if pareto.points().is_empty() {
            return Ok(None);
        }
        run.write_text(PARETO_FILE, &plot::pareto(&pareto.thinned(plot::POINTS)))?;
        Ok(Some(pareto))
    }
}
