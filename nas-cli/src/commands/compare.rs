//! `nas compare`: methods against each other, with everything else the same.

use std::sync::Arc;

use anyhow::{Context, Result};
use nas_eval::tabular::TabularEvaluator;
use nas_space::search::{Budget, Evaluator, Fidelity};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use nas_study::compare::{Comparison, Run, Standing};
use nas_study::{Commit, Parts, RunOptions, Silent, Store, Study, StudyConfig};
use rayon::prelude::*;
use serde::Serialize;

use crate::args::CompareArgs;
use crate::method::{self, Method};
use crate::number::{counted, percent};
use crate::output::Output;
use crate::plan::{self, Estimation, RunConfig};
use crate::usage::Usage;

/// The JSON of `nas compare`.
#[derive(Debug, Serialize)]
struct CompareResult {
    space: String,
    evaluator: String,
    /// Runs of each method, with the seeds from 0 on.
    seeds: u64,
    /// Trials of each run.
    trials: u64,
    /// Epochs of a trial.
    search_epochs: u32,
    /// Epochs of the training whose test accuracy is reported.
    test_epochs: u32,
    /// The highest test accuracy in the table, where no limits keep methods from it.
    best_test: Option<f64>,
    #[serde(flatten)]
    comparison: Comparison,
}

/// Runs every method with every seed, on all cores, and compares what they found.
pub(crate) fn run(args: &CompareArgs, output: Output) -> Result<()> {
    let configs = args.methods.iter().map(|&method| config(args, method));
    let configs = configs.collect::<Result<Vec<_>>>()?;
    let bench = Bench::open(&configs[0])?;
    // One job for each run, so that the cores stay busy; the results come in the order of the jobs.
    let jobs: Vec<(&RunConfig, u64)> = configs
        .iter()
        .flat_map(|config| (0..args.seeds).map(move |seed| (config, seed)))
        .collect();
    let runs: Vec<Run> = jobs
        .par_iter()
        .map(|&(config, seed)| {
            bench
                .run(config, seed)
                .with_context(|| format!("method {}, seed {seed}", config.method))
        })
        .collect::<Result<_>>()?;
    let mut runs = runs.into_iter();
    let by_method = configs.iter().map(|config| {
        let of_method = runs.by_ref().take(args.seeds as usize).collect();
        (config.method.name().to_owned(), of_method)
    });
    let result = CompareResult {
        space: bench.space.name().to_owned(),
        evaluator: bench.description(&configs[0])?,
        seeds: args.seeds,
        trials: args.trials,
        search_epochs: bench.epochs,
        test_epochs: bench.evaluator.dataset().report_epochs,
        best_test: bench.best_test,
        comparison: Comparison::new(by_method.collect(), bench.best_test)?,
    };
    output.result(&result, || text(&result))
}

/// What a method is run with, as `nas search` would resolve it.
fn config(args: &CompareArgs, method: Method) -> Result<RunConfig> {
    if !method.proposes() {
        let able: Vec<&str> = Method::ALL
            .into_iter()
            .filter(|m| m.proposes())
            .map(Method::name)
            .collect();
        let why = format!(
            "METHOD: {method} trains a supernet and proposes no architectures one by one; compare {}",
            able.join(", ")
        );
        return Err(Usage::new(why).into());
    }
    if args.methods.iter().filter(|&&other| other == method).count() > 1 {
        return Err(Usage::new(format!(
            "METHOD: {method} is named twice; expected each method once"
        ))
        .into());
    }
    let mut config = plan::resolve(&args.search(method))?;
    // Whatever a file says: the same budget for all.
    config.budget = Budget::trials(args.trials);
    Ok(config)
}

/// What all runs share.
struct Bench {
    space: Arc<dyn Space>,
    /// What of it methods see: all, or what is within the limits.
    searched: Arc<dyn Space>,
    evaluator: TabularEvaluator,
    /// Epochs of a trial.
    epochs: u32,
    /// The highest test accuracy there is, where no limits keep methods from it.
    best_test: Option<f64>,
}

