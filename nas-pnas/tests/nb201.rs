//! Progressive search on the NAS-Bench-201 table by nodes, against random search: 100 trials on
//! CIFAR-10, searched by the validation accuracy after 12 epochs, reported by the test accuracy
//! after 200.
//!
//! It needs `../shared/data/nb201/nb201_acc.csv.gz` beside the repository. `NB201_SEEDS` and
//! `NB201_FIRST_SEED` choose other seeds than the few that are run by default, and `NB201_CONFIG`
//! (JSON) another configuration than the preset: what the preset was chosen with, and what is
//! reported of it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that prints what it measured"
)]

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use nas_pnas::{ProgressiveConfig, ProgressiveSearch};
use nas_space::arch::Architecture;
use nas_space::search::{Ask, Evaluator, Fidelity, Outcome, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::{Space, nb201};
use nas_tables::{Table, TabularEvaluator};
use rayon::prelude::*;

const TRIALS: u64 = 100;

fn evaluator() -> Option<TabularEvaluator> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/nb201/nb201_acc.csv.gz");
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    let table = Table::open(&path).unwrap();
    Some(TabularEvaluator::new(Arc::new(table), "cifar10").unwrap())
}

fn trial(id: u64, architecture: Architecture) -> Trial {
    Trial {
        id,
        architecture,
        fidelity: Fidelity { epochs: 12 },
        continues: None,
        seed: Seed::new(id),
    }
}

/// The best by validation of those tried, the first of equals, and its test accuracy in percent.
struct Incumbent<'a> {
    evaluator: &'a TabularEvaluator,
    best: Option<(f64, Architecture)>,
}

impl<'a> Incumbent<'a> {
    fn new(evaluator: &'a TabularEvaluator) -> Self {
        Self {
            evaluator,
            best: None,
        }
    }

    fn consider(&mut self, accuracy: f64, architecture: &Architecture) {
        if self.best.as_ref().is_none_or(|(best, _)| accuracy > *best) {
            self.best = Some((accuracy, architecture.clone()));
        }
    }

    fn tested(&self) -> f64 {
        let (_, best) = self.best.as_ref().unwrap();
        100.0 * self.evaluator.test_report(best).unwrap().test_accuracy
    }
}

/// The result of a search.
struct Found {
    tested: f64,
    trials: u64,
    /// Spearman's ρ between predicted and measured, at levels 2 and 3.
    extrapolated: [Option<f64>; 2],
}

fn progressive(evaluator: &TabularEvaluator, config: &ProgressiveConfig, seed: u64) -> Found {
    let space: Arc<dyn Space> = Arc::new(nb201());
    let mut search = ProgressiveSearch::new(space, config.clone(), Seed::new(seed)).unwrap();
    let mut incumbent = Incumbent::new(evaluator);
    let mut trials = 0;
    while trials < TRIALS
        && let Ask::Evaluate(proposal) = search.ask().unwrap()
    {
        let trial = trial(trials, proposal.architecture);
        let result = evaluator.evaluate(&trial);
        incumbent.consider(result.as_ref().unwrap().valid_accuracy, &trial.architecture);
        search.tell(&Outcome { trial, result }).unwrap();
        trials += 1;
    }
    let levels = search.levels();
    let spearman = |level: usize| levels.get(level)?.extrapolated.as_ref()?.spearman;
    Found {
        tested: incumbent.tested(),
        trials,
        extrapolated: [1, 2].map(spearman),
    }
}

/// Uniform draws, none twice.
fn random(evaluator: &TabularEvaluator, seed: u64) -> f64 {
    let space = nb201();
    let mut rng = Seed::new(seed).derive("random", 0).rng();
    let mut incumbent = Incumbent::new(evaluator);
    let mut seen = HashSet::new();
    while seen.len() < TRIALS as usize {
        let architecture = space.sample(&mut rng);
        if seen.insert(architecture.clone()) {
            let evaluation = evaluator.evaluate(&trial(0, architecture.clone())).unwrap();
            incumbent.consider(evaluation.valid_accuracy, &architecture);
        }
    }
    incumbent.tested()
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn the_preset_is_better_than_random_search() {
    let Some(evaluator) = evaluator() else { return };
    let (first, count) = (number("NB201_FIRST_SEED", 0), number("NB201_SEEDS", 16));
    let config = match std::env::var("NB201_CONFIG") {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(_) => ProgressiveConfig::nas_bench_201(),
    };
    let found: Vec<(Found, f64)> = (first..first + count)
        .into_par_iter()
        .map(|seed| (progressive(&evaluator, &config, seed), random(&evaluator, seed)))
        .collect();
    assert!(
        found.iter().all(|(found, _)| found.trials == TRIALS),
        "the preset is for 100 trials"
    );
    let tested: Vec<f64> = found.iter().map(|(found, _)| found.tested).collect();
    let random: Vec<f64> = found.iter().map(|(_, random)| *random).collect();
    let differences: Vec<f64> = tested.iter().zip(&random).map(|(a, b)| a - b).collect();
    let print = |name: &str, values: &[f64]| {
        let (mean, deviation) = mean_and_deviation(values);
        println!(
            "{name}, seeds {first} to {}: {mean:.3} ± {deviation:.3}",
            first + count - 1
        );
    };
    print("progressive", &tested);
    print("random", &random);
    for level in [0, 1] {
        let rho: Vec<f64> = found
            .iter()
            .filter_map(|(found, _)| found.extrapolated[level])
            .collect();
        print(
            &format!("Spearman from level {} to {}", level + 1, level + 2),
            &rho,
        );
    }
    // A paired t-test; beyond 2.60 of 15 degrees of freedom lies 0.01, one-sided.
    let (mean, deviation) = mean_and_deviation(&differences);
    let t = mean / (deviation / (count as f64).sqrt());
    println!("paired differences {mean:.3} ± {deviation:.3}, t = {t:.2}");
    assert!(t > 2.60, "t = {t}");
}
