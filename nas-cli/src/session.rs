//! Runs a search to its end: the study, then the best architecture in full and its test, once.

use std::cell::RefCell;
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use nas_eval::data::Dataset;
use nas_eval::evaluator::TrainingEvaluator;
use nas_eval::final_training::{FinalTraining, Validation};
use nas_eval::tabular::{Nb201Table, SEARCH_EPOCHS, TEST_EPOCHS, TabularEvaluator};
use nas_eval::{DType, Device};
use nas_space::arch::Architecture;
use nas_space::canonical::canonical_id;
use nas_space::genotype::Genotype;
use nas_space::search::{Evaluator, Fidelity, TestReport};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use nas_study::{Best, Commit, Parts, RunDir, RunOptions, Store, Study, StudyConfig, Summary};
use serde::{Deserialize, Serialize};

use crate::output::{Output, note};
use crate::plan::{Estimation, RunConfig, TrainingPlan};
use crate::progress::{EpochBar, TrialBar};
use crate::{device, number};

/// The network that a search trained in full, in its run directory.
pub(crate) const NETWORK_FILE: &str = "network.safetensors";

/// The parts of a search, made from its configuration.
pub(crate) struct Session {
    config: RunConfig,
    space: Arc<dyn Space>,
    source: Source,
}

/// Where accuracies come from.
enum Source {
    Training {
        plan: Box<TrainingPlan>,
        dataset: Dataset,
        device: Device,
        evaluator: Box<TrainingEvaluator>,
    },
    Table(TabularEvaluator),
}

/// `final.json` of a run directory: what became of the best architecture after the search.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct FinalRecord {
    arch: Architecture,
    test: TestReport,
    epochs: u32,
    seconds: f64,
    #[serde(default)]
    params: Option<u64>,
    #[serde(default)]
    macs: Option<u64>,
}

/// The JSON of `nas search` and `nas resume`.
#[derive(Debug, Serialize)]
struct SearchResult {
    run: PathBuf,
    method: String,
    space: String,
    seed: u64,
    trials: u64,
    failed: u64,
    epochs: u64,
    seconds: f64,
    best: BestResult,
    test_accuracy: f64,
    #[serde(rename = "final")]
    last: FinalRecord,
}

#[derive(Debug, Serialize)]
struct BestResult {
    trial: u64,
    arch: String,
    valid_accuracy: f64,
}

impl Session {
    /// Reads the data and builds the parts. Nothing is written.
    pub(crate) fn prepare(config: RunConfig) -> Result<Self> {
        config.validate()?;
        let space = config.space.build()?;
        let seed = Seed::new(config.seed);
        let source = match &config.estimation {
            Estimation::Training(plan) => {
                let mut dataset = Dataset::load(&plan.data, plan.data_dir.as_deref())?;
                if let Some(limit) = plan.limit {
                    dataset = dataset.with_training_images(limit, seed.derive("limit", 0))?;
                }
                let device = device::parse(&plan.device)?;
                let evaluator = TrainingEvaluator::new(
                    Arc::clone(&space),
                    &dataset,
                    plan.evaluator.clone(),
                    seed,
                    &device,
                    DType::F32,
                )?;
                Source::Training {
                    plan: plan.clone(),
                    dataset,
                    device,
                    evaluator: Box::new(evaluator),
                }
            }
            Estimation::Table(plan) => {
                let table = Arc::new(Nb201Table::open(&plan.table)?);
                Source::Table(TabularEvaluator::new(table, plan.data.parse()?))
            }
        };
        Ok(Self {
            config,
            space,
            source,
        })
    }

    /// What the configuration says.
    pub(crate) fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The space searched.
    pub(crate) fn space(&self) -> &dyn Space {
        self.space.as_ref()
    }

    fn evaluator(&self) -> &dyn Evaluator {
        match &self.source {
            Source::Training { evaluator, .. } => evaluator.as_ref(),
            Source::Table(evaluator) => evaluator,
        }
    }