impl Bench {
    fn open(config: &RunConfig) -> Result<Self> {
        let Estimation::Table(table) = &config.estimation else {
            anyhow::bail!("a comparison needs a benchmark table");
        };
        let evaluator = table.evaluator()?;
        let epochs = table.search_epochs()?;
        let space = config.space.build()?;
        let searched = config.searched(&space)?;
        Ok(Self {
            space,
            searched,
            best_test: evaluator.best_test().filter(|_| config.limits.is_none()),
            evaluator,
            epochs,
        })
    }

    /// What judges, limits included.
    fn description(&self, config: &RunConfig) -> Result<String> {
        let gate = config.gate(&self.evaluator, &self.space)?;
        Ok(gate.map_or_else(|| self.evaluator.description(), |gate| gate.description()))
    }

    /// One study, and the test accuracy of what it chose.
    fn run(&self, config: &RunConfig, seed: u64) -> Result<Run> {
        let (mut strategy, parameters) =
            method::strategy(config, Arc::clone(&self.searched), Seed::new(seed))?;
        let gate = config.gate(&self.evaluator, &self.space)?;
        let evaluator: &dyn Evaluator = gate.as_ref().map_or(&self.evaluator, |gate| gate);
        let study = StudyConfig {
            parameters,
            batch: config.batch,
            budget: config.budget,
            fidelity: Fidelity { epochs: self.epochs },
            ..StudyConfig::new(
                strategy.name(),
                self.space.name(),
                evaluator.description(),
                Seed::new(seed),
            )
        };
        let mut store = Store::in_memory()?;
        let parts = Parts {
            space: self.space.as_ref(),
            strategy: strategy.as_mut(),
            evaluator,
        };
        let options = RunOptions {
            // Nobody reads it: it is gone with the run.
            commit: Commit::Within(std::time::Duration::MAX),
            ..RunOptions::default()
        };
        let summary = Study::create(&mut store, study, parts)?.run(&options, &mut Silent)?;
        let best = summary.require_best()?;
        Ok(Run {
            seed,
            valid_accuracy: best.valid_accuracy,
            test_accuracy: self.evaluator.test_report(&best.architecture)?.test_accuracy,
            trials: summary.trials,
            failed: summary.failed,
            strategy_seconds: summary.strategy_seconds,
        })
    }
}

fn text(result: &CompareResult) -> String {
    let mut lines = vec![
        format!(
            "{}, {} trials each, space {}",
            counted(result.seeds as usize, "run"),
            result.trials,
            result.space
        ),
        format!("evaluator: {}", result.evaluator),
        String::new(),
        format!(
            "{:<14} {:>18} {:>18} {:>9} {:>14}",
            "method",
            format!("test ({} epochs)", result.test_epochs),
            format!("valid ({} epochs)", result.search_epochs),
            "regret",
            "ms per trial"
        ),
    ];
    for (name, standing) in &result.comparison.methods {
        let Standing {
            test_mean,
            test_std,
            valid_mean,
            valid_std,
            seconds_per_trial,
            ..
        } = standing;
        let spread = |mean: f64, std: f64| format!("{:.2} ± {:.2} %", 100.0 * mean, 100.0 * std);
        lines.push(format!(
            "{name:<14} {:>18} {:>18} {:>9} {:>14.3}",
            spread(*test_mean, *test_std),
            spread(*valid_mean, *valid_std),
            standing.regret_mean.map_or(String::new(), percent),
            1e3 * seconds_per_trial
        ));
    }
    if !result.comparison.pairs.is_empty() {
        lines.push(String::new());
        lines.push(format!(
            "{:<29} {:>10} {:>10} {:>18}",
            "pair", "difference", "p", "P(first better)"
        ));
    }
    for pair in &result.comparison.pairs {
        lines.push(format!(
            "{:<29} {:>8.2} % {:>10.2e} {:>18.3}",
            format!("{} - {}", pair.a, pair.b),
            100.0 * pair.difference,
            pair.p_value,
            pair.effect
        ));
    }
    if !result.comparison.pairs.is_empty() {
        lines.push(String::new());
        lines.push(
            "p: Wilcoxon's signed-rank test on pairs of equal seeds, two-sided, corrected by Holm's method"
                .to_owned(),
        );
    }
    lines.join("\n")
}
