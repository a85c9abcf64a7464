//! Progressive search on the NAS-Bench-201 table by nodes, against random search: 100 trials on
//! CIFAR-10, searched by the validation accuracy after 12 epochs, reported by the test accuracy
//! after 200.
//!
//! `NB201_SEEDS` and `NB201_FIRST_SEED` choose other seeds than the few that are run by default, and `NB201_CONFIG`
//! (JSON) another configuration than the preset (`NB201_BANANAS` for BANANAS): what the preset was chosen with, and what is
//! reported of it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that prints what it measured"
)]

use std::collections::HashSet;
use std::sync::Arc;

use nas_pnas::bananas::{Bananas, BananasConfig};
use nas_pnas::rank::spearman;
use nas_pnas::{ProgressiveConfig, ProgressiveSearch};
use nas_space::arch::Architecture;
use nas_space::search::{Ask, Evaluator, Fidelity, Outcome, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::sizes::Sizes;
use nas_space::spaces::{Space, nb201, nb201_by_index};
use nas_tables::{TabularEvaluator, built_in};
use rayon::prelude::*;

const TRIALS: u64 = 100;

fn evaluator() -> TabularEvaluator {
    TabularEvaluator::new(Arc::new(built_in("nb201").unwrap()), "cifar10").unwrap()
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

/// The test accuracy of the best, and how many trials there were.
fn run(search: &mut dyn Strategy, evaluator: &TabularEvaluator) -> (f64, u64) {
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
    (incumbent.tested(), trials)
}

fn progressive(evaluator: &TabularEvaluator, config: &ProgressiveConfig, seed: u64) -> Found {
    let space: Arc<dyn Space> = Arc::new(nb201());
    let mut search = ProgressiveSearch::new(space, config.clone(), Seed::new(seed)).unwrap();
    let (tested, trials) = run(&mut search, evaluator);
    let levels = search.levels();
    let spearman = |level: usize| levels.get(level)?.extrapolated.as_ref()?.spearman;
    Found {
        tested,
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

/// Prints the mean and standard deviation of these seeds.
fn print(name: &str, first: u64, values: &[f64]) {
    let (mean, deviation) = mean_and_deviation(values);
    let last = first + values.len() as u64 - 1;
    println!("{name}, seeds {first} to {last}: {mean:.3} ± {deviation:.3}");
}

/// The statistic of a paired t-test; beyond 2.60 of 15 degrees of freedom lies 0.01, one-sided.
fn paired_t(a: &[f64], b: &[f64]) -> f64 {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let (mean, deviation) = mean_and_deviation(&differences);
    let t = mean / (deviation / (a.len() as f64).sqrt());
    println!("paired differences {mean:.3} ± {deviation:.3}, t = {t:.2}");
    t
}

#[test]
fn bananas_is_better_than_random_search() {
    let evaluator = evaluator();
    let (first, count) = (number("NB201_FIRST_SEED", 0), number("NB201_SEEDS", 16));
    let config = match std::env::var("NB201_BANANAS") {
        Ok(text) => serde_json::from_str(&text).unwrap(),
        Err(_) => BananasConfig::default(),
    };
    let found: Vec<(f64, f64)> = (first..first + count)
        .into_par_iter()
        .map(|seed| {
            let mut search = Bananas::new(Arc::new(nb201()), config, Seed::new(seed)).unwrap();
            let (tested, trials) = run(&mut search, &evaluator);
            assert_eq!(trials, TRIALS);
            (tested, random(&evaluator, seed))
        })
        .collect();
    let (bananas, random): (Vec<f64>, Vec<f64>) = found.into_iter().unzip();
    print("BANANAS", first, &bananas);
    print("random", first, &random);
    let t = paired_t(&bananas, &random);
    assert!(t > 2.60, "t = {t}");
}

#[test]
fn the_preset_is_better_than_random_search() {
    let evaluator = evaluator();
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
    print("progressive", first, &tested);
    print("random", first, &random);
    for level in [0, 1] {
        let rho: Vec<f64> = found
            .iter()
            .filter_map(|(found, _)| found.extrapolated[level])
            .collect();
        print(
            &format!("Spearman from level {} to {}", level + 1, level + 2),
            first,
            &rho,
        );
    }
    let t = paired_t(&tested, &random);
    assert!(t > 2.60, "t = {t}");
}

#[test]
fn the_table_s_number_of_parameters_ranks_its_cells_as_is_published() {
    let space = nb201();
    let cells: Vec<Architecture> = (0..15_625)
        .map(|number| nb201_by_index(number).unwrap())
        .collect();
    // The table has parameters with ten classes.
    let sizes = evaluator();
    let size = cells
        .iter()
        .map(|cell| sizes.sizes().of(cell).unwrap().named["published_params"]);
    let size: Vec<f64> = size.collect();
    for (dataset, published) in [
        ("cifar10", 0.7527),
        ("cifar100", 0.7278),
        ("imagenet16-120", 0.6915),
    ] {
        let evaluator = TabularEvaluator::new(Arc::new(built_in("nb201").unwrap()), dataset).unwrap();
        let test = cells
            .iter()
            .map(|cell| evaluator.test_report(cell).unwrap().test_accuracy);
        let test: Vec<f64> = test.collect();
        let rank = spearman(&size, &test).unwrap();
        assert!((rank - published).abs() < 5e-5, "{dataset}: {rank}");
    }
    assert_eq!(cells.len(), usize::try_from(space.size()).unwrap());
}