    fn study_config(&self) -> Result<StudyConfig> {
        let epochs = match &self.source {
            Source::Training { plan, .. } => plan.epochs,
            Source::Table(_) => SEARCH_EPOCHS,
        };
        let seed = Seed::new(self.config.seed);
        Ok(StudyConfig {
            parameters: self.config.method.parameters()?,
            batch: self.config.batch,
            budget: self.config.budget,
            fidelity: Fidelity { epochs },
            ..StudyConfig::new(
                self.config.method.name(),
                self.space.name(),
                self.evaluator().description(),
                seed,
            )
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
        let mut strategy = self
            .config
            .method
            .strategy(Arc::clone(&self.space), Seed::new(self.config.seed))?;
        let config = self.study_config()?;
        let parts = Parts {
            space: self.space.as_ref(),
            strategy: strategy.as_mut(),
            evaluator: self.evaluator(),
        };
        let commit = match self.source {
            Source::Training { .. } => Commit::EveryStep,
            Source::Table(_) => Commit::Within(Duration::from_millis(50)),
        };
        let options = RunOptions {
            workers,
            commit,
            ..RunOptions::default()
        };
        let mut bar = TrialBar::new(&self.config.budget);
        let study = Study::resume(&mut store, config, parts)?;
        let summary = study.run(&options, &mut |event: &nas_study::Event| bar.show(event))?;
        bar.finish();
        let best = summary.require_best()?;
        run.write_best(best)?;
        let genotype = self.space.genotype(&best.architecture)?;
        let last = self.test(run, best, &genotype)?;
        self.report(run, &summary, &genotype, last, output)
    }

    /// The final record: read if this architecture has one, made otherwise.
    fn test(&self, run: &RunDir, best: &Best, genotype: &Genotype) -> Result<FinalRecord> {
        let arch = &best.architecture;
        let path = run.path().join("final.json");
        if path.is_file() {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let record: FinalRecord =
                serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
            // A larger budget may have found a better one since.
            if record.arch == *arch {
                return Ok(record);
            }
        }
        let record = match &self.source {
            Source::Training {
                plan,
                dataset,
                device,
                ..
            } => self.train(run, best, genotype, (plan, dataset, device))?,
            Source::Table(evaluator) => {
                let test = evaluator.test_report(arch)?;
                FinalRecord {
                    arch: arch.clone(),
                    test,
                    epochs: TEST_EPOCHS,
                    seconds: 0.0,
                    params: None,
                    macs: None,
                }
            }
        };
        run.write_json("final.json", &record)?;
        Ok(record)
    }

    fn train(
        &self,
        run: &RunDir,
        best: &Best,
        genotype: &Genotype,
        (plan, dataset, device): (&TrainingPlan, &Dataset, &Device),
    ) -> Result<FinalRecord> {
        // An architecture written out may be longer than a file's name can be.
        let id = canonical_id(genotype, self.space.operations()).to_string();
        let name = format!("final-{}-{id:.16}", best.trial);
        let checkpoint = run.checkpoints_path().join(name);
        let bar = RefCell::new(EpochBar::new(plan.final_epochs));
        let report = FinalTraining {
            genotype,
            operations: self.space.operations(),
            dataset,
            network: plan.evaluator.network,
            train: plan.evaluator.train.with_epochs(plan.final_epochs),
            validation: Validation::None,
            seed: Seed::new(self.config.seed).derive("final", 0),
            device,
            dtype: DType::F32,
            checkpoint: Some(&checkpoint),
        }
        .run(|metrics| bar.borrow_mut().show(metrics))?;
        bar.borrow().finish();
        report.network.save(&run.path().join(NETWORK_FILE))?;
        Ok(FinalRecord {
            arch: best.architecture.clone(),
            test: report.test,
            epochs: plan.final_epochs,
            seconds: report.seconds,
            params: Some(report.cost.params),
            macs: Some(report.cost.macs),
        })
    }

    fn report(
        &self,
        run: &RunDir,
        summary: &Summary,
        genotype: &Genotype,
        last: FinalRecord,
        output: Output,
    ) -> Result<()> {
        let best = summary.require_best()?;
        let result = SearchResult {
            run: run.path().to_owned(),
            method: summary.method.clone(),
            space: summary.space.clone(),
            seed: summary.seed.value(),
            trials: summary.trials,
            failed: summary.failed,
            epochs: summary.epochs,
            seconds: summary.seconds,
            best: BestResult {
                trial: best.trial,
                arch: genotype.to_string(),
                valid_accuracy: best.valid_accuracy,
            },
            test_accuracy: last.test.test_accuracy,
            last,
        };
        output.result(&result, || text(&result, &self.training()))
    }

    /// What the test accuracy stands for.
    fn training(&self) -> String {
        match &self.source {
            Source::Training { plan, dataset, .. } => {
                let images = number::grouped(dataset.train.len() as u64);
                let which = if plan.limit.is_some() { "the" } else { "all" };
                format!("on {which} {images} training images")
            }
            Source::Table(_) => "in the table".to_owned(),
        }
    }
}

fn text(result: &SearchResult, training: &str) -> String {
    let mut lines = vec![format!("best architecture    {}", result.best.arch)];
    let failed = if result.failed > 0 {
        format!(", {} failed", result.failed)
    } else {
        String::new()
    };
    lines.push(format!(
        "search               {} trials of {}{failed}, {:.1} s",
        result.trials, result.space, result.seconds
    ));
    lines.push(format!(
        "validation accuracy  {} (trial {})",
        number::percent(result.best.valid_accuracy),
        result.best.trial
    ));
    lines.push(format!(
        "test accuracy        {} (after {} epochs {training})",
        number::percent(result.test_accuracy),
        result.last.epochs
    ));
    if let (Some(params), Some(macs)) = (result.last.params, result.last.macs) {
        lines.push(format!(
            "size                 {} parameters, {:.2} M multiply-accumulates",
            number::grouped(params),
            macs as f64 / 1e6
        ));
    }
    lines.push(format!("run                  {}", result.run.display()));
    lines.join("\n")
}
